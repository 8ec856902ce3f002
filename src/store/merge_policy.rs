//! The merge policy: which segments of an index become one.
//!
//! A search visits every segment, so there must be few of them. A merge indexes vectors again, so
//! merges must be rare. Each segment is therefore kept several times as large as all later ones
//! together, which bounds their number by about log n. The larger this factor, the more often a
//! growing index merges its largest segment.

use std::ops::Range;

use crate::{HnswParams, IndexChoice};

/// Minimum size of a segment, as a multiple of all later ones together.
const MIN_FACTOR: usize = 2;
/// Maximum of that multiple. With it, all but a few hundred of ten thousand passages are in one
/// graph, and comparing those few hundred costs a fraction of a graph search.
const MAX_FACTOR: usize = 16;
/// The multiple is this number divided by the size of the segment, within the bounds above. Large
/// graphs take long to build, so they are rebuilt more rarely.
const FACTOR_TIMES_SIZE: usize = 1 << 19;
/// A segment is rebuilt once more than `1 / MAX_REMOVED_DIVISOR` of its vectors and articles are
/// removed.
const MAX_REMOVED_DIVISOR: usize = 3;
/// Minimum number of segments that become one without a graph in the background or in a commit before
/// it. Fewer cost a search little, and each merge writes their passages again.
const MIN_JOINED: usize = 8;
/// Maximum size of a segment that a write joins, or a commit beside background merges, in live vectors
/// and articles. Copying so many takes about as long as the fsync of a file.
pub(crate) const MAX_JOINED: usize = 1_024;

/// The properties of a segment that the policy depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentSize {
    /// Live vectors and, in a corpus, live articles. Articles count so that those without text are
    /// merged.
    pub(crate) live: usize,
    /// As `live`, with those that were removed.
    pub(crate) all: usize,
    /// Live vectors.
    pub(crate) vectors: usize,
    /// Parameters of the graph; `None` without one.
    pub(crate) graph: Option<HnswParams>,
    /// Whether words and pieces have the current version and fingerprint.
    pub(crate) is_current: bool,
}

impl SegmentSize {
    /// Whether the segment, which has live articles, is too small to stay apart from `later`
    /// vectors and articles after it.
    fn is_small_beside(self, later: usize) -> bool {
        let factor = (FACTOR_TIMES_SIZE / self.live).clamp(MIN_FACTOR, MAX_FACTOR);
        self.live.div_ceil(factor) <= later
    }

    /// As [`is_small_beside`](Self::is_small_beside), if the merged segment has no graph. Its
    /// vectors are compared one by one, in one segment or in two.
    fn is_small_without_graph(self, later: usize) -> bool {
        self.live.div_ceil(MIN_FACTOR) <= later
    }

    /// Whether the segment must be rebuilt even if nothing is merged with it.
    pub(crate) fn is_stale(self, index: IndexChoice) -> bool {
        let lacks_graph = index.builds_graph(self.vectors) && self.graph.is_none();
        let has_needless_graph = index == IndexChoice::Exact && self.graph.is_some();
        let is_outdated = lacks_graph || has_needless_graph || !self.is_current;
        is_outdated || (self.all - self.live) * MAX_REMOVED_DIVISOR > self.all
    }
}

/// Returns the position of the first segment that is too small compared with all later ones; it and
/// all later ones are merged. `sizes.len()` if there is none.
pub(crate) fn first_to_merge(sizes: &[SegmentSize]) -> usize {
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
pub(crate) fn first_to_merge_later(sizes: &[SegmentSize], index: IndexChoice) -> usize {
    let first = first_to_merge(sizes);
    let vectors: usize = sizes[first..].iter().map(|size| size.vectors).sum();
    if index.builds_graph(vectors) { first } else { first_to_join(sizes) }
}

/// Returns the position of the first segment that becomes one without a graph with all later ones.
/// `sizes.len()` if there is none.
pub(crate) fn first_to_join(sizes: &[SegmentSize]) -> usize {
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

/// A decision on segments that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlannedRange {
    /// The segment at this position stays as it is.
    Keep(usize),
    /// The segments at these positions become one new segment.
    Rebuild(Range<usize>),
}

/// Plans that the segments from `first` on become one, and that those before which are stale are
/// rebuilt.
pub(crate) fn plan_ranges(
    sizes: &[SegmentSize],
    index: IndexChoice,
    first: usize,
) -> Vec<PlannedRange> {
    let before = sizes[..first].iter().enumerate().map(|(position, size)| {
        if size.is_stale(index) {
            PlannedRange::Rebuild(position..position + 1)
        } else {
            PlannedRange::Keep(position)
        }
    });
    let merged = (first < sizes.len()).then_some(PlannedRange::Rebuild(first..sizes.len()));
    before.chain(merged).collect()
}

/// Returns how many of the last uncommitted segments become one, 0 for none. The first of them is
/// not larger than all later ones together, and all together have a size that a write does not wait
/// for. `vectors` are the numbers of live vectors of the uncommitted segments.
pub(crate) fn uncommitted_to_join(vectors: impl DoubleEndedIterator<Item = usize>) -> usize {
    let mut joined = 0;
    let mut later = 0;
    for size in vectors.rev() {
        if joined > 0 && (size > later || later + size > MAX_JOINED) {
            break;
        }
        joined += 1;
        later += size;
    }
    if joined > 1 { joined } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(live: usize) -> SegmentSize {
        SegmentSize { live, all: live, vectors: live, graph: None, is_current: true }
    }

    fn live(sizes: &[SegmentSize]) -> usize {
        sizes.iter().map(|size| size.live).sum()
    }

    proptest! {
        /// Small commits beside a merge leave few segments, whatever their sizes are.
        #[test]
        fn joined_segments_are_few(added in prop::collection::vec(1_usize..300, 1..300)) {
            let mut sizes: Vec<SegmentSize> = Vec::new();
            for new in &added {
                sizes.push(size(*new));
                let first = first_to_join(&sizes);
                let joined = live(&sizes[first..]);
                sizes.truncate(first);
                if joined > 0 {
                    sizes.push(size(joined));
                }
            }
            prop_assert_eq!(live(&sizes), added.iter().sum::<usize>());
            prop_assert!(sizes.len() < 2 * MIN_JOINED + 8, "{:?}", sizes);
        }

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
