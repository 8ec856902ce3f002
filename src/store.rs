//! An index on disk: a folder of immutable files, and a manifest that names the files of the last
//! generation.
//!
//! The files are specified in `docs/FORMAT.md`. A generation is published by renaming its
//! manifest after all files that it names are fsynced, so a crash leaves either the old or the new
//! generation complete.

mod calibration_file;
mod file_names;
mod folder;
mod generation;
mod local_view;
mod lock;
mod manifest;
pub(crate) mod segment;
mod sorted_keys;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    format::{
        decode_error::DecodeError,
        sections::{FileId, Kind, Section, Tag, header},
    },
};
use segment::{LiveSegment, Segment};

use file_names::{CACHE, CACHE_NEW, LOCK, MANIFEST, name_of, parse_name};
use folder::Folder;
use generation::{missing, read_folder, read_manifest};
use lock::Lock;
use manifest::MAX_NUMBER;

pub(crate) use calibration_file::Questions;
pub(crate) use generation::{Generation, exists, read, read_newer, verify};
pub(crate) use local_view::LocalView;
pub(crate) use manifest::{Manifest, Probe, SegmentEntry};
pub(crate) use sorted_keys::SortedKeys;

/// An index that is open for writing.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Folder,
    _lock: Lock,
    manifest: Manifest,
    /// Identifies the manifest file; `None` before the first commit.
    id: Option<FileId>,
    /// Exceeds the manifest's number if a commit failed after it wrote files.
    next_number: u64,
    /// Whether the rename of the manifest may not be durable.
    needs_fsync: bool,
}

/// A published generation.
pub(crate) struct Published {
    /// The segments, all stored in files.
    pub(crate) segments: Vec<LiveSegment>,
    /// Whether the generation, which is published in any case, survives a power cut.
    pub(crate) durable: Result<()>,
}

/// A generation whose files are written and fsynced.
struct Prepared {
    manifest: Manifest,
    id: FileId,
    segments: Vec<LiveSegment>,
}

impl Store {
    /// Creates an empty index in the folder at `path`.
    pub(crate) fn create(path: &Path, manifest: Manifest) -> Result<Self> {
        let folder = Folder::create(path)?;
        let lock = Lock::take(path, LOCK)?;
        let names = folder.names()?;
        if names.iter().any(|name| name == MANIFEST) {
            return Err(Error::IndexExists { path: path.to_owned() });
        }
        let mut segments = names.iter().filter_map(|name| parse_name(name));
        if segments.any(|(kind, _)| kind == Kind::Segment) {
            let check = "it has segments, but no manifest";
            return Err(Error::Corrupt { origin: path.display().to_string(), check });
        }
        let next_number = manifest.next_number;
        let mut store = Self {
            folder,
            _lock: lock,
            manifest: manifest.clone(),
            id: None,
            next_number,
            needs_fsync: false,
        };
        store.publish(manifest, &[], None)?.durable?;
        Ok(store)
    }

    /// Opens the index in the folder at `path`, and removes files that no generation names.
    pub(crate) fn open(path: &Path) -> Result<(Self, Generation)> {
        let folder = Folder::at(path);
        // Before the lock, which is a file in the folder.
        read_manifest(&folder)?.ok_or_else(|| Error::NoIndex { path: path.to_owned() })?;
        let lock = Lock::take(path, LOCK)?;
        let generation = read_folder(&folder, &[])?;
        let manifest = generation.manifest.clone();
        // An unfinished commit may have left files with higher numbers.
        let names = folder.names()?;
        let numbers = names.iter().filter_map(|name| parse_name(name)).map(|(_, number)| number);
        let given = numbers.filter(|number| *number < MAX_NUMBER).max();
        let next_number = manifest.next_number.max(given.map_or(0, |number| number + 1));
        let id = Some(generation.id);
        let mut store = Self { folder, _lock: lock, manifest, id, next_number, needs_fsync: true };
        // The writer before may have ended between renaming and syncing.
        store.make_durable()?;
        Ok((store, generation))
    }

    /// Bytes of all files of the last generation.
    pub(crate) fn bytes(&self) -> u64 {
        self.manifest.bytes() + self.id.map_or(0, |id| id.length)
    }

