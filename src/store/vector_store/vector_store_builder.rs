//! Settings of a vector store, and the functions that create and open one.

use std::{fmt, path::Path, sync::Arc};

use super::{
    VectorStore,
    live_vectors::LiveVectors,
    vector_contents::VectorContents,
    vector_reader::{VectorReader, VectorSource},
    vector_snapshot::VectorSnapshot,
};
use crate::{
    Cancel, Error, IndexChoice, Progress, Result,
    store::{Manifest, OpenedStore, Store, exists},
    vector::MAX_DIMENSIONS,
    work::{Latest, ProgressCallback},
};

/// Settings of a [`VectorStore`].
///
/// # Asynchronous code
///
/// Creating and opening a store block: call these methods by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{HnswParams, IndexChoice, VectorStore};
///
/// let dense = IndexChoice::Auto(HnswParams { m: 48, ..HnswParams::default() });
/// let store = VectorStore::builder().index(dense).in_memory(384)?;
/// assert_eq!(store.dim(), 384);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct VectorStoreBuilder {
    index: Option<IndexChoice>,
    pub(super) progress: Option<ProgressCallback>,
    pub(super) cancel: Cancel,
}

impl fmt::Debug for VectorStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorStoreBuilder").field("index", &self.index).finish_non_exhaustive()
    }
}

impl VectorStoreBuilder {
    /// Sets how segments are indexed; by default a graph from
    /// [`IndexChoice::GRAPH_FROM`] vectors on. A store in a folder keeps the choice of the last
    /// commit. After another choice, the next commit builds the graphs that are missing and drops
    /// those that are not needed; other parameters hold for segments that are merged later.
    #[must_use]
    pub fn index(self, index: IndexChoice) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Sets a callback that reports the progress of graphs that a commit builds, from any of the
    /// threads that build them.
    #[must_use]
    pub fn progress(self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Arc::new(progress)), ..self }
    }

    /// Sets the handle that ends merges and calibrations with [`Error::Cancelled`]. A search has a
    /// handle of its own.
    #[must_use]
    pub fn cancel(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Creates an empty store in memory, for vectors of `dim` values, `1 <= dim <= 65_536`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `dim` or the parameters of the graph are out of range.
    pub fn in_memory(self, dim: usize) -> Result<VectorStore> {
        let contents = self.contents(dim)?;
        Ok(self.store(contents.index, None, VectorSnapshot::empty(dim, None)))
    }

    /// Creates an empty store in the folder at `path`, for vectors of `dim` values,
    /// `1 <= dim <= 65_536`. The folder and its parents are created if missing.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `dim` or the parameters of the graph are out of range.
    /// - [`Error::IndexExists`] if the folder holds a vector store, [`Error::OtherIndex`] if it
    ///   holds another index.
    /// - [`Error::Locked`] if another writer is creating one.
    /// - [`Error::Write`] if the folder cannot be written.
    /// - [`Error::Corrupt`] if the folder holds segments without a manifest.
    pub fn create(self, path: impl AsRef<Path>, dim: usize) -> Result<VectorStore> {
        let contents = self.contents(dim)?;
        let index = contents.index;
        let store = Store::create(path.as_ref(), Manifest::empty(contents))?;
        let snapshot = VectorSnapshot::empty(dim, store.id());
        Ok(self.store(index, Some(store), snapshot))
    }

    /// Opens the store in the folder at `path` for reading and writing.
    ///
    /// Files are memory-mapped and checked when they are first needed. If another program truncates
    /// one while it is open, the process receives SIGBUS.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if the parameters of the graph are out of range.
    /// - [`Error::NoIndex`] if the folder holds no store, [`Error::OtherIndex`] if it holds another
    ///   index.
    /// - [`Error::Locked`] if another writer has the store open.
    /// - [`Error::Corrupt`] or [`Error::Version`] if a file is damaged or of another version.
    /// - [`Error::Read`] or [`Error::Write`] if a file cannot be read or written.
    pub fn open(self, path: impl AsRef<Path>) -> Result<VectorStore> {
        self.index.map_or(Ok(()), IndexChoice::check)?;
        let OpenedStore { store, generation } = Store::<LiveVectors>::open(path.as_ref())?;
        let index = self.index.unwrap_or(store.manifest().contents.index);
        Ok(self.store(index, Some(store), generation.into()))
    }

    /// [`open`](Self::open)s the store in the folder at `path`, or [`create`](Self::create)s it if
    /// there is none.
    ///
    /// # Errors
    ///
    /// As `open` and `create`; [`Error::Dimension`] if the store has vectors of another dimension.
    pub fn open_or_create(self, path: impl AsRef<Path>, dim: usize) -> Result<VectorStore> {
        if !exists(path.as_ref())? {
            return self.create(path, dim);
        }
        let store = self.open(path)?;
        let expected = store.dim();
        if dim == expected { Ok(store) } else { Err(Error::Dimension { expected, got: dim }) }
    }

    /// The contents of a new store.
    fn contents(&self, dim: usize) -> Result<VectorContents> {
        Error::check_setting("dim", dim, 1..=MAX_DIMENSIONS, "1 to 65536")?;
        let index = self.index.unwrap_or_default();
        index.check()?;
        Ok(VectorContents { dim, index })
    }

    /// The store whose last commit is `snapshot`; in memory without a `store`.
    fn store(
        self,
        index: IndexChoice,
        store: Option<Store<LiveVectors>>,
        snapshot: VectorSnapshot,
    ) -> VectorStore {
        let snapshot = Arc::new(snapshot);
        let latest = Arc::new(Latest::new(Arc::clone(&snapshot)));
        let source = match &store {
            Some(store) => VectorSource::Folder(store.path().to_owned()),
            None => VectorSource::Writer(Arc::clone(&latest)),
        };
        VectorStore {
            committed: snapshot.segments.len(),
            reader: VectorReader { snapshot, source },
            latest,
            store,
            index,
            settings: self,
            changed: false,
        }
    }
}
