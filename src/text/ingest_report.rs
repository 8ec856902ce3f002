//! Reports of adding articles.

use std::collections::BTreeMap;

use serde::Serialize;

use super::UnreadSource;
use crate::EmbedReport;

/// Report of [`Retriever::add`](crate::Retriever::add) and
/// [`Retriever::add_embedded`](crate::Retriever::add_embedded).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AddReport {
    /// Articles added, including those that replaced others.
    pub articles: usize,
    /// Articles that replaced one of the same key.
    pub replaced: usize,
    /// Keys of articles without text, which are stored but have no passages.
    pub empty: Vec<String>,
    /// Passages whose vectors were reused from the replaced articles.
    pub reused: usize,
    /// Passages whose vectors [were given](crate::Retriever::add_embedded).
    pub given: usize,
    /// Embedding of all other passages, including cached ones.
    pub embedding: EmbedReport,
}

impl From<IngestReport> for AddReport {
    fn from(ingested: IngestReport) -> Self {
        let IngestReport { added, changed: replaced, empty, reused, given, embedding, .. } =
            ingested;
        Self { articles: added + replaced, replaced, empty, reused, given, embedding }
    }
}

/// Counts of one ingestion.
#[derive(Default)]
pub(crate) struct IngestReport {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) unchanged: usize,
    /// Keys of articles without text.
    pub(crate) empty: Vec<String>,
    /// Passages whose vectors were reused.
    pub(crate) reused: usize,
    /// Passages whose vectors were given.
    pub(crate) given: usize,
    pub(crate) embedding: EmbedReport,
}

/// Report of [`Retriever::sync`](crate::Retriever::sync),
/// [`Retriever::try_sync`](crate::Retriever::try_sync),
/// [`Retriever::sync_folder`](crate::Retriever::sync_folder),
/// [`Retriever::upsert`](crate::Retriever::upsert) and
/// [`Retriever::upsert_embedded`](crate::Retriever::upsert_embedded).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// Articles whose key is new.
    pub added: usize,
    /// Articles whose content changed.
    pub changed: usize,
    /// Articles removed, because the given ones do not include their key.
    pub removed: usize,
    /// Articles that were not given and are kept, because their source
    /// [could not be read](Self::unread).
    pub kept: usize,
    /// Articles whose content is unchanged.
    pub unchanged: usize,
    /// Keys of added or changed articles without text, which are stored but have no passages.
    pub empty: Vec<String>,
    /// Passages embedded. Passages with the same text count each.
    pub embedded: usize,
    /// Passages whose vectors came from the
    /// [cache](crate::RetrieverBuilder::embedding_cache).
    pub cached: usize,
    /// Passages of changed articles that kept their text and therefore their vector.
    pub reused: usize,
    /// Passages whose vectors [were given](crate::Retriever::upsert_embedded).
    pub given: usize,
    /// Passages over the embedder's limit of which it read only the beginning.
    pub truncated: usize,
    /// Passages over the embedder's limit that it embedded in pieces.
    pub split: usize,
    /// Sources that could not be read, in the order in which they were given or of their paths.
    pub unread: Vec<UnreadSource>,
    /// Files of [`Retriever::sync_folder`](crate::Retriever::sync_folder).
    pub files: FilesReport,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Files of a [`Retriever::sync_folder`](crate::Retriever::sync_folder), a part of its report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilesReport {
    /// Files found.
    pub found: usize,
    /// Files that were not opened, because their length and times are unchanged.
    pub skipped: usize,
    /// Files that were read but not parsed, because their hash is unchanged.
    pub hashed: usize,
    /// Files that were parsed, or could not be.
    pub parsed: usize,
    /// Keys that several articles have, as far as the sync met them, in ascending order. The last
    /// article counts.
    pub duplicate_keys: Vec<String>,
    /// Fields of parsed JSON Lines that have no meaning and were left out, with the number of lines
    /// that have them.
    pub unknown_fields: BTreeMap<String, usize>,
}

impl FilesReport {
    pub(crate) fn count_unknown(&mut self, fields: Vec<String>) {
        for name in fields {
            *self.unknown_fields.entry(name).or_default() += 1;
        }
    }

    pub(crate) fn sort_keys(&mut self) {
        self.duplicate_keys.sort_unstable();
        self.duplicate_keys.dedup();
    }
}

impl SyncReport {
    pub(crate) fn count(&mut self, ingested: IngestReport) {
        self.added += ingested.added;
        self.changed += ingested.changed;
        self.unchanged += ingested.unchanged;
        self.empty.extend(ingested.empty);
        let EmbedReport { texts, cached, split, truncated, .. } = ingested.embedding;
        self.embedded += texts - cached;
        self.cached += cached;
        self.reused += ingested.reused;
        self.given += ingested.given;
        self.truncated += truncated;
        self.split += split;
    }
}
