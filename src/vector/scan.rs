//! Scan: compares the codes of all allowed vectors, then the likely neighbors in full precision.

use rayon::prelude::*;

use super::{
    IndexPlan, Neighbors, RankedRow, Route, RowSet, ScanReason, SearchParams, TopK, checked,
    quantized::{QuantizedQuery, QuantizedView},
    space::Space,
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

/// Maximum number of queries that share the reading of codes.
const QUERIES_AT_ONCE: usize = 16;

/// A query of a scan.
struct ScanQuery<'q> {
    unit: &'q [f32],
    codes: QuantizedQuery,
    candidates: ScanCandidates,
}

impl<F: Fn(u32) -> u32 + Sync> Scan<'_, F> {
    /// Finds the neighbors of the unit vector `query`, bit for bit those of a comparison in full
    /// precision.
    ///
    /// A code gives the similarity up to [`QuantizedView::error`]. Rows whose upper bound is below the
    /// k-th best lower bound cannot be among the `k` closest. The others are compared in full
    /// precision by descending upper bound, until no remaining row can be among the closest.
    ///
    /// `known` holds neighbors that were found before, closest first. They spare comparisons, and
    /// remain if the scan is interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if such a row is damaged in its file.
    pub(super) fn run(
        &self,
        query: &[f32],
        params: &SearchParams,
        reason: ScanReason,
        known: &[Neighbor],
    ) -> Result<Neighbors> {
        let mut query = self.query(query, params.k, known);
        let complete = self.compare(std::slice::from_mut(&mut query), params);
        self.finish(query, params, self.plan(params, reason, complete), known)
    }

    /// Finds the neighbors of each of `queries` as [`run`](Self::run) does, on the threads of the
    /// current `rayon` pool. Several queries share the reading of the codes.
    ///
    /// # Errors
    ///
    /// As [`checked`], and as [`run`](Self::run).
    pub(super) fn run_each(
        &self,
        queries: &Vectors,
        params: &SearchParams,
        reason: ScanReason,
    ) -> Result<Vec<Neighbors>> {
        let rows: Vec<usize> = (0..queries.len()).collect();
        let share = rows.len().div_ceil(rayon::current_num_threads()).clamp(1, QUERIES_AT_ONCE);
        let found = rows.par_chunks(share).map(|rows| {
            let units = rows.iter().map(|row| checked(queries.row(*row), self.vectors, params));
            self.run_together(&units.collect::<Result<Vec<_>>>()?, params, reason)
        });
        Ok(found.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Finds the neighbors of unit vectors. The codes of each block of rows are read once for all.
    fn run_together(
        &self,
        queries: &[Vec<f32>],
        params: &SearchParams,
        reason: ScanReason,
    ) -> Result<Vec<Neighbors>> {
        let queries = queries.iter().map(|query| self.query(query, params.k, &[]));
        let mut queries: Vec<ScanQuery> = queries.collect();
        let complete = self.compare(&mut queries, params);
        let plan = self.plan(params, reason, complete);
        queries.into_iter().map(|query| self.finish(query, params, plan, &[])).collect()
    }

    fn query<'q>(&self, unit: &'q [f32], k: usize, known: &[Neighbor]) -> ScanQuery<'q> {
        let floor = known.get(k - 1).map_or(f32::NEG_INFINITY, |last| last.similarity);
        ScanQuery { unit, codes: self.codes.query(unit), candidates: ScanCandidates::new(k, floor) }
    }

    /// Returns the plan of a scan, without counts of comparisons.
    fn plan(&self, params: &SearchParams, reason: ScanReason, complete: bool) -> IndexPlan {
        let rows = self.rows as usize;
        let allowed = params.allowed.map_or(rows, RowSet::len);
        let route = Route::Scan(reason);
        IndexPlan { route, rows, allowed, compared: 0, rescored: 0, complete }
    }

    /// Compares the candidates of `query` in full precision.
    fn finish(
        &self,
        query: ScanQuery,
        params: &SearchParams,
        plan: IndexPlan,
        known: &[Neighbor],
    ) -> Result<Neighbors> {
        let ScanQuery { unit, candidates, .. } = query;
        let compared = candidates.compared;
        let mut closest = TopK::new(params.k);
        for neighbor in known {
            closest.offer(neighbor.ranked());
        }
        let mut known: Vec<u32> = known.iter().map(|neighbor| neighbor.row).collect();
        known.sort_unstable();
        let mut rescored = 0;
        for ScanCandidate { upper_bound, row } in candidates.best_first() {
            if upper_bound < closest.floor() {
                break;
            }
            if known.binary_search(&row).is_err() {
                closest.offer(Neighbor::of(unit, self.vectors, row)?.ranked());
                rescored += 1;
            }
        }
        let plan = IndexPlan { compared, rescored, ..plan };
        Ok(Neighbors { neighbors: Neighbor::sorted(closest), plan })
    }

    /// Compares the codes of the allowed rows with those of `queries`; false if interrupted.
    fn compare(&self, queries: &mut [ScanQuery], params: &SearchParams) -> bool {
        match params.allowed {
            Some(allowed) => self.compare_rows(queries, allowed.iter(), params),
            None => self.compare_rows(queries, 0..self.rows, params),
        }
    }

    fn compare_rows(
        &self,
        queries: &mut [ScanQuery],
        mut rows: impl Iterator<Item = u32>,
        params: &SearchParams,
    ) -> bool {
        let mut block = Vec::with_capacity(ROWS_PER_CHECK);
        let mut points = Vec::with_capacity(ROWS_PER_CHECK);
        let mut similarities = Vec::with_capacity(ROWS_PER_CHECK);
        for number in 0.. {
            block.clear();
            block.extend(rows.by_ref().take(ROWS_PER_CHECK));
            // The first block is always compared, so that an interrupted scan returns something.
            if block.is_empty() || number > 0 && params.is_interrupted() {
                break;
            }
            points.clear();
            points.extend(block.iter().map(|row| (self.code_of)(*row)));
            for ScanQuery { codes, candidates, .. } in &mut *queries {
                self.codes.similarities(codes, &points, &mut similarities);
                for ((row, point), similarity) in block.iter().zip(&points).zip(&similarities) {
                    candidates.offer(*row, *similarity, self.codes.error(codes, *point));
                }
                candidates.compared += block.len();
            }
        }
        block.is_empty()
    }
}

