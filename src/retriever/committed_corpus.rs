//! The committed corpus, which the writer and the thread of background merges publish in turn.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::instrument;

use super::searcher::Snapshot;
use crate::{
    Chunker, IndexChoice, Result,
    store::{
        FolderStamps, Manifest, Published, Questions, Store,
        segment::{LiveSegment, Segment},
    },
    work::Latest,
};

/// The last commit, and the store that publishes the next one.
#[derive(Debug)]
pub(super) struct CommittedCorpus {
    latest: Arc<Latest<Snapshot>>,
    publisher: Mutex<Publisher>,
    /// Whether a power cut may lose the last commit. It is kept outside of the mutex, so that no
    /// write waits for a publication.
    needs_fsync: AtomicBool,
}

/// The store and the running merge. Its lock is held for each publication, but never while a graph is built
/// in the background.
#[derive(Debug)]
pub(super) struct Publisher {
    /// `None` in memory.
    store: Option<Store>,
    /// Segments that the thread of background merges copies. A commit keeps them apart.
    merging: Vec<Arc<Segment>>,
    /// The stamps of files of a corpus in memory, by the key prefix of their sync.
    stamps: BTreeMap<String, FolderStamps>,
}

/// The publisher, locked.
pub(super) struct LockedPublisher<'c> {
    corpus: &'c CommittedCorpus,
    publisher: MutexGuard<'c, Publisher>,
}

/// The state that a publication makes the last commit.
pub(super) struct NextSnapshot {
    pub(super) generation: u64,
    pub(super) segments: Vec<LiveSegment>,
    pub(super) questions: Option<Arc<Questions>>,
    /// `None` keeps those of the last commit.
    pub(super) settings: Option<CommittedSettings>,
}

/// Settings that an index in a folder stores.
#[derive(Clone)]
pub(super) struct CommittedSettings {
    pub(super) chunker: Chunker,
    pub(super) index: IndexChoice,
}

/// A snapshot that others can read.
pub(super) struct PublishedSnapshot {
    pub(super) snapshot: Arc<Snapshot>,
    /// Outcome of the last fsync. After an error a power cut can lose the generation.
    pub(super) durable: Result<()>,
}

impl CommittedCorpus {
    /// The corpus of `store`, which holds `snapshot`; in memory without a store.
    pub(super) fn new(store: Option<Store>, snapshot: Arc<Snapshot>) -> Self {
        let latest = Arc::new(Latest::new(snapshot));
        let needs_fsync = AtomicBool::new(store.as_ref().is_some_and(Store::needs_fsync));
        let publisher =
            Mutex::new(Publisher { store, merging: Vec::new(), stamps: BTreeMap::new() });
        Self { latest, publisher, needs_fsync }
    }

    /// The last commit, as searchers share it.
    pub(super) fn latest(&self) -> &Arc<Latest<Snapshot>> {
        &self.latest
    }

    /// Whether a power cut may lose the last commit.
    pub(super) fn needs_fsync(&self) -> bool {
        self.needs_fsync.load(Ordering::Relaxed)
    }

    /// Waits for the publication of another thread, and locks.
    pub(super) fn lock(&self) -> LockedPublisher<'_> {
        // A panic under the lock leaves the store as it was: publishing changes it at its end.
        let publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        LockedPublisher { corpus: self, publisher }
    }
}

impl Publisher {
    /// The store; `None` in memory.
    pub(super) fn store(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }

    /// The segments that are copied in the background.
    pub(super) fn merging(&self) -> &[Arc<Segment>] {
        &self.merging
    }

    /// Sets the segments that are copied in the background.
    pub(super) fn set_merging(&mut self, segments: Vec<Arc<Segment>>) {
        self.merging = segments;
    }

    /// Returns the stamps of the syncs with `key_prefix`, as [`Store::file_stamps`] does.
    pub(super) fn file_stamps(&self, key_prefix: &str) -> FolderStamps {
        match &self.store {
            Some(store) => store.file_stamps(key_prefix),
            None => self.stamps.get(key_prefix).cloned().unwrap_or_default(),
        }
    }

    /// Notes that a sync with `key_prefix` commits, as [`Store::begin_file_stamps`] does.
    pub(super) fn begin_file_stamps(&mut self, key_prefix: &str) -> Result<()> {
        if let Some(store) = &self.store {
            return store.begin_file_stamps(key_prefix);
        }
        if let Some(stamps) = self.stamps.get_mut(key_prefix) {
            stamps.is_finished = false;
        }
        Ok(())
    }

    /// Replaces the stamps of the syncs with `key_prefix`, as [`Store::set_file_stamps`] does.
    pub(super) fn set_file_stamps(&mut self, key_prefix: &str, stamps: FolderStamps) -> Result<()> {
        if let Some(store) = &self.store {
            return store.set_file_stamps(key_prefix, &stamps);
        }
        self.stamps.insert(key_prefix.to_owned(), stamps);
        Ok(())
    }

    /// Writes the files of the next snapshot and renames the manifest; in memory there are none.
    #[instrument(name = "write", level = "debug", skip_all, fields(segments = next.segments.len()))]
    fn write(&mut self, next: NextSnapshot) -> Result<PublishedSnapshot> {
        let NextSnapshot { generation, segments, questions, settings } = next;
        let Some(store) = &mut self.store else {
            let snapshot = Snapshot { generation, segments, questions, ..Snapshot::default() };
            return Ok(PublishedSnapshot { snapshot: Arc::new(snapshot), durable: Ok(()) });
        };
        let mut manifest = Manifest { generation, ..store.manifest().clone() };
        if let Some(CommittedSettings { chunker, index }) = settings {
            manifest.contents.chunker = chunker;
            manifest.contents.index = index;
        }
        let Published { segments, durable } =
            store.publish(manifest, &segments, questions.as_deref())?;
        let snapshot = Snapshot {
            generation,
            manifest: store.id(),
            segments,
            bytes_on_disk: store.bytes(),
            questions,
        };
        Ok(PublishedSnapshot { snapshot: Arc::new(snapshot), durable })
    }
}

impl LockedPublisher<'_> {
    /// Publishes the next snapshot, and hands it to searchers that reload. After an error the last
    /// commit remains.
    pub(super) fn publish(&mut self, next: NextSnapshot) -> Result<PublishedSnapshot> {
        let written = self.publisher.write(next);
        self.note_fsync();
        let published = written?;
        self.corpus.latest.set(Arc::clone(&published.snapshot));
        Ok(published)
    }

    /// Repeats the fsync of a publication whose fsync failed.
    pub(super) fn retry_fsync(&mut self) -> Result<()> {
        let Some(store) = self.publisher.store.as_mut().filter(|store| store.needs_fsync()) else {
            return Ok(());
        };
        let durable = store.make_durable();
        self.note_fsync();
        durable
    }

    fn note_fsync(&self) {
        let needs_fsync = self.publisher.store.as_ref().is_some_and(Store::needs_fsync);
        self.corpus.needs_fsync.store(needs_fsync, Ordering::Relaxed);
    }
}

impl Deref for LockedPublisher<'_> {
    type Target = Publisher;

    fn deref(&self) -> &Publisher {
        &self.publisher
    }
}

impl DerefMut for LockedPublisher<'_> {
    fn deref_mut(&mut self) -> &mut Publisher {
        &mut self.publisher
    }
}
