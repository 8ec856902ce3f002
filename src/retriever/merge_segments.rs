//! The merge policy: which segments of a corpus become one, and how they are copied.
//!
//! A search visits every segment, so there must be few of them. A merge indexes passages again, so
//! merges must be rare. Each segment is therefore kept several times as large as all later ones
//! together, which bounds their number by about log n. The larger this factor, the more often a
//! growing corpus merges its largest segment.
//!
//! With background merges, commits join only segments so small that copying them costs less than the
//! fsync of a file. The thread of background merges follows the policy for all others.

use std::sync::Arc;

use tracing::instrument;

use crate::{
    HnswParams, IndexChoice, Result, Vectors,
    lexical::MergedRow,
    store::segment::{LiveSegment, Segment, SegmentBuilder, SegmentPieces, SegmentWords},
    vector::VectorRow,
    work::WorkMonitor,
};

/// Minimum size of a segment, as a multiple of all later ones together.
const MIN_FACTOR: usize = 2;
/// Maximum of that multiple. With it, all but a few hundred of ten thousand passages are in one
/// graph, and comparing those few hundred costs a fraction of a graph search.
const MAX_FACTOR: usize = 16;
/// The multiple is this number divided by the size of the segment, within the bounds above. Large
/// graphs take long to build, so they are rebuilt more rarely.
const FACTOR_TIMES_SIZE: usize = 1 << 19;
/// A segment is rebuilt once more than `1 / MAX_REMOVED_DIVISOR` of its passages and articles are
/// removed.
const MAX_REMOVED_DIVISOR: usize = 3;
/// Minimum number of small segments that a checkpoint merges. A segment is small if it has less
/// than this many checkpoints of live passages and articles.
const MIN_SMALL: usize = 8;
/// Minimum number of segments that become one without a graph in the background or in a commit before
/// it. Fewer cost a search little, and each merge writes their passages again.
const MIN_JOINED: usize = 8;
/// Maximum size of a segment that a write or a commit joins, in live passages and articles, if
/// merges run in the background. Copying so many takes about as long as the fsync of a file.
const MAX_JOINED: usize = 1_024;

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

/// A segment before its vectors are indexed.
pub(super) struct UnindexedSegment {
    pub(super) builder: SegmentBuilder,
    pub(super) vectors: Vectors,
    pub(super) words: SegmentWords,
    pub(super) pieces: SegmentPieces,
}

/// The properties of a segment that the policy depends on.
#[derive(Clone, Copy, Debug)]
struct SegmentSize {
    /// Live passages and live articles. Articles count so that those without text are merged.
    live: usize,
    /// All passages and articles, including removed ones.
    all: usize,
    /// Live passages.
    passages: usize,
    /// Parameters of the graph; `None` without one.
    graph: Option<HnswParams>,
    /// Whether words and pieces have the current version and fingerprint.
    is_current: bool,
}

impl SegmentSize {
    fn of(segment: &LiveSegment) -> Self {
        let sealed = segment.sealed();
        Self {
            live: segment.passages() + segment.articles(),
            all: sealed.len() as usize + sealed.articles(),
            passages: segment.passages(),
            graph: sealed.graph_params(),
            is_current: sealed.is_current(),
        }
    }

    /// Whether the segment, which has live articles, is too small to stay apart from `later`
    /// passages and articles after it.
    fn is_small_beside(self, later: usize) -> bool {
        let factor = (FACTOR_TIMES_SIZE / self.live).clamp(MIN_FACTOR, MAX_FACTOR);
        self.live.div_ceil(factor) <= later
    }

    /// As [`is_small_beside`](Self::is_small_beside), if the merged segment has no graph. Its
    /// passages are compared one by one, in one segment or in two.
    fn is_small_without_graph(self, later: usize) -> bool {
        self.live.div_ceil(MIN_FACTOR) <= later
    }

    /// Whether the segment must be rebuilt even if nothing is merged with it.
    fn is_stale(self, index: IndexChoice) -> bool {
        let lacks_graph = index.builds_graph(self.passages) && self.graph.is_none();
        let has_needless_graph = index == IndexChoice::Exact && self.graph.is_some();
        let is_outdated = lacks_graph || has_needless_graph || !self.is_current;
        is_outdated || (self.all - self.live) * MAX_REMOVED_DIVISOR > self.all
    }
}

/// Returns the position of the first segment that is too small compared with all later ones; it and
/// all later ones are merged. `sizes.len()` if there is none.
fn first_to_merge(sizes: &[SegmentSize]) -> usize {
    let mut later = 0;
    let mut first = sizes.len();
    for (position, size) in sizes.iter().enumerate().rev() {
        if later > 0 && size.is_small_beside(later) {
            first = position;
        }
        later += size.live;
    }
    first
}

/// Returns the position of the first segment that becomes one with all later ones in the background.
/// `sizes.len()` if there is none.
fn first_to_merge_later(sizes: &[SegmentSize], index: IndexChoice) -> usize {
    let first = first_to_merge(sizes);
    let passages: usize = sizes[first..].iter().map(|size| size.passages).sum();
    if index.builds_graph(passages) { first } else { first_to_join(sizes) }
}