/// Rows that may be among the `k` closest.
struct ScanCandidates {
    rows: Vec<ScanCandidate>,
    /// The `k` best lower bounds.
    lower_bounds: TopK,
    /// A lower bound that is known from the start.
    known_floor: f32,
    compared: usize,
}

#[derive(Clone, Copy)]
struct ScanCandidate {
    upper_bound: f32,
    row: u32,
}

impl ScanCandidates {
    fn new(k: usize, known_floor: f32) -> Self {
        Self { rows: Vec::new(), lower_bounds: TopK::new(k), known_floor, compared: 0 }
    }

    fn floor(&self) -> f32 {
        self.lower_bounds.floor().max(self.known_floor)
    }

    fn offer(&mut self, row: u32, similarity: f32, error: f32) {
        let upper_bound = similarity + error;
        if upper_bound >= self.floor() {
            self.rows.push(ScanCandidate { upper_bound, row });
            self.lower_bounds.offer(RankedRow { row, score: similarity - error });
        }
    }

    /// Returns the rows whose upper bound reaches the k-th best lower bound, by descending upper
    /// bound.
    fn best_first(mut self) -> Vec<ScanCandidate> {
        let floor = self.floor();
        self.rows.retain(|candidate| candidate.upper_bound >= floor);
        self.rows.sort_unstable_by(|a, b| b.upper_bound.total_cmp(&a.upper_bound));
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Cancel, SearchEffort, vector::quantized::Quantized};

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

    #[test]
    fn an_interrupted_scan_keeps_what_was_known() {
        let values = (0..4_000_u16).flat_map(|row| [f32::from(row), 4_000.0 - f32::from(row)]);
        let vectors = Vectors::normalized(2, values.collect()).unwrap();
        let codes = Quantized::of(2, 4_000, |row| vectors.row(row));
        let scan = Scan { vectors: &vectors, codes: codes.view(), code_of: |row| row, rows: 4_000 };
        let cancel = Cancel::new();
        cancel.cancel();
        let params = SearchParams { k: 3, cancel: Some(&cancel), ..SearchParams::default() };
        let query = vectors.row(3_999);
        let known = [Neighbor::of(query, &vectors, 3_999).unwrap()];
        let found = scan.run(query, &params, ScanReason::BudgetSpent, &known).unwrap();
        let rows: Vec<u32> = found.neighbors.iter().map(|neighbor| neighbor.row).collect();
        assert_eq!(rows, [3_999, 1_023, 1_022], "the rest are of the first block");
        assert!(!found.plan.complete);
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
            let known = |params: &SearchParams, query: &[f32]| {
                let known = brute_force(query, &vectors, &SearchParams { k: 50, ..*params });
                let mut known: Vec<Neighbor> = known.into_iter().step_by(every).collect();
                known.truncate(k);
                known
            };
            let scan = Scan { vectors: &vectors, codes: codes.view(), code_of: |row| row, rows };
            for allowed in [None, Some(&allowed)] {
                let params = SearchParams { k, effort: SearchEffort::Exact, allowed, ..SearchParams::default() };
                let query = vectors.row(vectors.len() / 2);
                let found = scan.run(query, &params, ScanReason::Requested, &[]).unwrap();
                prop_assert_eq!(&found.neighbors, &brute_force(query, &vectors, &params));
                let known = known(&params, query);
                let again = scan.run(query, &params, ScanReason::BudgetSpent, &known).unwrap();
                prop_assert_eq!(&again.neighbors, &found.neighbors);
                prop_assert!(again.plan.rescored <= found.plan.rescored);
            }
        }
    }
}
