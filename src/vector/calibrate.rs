//! Calibration: finds the `ef_search` that reaches a recall, with a statistical guarantee.

mod calibration_record;
mod measurement;

use serde::Serialize;

use super::wilson::{as_f64, lower_bound, queries_needed};
use crate::{
    Cancel, Error, HnswIndex, Result, Route, ScanReason, SearchEffort, SearchParams, Vectors,
};

pub(crate) use calibration_record::{CalibrationRecord, FilteredRecords};
pub(crate) use measurement::MeasuredPart;

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
/// of the index, because a search finds its own vector more easily. An index of several segments,
/// such as a corpus, is measured by the merged result of all of them.
///
/// # Filters
///
/// The recall is also measured for random sets of [50, 10 and 1 %](Self::FILTER_SHARES) of the
/// rows. A filter that allows a share between two of these gets the larger `ef_search` of both. Its
/// own recall is not measured. A search by recall is exact if the filter allows under 1 % of the
/// rows, or if its share of the segment is under half or over twice that of the whole index.
/// Nothing is proven for filters that depend on the distance to the query.
///
/// The lower bound of each step is that of Wilson's one-sided score interval at 95 %, with each
/// query as one trial. If queries find a part of their neighbors, the bound is conservative: of all
/// values in `0.0..=1.0` with a given mean, 0 and 1 have the largest variance. If all values are 0
/// or 1 (`k == 1`) and the recall is close to 1, the interval is approximate: one bound in fifteen
/// (`exp(-1.645²)`) can be too high.
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
    /// By descending share; empty if the calibration was stored by an earlier version.
    filtered: Vec<FilteredSteps>,
}

/// Recalls for a filter that allows a random share of the rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct FilteredSteps {
    /// Share of the rows in percent.
    percent: u32,
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

