//! Stored form of a calibration.

use serde::{Deserialize, Serialize};

use super::{FilteredSteps, MeasuredStep};
use crate::{
    Calibration,
    format::{codec, decode_error::DecodeError},
};

/// Stored form of a [`Calibration`], without the recalls of filtered searches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalibrationRecord {
    k: u64,
    queries: u64,
    #[serde(deserialize_with = "codec::list")]
    steps: Vec<StepRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StepRecord {
    ef_search: u64,
    #[serde(deserialize_with = "codec::list")]
    recall: Vec<f64>,
}

/// Stored form of the recalls of filtered searches of a [`Calibration`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilteredRecords(#[serde(deserialize_with = "codec::list")] Vec<FilteredRecord>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FilteredRecord {
    /// Share of the rows in percent.
    percent: u32,
    #[serde(deserialize_with = "codec::list")]
    steps: Vec<StepRecord>,
}

impl From<&Calibration> for CalibrationRecord {
    fn from(Calibration { k, queries, steps, .. }: &Calibration) -> Self {
        let steps = steps.iter().map(StepRecord::from).collect();
        Self { k: *k as u64, queries: *queries as u64, steps }
    }
}

impl From<&Calibration> for FilteredRecords {
    fn from(Calibration { filtered, .. }: &Calibration) -> Self {
        let record = |FilteredSteps { percent, steps }: &FilteredSteps| FilteredRecord {
            percent: *percent,
            steps: steps.iter().map(StepRecord::from).collect(),
        };
        Self(filtered.iter().map(record).collect())
    }
}

impl From<&MeasuredStep> for StepRecord {
    fn from(MeasuredStep { ef_search, recall }: &MeasuredStep) -> Self {
        Self { ef_search: *ef_search as u64, recall: recall.clone() }
    }
}

impl StepRecord {
    /// `None` if its `ef_search` is no number of candidates.
    fn step(self) -> Option<MeasuredStep> {
        let Self { ef_search, recall } = self;
        Some(MeasuredStep { ef_search: usize::try_from(ef_search).ok()?, recall })
    }
}

impl CalibrationRecord {
    /// Returns the calibration with the recalls of filtered searches.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if no measurement gives such a calibration.
    pub(crate) fn checked(self, filtered: FilteredRecords) -> Result<Calibration, DecodeError> {
        let checked = self.calibration(filtered).filter(is_measured);
        checked.ok_or(DecodeError::Corrupt("no measurement gives this calibration"))
    }

    fn calibration(self, filtered: FilteredRecords) -> Option<Calibration> {
        let steps = |records: Vec<StepRecord>| -> Option<Vec<MeasuredStep>> {
            records.into_iter().map(StepRecord::step).collect()
        };
        let filtered = filtered.0.into_iter().map(|FilteredRecord { percent, steps: records }| {
            Some(FilteredSteps { percent, steps: steps(records)? })
        });
        Some(Calibration {
            k: usize::try_from(self.k).ok()?,
            queries: usize::try_from(self.queries).ok()?,
            steps: steps(self.steps)?,
            filtered: filtered.collect::<Option<_>>()?,
        })
    }
}

/// Whether a measurement can give `calibration`: it has queries, and steps whose recalls are within
/// their `ef_search` and `k`.
fn is_measured(calibration: &Calibration) -> bool {
    let Calibration { k, queries, steps, filtered } = calibration;
    let is_share = |filtered: &FilteredSteps| (1..100).contains(&filtered.percent);
    *queries > 0
        && are_measured(steps, *k)
        && filtered.iter().all(|one| is_share(one) && are_measured(&one.steps, *k))
        && filtered.is_sorted_by(|a, b| a.percent > b.percent)
}

