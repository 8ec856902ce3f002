//! A segment before its vectors are indexed, built of new articles or copied from other segments.

use std::slice;

use tracing::instrument;

use crate::{
    Error, IndexChoice, Result, Vectors,
    lexical::MergedRow,
    store::segment::{LiveSegment, SegmentBuilder, SegmentPieces, SegmentWords},
    vector::VectorRow,
    work::WorkMonitor,
};

/// A segment before its vectors are indexed.
pub(super) struct UnindexedSegment {
    pub(super) builder: SegmentBuilder,
    pub(super) vectors: Vectors,
    pub(super) words: SegmentWords,
    pub(super) pieces: SegmentPieces,
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
        let damaged =
            |from: &MergedRow| segments[from.part as usize].sealed().checked_vector(from.row).err();
        let vectors = Vectors::gather(dim, rows.iter().map(vector))
            .map_err(|error| rows.iter().find_map(damaged).unwrap_or(error))?;
        monitor.check()?;
        let words = SegmentWords::merge(segments, &rows)?;
        monitor.check()?;
        let pieces = SegmentPieces::merge(segments, &rows, monitor)?;
        Ok(Self { builder, vectors, words, pieces })
    }

    /// Whether `segment` cannot be copied, since a live article is damaged.
    pub(super) fn is_damaged(
        segment: &LiveSegment,
        dim: usize,
        monitor: WorkMonitor,
    ) -> Result<bool> {
        match Self::merge(slice::from_ref(segment), dim, monitor) {
            Err(Error::Corrupt { .. }) => Ok(true),
            copied => copied.map(|_| false),
        }
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
