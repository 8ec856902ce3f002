//! An index on disk: a folder of immutable files, and a manifest that names those of the last
//! generation.
//!
//! The files are specified in `docs/FORMAT.md`. A generation is published by renaming its
//! manifest, after everything that it names was synced; whatever happens, the old or the new
//! one is there, whole.

mod calibration;
pub(crate) mod codec;
mod folder;
mod lock;
mod manifest;
mod names;

use std::{collections::HashMap, path::Path, sync::Arc};

use crate::{
    Error, Result,
    index::as_rows,
    refusal::{Refusal, require},
    sections::{FileId, Kind, Part, Sections, Tag, header},
    segment::{LiveSegment, Segment},
};

use folder::Folder;
use lock::Lock;
use names::{LOCK, MANIFEST, name_of, our_name};

pub(crate) use calibration::Questions;
pub(crate) use manifest::{Manifest, Probe, SegmentEntry};

/// A generation with its segments.
pub(crate) struct Generation {
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) questions: Option<Arc<Questions>>,
}

/// An index that is open for writing.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Folder,
    _lock: Lock,
    manifest: Manifest,
    /// Higher than in the manifest if a commit failed after it wrote files.
    next_number: u64,
    /// The manifest was renamed, but that may not be durable.
    unsynced: bool,
}

/// What came of publishing a generation.
pub(crate) struct Published {
    /// The segments, all of them in files now.
    pub(crate) segments: Vec<LiveSegment>,
    /// Whether the generation, which is there in any case, outlasts a power cut.
    pub(crate) durable: Result<()>,
}

impl Store {
    /// Makes the empty index `manifest` in the folder at `path`.
    pub(crate) fn create(path: &Path, manifest: Manifest) -> Result<Self> {
        let folder = Folder::create(path)?;
        let lock = Lock::take(path, LOCK)?;
        let names = folder.names()?;
        if names.iter().any(|name| name == MANIFEST) {
            return Err(Error::IndexExists { path: path.to_owned() });
        }
        let mut segments = names.iter().filter_map(|name| our_name(name));
        if segments.any(|(kind, _)| kind == Kind::Segment) {
            let check = "it has segments, but no manifest";
            return Err(Error::Corrupt { origin: path.display().to_string(), check });
        }
        let next_number = manifest.next_number;
        let mut store =
            Self { folder, _lock: lock, manifest: manifest.clone(), next_number, unsynced: false };
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
        let next_number = manifest.next_number;
        let store = Self { folder, _lock: lock, manifest, next_number, unsynced: false };
        store.remove_strays()?;
        Ok((store, generation))
    }

    /// Bytes of all files of the last generation but the manifest.
    pub(crate) fn bytes(&self) -> u64 {
        self.manifest.files().map(|(_, file)| file.length).sum()
    }

    /// Reads every byte of the files of the last generation as they are in the folder now, and
    /// not as they were when they were opened; returns the number of files, and their bytes.
    pub(crate) fn verify(&self) -> Result<(usize, u64)> {
        let manifest = read_manifest(&self.folder)?;
        if manifest.as_ref() != Some(&self.manifest) {
            return Err(about(&self.folder, MANIFEST, Refusal::Corrupt("it is another one")));
        }
        for (kind, file) in self.manifest.files() {
            open_file(&self.folder, kind, file)?.map_err(|name| missing(&self.folder, &name))?;
        }
        Ok((self.manifest.files().count() + 1, self.bytes()))
    }

