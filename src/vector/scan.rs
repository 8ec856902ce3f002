//! Exact search: every allowed vector is compared, first by its code, and in full precision
//! if its code leaves it a chance.

use super::{
    IndexPlan, Neighbors, Route, RowSet, ScanReason, SearchParams, quantized::QuantizedView,
    space::Space, top_k::TopK,
};
use crate::{Neighbor, Result, Vectors};

/// What is scanned: row `i` of `vectors` has code `code_of(i)`.
pub(super) struct Scan<'a, F> {
    pub(super) vectors: &'a Vectors,
    pub(super) codes: QuantizedView<'a>,
    pub(super) code_of: F,
    pub(super) rows: u32,
}

/// Rows compared between two looks at the clock; their codes stay in the cache.
const ROWS_PER_CHECK: usize = 1024;

impl<F: Fn(u32) -> u32> Scan<'_, F> {
    /// The neighbors of the unit vector `query` that a comparison of all in full precision
    /// would give, bit for bit.
    ///
    /// A code tells a similarity up to [`QuantizedView::error`]: rows whose upper bound is below the
    /// k-th best lower bound cannot be among the `k` closest. The others are compared in
    /// full, the most promising first, until none can be.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if one of these is damaged in its file.
    pub(super) fn run(
        &self,
        query: &[f32],
        params: &SearchParams,
        reason: ScanReason,
    ) -> Result<Neighbors> {
        let mut candidates = ScanCandidates::new(params.k);
        let complete = match params.allowed {
            Some(allowed) => {
                let rows = allowed.iter().take_while(|row| *row < self.rows);
                self.compare(query, rows, params, &mut candidates)
            }
            None => self.compare(query, 0..self.rows, params, &mut candidates),
        };
        let compared = candidates.compared;
        let mut closest = TopK::new(params.k);
        let mut reranked = 0;
        for ScanCandidate { most, row } in candidates.best_first() {
            if most < closest.floor() {
                break;
            }
            closest.offer(Neighbor::of(query, self.vectors, row)?);
            reranked += 1;
        }
        let rows = self.rows as usize;
        let allowed = params.allowed.map_or(rows, RowSet::len);
        let route = Route::Scan(reason);
        let plan = IndexPlan { route, rows, allowed, compared, reranked, complete };
        Ok(Neighbors { neighbors: closest.into_neighbors(), plan })
    }

    /// Compares the codes of `rows` with that of `query`; false if it was ended early.
    fn compare(
        &self,
        query: &[f32],
        mut rows: impl Iterator<Item = u32>,
        params: &SearchParams,
        candidates: &mut ScanCandidates,
    ) -> bool {
        let query = self.codes.query(query);
        let mut block = Vec::with_capacity(ROWS_PER_CHECK);
        let (mut points, mut similarities) = (block.clone(), Vec::with_capacity(ROWS_PER_CHECK));
        loop {
            block.clear();
            block.extend(rows.by_ref().take(ROWS_PER_CHECK));
            // The first block is always compared, so that there is something to return.
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

/// Rows that may be among the closest.
struct ScanCandidates {
    rows: Vec<ScanCandidate>,
    /// The best lower bounds: what is surely as close.
    sure: TopK,
    compared: usize,
}

#[derive(Clone, Copy)]
struct ScanCandidate {
    /// The highest similarity that the row may have.
    most: f32,
    row: u32,
}

impl ScanCandidates {
    fn new(k: usize) -> Self {
        Self { rows: Vec::new(), sure: TopK::new(k), compared: 0 }
    }

    fn offer(&mut self, row: u32, similarity: f32, error: f32) {
        let most = similarity + error;
        if most >= self.sure.floor() {
            self.rows.push(ScanCandidate { most, row });
            self.sure.offer(Neighbor { row, similarity: similarity - error });
        }
    }

    /// The rows that have a chance beside all that were offered, best first.
    fn best_first(mut self) -> Vec<ScanCandidate> {
        let floor = self.sure.floor();
        self.rows.retain(|hopeful| hopeful.most >= floor);
        self.rows.sort_unstable_by(|a, b| b.most.total_cmp(&a.most));
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        SearchEffort,
        vector::{closest_first, quantized::Quantized},
    };

    fn brute(query: &[f32], vectors: &Vectors, params: &SearchParams) -> Vec<Neighbor> {
        let rows = (0..u32::try_from(vectors.len()).unwrap())
            .filter(|row| params.allowed.is_none_or(|allowed| allowed.contains(*row)));
        let mut all: Vec<_> = rows.map(|row| Neighbor::of(query, vectors, row).unwrap()).collect();
        all.sort_by(closest_first);
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
        /// The answer is that of comparing all in full precision, bit for bit.
        #[test]
        fn exact_to_the_bit(
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
                prop_assert_eq!(found.neighbors, brute(query, &vectors, &params));
            }
        }
    }
}
