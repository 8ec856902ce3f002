//! Reading a generation: the manifest, and what it names.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    Manifest, Questions, about, calibration_file,
    file_names::{MANIFEST, name_of},
    folder::Folder,
    segment::{LiveSegment, Segment},
};
use crate::{
    Error, Result,
    format::{
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Sections, Tag},
    },
    vector::to_row,
};

/// A generation with its segments.
pub(crate) struct Generation {
    /// Which file its manifest is.
    pub(crate) id: FileId,
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) questions: Option<Arc<Questions>>,
}

/// Why what a manifest names is not opened.
enum Trouble {
    /// The file of this name is not there.
    Missing(String),
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Trouble {
    fn about(self, folder: &Folder) -> Error {
        match self {
            Self::Missing(name) => missing(folder, &name),
            Self::Error(error) => error,
        }
    }
}

/// Whether there is an index in the folder at `path`.
pub(crate) fn exists(path: &Path) -> Result<bool> {
    Ok(Folder::at(path).map(MANIFEST)?.is_some())
}

/// Reads the last generation in the folder at `path`, which a writer may be changing.
pub(crate) fn read(path: &Path) -> Result<Generation> {
    read_folder(&Folder::at(path), &[])
}

/// Reads the last generation in the folder at `path`, unless its manifest is the file `known`.
/// The `segments` are not opened again.
pub(crate) fn read_newer(
    path: &Path,
    known: Option<FileId>,
    segments: &[LiveSegment],
) -> Result<Option<Generation>> {
    let folder = Folder::at(path);
    let (_, id) = manifest_of(&folder)?;
    if Some(id) == known { Ok(None) } else { read_folder(&folder, segments).map(Some) }
}

/// Reads every byte of the files of a generation as they are in the folder at `path` now, and
/// not as they were when they were opened; returns the number of files, and their bytes.
pub(crate) fn verify(path: &Path, id: Option<FileId>) -> Result<(usize, u64)> {
    let folder = Folder::at(path);
    let (manifest, now) = manifest_of(&folder)?;
    if Some(now) != id {
        return Err(about(&folder, MANIFEST, DecodeError::Corrupt("it is of another generation")));
    }
    manifest.files().try_for_each(|(kind, file)| check_file(&folder, kind, file))?;
    Ok((manifest.files().count() + 1, manifest.bytes() + now.length))
}

/// How often a reader starts again because a writer has published meanwhile.
const ATTEMPTS: usize = 100;

/// Reads the last generation in `folder`. Segments that are `known` are not opened again.
pub(super) fn read_folder(folder: &Folder, known: &[LiveSegment]) -> Result<Generation> {
    let known = known.iter().filter_map(|one| Some((one.segment().id()?, one.segment())));
    let known: HashMap<FileId, &Arc<Segment>> = known.collect();
    let (mut manifest, mut id) = manifest_of(folder)?;
    for _ in 0..ATTEMPTS {
        let name = match open_all(folder, &manifest, &known) {
            Ok((segments, questions)) => {
                return Ok(Generation { id, manifest, segments, questions });
            }
            Err(Trouble::Missing(name)) => name,
            Err(Trouble::Error(error)) => return Err(error),
        };
        // The writer removes what only older generations need: is there a newer one?
        let (newer, newer_id) = manifest_of(folder)?;
        if newer_id == id {
            return Err(missing(folder, &name));
        }
        (manifest, id) = (newer, newer_id);
    }
    Err(missing(folder, MANIFEST))
}

fn manifest_of(folder: &Folder) -> Result<(Manifest, FileId)> {
    let manifest = read_manifest(folder)?;
    manifest.ok_or_else(|| Error::NoIndex { path: folder.path().to_owned() })
}

/// The manifest in `folder`, and which file it is; `None` if there is none.
pub(super) fn read_manifest(folder: &Folder) -> Result<Option<(Manifest, FileId)>> {
    let Some(map) = folder.map(MANIFEST)? else { return Ok(None) };
    let read = |map| {
        let sections = Sections::open(map, Kind::Manifest)?;
        Ok((Manifest::read(&sections)?, sections.id()))
    };
    read(map).map(Some).map_err(|refusal| about(folder, MANIFEST, refusal))
}

type Opened = (Vec<LiveSegment>, Option<Arc<Questions>>);

/// What `manifest` names.
fn open_all(
    folder: &Folder,
    manifest: &Manifest,
    known: &HashMap<FileId, &Arc<Segment>>,
) -> Result<Opened, Trouble> {
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let segment = match known.get(&entry.file) {
            Some(segment) => Arc::clone(segment),
            None => Arc::new(open_segment(folder, entry.file, manifest.dim)?),
        };
        let mut segment = LiveSegment::all(segment);
        if let Some(file) = entry.removals {
            remove_all(&mut segment, &open_file(folder, Kind::Removals, file)?, file)?;
        }
        segments.push(segment);
    }
    let Some(file) = manifest.calibration else { return Ok((segments, None)) };
    let sections = open_file(folder, Kind::Calibration, file)?;
    let about = |refusal: DecodeError| refusal.about(sections.map().path().display());
    let (questions, mut graphs) = calibration_file::read(&sections, manifest.dim).map_err(about)?;
    for segment in &mut segments {
        let number = segment.segment().id().map(|file| file.number);
        segment.set_calibration(number.and_then(|number| graphs.remove(&number)));
    }
    Ok((segments, Some(questions)))
}

fn open_segment(folder: &Folder, file: FileId, dim: usize) -> Result<Segment, Trouble> {
    let name = name_of(Kind::Segment, file.number);
    let Some(map) = folder.map(&name)? else { return Err(Trouble::Missing(name)) };
    let segment = Segment::open(map)?;
    let right = segment.id() == Some(file) && segment.dim() == dim;
    require(right, NOT_THE_NAMED).map_err(|refusal| about(folder, &name, refusal))?;
    Ok(segment)
}

/// The sections of a file, every byte of it checked.
fn open_file(folder: &Folder, kind: Kind, file: FileId) -> Result<Sections, Trouble> {
    let name = name_of(kind, file.number);
    let Some(map) = folder.map(&name)? else { return Err(Trouble::Missing(name)) };
    let open = |map| {
        let sections = Sections::open(map, kind)?;
        require(sections.id() == file, NOT_THE_NAMED)?;
        sections.check_all()?;
        Ok(sections)
    };
    Ok(open(map).map_err(|refusal| about(folder, &name, refusal))?)
}

/// Looks at every byte of a file.
fn check_file(folder: &Folder, kind: Kind, file: FileId) -> Result<()> {
    open_file(folder, kind, file).map(drop).map_err(|trouble| trouble.about(folder))
}

const NOT_THE_NAMED: &str = "it is another file than the one that the manifest names";

/// Removes the articles that `sections` lists from `segment`.
fn remove_all(segment: &mut LiveSegment, sections: &Sections, file: FileId) -> Result<()> {
    let about = |refusal: DecodeError| refusal.about(sections.map().path().display());
    let removed = sections.array::<u32>(Tag::Removed).map_err(about)?;
    let articles = to_row(segment.segment().articles());
    let places =
        removed.is_sorted_by(|a, b| a < b) && removed.last().is_none_or(|last| *last < articles);
    require(places, "it removes articles that are not there").map_err(about)?;
    removed.iter().try_for_each(|at| segment.remove(*at))?;
    segment.set_removals_file(file);
    Ok(())
}

pub(super) fn missing(folder: &Folder, name: &str) -> Error {
    about(folder, name, DecodeError::Corrupt("the manifest names it, but it is not there"))
}