    /// The file that vectors are cached in. It is no part of the index: no manifest names it, and
    /// it is never removed.
    pub(crate) fn cache_path(&self) -> PathBuf {
        self.folder.path_of(CACHE)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Identifies the manifest file of the last generation.
    pub(crate) fn id(&self) -> Option<FileId> {
        self.id
    }

    /// The last generation.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the last generation is published, but perhaps not durable.
    pub(crate) fn needs_fsync(&self) -> bool {
        self.needs_fsync
    }

    /// Publishes a generation of `segments`. On an error the previous generation stays.
    pub(crate) fn publish(
        &mut self,
        manifest: Manifest,
        segments: &[LiveSegment],
        questions: Option<&Questions>,
    ) -> Result<Published> {
        let mut written = Vec::new();
        let prepared = self.prepare(manifest, segments, questions, &mut written);
        let renamed = prepared.and_then(|prepared| {
            self.rename(&prepared)?;
            Ok(prepared)
        });
        match renamed {
            Ok(Prepared { manifest, id, segments }) => {
                self.manifest = manifest;
                self.id = Some(id);
                self.needs_fsync = true;
                Ok(Published { segments, durable: self.make_durable() })
            }
            Err(error) => {
                // No manifest names them; what cannot be removed now is when the index is opened.
                for name in written {
                    _ = self.folder.remove(&name);
                }
                Err(error)
            }
        }
    }

    /// Makes the manifest that was prepared that of the index.
    fn rename(&self, prepared: &Prepared) -> Result<()> {
        let name = name_of(Kind::Manifest, prepared.manifest.generation);
        let now = || Ok(read_manifest(&self.folder)?.map(|(_, id)| id));
        if now()? != self.id {
            // Somebody who did not see the lock.
            return Err(Error::Locked { path: self.folder.path().to_owned() });
        }
        let renamed = self.folder.rename(&name, MANIFEST);
        // Some systems report an error although they did it.
        match renamed {
            Err(_) if now().is_ok_and(|id| id == Some(prepared.id)) => Ok(()),
            renamed => renamed,
        }
    }

    /// Writes and fsyncs all files of a generation, the manifest under a temporary name.
    fn prepare(
        &mut self,
        manifest: Manifest,
        segments: &[LiveSegment],
        questions: Option<&Questions>,
        written: &mut Vec<String>,
    ) -> Result<Prepared> {
        let stored = segments.iter().map(|segment| self.stored(segment, written));
        let segments: Vec<LiveSegment> = stored.collect::<Result<_>>()?;
        let calibration = match questions {
            Some(questions) => Some(self.calibration(questions, &segments, written)?),
            None => None,
        };
        let entry = |segment: &LiveSegment| {
            let file = segment.segment().id()?;
            Some(SegmentEntry { file, removals: segment.removals_file() })
        };
        let entries = segments.iter().filter_map(entry).collect();
        let next_number = self.next_number;
        let manifest = Manifest { segments: entries, calibration, next_number, ..manifest };
        let record = manifest.encode()?;
        let name = name_of(Kind::Manifest, manifest.generation);
        // It is there if an earlier attempt could not rename it.
        _ = self.folder.remove(&name);
        let sections = [Section::new(Tag::Record, &record)];
        let id = self.folder.write(&name, Kind::Manifest, manifest.generation, &sections)?;
        written.push(name);
        self.folder.fsync()?;
        Ok(Prepared { manifest, id, segments })
    }

    /// Stores `segment` and its removals in files, unless they are.
    fn stored(&mut self, segment: &LiveSegment, written: &mut Vec<String>) -> Result<LiveSegment> {
        let mut stored = segment.clone();
        if segment.segment().id().is_none() {
            let name = segment.segment().with_sections(|sections| {
                self.write(Kind::Segment, sections, written).map(|(name, _)| name)
            })?;
            let map = self.folder.map(&name)?.ok_or_else(|| missing(&self.folder, &name))?;
            stored = segment.moved_to(Arc::new(Segment::open(map)?));
        }
        if stored.removed() > 0 && stored.removals_file().is_none() {
            let removed = stored.removed_articles();
            let section = Section::new(Tag::Removed, bytemuck::cast_slice(&removed));
            let (_, file) = self.write(Kind::Removals, &[section], written)?;
            stored.set_removals_file(file);
        }
        Ok(stored)
    }

    /// A file of what was measured of `segments` on `questions`.
    fn calibration(
        &mut self,
        questions: &Questions,
        segments: &[LiveSegment],
        written: &mut Vec<String>,
    ) -> Result<FileId> {
        let record = calibration_file::encode(questions, segments)?;
        let values = bytemuck::cast_slice(questions.vectors.as_slice());
        let sections = [Section::new(Tag::Record, &record), Section::new(Tag::Questions, values)];
        // Nothing was measured since the last generation if its file would be the same.
        let last = self.manifest.calibration;
        let is_same = |file: &FileId| header(Kind::Calibration, file.number, &sections).1 == *file;
        match last.filter(is_same) {
            Some(file) => Ok(file),
            None => self.write(Kind::Calibration, &sections, written).map(|(_, file)| file),
        }
    }

    /// Writes a new file of `kind`.
    fn write(
        &mut self,
        kind: Kind,
        sections: &[Section],
        written: &mut Vec<String>,
    ) -> Result<(String, FileId)> {
        let number = self.next_number;
        self.next_number += 1;
        let name = name_of(kind, number);
        let id = self.folder.write(&name, kind, number, sections)?;
        written.push(name.clone());
        Ok((name, id))
    }

    /// Makes sure that the last generation outlasts a power cut, and removes what only those
    /// before it need.
    pub(crate) fn make_durable(&mut self) -> Result<()> {
        self.folder.fsync()?;
        self.needs_fsync = false;
        if let Err(error) = self.remove_strays() {
            tracing::warn!(%error, "files of earlier generations are left for the next time");
        }
        Ok(())
    }

    /// Removes our files that the manifest does not name. One that cannot be removed, perhaps
    /// because somebody reads it, is left for the next time.
    fn remove_strays(&self) -> Result<()> {
        let named: Vec<_> = self.manifest.files().map(|(kind, file)| (kind, file.number)).collect();
        for name in self.folder.names()? {
            let is_stray = parse_name(&name).is_some_and(|file| !named.contains(&file));
            // The cache is never written anew during a commit.
            if is_stray || name == CACHE_NEW {
                self.folder.remove(&name).map_err(Error::write(&self.folder.path_of(&name)))?;
            }
        }
        Ok(())
    }
}

fn about(folder: &Folder, name: &str, refusal: DecodeError) -> Error {
    refusal.in_file(folder.path_of(name).display())
}
