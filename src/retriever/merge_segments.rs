//! Which segments are merged at a commit, and how.
//!
//! A search asks every segment, so there must be few of them; merging indexes passages again,
//! so it must be rare. Every segment is kept several times as large as all later ones
//! together: there are about log n of them, and the more times, the more often is the largest
//! of a corpus that grows by small commits merged with those.

use std::sync::Arc;

use tracing::instrument;

use crate::{
    HnswParams, IndexChoice, Result, Retriever, Vectors,
    lexical::MergedRow,
    store::segment::{LiveSegment, SegmentBuilder, SegmentWords},
    vector::VectorRow,
};

/// How many times as large as all later ones together segments are kept, at most and at least.
/// Of ten thousand passages all but a few hundred are then in one graph, and comparing those
/// costs a fraction of a search of it.
const FACTORS: (usize, usize) = (2, 16);
/// The factor of a segment is this by its size, within those bounds: graphs of many passages
/// take long to build, so they are to be built more rarely.
const FACTOR_BY_SIZE: usize = 1 << 19;
/// A segment is sealed anew when more than one in this many of its passages is removed.
const MAX_REMOVED: usize = 3;
/// So many small segments of checkpoints are joined.
const MAX_SMALL: usize = 8;

/// What merging goes by.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Live passages and articles: articles without text are to be merged, too.
    live: usize,
    /// Passages and articles, those that were removed included.
    all: usize,
    /// Live passages.
    passages: usize,
    /// Those of the graph, if there is one.
    params: Option<HnswParams>,
    /// Whether its words are those of the present rules.
    has_words: bool,
}

impl Size {
    fn of(segment: &LiveSegment) -> Self {
        let sealed = segment.segment();
        let all = sealed.len() as usize + sealed.articles();
        let live = segment.passages() + segment.articles();
        let (passages, params) = (segment.passages(), sealed.graph_params());
        let has_words = sealed.has_current_words();
        Self { live, all, passages, params, has_words }
    }

    fn is_small_beside(self, later: usize) -> bool {
        let factor = (FACTOR_BY_SIZE / self.live.max(1)).clamp(FACTORS.0, FACTORS.1);
        self.live <= later.saturating_mul(factor)
    }

    /// Whether it should be sealed anew, even alone.
    fn is_stale(self, choice: IndexChoice) -> bool {
        let needs_graph = choice.builds_graph(self.passages) && self.params.is_none();
        let needs_none = choice == IndexChoice::Exact && self.params.is_some();
        let needs = needs_graph || needs_none || !self.has_words;
        needs || (self.all - self.live) * MAX_REMOVED > self.all
    }
}

/// From which segment on all are merged into one: the first that is too small beside those
/// after it.
fn merged_from(sizes: &[Size]) -> usize {
    let mut later = 0;
    let mut from = sizes.len();
    for (at, size) in sizes.iter().enumerate().rev() {
        if later > 0 && size.is_small_beside(later) {
            from = at;
        }
        later += size.live;
    }
    from
}

impl Retriever {
    /// Whether the segments are other than a commit leaves them.
    pub(super) fn is_to_be_merged(&self) -> bool {
        let sizes: Vec<Size> = self.segments().iter().map(Size::of).collect();
        let is_stale = |size: &Size| size.is_stale(self.settings.index);
        merged_from(&sizes) < sizes.len() || sizes.iter().any(is_stale)
    }

    /// The segments as they are to be committed: few, each with the index that it should have.
    pub(super) fn merged(&self) -> Result<Vec<LiveSegment>> {
        let segments = self.present();
        let sizes: Vec<Size> = segments.iter().map(Size::of).collect();
        let from = merged_from(&sizes);
        let mut merged = Vec::with_capacity(from + 1);
        for (segment, size) in segments[..from].iter().zip(&sizes) {
            if size.is_stale(self.settings.index) {
                merged.extend(self.joined(std::slice::from_ref(segment))?);
            } else {
                merged.push(segment.clone());
            }
        }
        merged.extend(self.joined(&segments[from..])?);
        Ok(merged)
    }

    /// All in one segment; `None` if they are.
    pub(super) fn compacted(&self) -> Result<Option<Vec<LiveSegment>>> {
        let segments = self.present();
        let compact = match segments.as_slice() {
            [] => self.segments().is_empty(),
            [one] => {
                let size = Size::of(one);
                let params = self.settings.index.graph_params(size.passages);
                let whole = one.removed() == 0 && one.segment().has_readable_words();
                whole && params == size.params
            }
            _ => false,
        };
        if compact {
            return Ok(None);
        }
        Ok(Some(self.joined(&segments)?.into_iter().collect()))
    }

