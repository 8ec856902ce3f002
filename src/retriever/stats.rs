//! Statistics and verification of a corpus.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tracing::instrument;

use crate::{
    Error, GraphReport, Result, Retriever,
    search::filter::ValueKind,
    store::{self, Store, segment::LiveSegment},
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

impl Retriever {
    /// Returns the sizes of the corpus and of its segments.
    ///
    /// The first call, and the first one after new articles, reads the metadata of new segments.
    /// Articles whose metadata is damaged are left out of
    /// [`mixed_metadata`](Stats::mixed_metadata); [`verify`](Self::verify) reports them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (committed, uncommitted) = self.segments().split_at(self.committed);
        let committed = committed.iter().map(|segment| stats_of(segment, true));
        let uncommitted = uncommitted.iter().map(|segment| stats_of(segment, false));
        Stats {
            generation: self.searcher.generation(),
            articles: self.articles(),
            passages: self.passages(),
            bytes_on_disk: self.store.as_ref().map_or(0, Store::bytes),
            mixed_metadata: self.mixed_metadata(),
            segments: committed.chain(uncommitted).collect(),
        }
    }

    fn mixed_metadata(&self) -> BTreeMap<String, Vec<&'static str>> {
        let mut kinds: BTreeMap<String, BTreeSet<ValueKind>> = BTreeMap::new();
        for segment in self.segments() {
            segment.add_metadata_kinds(&mut kinds);
        }
        let mixed = kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1);
        mixed
            .map(|(name, kinds)| (name, kinds.into_iter().map(ValueKind::plural).collect()))
            .collect()
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
        let mut report = VerifyReport::default();
        for segment in self.segments() {
            let sealed = segment.sealed();
            report.graphs.extend(sealed.verify()?);
            report.articles += sealed.articles();
            report.passages += sealed.len() as usize;
        }
        let mut last = None;
        for key in self.keys() {
            let key = Some(key?);
            if key == last {
                let fault = "two segments hold an article of the same key";
                return Err(Error::Corrupt { origin: "the index".to_owned(), fault });
            }
            last = key;
        }
        if let Some(store) = &self.store {
            let verified = store::verify(store.path(), store.id())?;
            report.files = verified.files;
            report.bytes = verified.bytes;
        }
        Ok(report)
    }
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