/// Returns the position of the first segment that becomes one without a graph with all later ones.
/// `sizes.len()` if there is none.
fn first_to_join(sizes: &[SegmentSize]) -> usize {
    let mut later = 0;
    let mut first = sizes.len();
    for (position, size) in sizes.iter().enumerate().rev() {
        if size.graph.is_some() {
            break;
        }
        if later > 0 && size.is_small_without_graph(later) {
            first = position;
        }
        later += size.live;
    }
    if sizes.len() - first < MIN_JOINED { sizes.len() } else { first }
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
        let sizes: Vec<SegmentSize> = segments.iter().map(SegmentSize::of).collect();
        let first = first_to_merge(&sizes);
        let mut planned = Vec::with_capacity(first + 1);
        for (segment, size) in segments[..first].iter().zip(&sizes) {
            let segment = segment.clone();
            planned.push(if size.is_stale(index) {
                PlannedSegment::Rebuild(vec![segment])
            } else {
                PlannedSegment::Keep(segment)
            });
        }
        planned.extend(Self::rebuilt(&segments[first..]));
        Self(planned)
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
        let sizes: Vec<SegmentSize> = segments[first_free..].iter().map(SegmentSize::of).collect();
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
                let size = SegmentSize::of(segment);
                segment.removed() == 0
                    && index.graph_params(size.passages) == size.graph
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
            let live = SegmentSize::of(segment).live;
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
        let mut joined = 0;
        let mut passages = 0;
        for segment in segments[committed..].iter().rev() {
            let is_larger = segment.passages() > passages;
            let is_too_much = passages + segment.passages() > MAX_JOINED;
            if joined > 0 && (is_larger || is_too_much) {
                break;
            }
            joined += 1;
            passages += segment.passages();
        }
        Self::join_last(segments, if joined > 1 { joined } else { 0 })
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
        let merged = self.merge(dim, monitor)?;
        let sealed = merged.into_iter().map(|merged| match merged {
            MergedSegment::Kept(segment) => Ok(segment),
            MergedSegment::New(unindexed) => unindexed.seal(IndexChoice::Exact, monitor),
        });
        sealed.collect()
    }

    /// Whether the plan leaves `segments`, which it was made for, as they are.
    pub(super) fn keeps_all(&self, segments: &[LiveSegment]) -> bool {
        let is_kept = |planned: &PlannedSegment| matches!(planned, PlannedSegment::Keep(_));
        self.0.len() == segments.len() && self.0.iter().all(is_kept)
    }
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

impl UnindexedSegment {
    /// Copies the live articles of `segments`, of which there is at least one, with their vectors
    /// and words.
    #[instrument(
        name = "merge",
        level = "debug",
        skip_all,
        fields(
            segments = segments.len(),
            passages = segments.iter().map(LiveSegment::passages).sum::<usize>()
        )
    )]
    pub(super) fn merge(
        segments: &[LiveSegment],
        dim: usize,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        let mut builder = SegmentBuilder::default();
        let rows = copy_by_key(segments, &mut builder, monitor)?;
        debug_assert!(!builder.is_empty(), "a merged segment has live articles");
        let vector = |from: &MergedRow| VectorRow {
            vectors: segments[from.part as usize].sealed().vectors(),
            row: from.row,
        };
        let vectors = Vectors::gather(dim, rows.iter().map(vector))?;
        monitor.check()?;
        let words = SegmentWords::merge(segments, &rows)?;
        monitor.check()?;
        let pieces = SegmentPieces::merge(segments, &rows)?;
        Ok(Self { builder, vectors, words, pieces })
    }

    /// Indexes the vectors as `index` chooses.
    pub(super) fn seal(self, index: IndexChoice, monitor: WorkMonitor) -> Result<LiveSegment> {
        let Self { builder, vectors, words, pieces } = self;
        let segment = builder.seal(vectors, words, pieces, index, monitor)?;
        Ok(LiveSegment::all(segment.into()))
    }
}

/// A live article of one of the segments to merge; ordered by key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct MergedArticle<'s> {
    key: &'s str,
    part: u32,
    number: u32,
}

/// Copies the live articles of `segments` into `builder` in the order of their keys, and returns
/// the rows of their passages.
fn copy_by_key(
    segments: &[LiveSegment],
    builder: &mut SegmentBuilder,
    monitor: WorkMonitor,
) -> Result<Vec<MergedRow>> {
    let mut articles = Vec::new();
    for (part, segment) in (0..).zip(segments) {
        segment.sealed().advise_sequential();
        for number in segment.live() {
            articles.push(MergedArticle { key: segment.sealed().key(number)?, part, number });
        }
    }
    articles.sort_unstable();
    let mut merged = Vec::new();
    for MergedArticle { part, number, .. } in articles {
        monitor.check()?;
        let segment = segments[part as usize].sealed();
        builder.copy(segment, number)?;
        merged.extend(segment.rows_of(number)?.map(|row| MergedRow { part, row }));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(live: usize) -> SegmentSize {
        SegmentSize { live, all: live, passages: live, graph: None, is_current: true }
    }

    fn live(sizes: &[SegmentSize]) -> usize {
        sizes.iter().map(|size| size.live).sum()
    }

    proptest! {
        /// Commits of any sizes leave each segment several times as large as all later ones
        /// together, and lose nothing.
        #[test]
        fn commits_leave_few_segments(added in prop::collection::vec(1_usize..60_000, 1..200)) {
            let mut sizes: Vec<SegmentSize> = Vec::new();
            for new in &added {
                sizes.push(size(*new));
                let first = first_to_merge(&sizes);
                let merged = live(&sizes[first..]);
                sizes.truncate(first);
                if merged > 0 {
                    sizes.push(size(merged));
                }
                for position in 1..sizes.len() {
                    let later = live(&sizes[position..]);
                    prop_assert!(!sizes[position - 1].is_small_beside(later), "{:?}", sizes);
                }
            }
            prop_assert_eq!(live(&sizes), added.iter().sum::<usize>());
            prop_assert!(sizes.len() < 16);
        }
    }
}