/// Whether a measurement for up to `k` neighbors can give `steps`.
fn are_measured(steps: &[MeasuredStep], k: usize) -> bool {
    let is_deep = |step: &MeasuredStep| (1..=step.ef_search.min(k)).contains(&step.recall.len());
    let is_share = |recall: &f64| (0.0..=1.0).contains(recall);
    !steps.is_empty()
        && steps.is_sorted_by(|a, b| a.ef_search < b.ef_search && a.recall.len() <= b.recall.len())
        && steps.iter().all(|step| is_deep(step) && step.recall.iter().all(is_share))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{HnswIndex, HnswParams, RowSet, SearchEffort, SearchParams, VectorIndex, Vectors};

    /// A sparse graph over `len` vectors, and queries.
    fn graph(len: u16) -> (HnswIndex, Vectors) {
        let circle = |len: u16, from: f32| {
            let angles = (0..len).map(|at| from + f32::from(at) * 0.01);
            Vectors::normalized(2, angles.flat_map(|a| [a.cos(), a.sin()]).collect()).unwrap()
        };
        let params = HnswParams { m: 2, ef_construction: 8 };
        (HnswIndex::build(Arc::new(circle(len, 0.0)), params).unwrap(), circle(60, 0.003))
    }

    #[test]
    fn measured_calibrations_survive_a_round_trip() {
        for (len, k) in [(600, 10), (600, 100), (12, 30), (1, 1), (0, 5)] {
            let (mut graph, queries) = graph(len);
            let measured = graph.calibrate(k, &queries).unwrap();
            let record = CalibrationRecord::from(&measured);
            let filtered = FilteredRecords::from(&measured);
            assert_eq!(filtered.0.len(), 3);
            assert_eq!(record.checked(filtered).unwrap(), measured);
        }
    }

    #[test]
    fn impossible_calibrations_are_refused() {
        let step = |ef_search, recall: &[f64]| StepRecord { ef_search, recall: recall.to_vec() };
        let steps = vec![step(16, &[0.5, 0.25]), step(22, &[0.75, 0.5])];
        let record = CalibrationRecord { k: 2, queries: 10, steps };
        let half = FilteredRecord { percent: 50, steps: record.steps.clone() };
        let filtered = FilteredRecords(vec![half.clone(), FilteredRecord { percent: 10, ..half }]);
        assert!(record.clone().checked(filtered.clone()).is_ok());
        let changes: [fn(&mut CalibrationRecord); 9] = [
            |record| record.k = 1,
            |record| record.queries = 0,
            |record| record.steps.clear(),
            |record| record.steps.swap(0, 1),
            |record| record.steps[0].ef_search = 1,
            |record| record.steps[0].recall.clear(),
            |record| record.steps[1].recall.truncate(1),
            |record| record.steps[1].recall[0] = f64::NAN,
            |record| record.steps[1].recall[1] = 1.5,
        ];
        for change in changes {
            let mut other = record.clone();
            change(&mut other);
            assert!(other.clone().checked(filtered.clone()).is_err(), "{other:?}");
        }
        let changes: [fn(&mut Vec<FilteredRecord>); 5] = [
            |filtered| filtered.swap(0, 1),
            |filtered| filtered[0].percent = 100,
            |filtered| filtered[1].percent = 0,
            |filtered| filtered[1].steps.clear(),
            |filtered| filtered[0].steps[0].recall[0] = 1.5,
        ];
        for change in changes {
            let mut other = filtered.clone();
            change(&mut other.0);
            assert!(record.clone().checked(other.clone()).is_err(), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_record_makes_a_search_fail(
            k in prop_oneof![0_u64..9, any::<u64>()],
            queries in prop_oneof![0_u64..999, any::<u64>()],
            steps in prop::collection::vec((prop_oneof![0_u64..99, any::<u64>()], 0_usize..9, 0.0_f64..1.1), 0..5),
            target in 0.01_f32..1.0,
            percent in 0_u32..101,
        ) {
            let step = |(ef_search, len, share): (u64, usize, f64)| StepRecord { ef_search, recall: vec![share; len] };
            let mut steps: Vec<_> = steps.into_iter().map(step).collect();
            steps.sort_by_key(|step| step.ef_search);
            let filtered = FilteredRecords(vec![FilteredRecord { percent, steps: steps.clone() }]);
            let record = CalibrationRecord { k, queries, steps };
            if let Ok(calibration) = record.checked(filtered) {
                let (graph, questions) = graph(300);
                let mut half = RowSet::none(300);
                half.insert_range(50..200);
                for (k, allowed) in [(1, None), (5, None), (1_000, None), (5, Some(&half))] {
                    let params = SearchParams { k, effort: SearchEffort::Recall(target), calibration: Some(&calibration), allowed, ..SearchParams::default() };
                    prop_assert!(graph.search(questions.row(7), &params).is_ok());
                }
            }
        }
    }
}
