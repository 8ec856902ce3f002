//! Statistics and verification of a corpus.

use serde::Serialize;
use tracing::instrument;

use crate::{
    Error, GraphReport, Result, Retriever,
    store::{self, Store, segment::LiveSegment},
};

/// What a corpus consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Number of the last commit.
    pub generation: u64,
    /// Articles that can be found, those not committed included.
    pub articles: usize,
    /// Passages of them.
    pub passages: usize,
    /// Bytes of all files of the last commit; 0 in memory.
    pub bytes_on_disk: u64,
    /// The segments, the oldest first.
    pub segments: Vec<SegmentStats>,
}

/// What a segment of a corpus consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Articles that can be found.
    pub articles: usize,
    /// Passages of them.
    pub passages: usize,
    /// Articles that were removed, but are still in the file.
    pub removed: usize,
    /// Whether it is searched by a graph; if not, all passages are compared.
    pub has_graph: bool,
    /// Whether it is part of the last commit.
    pub committed: bool,
    /// Bytes of its file; 0 in memory.
    pub bytes_on_disk: u64,
}

/// What [`Retriever::verify`] has looked at, and found to be whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "that nothing is damaged does not mean that graphs are sound"]
pub struct VerifyReport {
    /// Files read to their last byte.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Articles read, those removed included.
    pub articles: usize,
    /// Passages read, those removed included.
    pub passages: usize,
    /// The graphs, each of them searched for all its vectors.
    pub graphs: Vec<GraphReport>,
}

impl VerifyReport {
    /// Whether every passage can be found: the graphs are [sound](GraphReport::is_sound).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.graphs.iter().all(GraphReport::is_sound)
    }
}

impl Retriever {
    /// What the corpus consists of.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let segments = self.segments().iter().enumerate();
        let segments: Vec<SegmentStats> =
            segments.map(|(at, segment)| stats_of(segment, at < self.committed)).collect();
        Stats {
            generation: self.searcher.generation(),
            articles: self.articles(),
            passages: self.passages(),
            bytes_on_disk: self.store.as_ref().map_or(0, Store::bytes),
            segments,
        }
    }

    /// Reads every byte of the last commit and compares it with its checksums, reads every
    /// article and passage, and searches the graphs for all their vectors.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) for the first file that is damaged,
    /// [`Error::Read`](crate::Error::Read) if one cannot be read.
    #[instrument(
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub fn verify(&self) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        for segment in self.segments() {
            let sealed = segment.segment();
            report.graphs.extend(sealed.verify()?);
            report.articles += sealed.articles();
            report.passages += sealed.len() as usize;
        }
        let mut last = None;
        for key in self.keys() {
            let key = Some(key?);
            if key == last {
                let check = "two segments have an article of one key";
                return Err(Error::Corrupt { origin: "the index".to_owned(), check });
            }
            last = key;
        }
        if let Some(store) = &self.store {
            (report.files, report.bytes) = store::verify(store.path(), store.id())?;
        }
        Ok(report)
    }
}

fn stats_of(segment: &LiveSegment, committed: bool) -> SegmentStats {
    SegmentStats {
        articles: segment.articles(),
        passages: segment.passages(),
        removed: segment.removed(),
        has_graph: segment.segment().has_graph(),
        committed,
        bytes_on_disk: segment.segment().id().map_or(0, |file| file.length),
    }
}
