//! Calibration: finds the `ef_search` that reaches a recall, with a statistical guarantee.

mod calibration_record;

use serde::Serialize;
use tracing::instrument;

use super::{
    beam::MIN_EF,
    wilson::{as_f64, lower_bound, queries_needed},
};
use crate::{
    Cancel, Error, HnswIndex, Neighbor, Result, Route, RowSet, ScanReason, SearchEffort,
    SearchParams, VectorIndex, Vectors,
};

pub(crate) use calibration_record::CalibrationRecord;

/// Recall of a graph for a ladder of `ef_search`, measured on queries. A search with
/// [`SearchEffort::Recall`] selects its `ef_search` by it.
///
/// Recall@k is the share of the `k` closest vectors that a search finds. It is measured against
/// an exact search, for every number of neighbors up to [`k`](Self::k). A neighbor as similar as
/// the last exact one counts as found: of several equal vectors, each is right.
///
/// # Guarantee
///
/// On queries of the same distribution as the measured ones, the `ef_search` chosen for a target
/// reaches it on average, with a confidence of 95 %. The guarantee holds for the rows searched
/// in the measurement: calibrate again once the index has changed. The queries must not be vectors
/// of the index, because a search finds its own vector more easily.
///
/// The lower bound of each step is that of Wilson's one-sided score interval at 95 %, with each
/// query as one trial. If queries find a part of their neighbors, the bound is conservative: of all
/// values in `0.0..=1.0` with a given mean, 0 and 1 have the largest variance. If all values are 0
/// or 1 (`k == 1`) and the recall is close to 1, the interval is approximate: one bound in fifteen
/// can be too high.
///
/// Choosing among the steps costs no confidence. They are tested from the largest `ef_search` down,
/// and the first failed test ends the sequence. So the choice is wrong only if one test errs: that
/// of the first step whose expected recall misses the target.
///
/// # Source
///
/// Wilson (1927), "Probable inference, the law of succession, and statistical inference";
/// for the variance Bhatia & Davis (2000), "A better bound on the variance"; for testing in
/// fixed sequence Maurer, Hothorn & Lehmacher (1995), "Multiple comparisons in drug clinical
/// trials and preclinical assays: a-priori ordered hypotheses".
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Maximum number of neighbors that the calibration covers.
    pub k: usize,
    /// Number of queries measured.
    pub queries: usize,
    /// Ascending by `ef_search`.
    steps: Vec<MeasuredStep>,
}

/// Recalls of one `ef_search`.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct MeasuredStep {
    ef_search: usize,
    /// Mean recall@1, recall@2 and so on, up to the minimum of `ef_search`, the `k` of the
    /// calibration and the number of rows.
    recall: Vec<f64>,
}

/// Recall@k of a graph search that keeps `ef_search` candidates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CalibrationStep {
    /// Number of candidates kept.
    pub ef_search: usize,
    /// Mean recall of the queries, in `0.0..=1.0`.
    pub recall: f64,
    /// Lower bound of the expected recall, at a confidence of 95 %.
    pub lower_bound: f64,
}

/// Reason why no `ef_search` is known to reach a recall; the message says what to do.
///
/// A search that requests this recall compares every vector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Shortfall {
    /// No number of queries proves a recall of 1.
    #[error("no number of queries proves a recall of 1: ask for less, or for an exact search")]
    Certainty,
    /// The queries are too few, even if all neighbors are found.
    #[error("{queries} queries cannot prove this recall: calibrate with {needed} or more")]
    TooFewQueries {
        /// Number of queries.
        queries: usize,
        /// Number of queries that prove the target if all neighbors are found.
        needed: usize,
    },
    /// More neighbors are requested than were measured.
    #[error(
        "{k} neighbors are requested, {calibrated} were calibrated: calibrate with a larger `k`"
    )]
    Depth {
        /// Number of neighbors requested.
        k: usize,
        /// Maximum number that the calibration covers.
        calibrated: usize,
    },
    /// The largest `ef_search` reaches the recall on these queries, but they do not prove it.
    #[error(
        "recall {:.4} was measured, of which {:.4} is proven: calibrate with more queries",
        .0.recall, .0.lower_bound
    )]
    Unproven(CalibrationStep),
    /// The largest `ef_search` does not reach the recall.
    #[error(
        "with `ef_search` {} the recall is {:.4}: build with a larger `m` or `ef_construction`",
        .0.ef_search, .0.recall
    )]
    OutOfReach(CalibrationStep),
}