    /// The last generation.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the last generation is published, but perhaps not durable.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Publishes a generation of these `segments`. On an error the one before is there.
    pub(crate) fn publish(
        &mut self,
        manifest: Manifest,
        segments: &[LiveSegment],
        questions: Option<&Questions>,
    ) -> Result<Published> {
        let mut written = Vec::new();
        match self.prepare(manifest, segments, questions, &mut written) {
            Ok((manifest, segments)) => {
                let name = name_of(Kind::Manifest, manifest.generation);
                self.folder.rename(&name, MANIFEST)?;
                self.manifest = manifest;
                self.unsynced = true;
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

    /// Writes and syncs all files of a generation, the manifest under a name of its own.
    fn prepare(
        &mut self,
        manifest: Manifest,
        segments: &[LiveSegment],
        questions: Option<&Questions>,
        written: &mut Vec<String>,
    ) -> Result<(Manifest, Vec<LiveSegment>)> {
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
        let parts = [(Tag::Record, &*record)];
        self.folder.write(&name, Kind::Manifest, manifest.generation, &parts)?;
        written.push(name);
        self.folder.sync()?;
        Ok((manifest, segments))
    }

    /// `segment`, in files.
    fn stored(&mut self, segment: &LiveSegment, written: &mut Vec<String>) -> Result<LiveSegment> {
        let mut stored = segment.clone();
        if segment.segment().id().is_none() {
            let name = segment.segment().with_parts(|parts| {
                self.write(Kind::Segment, parts, written).map(|(name, _)| name)
            })?;
            let map = self.folder.map(&name)?.ok_or_else(|| missing(&self.folder, &name))?;
            stored = segment.moved_to(Arc::new(Segment::open(map)?));
        }
        if stored.removed() > 0 && stored.removals_file().is_none() {
            let removed = stored.removed_articles();
            let part = (Tag::Removed, bytemuck::cast_slice(&removed));
            let (_, file) = self.write(Kind::Removals, &[part], written)?;
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
        let record = calibration::encode(questions, segments)?;
        let values = bytemuck::cast_slice(questions.vectors.as_slice());
        let parts = [(Tag::Record, &*record), (Tag::Questions, values)];
        // Nothing was measured since the last generation if its file would be the same.
        let last = self.manifest.calibration;
        let is_same = |file: &FileId| header(Kind::Calibration, file.number, &parts).1 == *file;
        match last.filter(is_same) {
            Some(file) => Ok(file),
            None => self.write(Kind::Calibration, &parts, written).map(|(_, file)| file),
        }
    }

    /// Writes a new file of `kind`.
    fn write(
        &mut self,
        kind: Kind,
        parts: &[Part],
        written: &mut Vec<String>,
    ) -> Result<(String, FileId)> {
        let number = self.next_number;
        self.next_number += 1;
        let name = name_of(kind, number);
        let id = self.folder.write(&name, kind, number, parts)?;
        written.push(name.clone());
        Ok((name, id))
    }

    /// Makes sure that the last generation outlasts a power cut, and removes what only those
    /// before it need.
    pub(crate) fn make_durable(&mut self) -> Result<()> {
        self.folder.sync()?;
        self.unsynced = false;
        self.remove_strays()
    }

    /// Removes our files that the manifest does not name. One that cannot be removed, perhaps
    /// because somebody reads it, is left for the next time.
    fn remove_strays(&self) -> Result<()> {
        let named: Vec<_> = self.manifest.files().map(|(kind, file)| (kind, file.number)).collect();
        for name in self.folder.names()? {
            if our_name(&name).is_some_and(|file| !named.contains(&file))
                && let Err(error) = self.folder.remove(&name)
            {
                tracing::warn!(file = %self.folder.path_of(&name).display(), %error, "not removed");
            }
        }
        Ok(())
    }
}

/// Whether there is an index in the folder at `path`.
pub(crate) fn exists(path: &Path) -> Result<bool> {
    Ok(Folder::at(path).map(MANIFEST)?.is_some())
}

/// Reads the last generation in the folder at `path`, which a writer may be changing. Segments
/// that are `known` are not opened again.
pub(crate) fn read(path: &Path, known: &[LiveSegment]) -> Result<Generation> {
    read_folder(&Folder::at(path), known)
}

/// How often a reader starts again because a writer has published meanwhile.
const ATTEMPTS: usize = 100;

fn read_folder(folder: &Folder, known: &[LiveSegment]) -> Result<Generation> {
    let known = known.iter().filter_map(|one| Some((one.segment().id()?, one.segment())));
    let known: HashMap<FileId, &Arc<Segment>> = known.collect();
    let manifest = || {
        let manifest = read_manifest(folder)?;
        manifest.ok_or_else(|| Error::NoIndex { path: folder.path().to_owned() })
    };
    let mut current = manifest()?;
    for _ in 0..ATTEMPTS {
        let name = match open_all(folder, &current, &known)? {
            Ok((segments, questions)) => {
                return Ok(Generation { manifest: current, segments, questions });
            }
            Err(name) => name,
        };
        // The writer removes what only older generations need: is there a newer one?
        let newer = manifest()?;
        if newer == current {
            return Err(missing(folder, &name));
        }
        current = newer;
    }
    Err(missing(folder, MANIFEST))
}

fn read_manifest(folder: &Folder) -> Result<Option<Manifest>> {
    let Some(map) = folder.map(MANIFEST)? else { return Ok(None) };
    let read = |map| Manifest::read(&Sections::open(map, Kind::Manifest)?);
    let manifest = read(map).map_err(|refusal| refusal.about(folder.path_of(MANIFEST).display()));
    manifest.map(Some)
}

type Opened = (Vec<LiveSegment>, Option<Arc<Questions>>);

/// What `manifest` names, or the name of a file that is not there.
fn open_all(
    folder: &Folder,
    manifest: &Manifest,
    known: &HashMap<FileId, &Arc<Segment>>,
) -> Result<Result<Opened, String>> {
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let segment = match known.get(&entry.file) {
            Some(segment) => Arc::clone(segment),
            None => match open_segment(folder, entry.file, manifest.dim)? {
                Ok(segment) => Arc::new(segment),
                Err(name) => return Ok(Err(name)),
            },
        };
        let mut segment = LiveSegment::all(segment);
        if let Some(file) = entry.removals {
            match open_file(folder, Kind::Removals, file)? {
                Ok(sections) => remove_all(&mut segment, &sections, file)?,
                Err(name) => return Ok(Err(name)),
            }
        }
        segments.push(segment);
    }
    let Some(file) = manifest.calibration else { return Ok(Ok((segments, None))) };
    let sections = match open_file(folder, Kind::Calibration, file)? {
        Ok(sections) => sections,
        Err(name) => return Ok(Err(name)),
    };
    let about = |refusal: Refusal| refusal.about(sections.map().path().display());
    let (questions, mut graphs) = calibration::read(&sections, manifest.dim).map_err(about)?;
    for segment in &mut segments {
        let number = segment.segment().id().map(|file| file.number);
        segment.set_calibration(number.and_then(|number| graphs.remove(&number)));
    }
    Ok(Ok((segments, Some(questions))))
}

fn open_segment(folder: &Folder, file: FileId, dim: usize) -> Result<Result<Segment, String>> {
    let name = name_of(Kind::Segment, file.number);
    let Some(map) = folder.map(&name)? else { return Ok(Err(name)) };
    let segment = Segment::open(map)?;
    let right = segment.id() == Some(file) && segment.dim() == dim;
    require(right, NOT_THE_NAMED).map_err(|refusal| about(folder, &name, refusal))?;
    Ok(Ok(segment))
}

/// The sections of a file, every byte of it checked.
fn open_file(folder: &Folder, kind: Kind, file: FileId) -> Result<Result<Sections, String>> {
    let name = name_of(kind, file.number);
    let Some(map) = folder.map(&name)? else { return Ok(Err(name)) };
    let open = |map| {
        let sections = Sections::open(map, kind)?;
        require(sections.id() == file, NOT_THE_NAMED)?;
        sections.check_all()?;
        Ok(sections)
    };
    open(map).map(Ok).map_err(|refusal| about(folder, &name, refusal))
}

const NOT_THE_NAMED: &str = "it is another file than the one that the manifest names";

/// Removes the articles that `sections` lists from `segment`.
fn remove_all(segment: &mut LiveSegment, sections: &Sections, file: FileId) -> Result<()> {
    let about = |refusal: Refusal| refusal.about(sections.map().path().display());
    let removed = sections.array::<u32>(Tag::Removed).map_err(about)?;
    let articles = as_rows(segment.segment().articles());
    let places =
        removed.is_sorted_by(|a, b| a < b) && removed.last().is_none_or(|last| *last < articles);
    require(places, "it removes articles that are not there").map_err(about)?;
    removed.iter().try_for_each(|at| segment.remove(*at))?;
    segment.set_removals_file(file);
    Ok(())
}

fn about(folder: &Folder, name: &str, refusal: Refusal) -> Error {
    refusal.about(folder.path_of(name).display())
}

fn missing(folder: &Folder, name: &str) -> Error {
    about(folder, name, Refusal::Corrupt("the manifest names it, but it is not there"))
}

#[cfg(test)]
mod tests;
