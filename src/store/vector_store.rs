//! A store of vectors with the ids of its user, in the folders and generations of `store`.

mod id_search;
mod live_vectors;
#[cfg(test)]
mod tests;
mod vector_calibration;
mod vector_commit;
mod vector_contents;
mod vector_reader;
mod vector_segment;
mod vector_snapshot;
mod vector_store_builder;
mod vector_verify;

use std::{path::Path, sync::Arc};

use super::{Store, merge_policy::uncommitted_to_join};
use crate::{
    BackupReport, Cancel, Error, IndexChoice, Result, Vectors,
    vector::vectors::QueryView,
    work::{Latest, WorkMonitor},
};
use live_vectors::LiveVectors;
use vector_segment::VectorSegment;
use vector_snapshot::{LivePlace, VectorSnapshot};

pub use id_search::{IdFilter, IdNeighbor, IdNeighbors, IdSearchParams};
pub use vector_reader::VectorReader;
pub use vector_store_builder::VectorStoreBuilder;
pub use vector_verify::VectorVerifyReport;

/// Vectors with ids, which can be added, replaced, removed and searched, in memory or in a folder.
///
/// It serves programs that have vectors of their own and no articles: of images, of users, of
/// another model. Ids are any `u64`, each with at most one vector. Vectors are scaled to length 1,
/// and similarity is the cosine.
///
/// A store changes (`&mut self`) and [commits](Self::commit) the changes. Its own searches also
/// find uncommitted vectors. A [`VectorReader`] finds the last commit: [`reader`](Self::reader)
/// returns one for another thread, [`VectorReader::open`] opens one in another process. A folder
/// has one writer at a time and any number of readers.
///
/// A commit writes the changes as a new segment. From time to time it also merges segments and
/// builds the graph of the merged one, so a few commits take much longer than most; the policy
/// keeps about log n segments. [`progress`](VectorStoreBuilder::progress) and
/// [`cancel`](VectorStoreBuilder::cancel) watch and end this work.
///
/// Dropping a store discards uncommitted changes.
///
/// # Asynchronous code
///
/// All methods but the sizes block: call them by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{IdFilter, IdSearchParams, VectorReader, VectorStore, Vectors};
///
/// # let temp = tempfile::tempdir().unwrap();
/// # let folder = temp.path().join("vectors");
/// let mut store = VectorStore::create(&folder, 2)?;
/// store.add(&[17, 4], Vectors::normalized(2, vec![1.0, 0.0, 0.6, 0.8])?)?;
/// store.add(&[99], Vectors::normalized(2, vec![0.0, 3.0])?)?;
/// store.commit()?;
///
/// let reader = VectorReader::open(&folder)?;
/// let found = reader.search(&[0.0, 1.0], &IdSearchParams { k: 2, ..Default::default() })?;
/// let ids: Vec<u64> = found.neighbors.iter().map(|neighbor| neighbor.id).collect();
/// assert_eq!(ids, [99, 4]);
///
/// let filter = Some(IdFilter::Where(&|id| id < 50));
/// let found = reader.search(&[0.0, 1.0], &IdSearchParams { filter, ..Default::default() })?;
/// assert_eq!(found.neighbors[0].id, 4);
///
/// assert_eq!(store.remove(&[4, 5])?, 1, "there is no vector 5");
/// assert!(!store.contains(4)? && reader.contains(4)?, "until the commit and a reload");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Debug)]
pub struct VectorStore {
    /// The store with uncommitted changes.
    reader: VectorReader,
    /// The last commit.
    latest: Arc<Latest<VectorSnapshot>>,
    /// Number of leading segments that belong to the last commit.
    committed: usize,
    /// `None` in memory.
    store: Option<Store<LiveVectors>>,
    index: IndexChoice,
    settings: VectorStoreBuilder,
    /// Whether there are uncommitted changes.
    changed: bool,
}

impl VectorStore {
    /// Creates an empty store in memory, for vectors of `dim` values.
    ///
    /// # Errors
    ///
    /// As [`VectorStoreBuilder::in_memory`].
    pub fn in_memory(dim: usize) -> Result<Self> {
        Self::builder().in_memory(dim)
    }