    /// The segments, with the last ones joined, without a graph, if they are many and small: each
    /// one more takes time whenever an article is looked for.
    pub(super) fn join_small(&self) -> Result<Vec<LiveSegment>> {
        let mut segments = self.present();
        let small = self.settings.checkpoint.saturating_mul(MAX_SMALL);
        let is_small =
            |one: &&LiveSegment| !one.segment().has_graph() && Size::of(one).live < small;
        let last = segments.iter().rev().take_while(is_small).count();
        if last < MAX_SMALL {
            return Ok(segments);
        }
        let from = segments.len() - last;
        self.join_from(from, &mut segments)?;
        Ok(segments)
    }

    /// Joins the segments from `from` on into one, without a graph.
    pub(super) fn join_from(&self, from: usize, segments: &mut Vec<LiveSegment>) -> Result<()> {
        let joined = self.join(&segments[from..], IndexChoice::Exact)?;
        segments.truncate(from);
        segments.extend(joined);
        Ok(())
    }

    /// The segments of which anything is left.
    pub(super) fn present(&self) -> Vec<LiveSegment> {
        let present = self.segments().iter().filter(|segment| segment.articles() > 0);
        present.cloned().collect()
    }

    /// The live articles of `segments` in one, with the index and the calibration that it
    /// should have; `None` if there are none.
    fn joined(&self, segments: &[LiveSegment]) -> Result<Option<LiveSegment>> {
        let joined = self.join(segments, self.settings.index)?;
        let calibrated = |segment| match &self.searcher.snapshot.questions {
            Some(questions) => self.calibrated(segment, questions),
            None => Ok(segment),
        };
        joined.map(calibrated).transpose()
    }

    /// The live articles of `segments` in one; `None` if there are none.
    #[instrument(
        name = "merge",
        level = "debug",
        skip_all,
        fields(
            segments = segments.len(),
            passages = segments.iter().map(LiveSegment::passages).sum::<usize>()
        )
    )]
    fn join(&self, segments: &[LiveSegment], choice: IndexChoice) -> Result<Option<LiveSegment>> {
        let mut builder = SegmentBuilder::default();
        let rows = copy_by_key(segments, &mut builder)?;
        if builder.is_empty() {
            return Ok(None);
        }
        let vector = |from: &MergedRow| VectorRow {
            vectors: segments[from.part as usize].segment().vectors(),
            row: from.row,
        };
        let dim = self.searcher.embedder.dim();
        let vectors = Vectors::gather(dim, rows.iter().map(vector))?;
        let words = SegmentWords::merge(segments, &rows)?;
        let segment = builder.seal(vectors, words, choice, self.settings.monitor())?;
        Ok(Some(LiveSegment::all(Arc::new(segment))))
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
fn copy_by_key(segments: &[LiveSegment], builder: &mut SegmentBuilder) -> Result<Vec<MergedRow>> {
    let mut articles = Vec::new();
    for (part, segment) in (0..).zip(segments) {
        segment.segment().advise_sequential();
        for number in segment.live() {
            articles.push(MergedArticle { key: segment.segment().key(number)?, part, number });
        }
    }
    articles.sort_unstable();
    let mut merged = Vec::new();
    for MergedArticle { part, number, .. } in articles {
        let segment = segments[part as usize].segment();
        builder.copy(segment, number)?;
        merged.extend(segment.rows_of(number)?.map(|row| MergedRow { part, row }));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is added, every segment stays several times as large as all later ones
        /// together, and all of it is there.
        #[test]
        fn segments_are_few(steps in prop::collection::vec(1_usize..60_000, 1..200)) {
            let size =
                |live| Size { live, all: live, passages: live, params: None, has_words: true };
            let mut sizes: Vec<Size> = Vec::new();
            for live in &steps {
                sizes.push(size(*live));
                let from = merged_from(&sizes);
                let live: usize = sizes[from..].iter().map(|size| size.live).sum();
                sizes.truncate(from);
                if live > 0 {
                    sizes.push(size(live));
                }
                for at in 1..sizes.len() {
                    let later = sizes[at..].iter().map(|size| size.live).sum();
                    prop_assert!(!sizes[at - 1].is_small_beside(later), "{:?}", sizes);
                }
            }
            let all: usize = sizes.iter().map(|size| size.live).sum();
            prop_assert_eq!(all, steps.iter().sum::<usize>());
            prop_assert!(sizes.len() < 16);
        }
    }
}