impl Calibration {
    /// Measures the recall of `index` on `queries`, for 1 to `params.k` neighbors among the allowed
    /// rows, on the threads of the current `rayon` pool.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len(), k = params.k))]
    pub(crate) fn measure(
        index: &dyn VectorIndex,
        queries: &Vectors,
        params: &SearchParams,
    ) -> Result<Self> {
        Error::check_setting("k", params.k, 1.., "1 or more")?;
        Error::check_setting("queries", queries.len(), 1.., "1 or more")?;
        let rows = params.allowed.map_or(index.len(), RowSet::len);
        let depth = params.k.clamp(1, rows.max(1));
        let exact = SearchParams { k: depth, effort: SearchEffort::Exact, ..*params };
        let truth = search_all(index, queries, &exact)?;
        let mut steps = Vec::new();
        for ef_search in ladder(depth, rows) {
            let k = depth.min(ef_search);
            let graph = SearchParams { k, effort: SearchEffort::Ef(ef_search), ..*params };
            let found = search_all(index, queries, &graph)?;
            let recall = mean_recalls(&found, &truth, k);
            let all_found = k == depth && recall.iter().all(|recall| *recall >= 1.0);
            steps.push(MeasuredStep { ef_search, recall });
            // A wider beam finds whatever this one found, so larger steps would pass every test
            // that this step passes.
            if all_found {
                break;
            }
        }
        Ok(Self { k: params.k, queries: queries.len(), steps })
    }

    /// Returns the smallest `ef_search` that reaches recall `target` for `k` neighbors, if any.
    /// [`reach`](Self::reach) also returns the reason for `None`.
    #[must_use]
    pub fn ef_search(&self, target: f32, k: usize) -> Option<usize> {
        self.reach(target, k).ok().map(|step| step.ef_search)
    }

    /// Returns the step with the smallest `ef_search` that reaches recall `target` for `k` neighbors.
    ///
    /// # Errors
    ///
    /// The [`Shortfall`] if no step is known to reach it.
    #[expect(clippy::missing_panics_doc, reason = "every calibration has steps with recalls")]
    pub fn reach(&self, target: f32, k: usize) -> Result<CalibrationStep, Shortfall> {
        let target = f64::from(target);
        let queries = self.queries;
        if k > self.k {
            return Err(Shortfall::Depth { k, calibrated: self.k });
        }
        if target >= 1.0 {
            return Err(Shortfall::Certainty);
        }
        if lower_bound(1.0, queries) < target {
            return Err(Shortfall::TooFewQueries { queries, needed: queries_needed(target) });
        }
        let steps = self.steps(k);
        let passed = steps.iter().rev().take_while(|step| step.lower_bound >= target).last();
        passed.copied().ok_or_else(|| {
            let largest = *steps.last().expect("the last step covers every `k` of a calibration");
            if largest.recall < target {
                Shortfall::OutOfReach(largest)
            } else {
                Shortfall::Unproven(largest)
            }
        })
    }

    /// Returns the steps for `k` neighbors, ascending by `ef_search`; empty if `k` is over
    /// [`Calibration::k`]. The steps end at the first that finds all [`Calibration::k`] neighbors.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every calibration has steps with recalls")]
    pub fn steps(&self, k: usize) -> Vec<CalibrationStep> {
        if k > self.k {
            return Vec::new();
        }
        // The last step covers all rows if they are fewer than `k`.
        let last = self.steps.last().expect("a calibration has at least one step");
        let place = k.clamp(1, last.recall.len()) - 1;
        let steps = self.steps.iter().filter_map(|step| {
            let recall = *step.recall.get(place)?;
            let lower_bound = lower_bound(recall, self.queries);
            Some(CalibrationStep { ef_search: step.ef_search, recall, lower_bound })
        });
        steps.collect()
    }
}

