//! Scan: compares the codes of all allowed vectors, then the likely neighbors in full precision.

use super::{
    IndexPlan, Neighbors, RankedRow, Route, RowSet, ScanReason, SearchParams, TopK,
    quantized::QuantizedView, space::Space,
};
use crate::{Neighbor, Result, Vectors};

/// The vectors to scan; the code of row `i` is code `code_of(i)`.
pub(super) struct Scan<'a, F> {
    pub(super) vectors: &'a Vectors,
    pub(super) codes: QuantizedView<'a>,
    pub(super) code_of: F,
    pub(super) rows: u32,
}

/// Rows compared between two checks for an interruption, few enough that their codes fit into the
/// cache.
const ROWS_PER_CHECK: usize = 1024;

impl<F: Fn(u32) -> u32> Scan<'_, F> {
    /// Finds the neighbors of the unit vector `query`, bit for bit those of a comparison in full
    /// precision.
    ///
    /// A code gives the similarity up to [`QuantizedView::error`]. Rows whose upper bound is below the
    /// k-th best lower bound cannot be among the `k` closest. The others are compared in full
    /// precision by descending upper bound, until no remaining row can be among the closest.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if such a row is damaged in its file.
    pub(super) fn run(
        &self,
        query: &[f32],
        params: &SearchParams,
        reason: ScanReason,
    ) -> Result<Neighbors> {
        let mut candidates = ScanCandidates::new(params.k);
        let complete = match params.allowed {
            Some(allowed) => self.compare(query, allowed.iter(), params, &mut candidates),
            None => self.compare(query, 0..self.rows, params, &mut candidates),
        };
        let compared = candidates.compared;
        let mut closest = TopK::new(params.k);
        let mut rescored = 0;
        for ScanCandidate { upper_bound, row } in candidates.best_first() {
            if upper_bound < closest.floor() {
                break;
            }
            closest.offer(Neighbor::of(query, self.vectors, row)?.ranked());
            rescored += 1;
        }
        let rows = self.rows as usize;
        let plan = IndexPlan {
            route: Route::Scan(reason),
            rows,
            allowed: params.allowed.map_or(rows, RowSet::len),
            compared,
            rescored,
            complete,
        };
        Ok(Neighbors { neighbors: Neighbor::sorted(closest), plan })
    }

    /// Compares the codes of `rows` with that of `query`; false if interrupted.
    fn compare(
        &self,
        query: &[f32],
        mut rows: impl Iterator<Item = u32>,
        params: &SearchParams,
        candidates: &mut ScanCandidates,
    ) -> bool {
        let query = self.codes.query(query);
        let mut block = Vec::with_capacity(ROWS_PER_CHECK);
        let mut points = Vec::with_capacity(ROWS_PER_CHECK);
        let mut similarities = Vec::with_capacity(ROWS_PER_CHECK);
        loop {
            block.clear();
            block.extend(rows.by_ref().take(ROWS_PER_CHECK));
            // The first block is always compared, so that an interrupted scan returns something.
            if block.is_empty() || candidates.compared > 0 && params.is_interrupted() {
                return block.is_empty();
            }
            points.clear();
            points.extend(block.iter().map(|row| (self.code_of)(*row)));
            self.codes.similarities(&query, &points, &mut similarities);
            for ((row, point), similarity) in block.iter().zip(&points).zip(&similarities) {
                candidates.offer(*row, *similarity, self.codes.error(&query, *point));
            }
            candidates.compared += block.len();
        }
    }
}

/// Rows that may be among the `k` closest.
struct ScanCandidates {
    rows: Vec<ScanCandidate>,
    /// The `k` best lower bounds.
    lower_bounds: TopK,
    compared: usize,
}

#[derive(Clone, Copy)]
struct ScanCandidate {
    upper_bound: f32,
    row: u32,
}

impl ScanCandidates {
    fn new(k: usize) -> Self {
        Self { rows: Vec::new(), lower_bounds: TopK::new(k), compared: 0 }
    }

    fn offer(&mut self, row: u32, similarity: f32, error: f32) {
        let upper_bound = similarity + error;
        if upper_bound >= self.lower_bounds.floor() {
            self.rows.push(ScanCandidate { upper_bound, row });
            self.lower_bounds.offer(RankedRow { row, score: similarity - error });
        }
    }

    /// Returns the rows whose upper bound reaches the k-th best lower bound, by descending upper
    /// bound.
    fn best_first(mut self) -> Vec<ScanCandidate> {
        let floor = self.lower_bounds.floor();
        self.rows.retain(|candidate| candidate.upper_bound >= floor);
        self.rows.sort_unstable_by(|a, b| b.upper_bound.total_cmp(&a.upper_bound));
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{SearchEffort, vector::quantized::Quantized};

    fn brute_force(query: &[f32], vectors: &Vectors, params: &SearchParams) -> Vec<Neighbor> {
        let rows = (0..u32::try_from(vectors.len()).unwrap())
            .filter(|row| params.allowed.is_none_or(|allowed| allowed.contains(*row)));
        let mut all: Vec<_> = rows.map(|row| Neighbor::of(query, vectors, row).unwrap()).collect();
        all.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        all.truncate(params.k);
        all
    }

    /// Values with ties, outliers and tiny differences.
    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -1.0_f32..1.0,
            2 => (-2_i8..3).prop_map(f32::from),
            1 => Just(40.0_f32),
            1 => (0_i16..9).prop_map(|x| 0.5 + f32::from(x) * 1e-5),
        ]
    }

    proptest! {
        #[test]
        fn scan_equals_full_precision_bit_for_bit(
            (dim, data) in (1_usize..150).prop_flat_map(|dim| (Just(dim), prop::collection::vec(value(), dim..dim * 60))),
            k in 1_usize..30,
            every in 1_usize..4,
        ) {
            let nonzero = data.chunks_exact(dim).filter(|row| row.iter().any(|x| *x != 0.0));
            let vectors = Vectors::normalized(dim, nonzero.flatten().copied().collect()).unwrap();
            prop_assume!(!vectors.is_empty());
            let rows = u32::try_from(vectors.len()).unwrap();
            let mut allowed = RowSet::none(rows);
            (0..rows).step_by(every).for_each(|row| _ = allowed.insert(row));
            let codes = Quantized::of(dim, vectors.len(), |row| vectors.row(row));
            let scan = Scan { vectors: &vectors, codes: codes.view(), code_of: |row| row, rows };
            for allowed in [None, Some(&allowed)] {
                let params = SearchParams { k, effort: SearchEffort::Exact, allowed, ..SearchParams::default() };
                let query = vectors.row(vectors.len() / 2);
                let found = scan.run(query, &params, ScanReason::Requested).unwrap();
                prop_assert_eq!(found.neighbors, brute_force(query, &vectors, &params));
            }
        }
    }
}
