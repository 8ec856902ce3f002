//! Statistics and verification of a corpus.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tracing::instrument;

use super::searcher::Snapshot;
use crate::{
    Error, GraphReport, Result, Retriever,
    search::filter::ValueKind,
    store::{self, CorpusContents, SortedArticles, VerifiedFiles, segment::LiveSegment},
};

/// Sizes of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Number of the last commit.
    pub generation: u64,
    /// Live articles, including uncommitted ones.
    pub articles: usize,
    /// Passages of the live articles.
    pub passages: usize,
    /// Total length of all files of the last commit, in bytes; 0 in memory.
    pub bytes_on_disk: u64,
    /// Metadata names under which live articles have values that do not compare with each other,
    /// with the types of these values, such as `["numbers", "texts"]`. A filter on such a name
    /// passes over the values of the other types.
    pub mixed_metadata: BTreeMap<String, Vec<&'static str>>,
    /// The segments, oldest first.
    pub segments: Vec<SegmentStats>,
}

/// Sizes of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Live articles.
    pub articles: usize,
    /// Passages of the live articles.
    pub passages: usize,
    /// Removed articles, which the segment still stores.
    pub removed: usize,
    /// Whether a graph indexes the segment; without one, a search compares all of its passages.
    pub has_graph: bool,
    /// Whether the segment is part of the last commit.
    pub committed: bool,
    /// Length of its file in bytes; 0 in memory.
    pub bytes_on_disk: u64,
}

/// Report of [`Retriever::verify`]: the amount of data that was checked and is undamaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "undamaged files can hold a graph that is not sound"]
pub struct VerifyReport {
    /// Number of files whose bytes match their checksums.
    pub files: usize,
    /// Total length of these files in bytes.
    pub bytes: u64,
    /// Articles read, including removed ones.
    pub articles: usize,
    /// Passages read, including removed ones.
    pub passages: usize,
    /// Reports of the graphs, each of which was searched for all of its vectors.
    pub graphs: Vec<GraphReport>,
}

impl VerifyReport {
    /// Returns whether every passage can be found: all graphs are [sound](GraphReport::is_sound).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.graphs.iter().all(GraphReport::is_sound)
    }
}

impl Stats {
    /// Returns the sizes of `snapshot`, whose first `committed` segments are those of the last commit.
    pub(super) fn of(snapshot: &Snapshot, committed: usize) -> Self {
        let segments = snapshot.segments.iter();
        Self {
            generation: snapshot.generation,
            articles: segments.clone().map(LiveSegment::articles).sum(),
            passages: segments.clone().map(LiveSegment::passages).sum(),
            bytes_on_disk: snapshot.bytes_on_disk,
            mixed_metadata: mixed_metadata(&snapshot.segments),
            segments: segments
                .enumerate()
                .map(|(position, segment)| stats_of(segment, position < committed))
                .collect(),
        }
    }
}

impl VerifyReport {
    /// Decodes every article and passage of `segments`, and searches the graphs for all of their
    /// vectors.
    pub(super) fn of(segments: &[LiveSegment]) -> Result<Self> {
        let mut report = Self::default();
        for segment in segments {
            let sealed = segment.sealed();
            report.graphs.extend(sealed.verify()?);
            report.articles += sealed.articles();
            report.passages += sealed.len() as usize;
        }
        let mut last = None;
        for article in SortedArticles::new(segments) {
            let key = Some(article?.key);
            if key == last {
                let fault = "two segments hold an article of the same key";
                return Err(Error::Corrupt { origin: "the index".to_owned(), fault });
            }
            last = key;
        }
        Ok(report)
    }

    /// Adds the counts of `verified`.
    pub(super) fn with_files(self, verified: VerifiedFiles) -> Self {
        let VerifiedFiles { files, bytes } = verified;
        Self { files, bytes, ..self }
    }
}

impl Retriever {
    /// Returns the sizes of the corpus and of its segments.
    ///
    /// The first call, and the first one after new articles, reads the metadata of new segments.
    /// Articles whose metadata is damaged are left out of
    /// [`mixed_metadata`](Stats::mixed_metadata); [`verify`](Self::verify) reports them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let snapshot = self.current().snapshot;
        Stats::of(&snapshot, if self.changed { self.committed } else { snapshot.segments.len() })
    }

    /// Compares every byte of the last commit with its checksum, decodes every article and
    /// passage, and searches the graphs for all of their vectors.
    ///
    /// # Errors
    ///
    /// - [`Error::Corrupt`] for the first damaged file.
    /// - [`Error::Read`] for a file that cannot be read.
    #[instrument(
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub fn verify(&self) -> Result<VerifyReport> {
        let report = VerifyReport::of(&self.current().snapshot.segments)?;
        // No merge is published while the files are read.
        let mut publisher = self.corpus.lock();
        let Some(store) = publisher.store() else { return Ok(report) };
        Ok(report.with_files(store::verify::<CorpusContents>(store.path(), store.id())?))
    }
}

/// Returns the metadata names whose values do not compare with each other, with their types.
fn mixed_metadata(segments: &[LiveSegment]) -> BTreeMap<String, Vec<&'static str>> {
    let mut kinds: BTreeMap<String, BTreeSet<ValueKind>> = BTreeMap::new();
    for segment in segments {
        segment.add_metadata_kinds(&mut kinds);
    }
    let mixed = kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1);
    mixed.map(|(name, kinds)| (name, kinds.into_iter().map(ValueKind::plural).collect())).collect()
}

fn stats_of(segment: &LiveSegment, committed: bool) -> SegmentStats {
    SegmentStats {
        articles: segment.articles(),
        passages: segment.passages(),
        removed: segment.removed(),
        has_graph: segment.sealed().has_graph(),
        committed,
        bytes_on_disk: segment.sealed().id().map_or(0, |file| file.length),
    }
}