impl HnswIndex {
    /// Measures the recall of the graph on `queries`, for 1 to `k` neighbors, and keeps the result:
    /// from then on a search can request a [recall](SearchEffort::Recall).
    ///
    /// The queries have the distribution of later queries and are not vectors of the index. A recall
    /// of 0.98 takes at least 133 of them, 0.99 at least 268. The threads of the current `rayon` pool
    /// search for each exactly, then with growing `ef_search`, from 16 until all neighbors are found,
    /// at most to `max(4096, 4 * k)`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `k` is 0 or there are no queries, [`Error::Dimension`] if the queries
    /// have another dimension.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use passim::{SearchEffort, HnswIndex, HnswParams, Route, SearchParams, VectorIndex, Vectors};
    ///
    /// let circle = |len: usize, from: f32| {
    ///     let angles = (0..len).map(|i| from + i as f32 * std::f32::consts::TAU / len as f32);
    ///     Vectors::normalized(2, angles.flat_map(|a| [a.cos(), a.sin()]).collect())
    /// };
    /// let mut index = HnswIndex::build(Arc::new(circle(2_000, 0.0)?), HnswParams::default())?;
    /// let calibration = index.calibrate(10, &circle(300, 0.1)?)?;
    /// let ef_search = calibration.ef_search(0.98, 10).expect("300 queries prove 0.98");
    ///
    /// let params = SearchParams { effort: SearchEffort::Recall(0.98), ..Default::default() };
    /// let found = index.search(&[1.0, 0.0], &params)?;
    /// assert_eq!(found.plan.route, Route::Graph { ef_search });
    ///
    /// // No number of queries proves a recall of 1, so such a search compares every vector.
    /// let shortfall = calibration.reach(1.0, 10).unwrap_err();
    /// assert!(shortfall.to_string().contains("ask for less, or for an exact search"));
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn calibrate(&mut self, k: usize, queries: &Vectors) -> Result<Calibration> {
        let params = SearchParams { k, ..SearchParams::default() };
        let calibration = Calibration::measure(self, queries, &params)?;
        self.calibration = Some(calibration.clone());
        Ok(calibration)
    }
}

/// Returns the route that `params` request of an index with a graph; a recall is resolved by the
/// calibration of `params`, else by the index's `own`.
pub(super) fn requested_route(params: &SearchParams, own: Option<&Calibration>) -> Result<Route> {
    Ok(match params.effort {
        SearchEffort::Ef(ef_search) => Route::Graph { ef_search },
        SearchEffort::Exact => Route::Scan(ScanReason::Requested),
        SearchEffort::Recall(target) => {
            let calibration = params.calibration.or(own).ok_or(Error::NotCalibrated)?;
            match calibration.ef_search(target, params.k) {
                Some(ef_search) => Route::Graph { ef_search },
                None => Route::Scan(ScanReason::RecallOutOfReach),
            }
        }
    })
}

/// Largest `ef_search` measured, unless `k * EF_PER_NEIGHBOR` is larger. Beyond it, a scan is seldom
/// slower.
const MAX_EF: usize = 4_096;
/// The largest `ef_search` measured is at least this many times the number of neighbors.
const EF_PER_NEIGHBOR: usize = 4;

/// Values of `ef_search` to measure: each about √2 times the one before. The last covers all rows
/// if they are fewer than the maximum.
fn ladder(k: usize, rows: usize) -> impl Iterator<Item = usize> {
    // The caller chooses `k` freely, so the product may exceed every number of rows.
    let largest = MAX_EF.max(k.saturating_mul(EF_PER_NEIGHBOR)).min(rows.max(MIN_EF));
    let root_two = |ef: &usize| ef.checked_mul(17).map(|product| product / 12);
    let steps = std::iter::successors(Some(MIN_EF), root_two);
    steps.take_while(move |ef| *ef < largest).chain(std::iter::once(largest))
}

/// Returns the neighbors of every query.
fn search_all(
    index: &dyn VectorIndex,
    queries: &Vectors,
    params: &SearchParams,
) -> Result<Vec<Vec<Neighbor>>> {
    params.cancel.map_or(Ok(()), Cancel::check)?;
    let answers = index.search_many(queries, params)?.into_iter().map(|found| {
        // The recall of an interrupted search is not that of the graph.
        if found.plan.complete { Ok(found.neighbors) } else { Err(Error::Cancelled) }
    });
    answers.collect()
}

