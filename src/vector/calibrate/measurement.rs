//! Measurement of the recall of graphs, merged with the results of other segments.

use std::borrow::Cow;

use tracing::instrument;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{FilteredSteps, MeasuredStep};
use crate::{
    Calibration, Cancel, Error, Neighbor, Result, RowSet, SearchEffort, SearchParams, VectorIndex,
    Vectors,
    vector::{beam::MIN_EF, to_row, wilson::as_f64},
};

/// An index, or a segment of one, whose recall is measured.
#[derive(Clone, Copy)]
pub(crate) struct MeasuredPart<'a> {
    pub(crate) index: &'a dyn VectorIndex,
    pub(crate) has_graph: bool,
    /// The rows that a search without a filter returns; `None` for all.
    pub(crate) live: Option<&'a RowSet>,
}

/// [`Calibration::FILTER_SHARES`] in percent.
const FILTER_PERCENTS: [u32; 3] = [50, 10, 1];

impl Calibration {
    /// Measures the recall of the merged result of `parts` on `queries`, for 1 to `k` neighbors among
    /// the live rows and among random shares of them, on the threads of the current `rayon` pool.
    ///
    /// Parts without a graph are searched exactly.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len(), k))]
    pub(crate) fn measure(
        parts: &[MeasuredPart],
        k: usize,
        queries: &Vectors,
        cancel: &Cancel,
    ) -> Result<Self> {
        Error::check_setting("k", k, 1.., "1 or more")?;
        Error::check_setting("queries", queries.len(), 1.., "1 or more")?;
        let all = parts.iter().map(|part| AllowedPart::all(*part));
        let steps = Measurement { parts: all.collect(), queries, cancel }.steps(k)?;
        let filtered = FILTER_PERCENTS.map(|percent| {
            let random = parts.iter().map(|part| AllowedPart::random(*part, percent));
            let steps = Measurement { parts: random.collect(), queries, cancel }.steps(k)?;
            Ok(FilteredSteps { percent, steps })
        });
        let filtered = filtered.into_iter().collect::<Result<_>>()?;
        Ok(Self { k, queries: queries.len(), steps, filtered })
    }
}

/// A part, and the rows of it that a search may return.
struct AllowedPart<'a> {
    part: MeasuredPart<'a>,
    /// All if `None`.
    allowed: Option<Cow<'a, RowSet>>,
}

impl<'a> AllowedPart<'a> {
    /// `part` with all live rows.
    fn all(part: MeasuredPart<'a>) -> Self {
        Self { part, allowed: part.live.map(Cow::Borrowed) }
    }

    /// `part` with a reproducible pseudorandom set of about `percent` of its live rows.
    fn random(part: MeasuredPart<'a>, percent: u32) -> Self {
        let bound = to_row(part.index.len());
        let is_chosen = |row: &u32| {
            xxh3_64_with_seed(&row.to_le_bytes(), percent.into()) % 100 < percent.into()
        };
        let is_live = |row: &u32| part.live.is_none_or(|live| live.contains(*row));
        let mut allowed = RowSet::none(bound);
        for row in (0..bound).filter(|row| is_chosen(row) && is_live(row)) {
            allowed.insert(row);
        }
        Self { part, allowed: Some(Cow::Owned(allowed)) }
    }

    fn rows(&self) -> usize {
        self.allowed.as_ref().map_or_else(|| self.part.index.len(), |allowed| allowed.len())
    }
}

/// What is measured: the neighbors of `queries` in all parts together.
struct Measurement<'a> {
    parts: Vec<AllowedPart<'a>>,
    queries: &'a Vectors,
    cancel: &'a Cancel,
}

/// Neighbors of every query, closest first.
type Found = Vec<Vec<Neighbor>>;

impl Measurement<'_> {
    /// Returns the recalls of a ladder of `ef_search`, for 1 to `k` neighbors.
    fn steps(&self, k: usize) -> Result<Vec<MeasuredStep>> {
        let rows = self.parts.iter().map(AllowedPart::rows).sum::<usize>();
        let depth = k.clamp(1, rows.max(1));
        let (graphs, others): (Vec<_>, Vec<_>) =
            self.parts.iter().partition(|allowed| allowed.part.has_graph);
        let nothing = vec![Vec::new(); self.queries.len()];
        let others = self.search(&others, nothing, depth, SearchEffort::Exact)?;
        let truth = self.search(&graphs, others.clone(), depth, SearchEffort::Exact)?;
        let largest_graph = graphs.iter().map(|graph| graph.rows()).max().unwrap_or(0);
        let mut steps = Vec::new();
        for ef_search in ladder(depth, largest_graph.max(depth)) {
            let kept = depth.min(ef_search);
            let found = self.search(&graphs, others.clone(), kept, SearchEffort::Ef(ef_search))?;
            let recall = mean_recalls(&found, &truth, kept);
            let all_found = kept == depth && recall.iter().all(|recall| *recall >= 1.0);
            steps.push(MeasuredStep { ef_search, recall });
            // A wider beam finds whatever this one found, so larger steps would pass every test
            // that this step passes.
            if all_found {
                break;
            }
        }
        Ok(steps)
    }

    /// Returns the `k` closest of what `found` has and `parts` find.
    fn search(
        &self,
        parts: &[&AllowedPart],
        mut found: Found,
        k: usize,
        effort: SearchEffort,
    ) -> Result<Found> {
        for AllowedPart { part, allowed } in parts {
            self.cancel.check()?;
            let (allowed, cancel) = (allowed.as_deref(), Some(self.cancel));
            let params = SearchParams { k, effort, allowed, cancel, ..SearchParams::default() };
            let in_part = part.index.search_many(self.queries, &params)?;
            for (found, in_part) in found.iter_mut().zip(in_part) {
                // The recall of an interrupted search is not that of the graph.
                if !in_part.plan.complete {
                    return Err(Error::Cancelled);
                }
                found.extend(in_part.neighbors);
            }
        }
        for found in &mut found {
            found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
            found.truncate(k);
        }
        Ok(found)
    }
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
    fn measured_percents_are_the_documented_shares() {
        let pairs = FILTER_PERCENTS.iter().zip(Calibration::FILTER_SHARES);
        for (percent, share) in pairs {
            assert!((f64::from(*percent) / 100.0 - share).abs() < 1e-12, "{percent} %");
        }
    }

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
}