    /// Creates an empty store in the folder at `path`, for vectors of `dim` values.
    ///
    /// # Errors
    ///
    /// As [`VectorStoreBuilder::create`].
    pub fn create(path: impl AsRef<Path>, dim: usize) -> Result<Self> {
        Self::builder().create(path, dim)
    }

    /// Opens the store in the folder at `path`.
    ///
    /// # Errors
    ///
    /// As [`VectorStoreBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open(path)
    }

    /// Opens the store in the folder at `path`, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As [`VectorStoreBuilder::open_or_create`].
    pub fn open_or_create(path: impl AsRef<Path>, dim: usize) -> Result<Self> {
        Self::builder().open_or_create(path, dim)
    }

    /// Returns the settings of a store, with their defaults.
    #[must_use]
    pub fn builder() -> VectorStoreBuilder {
        VectorStoreBuilder::default()
    }

    /// Adds `vectors`, each with the id at the same position. A vector replaces an earlier one of
    /// the same id; of several in one call, the last one counts. Returns how many ids had a vector
    /// before.
    ///
    /// `ndarray` arrays and views become [`Vectors`] by `TryFrom`. Adding many vectors in one call
    /// is faster than one by one. Ids in ascending order save a copy.
    ///
    /// # Errors
    ///
    /// After an error the store is unchanged.
    ///
    /// - [`Error::IdCount`] if there are not as many ids as vectors.
    /// - [`Error::Dimension`] if the vectors have another dimension.
    /// - [`Error::TooLarge`] for more than 2^31 vectors.
    /// - [`Error::Corrupt`] if a file is damaged.
    pub fn add(&mut self, ids: &[u64], vectors: Vectors) -> Result<usize> {
        if ids.len() != vectors.len() {
            return Err(Error::IdCount { ids: ids.len(), vectors: vectors.len() });
        }
        if vectors.dim() != self.dim() {
            return Err(Error::Dimension { expected: self.dim(), got: vectors.dim() });
        }
        if ids.is_empty() {
            return Ok(0);
        }
        let added = sorted_segment(ids, vectors)?;
        let replaced = self.places(added.ids()?)?;
        // All that can fail works on copies of the uncommitted segments, which are mostly small.
        let mut uncommitted = self.segments()[self.committed..].to_vec();
        for place in replaced.iter().filter(|place| place.segment >= self.committed) {
            uncommitted[place.segment - self.committed].remove_row(place.row);
        }
        uncommitted.retain(|segment| segment.len() > 0);
        uncommitted.push(LiveVectors::all(Arc::new(added)));
        self.join(&mut uncommitted)?;
        let committed = self.committed;
        let segments = self.segments_mut();
        segments.truncate(committed);
        for place in replaced.iter().filter(|place| place.segment < committed) {
            segments[place.segment].remove_row(place.row);
        }
        segments.extend(uncommitted);
        Ok(replaced.len())
    }

    /// Removes the vectors with these ids. Returns how many there were; unknown ids are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged. The store is then unchanged.
    pub fn remove(&mut self, ids: &[u64]) -> Result<usize> {
        let places = self.places(ids)?;
        if places.is_empty() {
            return Ok(0);
        }
        let segments = self.segments_mut();
        // An id that is given twice has one place.
        let removed = places.iter().filter(|place| segments[place.segment].remove_row(place.row));
        Ok(removed.count())
    }

    /// Discards all changes since the last commit.
    pub fn rollback(&mut self) {
        self.continue_from(self.latest.get());
    }

    /// Returns a reader of the last commit, for another thread. It keeps this state until
    /// [`reload`](VectorReader::reload).
    #[must_use]
    pub fn reader(&self) -> VectorReader {
        VectorReader { snapshot: self.latest.get(), source: self.reader.source.clone() }
    }

    /// The number of the last commit.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.reader.generation()
    }

    /// Returns the neighbors of `query`; see [`VectorReader::search`].
    ///
    /// # Errors
    ///
    /// As [`VectorReader::search`].
    pub fn search(&self, query: &[f32], params: &IdSearchParams) -> Result<IdNeighbors> {
        self.reader.search(query, params)
    }

    /// Returns the neighbors of a query in an `ndarray` view; see [`VectorReader::search_array`].
    ///
    /// # Errors
    ///
    /// As [`VectorReader::search`].
    #[expect(clippy::needless_pass_by_value, reason = "as `VectorIndex::search_array`")]
    pub fn search_array(
        &self,
        query: QueryView<'_>,
        params: &IdSearchParams,
    ) -> Result<IdNeighbors> {
        self.reader.search_array(query, params)
    }

    /// Returns the neighbors of each query, searched in parallel; see
    /// [`VectorReader::search_many`].
    ///
    /// # Errors
    ///
    /// As [`VectorReader::search_many`].
    pub fn search_many(
        &self,
        queries: &Vectors,
        params: &IdSearchParams,
    ) -> Result<Vec<IdNeighbors>> {
        self.reader.search_many(queries, params)
    }

    /// The vector with this id, scaled to length 1; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn get(&self, id: u64) -> Result<Option<&[f32]>> {
        self.reader.get(id)
    }

    /// Returns whether there is a vector with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn contains(&self, id: u64) -> Result<bool> {
        self.reader.contains(id)
    }

    /// The ids of all vectors, in ascending order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file is damaged.
    pub fn ids(&self) -> Result<Vec<u64>> {
        self.reader.ids()
    }

    /// Number of vectors, including uncommitted ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reader.len()
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// Dimension of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.reader.dim()
    }

    /// Copies the last commit to the folder at `path`, which is empty or does not exist; see
    /// [`VectorReader::backup`].
    ///
    /// # Errors
    ///
    /// As [`VectorReader::backup`].
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.reader.backup(path)
    }

    fn segments(&self) -> &[LiveVectors] {
        &self.reader.snapshot.segments
    }

    /// The segments for an uncommitted change. The list that others read is copied once.
    fn segments_mut(&mut self) -> &mut Vec<LiveVectors> {
        self.changed = true;
        &mut Arc::make_mut(&mut self.reader.snapshot).segments
    }

    /// The places of those of `ids` that have a vector.
    fn places(&self, ids: &[u64]) -> Result<Vec<LivePlace>> {
        let places = ids.iter().map(|id| self.reader.snapshot.find(*id));
        places.filter_map(Result::transpose).collect()
    }

    /// Continues from the commit `snapshot` without changes.
    fn continue_from(&mut self, snapshot: Arc<VectorSnapshot>) {
        self.committed = snapshot.segments.len();
        self.reader.snapshot = snapshot;
        self.changed = false;
    }

    /// Makes one of the last of the `uncommitted` segments, so that many small additions leave few of
    /// them.
    fn join(&self, uncommitted: &mut Vec<LiveVectors>) -> Result<()> {
        let sizes = uncommitted.iter().map(LiveVectors::len);
        let joined = uncommitted.split_off(uncommitted.len() - uncommitted_to_join(sizes));
        if !joined.is_empty() {
            // So few vectors are not worth a cancellation.
            let cancel = Cancel::new();
            let monitor = WorkMonitor::new(&cancel, None);
            uncommitted.push(LiveVectors::merge(&joined, self.dim(), IndexChoice::Exact, monitor)?);
        }
        Ok(())
    }

    /// Progress callback and cancellation handle of long operations.
    fn monitor(&self) -> WorkMonitor<'_> {
        let progress = self.settings.progress.as_deref();
        let progress = progress.map(|progress| progress as &(dyn Fn(_) + Sync));
        WorkMonitor::new(&self.settings.cancel, progress)
    }
}

/// Builds a segment without a graph of `vectors` in the order of their ids. Of several vectors with
/// one id, it holds the last.
fn sorted_segment(ids: &[u64], vectors: Vectors) -> Result<VectorSegment> {
    // Adding takes little time beside the commit, so it is not cancelled.
    let cancel = Cancel::new();
    let monitor = WorkMonitor::new(&cancel, None);
    if ids.is_sorted_by(|a, b| a < b) {
        return VectorSegment::build(ids.to_vec(), vectors, IndexChoice::Exact, monitor);
    }
    // The sort is stable, so of equal ids the last comes first, which is the one that is kept.
    let mut rows: Vec<usize> = (0..ids.len()).rev().collect();
    rows.sort_by_key(|row| ids[*row]);
    rows.dedup_by_key(|row| ids[*row]);
    let ids = rows.iter().map(|row| ids[*row]).collect();
    VectorSegment::build(ids, vectors.select(&rows), IndexChoice::Exact, monitor)
}