/// Returns the mean recall@1 to recall@k of the queries.
fn mean_recalls(found: &[Vec<Neighbor>], truth: &[Vec<Neighbor>], k: usize) -> Vec<f64> {
    let pairs = || found.iter().zip(truth);
    (1..=k)
        .map(|k| pairs().map(|(found, truth)| recall_at(k, found, truth)).sum::<f64>())
        .map(|sum| sum / as_f64(truth.len()))
        .collect()
}

/// Share of the first `k` of `truth` that are among `found`; both are closest first.
fn recall_at(k: usize, found: &[Neighbor], truth: &[Neighbor]) -> f64 {
    let wanted = k.min(truth.len());
    let Some(last) = truth[..wanted].last() else { return 1.0 };
    let near = found.partition_point(|neighbor| neighbor.similarity >= last.similarity);
    as_f64(near.min(wanted)) / as_f64(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ladder_grows_by_a_constant_factor() {
        let full: Vec<usize> = ladder(10, 1_000_000).collect();
        assert_eq!((full[0], full.last()), (16, Some(&4_096)));
        let ratios = full.windows(2).map(|pair| as_f64(pair[1]) / as_f64(pair[0]));
        assert!(ratios.clone().all(|ratio| ratio > 1.0 && ratio < 1.45), "{full:?}");
        assert_eq!(ladder(2_000, 1_000_000).last(), Some(8_000));
        assert_eq!(ladder(10, 40).collect::<Vec<_>>(), [16, 22, 31, 40]);
        assert_eq!(ladder(1, 3).collect::<Vec<_>>(), [16]);
        assert_eq!(ladder(usize::MAX, usize::MAX).last(), Some(usize::MAX));
    }

    fn neighbors(similarities: &[f32]) -> Vec<Neighbor> {
        let similarities = similarities.iter().zip(0..);
        similarities.map(|(&similarity, row)| Neighbor { row, similarity }).collect()
    }

    #[test]
    fn recall_counts_ties_and_short_results() {
        let truth = neighbors(&[0.9, 0.8, 0.8, 0.5]);
        for (found, k, want) in [
            (&[0.9, 0.8, 0.8, 0.5][..], 4, 1.0),
            (&[0.9, 0.8, 0.5, 0.4], 4, 0.75),
            (&[0.8, 0.8, 0.5], 1, 0.0),
            (&[0.8, 0.8, 0.8], 2, 1.0),
            (&[0.9, 0.8, 0.8, 0.5], 9, 1.0),
            (&[], 2, 0.0),
        ] {
            let got = recall_at(k, &neighbors(found), &truth);
            assert!((got - want).abs() < 1e-12, "recall@{k} of {found:?} is {got}");
        }
        assert!(recall_at(3, &[], &[]) >= 1.0);
    }

    fn calibration(queries: usize, recalls: &[f64]) -> Calibration {
        let steps = recalls
            .iter()
            .zip(1..)
            .map(|(recall, at)| MeasuredStep { ef_search: 16 * at, recall: vec![*recall] });
        Calibration { k: 1, queries, steps: steps.collect() }
    }

    #[test]
    fn first_failure_from_above_ends_the_choice() {
        let falling = calibration(1_000, &[0.97, 0.995, 0.98, 0.995, 1.0]);
        assert_eq!(falling.ef_search(0.98, 1), Some(64), "32 is below a failure");
        assert_eq!(falling.ef_search(0.95, 1), Some(16));
        assert_eq!(falling.ef_search(0.995, 1), Some(80));
    }

    #[test]
    fn reach_reports_the_shortfall() {
        use Shortfall::{Certainty, Depth, OutOfReach, TooFewQueries, Unproven};
        let ladder = calibration(1_000, &[0.9, 0.985]);
        assert_eq!(ladder.reach(1.0, 1), Err(Certainty));
        assert_eq!(ladder.reach(0.9, 2), Err(Depth { k: 2, calibrated: 1 }));
        assert!(matches!(ladder.reach(0.983, 1), Err(Unproven(step)) if step.ef_search == 32));
        assert!(matches!(ladder.reach(0.99, 1), Err(OutOfReach(step)) if step.ef_search == 32));
        let few = calibration(3, &[1.0]).reach(0.98, 1);
        assert_eq!(few, Err(TooFewQueries { queries: 3, needed: 133 }));
        assert_eq!(calibration(133, &[1.0]).ef_search(0.98, 1), Some(16));
    }
}
