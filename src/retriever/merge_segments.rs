//! Merges of segments of a corpus, by the policy of `store/merge_policy.rs`.
//!
//! With background merges, commits join only segments so small that copying them costs less than the
//! fsync of a file. The thread of background merges follows the policy for all others.

use std::sync::Arc;

use super::unindexed_segment::UnindexedSegment;
use crate::{
    Error, IndexChoice, Result,
    store::{
        merge_policy::{
            MAX_JOINED, PlannedRange, SegmentSize, first_to_join, first_to_merge,
            first_to_merge_later, plan_ranges, uncommitted_to_join,
        },
        segment::{LiveSegment, Segment},
    },
    work::WorkMonitor,
};

/// Minimum number of small segments that a checkpoint merges. A segment is small if it has less
/// than this many checkpoints of live passages and articles.
const MIN_SMALL: usize = 8;

/// The segments of the next generation, in order.
pub(super) struct MergePlan(Vec<PlannedSegment>);

enum PlannedSegment {
    Keep(LiveSegment),
    /// Copies the live articles of one or several segments into a new one.
    Rebuild(Vec<LiveSegment>),
}

/// A segment whose articles are those of the next generation.
pub(super) enum MergedSegment {
    Kept(LiveSegment),
    New(Box<UnindexedSegment>),
}

/// Returns the size of `segment` by which the policy decides.
fn size_of(segment: &LiveSegment) -> SegmentSize {
    let sealed = segment.sealed();
    SegmentSize {
        live: segment.passages() + segment.articles(),
        all: sealed.len() as usize + sealed.articles(),
        vectors: segment.passages(),
        graph: sealed.graph_params(),
        is_current: sealed.is_current(),
    }
}

/// Applies the decision `range` to `segments`.
fn planned(segments: &[LiveSegment], range: PlannedRange) -> PlannedSegment {
    match range {
        PlannedRange::Keep(position) => PlannedSegment::Keep(segments[position].clone()),
        PlannedRange::Rebuild(range) => PlannedSegment::Rebuild(segments[range].to_vec()),
    }
}

/// Returns the segments with live articles.
fn non_empty(segments: &[LiveSegment]) -> Vec<LiveSegment> {
    segments.iter().filter(|segment| segment.articles() > 0).cloned().collect()
}

impl MergePlan {
    /// Plans few segments, each with the index that `index` chooses.
    pub(super) fn for_commit(segments: &[LiveSegment], index: IndexChoice) -> Self {
        Self::by_policy(segments, index, first_to_merge)
    }

    /// Plans few segments, each with the index that `index` chooses, of those that commits left
    /// apart.
    pub(super) fn for_background(segments: &[LiveSegment], index: IndexChoice) -> Self {
        Self::by_policy(segments, index, |sizes| first_to_merge_later(sizes, index))
    }

    fn by_policy(
        segments: &[LiveSegment],
        index: IndexChoice,
        first_to_merge: impl Fn(&[SegmentSize]) -> usize,
    ) -> Self {
        let segments = non_empty(segments);
        let sizes: Vec<SegmentSize> = segments.iter().map(size_of).collect();
        let first = first_to_merge(&sizes);
        let ranges = plan_ranges(&sizes, index, first).into_iter();
        Self(ranges.map(|range| planned(&segments, range)).collect())
    }

    /// Returns the segments of the merge with the fewest passages; `None` if all segments are kept.
    pub(super) fn into_smallest_merge(self) -> Option<Vec<LiveSegment>> {
        let merges = self.0.into_iter().filter_map(|planned| match planned {
            PlannedSegment::Keep(_) => None,
            PlannedSegment::Rebuild(segments) => Some(segments),
        });
        merges.min_by_key(|segments| segments.iter().map(LiveSegment::passages).sum::<usize>())
    }

    /// Plans to keep the segments, except that small ones at the end, which are not being merged,
    /// may become one.
    pub(super) fn for_small_commit(segments: &[LiveSegment], merging: &[Arc<Segment>]) -> Self {
        let FreeSegments { segments, first_free } = FreeSegments::of(segments, merging);
        let sizes: Vec<SegmentSize> = segments[first_free..].iter().map(size_of).collect();
        let mut live = 0;
        let is_small = |size: &&SegmentSize| {
            live += size.live;
            live <= MAX_JOINED
        };
        let small = sizes.iter().rev().take_while(is_small).count();
        let sizes = &sizes[sizes.len() - small..];
        let joined = sizes.len() - first_to_join(sizes);
        Self::join_last(&segments, joined)
    }

    /// Plans one segment without removed articles; `None` if the corpus is one already.
    pub(super) fn for_compaction(segments: &[LiveSegment], index: IndexChoice) -> Option<Self> {
        let present = non_empty(segments);
        let is_compact = match present.as_slice() {
            [] => segments.is_empty(),
            [segment] => {
                let size = size_of(segment);
                segment.removed() == 0
                    && index.graph_params(size.vectors) == size.graph
                    && segment.sealed().has_readable_words()
            }
            _ => false,
        };
        let plan = Self(Self::rebuilt(&present).into_iter().collect());
        Some(plan).filter(|_| !is_compact)
    }

    /// Plans to keep the segments, except that many small ones at the end become one. Finding an
    /// article by its key visits every segment. Those of `merging` are kept apart.
    pub(super) fn for_checkpoint(
        segments: &[LiveSegment],
        checkpoint: usize,
        merging: &[Arc<Segment>],
    ) -> Self {
        let FreeSegments { segments, first_free } = FreeSegments::of(segments, merging);
        let is_small = |segment: &&LiveSegment| {
            let live = size_of(segment).live;
            !segment.sealed().has_graph() && live / MIN_SMALL < checkpoint
        };
        let small = segments[first_free..].iter().rev().take_while(is_small).count();
        let joined = if small < MIN_SMALL { 0 } else { small };
        Self::join_last(&segments, joined)
    }

