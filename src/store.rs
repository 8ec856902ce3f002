//! Storage of a corpus or of vectors: segments, in memory or in files, and the folder whose manifest names the
//! files of the last generation.
//!
//! `docs/FORMAT.md` specifies the files. A writer publishes a generation by renaming its manifest
//! after all files that it names are fsynced. A crash therefore leaves either the old or the new
//! generation complete.

pub(crate) mod calibrate_segments;
mod calibration_file;
mod calibration_report;
mod contents;
mod copied_generation;
mod corpus_contents;
mod corpus_store;
mod file_names;
mod folder;
mod generation;
mod index_choice_record;
mod local_view;
mod manifest;
pub(crate) mod merge_policy;
mod removals;
mod reserved_file;
pub(crate) mod segment;
mod sorted_articles;
mod stamp_file;
mod stored_segment;
#[cfg(test)]
mod tests;
mod vector_store;

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    format::{
        decode_error::DecodeError,
        locked_file::LockedFile,
        sections::{FileId, Kind, Section, header},
        tag::Tag,
    },
};
use contents::Contents;
use segment::LiveSegment;

use file_names::{CACHE, CACHE_NEW, FileNumber, LOCK, MANIFEST};
use folder::Folder;
use generation::{missing, read_folder, read_manifest};
use manifest::{ListedFile, MAX_NUMBER};

pub(crate) use calibration_file::Questions;
pub use calibration_report::{CalibrationReport, FilterCalibration, GraphCalibration};
pub use copied_generation::BackupReport;
pub(crate) use copied_generation::copy_generation;
pub(crate) use corpus_contents::{CorpusContents, Probe};
pub(crate) use generation::{
    Generation, VerifiedFiles, exists, read, read_newer, verify, verify_last,
};
pub(crate) use local_view::LocalView;
pub(crate) use manifest::{Manifest, SegmentEntry};
pub(crate) use reserved_file::ReservedFile;
pub(crate) use sorted_articles::SortedArticles;
pub(crate) use stamp_file::{FileRecord, FolderStamps, RecordedArticle};
pub(crate) use stored_segment::StoredSegment;
pub use vector_store::{
    IdFilter, IdNeighbor, IdNeighbors, IdSearchParams, VectorReader, VectorStore,
    VectorStoreBuilder, VectorVerifyReport,
};

/// An index that is open for writing.
#[derive(Debug)]
pub(crate) struct Store<S: StoredSegment = LiveSegment> {
    folder: Folder,
    /// Allows the index one writer.
    _lock: LockedFile,
    manifest: Manifest<S::Contents>,
    /// Identity of the manifest file; `None` until the empty index is published.
    id: Option<FileId>,
    /// Number of the next file. It exceeds that of the manifest if a commit failed after it wrote
    /// files.
    next_number: u64,
    /// Whether the rename of the manifest may not be durable.
    needs_fsync: bool,
    /// Files of segments that no generation names yet.
    staged: Vec<FileId>,
    /// Numbers of files that are written while the store publishes others.
    reserved: Vec<u64>,
}

/// A store with the generation that it was opened at.
pub(crate) struct OpenedStore<S: StoredSegment = LiveSegment> {
    pub(crate) store: Store<S>,
    pub(crate) generation: Generation<S>,
}

/// A published generation.
pub(crate) struct Published<S = LiveSegment> {
    /// The segments, all stored in files.
    pub(crate) segments: Vec<S>,
    /// Outcome of the last fsync. After an error a power cut can lose the generation.
    pub(crate) durable: Result<()>,
}

/// A generation whose files are written and fsynced.
struct Prepared<S: StoredSegment> {
    manifest: Manifest<S::Contents>,
    /// Identity of the manifest file.
    id: FileId,
    segments: Vec<S>,
}

struct WrittenFile {
    name: String,
    id: FileId,
}

impl<S: StoredSegment> Store<S> {
    /// Creates an empty index in the folder at `path`.
    pub(crate) fn create(path: &Path, manifest: Manifest<S::Contents>) -> Result<Self> {
        let folder = Folder::create(path)?;
        let lock = take_lock(path)?;
        let names = folder.names()?;
        if names.iter().any(|name| name == MANIFEST) {
            return Err(match read_manifest::<S::Contents>(&folder) {
                Err(other @ Error::OtherIndex { .. }) => other,
                _ => Error::IndexExists { path: path.to_owned() },
            });
        }
        let mut files = names.iter().filter_map(|name| FileNumber::parse(name));
        if files.any(|file| matches!(file.kind, Kind::Segment | Kind::VectorSegment)) {
            let fault = "the folder holds segments, but no manifest";
            return Err(Error::Corrupt { origin: path.display().to_string(), fault });
        }
        let next_number = manifest.next_number;
        let mut store = Self {
            folder,
            _lock: lock,
            manifest: manifest.clone(),
            id: None,
            next_number,
            needs_fsync: false,
            staged: Vec::new(),
            reserved: Vec::new(),
        };
        store.publish(manifest, &[], None)?.durable?;
        Ok(store)
    }

