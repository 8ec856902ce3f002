//! Verification of a vector store.

use serde::Serialize;
use tracing::instrument;

use super::{VectorStore, vector_contents::VectorContents};
use crate::{
    Error, GraphReport, Result,
    store::{VerifiedFiles, verify},
};

/// Report of [`VectorStore::verify`]: the amount of data that was checked and is undamaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "undamaged files can hold a graph that is not sound"]
pub struct VectorVerifyReport {
    /// Number of files whose bytes match their checksums.
    pub files: usize,
    /// Total length of these files in bytes.
    pub bytes: u64,
    /// Vectors read, including removed ones.
    pub vectors: usize,
    /// Reports of the graphs, each of which was searched for all of its vectors.
    pub graphs: Vec<GraphReport>,
}

impl VectorVerifyReport {
    /// Returns whether every vector can be found: all graphs are [sound](GraphReport::is_sound).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.graphs.iter().all(GraphReport::is_sound)
    }
}

impl VectorStore {
    /// Compares every byte of the last commit with its checksum, reads every id and vector, and
    /// searches the graphs for all of their vectors.
    ///
    /// # Errors
    ///
    /// - [`Error::Corrupt`] for the first damaged file, or if two vectors have one id.
    /// - [`Error::Read`] for a file that cannot be read.
    #[instrument(name = "verify_vectors", level = "debug", skip_all, fields(vectors = self.len()))]
    pub fn verify(&self) -> Result<VectorVerifyReport> {
        let mut report = VectorVerifyReport::default();
        for segment in self.segments() {
            report.graphs.extend(segment.sealed().verify()?);
            report.vectors += segment.sealed().len() as usize;
        }
        if !self.ids()?.is_sorted_by(|a, b| a < b) {
            let fault = "two segments hold a vector of the same id";
            return Err(Error::Corrupt { origin: "the store".to_owned(), fault });
        }
        if let Some(store) = &self.store {
            let VerifiedFiles { files, bytes } =
                verify::<VectorContents>(store.path(), store.id())?;
            report.files = files;
            report.bytes = bytes;
        }
        Ok(report)
    }
}
