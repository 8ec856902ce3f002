//! Reads a vector store from any number of threads and processes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    id_search::{IdNeighbors, IdSearchParams},
    vector_contents::VectorContents,
    vector_snapshot::VectorSnapshot,
};
use crate::{
    BackupReport, Error, Result, Vectors,
    store::{copy_generation, read, read_newer},
    vector::vectors::{QueryView, contiguous},
    work::Latest,
};

/// A [`VectorStore`](crate::VectorStore) as it was at one commit; cheap to clone.
///
/// A reader keeps its generation until [`reload`](Self::reload), whatever the writer does.
/// [`VectorStore::reader`](crate::VectorStore::reader) returns one in the process of the writer.
/// [`VectorReader::open`] opens one in any process; any number of processes can read a store.
///
/// # Asynchronous code
///
/// Opening, searching and reading block: call these methods by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
#[derive(Clone, Debug)]
pub struct VectorReader {
    pub(super) snapshot: Arc<VectorSnapshot>,
    pub(super) source: VectorSource,
}

/// The source of later generations.
#[derive(Clone, Debug)]
pub(super) enum VectorSource {
    /// The writer of a store in memory.
    Writer(Arc<Latest<VectorSnapshot>>),
    /// The folder that a writer publishes generations in, in this process or another.
    Folder(PathBuf),
}

impl VectorReader {
    /// Opens the store in the folder at `path` for reading. It takes no lock and writes nothing.
    ///
    /// Files are memory-mapped and checked when they are first needed, as those of
    /// [`Retriever::open`](crate::Retriever::open).
    ///
    /// # Errors
    ///
    /// As [`VectorStore::open`](crate::VectorStore::open), without [`Error::Locked`] and
    /// [`Error::Write`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // An absolute path remains valid if the process changes its working folder.
        let path = std::path::absolute(path).map_err(Error::read(path))?;
        let snapshot = Arc::new(read(&path)?.into());
        Ok(Self { snapshot, source: VectorSource::Folder(path) })
    }

    /// Loads the last commit. Returns `false` if the reader already has it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`Error::Dimension`] if the folder now holds a store of another
    /// dimension. After an error the reader keeps its generation.
    pub fn reload(&mut self) -> Result<bool> {
        let newer = match &self.source {
            VectorSource::Writer(latest) => {
                Some(latest.get()).filter(|latest| !Arc::ptr_eq(latest, &self.snapshot))
            }
            VectorSource::Folder(path) => {
                let VectorSnapshot { manifest, segments, .. } = &*self.snapshot;
                let newer = read_newer(path, *manifest, segments)?;
                newer.map(|newer| Arc::new(VectorSnapshot::from(newer)))
            }
        };
        let Some(newer) = newer else { return Ok(false) };
        if newer.dim != self.dim() {
            return Err(Error::Dimension { expected: self.dim(), got: newer.dim });
        }
        self.snapshot = newer;
        Ok(true)
    }

    /// Number of the commit that the reader answers from, counted from 1; 0 before the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// Returns the `params.k` allowed neighbors of `query`; fewer only if fewer are allowed, or if
    /// the search was interrupted.
    ///
    /// `query` is a vector of dimension [`dim`](Self::dim) and of any length above 0.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `params.k` is 0.
    /// - [`Error::Dimension`] if `query` has another dimension.
    /// - [`Error::InvalidVector`] if `query` is zero or not finite.
    /// - [`Error::Fraction`] if the requested recall is out of range.
    /// - [`Error::Corrupt`] if a file is damaged.
    pub fn search(&self, query: &[f32], params: &IdSearchParams) -> Result<IdNeighbors> {
        self.snapshot.search(query, params)
    }

    /// Returns the neighbors of a query in an `ndarray` view; copies it only if its values are not
    /// contiguous.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    #[expect(clippy::needless_pass_by_value, reason = "as `VectorIndex::search_array`")]
    pub fn search_array(
        &self,
        query: QueryView<'_>,
        params: &IdSearchParams,
    ) -> Result<IdNeighbors> {
        self.snapshot.search(&contiguous(&query), params)
    }

    /// Returns the neighbors of each of `queries`, in their order; searches in parallel on the
    /// threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for the first query that fails.
    pub fn search_many(
        &self,
        queries: &Vectors,
        params: &IdSearchParams,
    ) -> Result<Vec<IdNeighbors>> {
        self.snapshot.search_many(queries, params)
    }

    /// The vector with this id, scaled to length 1; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn get(&self, id: u64) -> Result<Option<&[f32]>> {
        self.snapshot.get(id)
    }

    /// Returns whether there is a vector with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn contains(&self, id: u64) -> Result<bool> {
        Ok(self.snapshot.find(id)?.is_some())
    }

    /// The ids of all vectors, in ascending order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn ids(&self) -> Result<Vec<u64>> {
        self.snapshot.ids()
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot.len()
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dimension of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.snapshot.dim
    }

    /// Copies the last commit to the folder at `path`, which is empty or does not exist, as
    /// [`Retriever::backup`](crate::Retriever::backup) does. A writer can commit meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Retriever::backup`](crate::Retriever::backup).
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        match &self.source {
            VectorSource::Writer(_) => Err(Error::NotInFolder),
            VectorSource::Folder(folder) => {
                copy_generation::<VectorContents>(folder, path.as_ref())
            }
        }
    }
}
