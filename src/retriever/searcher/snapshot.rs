//! Generations of a corpus, shared between its writer and its searchers.

use std::{path::PathBuf, sync::Arc};

use crate::{
    format::sections::FileId,
    store::{Generation, Questions, segment::LiveSegment},
    work::Latest,
};

/// A state of a corpus: a published generation or, in a [`Retriever`](crate::Retriever), one with
/// uncommitted changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    /// Identifies the manifest file; `None` in memory.
    pub(crate) manifest: Option<FileId>,
    pub(crate) segments: Vec<LiveSegment>,
    /// Total length of the files of the last commit, in bytes; 0 in memory.
    pub(crate) bytes_on_disk: u64,
    /// The questions that graphs are calibrated with; `None` before the first calibration.
    pub(crate) questions: Option<Arc<Questions>>,
}

/// The source of later generations.
#[derive(Clone, Debug)]
pub(crate) enum SnapshotSource {
    /// The writer of a corpus in memory.
    Writer(Arc<Latest<Snapshot>>),
    /// The folder that a writer publishes generations in, in this process or another.
    Folder(PathBuf),
}

impl From<Generation> for Snapshot {
    fn from(generation: Generation) -> Self {
        let bytes_on_disk = generation.bytes();
        let Generation { id, manifest, segments, questions } = generation;
        let generation = manifest.generation;
        Self { generation, manifest: Some(id), segments, bytes_on_disk, questions }
    }
}