    /// Plans to keep the segments, of which the first `committed` are committed. Trailing uncommitted
    /// segments become one if the first of them is not larger than all later ones together, up to
    /// a size that a write does not wait for.
    pub(super) fn for_uncommitted(segments: &[LiveSegment], committed: usize) -> Self {
        let sizes = segments[committed..].iter().map(LiveSegment::passages);
        Self::join_last(segments, uncommitted_to_join(sizes))
    }

    /// Plans to keep the segments, except that the last `joined` ones become one.
    fn join_last(segments: &[LiveSegment], joined: usize) -> Self {
        let (kept, joined) = segments.split_at(segments.len() - joined);
        let kept = kept.iter().cloned().map(PlannedSegment::Keep);
        Self(kept.chain(Self::rebuilt(joined)).collect())
    }

    /// Returns `None` without segments.
    fn rebuilt(segments: &[LiveSegment]) -> Option<PlannedSegment> {
        (!segments.is_empty()).then(|| PlannedSegment::Rebuild(segments.to_vec()))
    }

    /// Copies the live articles of the segments that the plan rebuilds, whose vectors have `dim`
    /// values.
    pub(super) fn merge(self, dim: usize, monitor: WorkMonitor) -> Result<Vec<MergedSegment>> {
        let merged = self.0.into_iter().map(|planned| match planned {
            PlannedSegment::Keep(segment) => Ok(MergedSegment::Kept(segment)),
            PlannedSegment::Rebuild(segments) => {
                let unindexed = UnindexedSegment::merge(&segments, dim, monitor)?;
                Ok(MergedSegment::New(Box::new(unindexed)))
            }
        });
        merged.collect()
    }

    /// As [`merge`](Self::merge); the new segments get no graph.
    pub(super) fn merge_without_graphs(
        self,
        dim: usize,
        monitor: WorkMonitor,
    ) -> Result<Vec<LiveSegment>> {
        self.rebuilt_by(|segments| Ok(vec![joined(segments, dim, monitor)?]))
    }

    /// As [`merge_without_graphs`](Self::merge_without_graphs), but damaged segments, and those of
    /// their merge before them, stay apart.
    pub(super) fn merge_undamaged(
        self,
        dim: usize,
        monitor: WorkMonitor,
    ) -> Result<Vec<LiveSegment>> {
        self.rebuilt_by(|segments| joined_undamaged(segments, dim, monitor))
    }

    /// Returns the segments of the plan, those of each merge replaced by what `rebuild` makes of them.
    fn rebuilt_by(
        self,
        rebuild: impl Fn(&[LiveSegment]) -> Result<Vec<LiveSegment>>,
    ) -> Result<Vec<LiveSegment>> {
        let mut segments = Vec::with_capacity(self.0.len());
        for planned in self.0 {
            match planned {
                PlannedSegment::Keep(segment) => segments.push(segment),
                PlannedSegment::Rebuild(inputs) => segments.extend(rebuild(&inputs)?),
            }
        }
        Ok(segments)
    }

    /// Whether the plan leaves `segments`, which it was made for, as they are.
    pub(super) fn keeps_all(&self, segments: &[LiveSegment]) -> bool {
        let is_kept = |planned: &PlannedSegment| matches!(planned, PlannedSegment::Keep(_));
        self.0.len() == segments.len() && self.0.iter().all(is_kept)
    }
}

/// Joins `segments` into one without a graph.
fn joined(segments: &[LiveSegment], dim: usize, monitor: WorkMonitor) -> Result<LiveSegment> {
    UnindexedSegment::merge(segments, dim, monitor)?.seal(IndexChoice::Exact, monitor)
}

/// As [`joined`], but damaged segments, and those before the last of them, stay apart.
fn joined_undamaged(
    segments: &[LiveSegment],
    dim: usize,
    monitor: WorkMonitor,
) -> Result<Vec<LiveSegment>> {
    let error = match joined(segments, dim, monitor) {
        Err(error @ Error::Corrupt { .. }) => error,
        joined => return Ok(vec![joined?]),
    };
    tracing::warn!(%error, "damaged segments stay apart");
    let mut first = 0;
    for (position, segment) in segments.iter().enumerate() {
        if UnindexedSegment::is_damaged(segment, dim, monitor)? {
            first = position + 1;
        }
    }
    let (apart, rest) = segments.split_at(first);
    let mut segments = apart.to_vec();
    match rest {
        [] | [_] => segments.extend_from_slice(rest),
        _ => segments.push(joined(rest, dim, monitor)?),
    }
    Ok(segments)
}

/// Segments with live articles, and those that are being merged.
struct FreeSegments {
    segments: Vec<LiveSegment>,
    /// Position after the last segment that is being merged.
    first_free: usize,
}

impl FreeSegments {
    fn of(segments: &[LiveSegment], merging: &[Arc<Segment>]) -> Self {
        let is_merging = |segment: &LiveSegment| {
            merging.iter().any(|merging| Arc::ptr_eq(merging, segment.sealed()))
        };
        let kept = segments.iter().filter(|segment| segment.articles() > 0 || is_merging(segment));
        let segments: Vec<LiveSegment> = kept.cloned().collect();
        let first_free = segments.iter().rposition(is_merging).map_or(0, |last| last + 1);
        Self { segments, first_free }
    }
}