/// Recall@k of a graph search with an `ef_search`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CalibrationStep {
    /// `ef` of the searches; see [`SearchEffort::Ef`].
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
    /// The recall was not measured for a filter of this share.
    #[error(
        "the recall was not measured for a filter that allows a share of {share:.4}: such a search is exact"
    )]
    FilterNotMeasured {
        /// Share of the rows that the filter allows, in `0.0..1.0`.
        share: f64,
    },
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
    /// Shares of the rows for which searches with a random filter are measured, in descending order.
    pub const FILTER_SHARES: [f64; 3] = [0.5, 0.1, 0.01];

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
    pub fn reach(&self, target: f32, k: usize) -> Result<CalibrationStep, Shortfall> {
        self.reach_in(&self.steps, target, k)
    }

    /// Returns the step that reaches recall `target` for `k` neighbors among the rows of a filter, which
    /// allows `share` of all rows, `0.0..=1.0`.
    ///
    /// # Errors
    ///
    /// The [`Shortfall`] if no step is known to reach it: [`Shortfall::FilterNotMeasured`] for a share
    /// below that of the strongest measured filter.
    pub fn reach_filtered(
        &self,
        share: f64,
        target: f32,
        k: usize,
    ) -> Result<CalibrationStep, Shortfall> {
        let percent = 100.0 * share;
        if percent >= 100.0 {
            return self.reach(target, k);
        }
        let percent_of = |filtered: &FilteredSteps| f64::from(filtered.percent);
        let above = self.filtered.iter().take_while(|one| percent_of(one) >= percent).last();
        let above = above.map_or(&self.steps, |filtered| &filtered.steps);
        let below = self.filtered.iter().find(|one| percent_of(one) <= percent);
        let below = &below.ok_or(Shortfall::FilterNotMeasured { share })?.steps;
        let above = self.reach_in(above, target, k)?;
        let below = self.reach_in(below, target, k)?;
        Ok(if below.ef_search > above.ef_search { below } else { above })
    }

    /// Returns the first step of `steps` from which on all reach recall `target` for `k` neighbors.
    fn reach_in(
        &self,
        steps: &[MeasuredStep],
        target: f32,
        k: usize,
    ) -> Result<CalibrationStep, Shortfall> {
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
        let steps = self.steps_for(steps, k);
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
    pub fn steps(&self, k: usize) -> Vec<CalibrationStep> {
        if k > self.k { Vec::new() } else { self.steps_for(&self.steps, k) }
    }

    /// Returns those of `steps` that keep `k` neighbors, `k` at most [`Calibration::k`].
    fn steps_for(&self, steps: &[MeasuredStep], k: usize) -> Vec<CalibrationStep> {
        // The last step covers all rows if they are fewer than `k`.
        let last = steps.last().expect("a calibration has at least one step");
        let place = k.clamp(1, last.recall.len()) - 1;
        let steps = steps.iter().filter_map(|step| {
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
    /// at most to `max(4096, 4 * k)`; first without a filter, then with each of the
    /// [shares](Calibration::FILTER_SHARES).
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `k` is 0 or there are no queries, [`Error::Dimension`] if the queries
    /// have another dimension, [`Error::Corrupt`] if a vector is damaged in the file that the index was
    /// opened from.
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
        let part = MeasuredPart { index: self, has_graph: true, live: None };
        let calibration = Calibration::measure(&[part], k, queries, &Cancel::new())?;
        self.calibration = Some(calibration.clone());
        Ok(calibration)
    }
}

/// Share of the rows that a filter allows; 1 without a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterShare {
    /// In the whole index.
    pub(crate) index: f64,
    /// In the segment that is searched.
    pub(crate) segment: f64,
}

impl FilterShare {
    /// Share of `allowed` of `live` rows.
    pub(crate) fn of(allowed: usize, live: usize) -> f64 {
        if allowed == live { 1.0 } else { as_f64(allowed) / as_f64(live) }
    }

    /// Whether a random filter is likely to allow such a share of the segment. A filter that depends
    /// on the segment, such as one by date, moves the neighbors of a query into few segments.
    fn is_uniform(self) -> bool {
        self.segment <= 2.0 * self.index && self.index <= 2.0 * self.segment
    }
}

/// Returns the route that `params` request of an index with a graph; a recall is resolved by the
/// calibration of `params`, else by the index's `own`.
pub(super) fn requested_route(
    params: &SearchParams,
    own: Option<&Calibration>,
    share: FilterShare,
) -> Result<Route> {
    Ok(match params.effort {
        SearchEffort::Ef(ef_search) => Route::Graph { ef_search },
        SearchEffort::Exact => Route::Scan(ScanReason::Requested),
        SearchEffort::Recall(target) => {
            let calibration = params.calibration.or(own).ok_or(Error::NotCalibrated)?;
            match calibration.reach_filtered(share.index, target, params.k) {
                Ok(step) if share.is_uniform() => Route::Graph { ef_search: step.ef_search },
                Ok(_) | Err(Shortfall::FilterNotMeasured { .. }) => {
                    Route::Scan(ScanReason::FilterNotMeasured)
                }
                Err(_) => Route::Scan(ScanReason::RecallOutOfReach),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(queries: usize, recalls: &[f64]) -> Calibration {
        let steps = recalls
            .iter()
            .zip(1..)
            .map(|(recall, at)| MeasuredStep { ef_search: 16 * at, recall: vec![*recall] });
        Calibration { k: 1, queries, steps: steps.collect(), filtered: Vec::new() }
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

    #[test]
    fn a_filter_gets_the_larger_ef_of_the_shares_around_it() {
        let mut measured = calibration(1_000, &[0.9, 1.0]);
        let filtered = |percent, recalls: &[f64]| FilteredSteps {
            percent,
            steps: calibration(1_000, recalls).steps,
        };
        measured.filtered = vec![filtered(50, &[1.0]), filtered(10, &[0.5, 0.9, 1.0])];
        let reach = |measured: &Calibration, share| {
            measured.reach_filtered(share, 0.98, 1).map(|step| step.ef_search)
        };
        for (share, want) in [(1.0, 32), (0.7, 32), (0.5, 16), (0.3, 48), (0.1, 48)] {
            assert_eq!(reach(&measured, share), Ok(want), "a share of {share}");
        }
        assert_eq!(reach(&measured, 0.09), Err(Shortfall::FilterNotMeasured { share: 0.09 }));
        measured.filtered.clear();
        assert_eq!(reach(&measured, 0.5), Err(Shortfall::FilterNotMeasured { share: 0.5 }));
    }
}
