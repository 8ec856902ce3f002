//! Generations of a corpus, shared between its writer and its searchers.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    format::sections::FileId,
    store::{Generation, Questions, segment::LiveSegment},
};

/// A state of a corpus: a published generation or, in a [`Retriever`](crate::Retriever), one with
/// uncommitted changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    /// Identifies the manifest file; `None` in memory.
    pub(crate) manifest: Option<FileId>,
    pub(crate) segments: Vec<LiveSegment>,
    /// The questions that graphs are calibrated with; `None` before the first calibration.
    pub(crate) questions: Option<Arc<Questions>>,
}

/// The source of later generations.
#[derive(Clone, Debug)]
pub(crate) enum SnapshotSource {
    /// The writer of a corpus in memory.
    Writer(Arc<LatestSnapshot>),
    /// The folder that a writer publishes generations in, in this process or another.
    Folder(PathBuf),
}

/// The last generation that a writer published.
#[derive(Debug, Default)]
pub(crate) struct LatestSnapshot(RwLock<Arc<Snapshot>>);

impl From<Generation> for Snapshot {
    fn from(Generation { id, manifest, segments, questions }: Generation) -> Self {
        Self { generation: manifest.generation, manifest: Some(id), segments, questions }
    }
}

impl LatestSnapshot {
    pub(crate) fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, snapshot: Arc<Snapshot>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}