    /// Opens the index in the folder at `path`, and removes files that no generation names.
    pub(crate) fn open(path: &Path) -> Result<OpenedStore<S>> {
        let folder = Folder::at(path)?;
        // Taking the lock creates a file, so the folder must hold an index.
        if read_manifest::<S::Contents>(&folder)?.is_none() {
            return Err(Error::NoIndex { path: path.to_owned() });
        }
        let lock = take_lock(path)?;
        let generation = read_folder(&folder, &[])?;
        let manifest = generation.manifest.clone();
        let next_number = next_number(&manifest, &folder.names()?);
        let id = Some(generation.id);
        let mut store = Self {
            folder,
            _lock: lock,
            manifest,
            id,
            next_number,
            needs_fsync: true,
            staged: Vec::new(),
            reserved: Vec::new(),
        };
        // The previous writer may have ended between the rename and the fsync.
        store.make_durable()?;
        Ok(OpenedStore { store, generation })
    }

    /// Total length of all files of the last generation.
    pub(crate) fn bytes(&self) -> u64 {
        let id = self.id.expect("`create` and `open` leave a published manifest");
        self.manifest.bytes() + id.length
    }

    /// Path of the embedding cache. The cache is not part of the index: no manifest names its
    /// file, and it is never removed.
    pub(crate) fn cache_path(&self) -> PathBuf {
        self.folder.path_of(CACHE)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Identity of the manifest file of the last generation.
    pub(crate) fn id(&self) -> Option<FileId> {
        self.id
    }

    /// The manifest of the last generation.
    pub(crate) fn manifest(&self) -> &Manifest<S::Contents> {
        &self.manifest
    }

    /// Whether a power cut may lose the last generation.
    pub(crate) fn needs_fsync(&self) -> bool {
        self.needs_fsync
    }

    /// Publishes a generation of `segments`. After an error the previous generation remains.
    pub(crate) fn publish(
        &mut self,
        manifest: Manifest<S::Contents>,
        segments: &[S],
        questions: Option<&Questions>,
    ) -> Result<Published<S>> {
        let mut written = Vec::new();
        let prepared = self.prepare(manifest, segments, questions, &mut written);
        let renamed = prepared.and_then(|prepared| self.rename(&prepared).map(|()| prepared));
        match renamed {
            Ok(Prepared { manifest, id, segments }) => {
                self.manifest = manifest;
                self.id = Some(id);
                self.needs_fsync = true;
                self.staged.clear();
                Ok(Published { segments, durable: self.make_durable() })
            }
            Err(error) => {
                // Unless the manifest is known to be the last one, it may name these files. Opening the
                // index removes those that it does not name.
                if self.is_last() {
                    for name in written {
                        _ = self.folder.remove(&name);
                    }
                }
                Err(error)
            }
        }
    }

    /// Replaces the manifest of the index by the prepared one.
    fn rename(&self, prepared: &Prepared<S>) -> Result<()> {
        if self.current_id()? != self.id {
            // Another writer ignored the lock, as on a network drive without locks.
            return Err(Error::Locked { path: self.folder.path().to_owned() });
        }
        let number = prepared.manifest.generation;
        let name = FileNumber { kind: S::Contents::MANIFEST, number }.name();
        match self.folder.rename(&name, MANIFEST) {
            // Some systems report an error although they renamed the file.
            Err(_) if self.current_id().is_ok_and(|id| id == Some(prepared.id)) => Ok(()),
            renamed => renamed,
        }
    }

    /// Whether the folder is known to hold the last generation of this store. It may hold another one
    /// after a rename that reported an error, or if a writer ignored the lock.
    fn is_last(&self) -> bool {
        self.current_id().is_ok_and(|id| id == self.id)
    }

    /// Identity of the manifest that is in the folder now.
    fn current_id(&self) -> Result<Option<FileId>> {
        Ok(read_manifest::<S::Contents>(&self.folder)?.map(|stored| stored.id()))
    }

    /// Writes and fsyncs all files of a generation, the manifest under a temporary name.
    fn prepare(
        &mut self,
        manifest: Manifest<S::Contents>,
        segments: &[S],
        questions: Option<&Questions>,
        written: &mut Vec<String>,
    ) -> Result<Prepared<S>> {
        let in_files = segments.iter().map(|segment| self.write_segment(segment, written));
        let segments: Vec<S> = in_files.collect::<Result<_>>()?;
        let calibration = match questions {
            Some(questions) => Some(self.write_calibration(questions, &segments, written)?),
            None => None,
        };
        let entry = |segment: &S| SegmentEntry {
            file: segment.file_id().expect("`write_segment` returns segments in files"),
            removals: segment.removals().files(),
        };
        let entries = segments.iter().map(entry).collect();
        let next_number = self.next_number;
        let manifest = Manifest { segments: entries, calibration, next_number, ..manifest };
        let encoded = manifest.encode()?;
        let name = FileNumber { kind: S::Contents::MANIFEST, number: manifest.generation }.name();
        // The file exists if an earlier attempt could not rename it.
        _ = self.folder.remove(&name);
        let kind = S::Contents::MANIFEST;
        let id = self.folder.write(&name, kind, manifest.generation, &encoded.sections())?;
        written.push(name);
        self.folder.fsync()?;
        Ok(Prepared { manifest, id, segments })
    }

    /// Writes the file of `segment`, if it has none, and that of the removals that no file lists.
    fn write_segment(&mut self, segment: &S, written: &mut Vec<String>) -> Result<S> {
        let mut stored = segment.clone();
        if segment.file_id().is_none() {
            let kind = S::Contents::SEGMENT;
            let file =
                segment.with_sections(|sections| self.write_file(kind, sections, written))?;
            stored = segment.moved_to(&open_written(&self.folder, &file.name)?);
        }
        if !stored.removals().are_listed() {
            let mut removals = stored.removals().clone();
            let removed = removals.take_next();
            let section = Section::new(Tag::Removed, bytemuck::cast_slice(&removed));
            let file = self.write_file(Kind::Removals, &[section], written)?;
            removals.push(file.id, removed);
            stored.set_removals(removals);
        }
        Ok(stored)
    }

    /// Writes the calibrations of `segments`, measured on `questions`, unless they are unchanged.
    fn write_calibration(
        &mut self,
        questions: &Questions,
        segments: &[S],
        written: &mut Vec<String>,
    ) -> Result<FileId> {
        let encoded = calibration_file::encode(questions, segments)?;
        let values = bytemuck::cast_slice(questions.vectors.as_slice());
        let [record, filtered] = encoded.sections();
        let sections = [record, Section::new(Tag::Questions, values), filtered];
        if let Some(last) = self.manifest.calibration {
            // Equal checksums mean that the last generation has a file with these bytes.
            let (_, id) = header(Kind::Calibration, last.number, &sections);
            if id == last {
                return Ok(last);
            }
        }
        Ok(self.write_file(Kind::Calibration, &sections, written)?.id)
    }

    /// Writes a new file of `kind`.
    fn write_file(
        &mut self,
        kind: Kind,
        sections: &[Section],
        written: &mut Vec<String>,
    ) -> Result<WrittenFile> {
        let number = self.take_number();
        let name = FileNumber { kind, number }.name();
        let id = self.folder.write(&name, kind, number, sections)?;
        written.push(name.clone());
        Ok(WrittenFile { name, id })
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Fsyncs the folder, so that the last generation survives a power cut, and removes the files
    /// that only earlier generations need.
    pub(crate) fn make_durable(&mut self) -> Result<()> {
        self.folder.fsync()?;
        self.needs_fsync = false;
        if let Err(error) = self.remove_strays() {
            tracing::warn!(%error, "files of earlier generations remain until the next commit");
        }
        Ok(())
    }

    /// Removes index files that the manifest does not name. Some systems do not remove a file
    /// that another process reads; the next commit tries again.
    fn remove_strays(&self) -> Result<()> {
        let listed: Vec<_> = self.manifest.files().map(ListedFile::file_number).collect();
        // The segments and the cache of another kind of index are files of the user here.
        let is_own = |kind: Kind| match kind {
            Kind::Segment | Kind::VectorSegment => kind == S::Contents::SEGMENT,
            _ => true,
        };
        for name in self.folder.names()? {
            let is_stray = FileNumber::parse(&name).is_some_and(|file| {
                is_own(file.kind)
                    && !listed.contains(&file)
                    && !self.reserved.contains(&file.number)
            });
            // The cache is not rewritten during a commit, so its replacement is a leftover.
            if is_stray || (name == CACHE_NEW && is_own(Kind::Segment)) {
                self.folder.remove(&name).map_err(Error::write(&self.folder.path_of(&name)))?;
            }
        }
        Ok(())
    }
}

/// Opens the segment in the file `name`, which was just written.
fn open_written<S: StoredSegment>(folder: &Folder, name: &str) -> Result<S> {
    let map = folder.map(name)?;
    S::open(map.ok_or_else(|| missing(folder, name))?)
}

/// Returns a file number that is not in use. An unfinished commit may have left files with
/// higher numbers than `manifest` knows.
fn next_number<C>(manifest: &Manifest<C>, names: &[String]) -> u64 {
    let numbers = names.iter().filter_map(|name| FileNumber::parse(name)).map(|file| file.number);
    let used = numbers.filter(|number| *number < MAX_NUMBER);
    used.map(|number| number + 1).fold(manifest.next_number, u64::max)
}

/// Locks the index in `folder` for writing; the lock file remains after the lock is released.
fn take_lock(folder: &Path) -> Result<LockedFile> {
    let lock = LockedFile::open(&folder.join(LOCK))?;
    lock.ok_or_else(|| Error::Locked { path: folder.to_owned() })
}

/// The error of the file `name` in `folder`.
fn decode_error_in(folder: &Folder, name: &str, error: DecodeError) -> Error {
    error.in_file(folder.path_of(name).display())
}
