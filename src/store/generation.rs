//! Reads a generation: the manifest and the files that it names.

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
    /// Identifies its manifest file.
    pub(crate) id: FileId,
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) questions: Option<Arc<Questions>>,
}

/// Why a file that the manifest names cannot be opened.
enum OpenError {
    /// The file of this name does not exist.
    Missing(String),
    Error(Error),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl OpenError {
    fn in_folder(self, folder: &Folder) -> Error {
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

/// Reads the last generation in the folder at `path`, while a writer may publish another.
pub(crate) fn read(path: &Path) -> Result<Generation> {
    read_folder(&Folder::at(path), &[])
}

/// Reads the last generation in the folder at `path`; `None` if its manifest is the file `known`.
/// Segments among `segments` are reused.
pub(crate) fn read_newer(
    path: &Path,
    known: Option<FileId>,
    segments: &[LiveSegment],
) -> Result<Option<Generation>> {
    let folder = Folder::at(path);
    let (_, id) = manifest_of(&folder)?;
    if Some(id) == known { Ok(None) } else { read_folder(&folder, segments).map(Some) }
}

/// Checks every byte of the files of a generation, opened anew from the folder at `path`; returns
/// the number of files and their bytes.
pub(crate) fn verify(path: &Path, id: Option<FileId>) -> Result<(usize, u64)> {
    let folder = Folder::at(path);
    let (manifest, current) = manifest_of(&folder)?;
    if Some(current) != id {
        return Err(about(&folder, MANIFEST, DecodeError::Corrupt("it is of another generation")));
    }
    manifest.files().try_for_each(|(kind, file)| check_file(&folder, kind, file))?;
    Ok((manifest.files().count() + 1, manifest.bytes() + current.length))
}

/// Maximum number of restarts when a writer publishes during a read.
const ATTEMPTS: usize = 100;

/// Reads the last generation in `folder`; segments among `known` are reused.
pub(super) fn read_folder(folder: &Folder, known: &[LiveSegment]) -> Result<Generation> {
    let known = known.iter().filter_map(|live| Some((live.segment().id()?, live.segment())));
    let known: HashMap<FileId, &Arc<Segment>> = known.collect();
    let (mut manifest, mut id) = manifest_of(folder)?;
    for _ in 0..ATTEMPTS {
        let name = match open_all(folder, &manifest, &known) {
            Ok(OpenedFiles { segments, questions }) => {
                return Ok(Generation { id, manifest, segments, questions });
            }
            Err(OpenError::Missing(name)) => name,
            Err(OpenError::Error(error)) => return Err(error),
        };
        // A writer removes files of older generations, so a newer one explains the missing file.
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

/// The manifest in `folder` with its file; `None` if there is none.
pub(super) fn read_manifest(folder: &Folder) -> Result<Option<(Manifest, FileId)>> {
    let Some(map) = folder.map(MANIFEST)? else { return Ok(None) };
    let read = |map| {
        let sections = Sections::open(map, Kind::Manifest)?;
        Ok((Manifest::read(&sections)?, sections.id()))
    };
    read(map).map(Some).map_err(|refusal| about(folder, MANIFEST, refusal))
}

/// The content of the files that a manifest names.
struct OpenedFiles {
    segments: Vec<LiveSegment>,
    questions: Option<Arc<Questions>>,
}

/// Opens the files that `manifest` names.
fn open_all(
    folder: &Folder,
    manifest: &Manifest,
    known: &HashMap<FileId, &Arc<Segment>>,
) -> Result<OpenedFiles, OpenError> {
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
    let Some(file) = manifest.calibration else {
        return Ok(OpenedFiles { segments, questions: None });
    };
    let sections = open_file(folder, Kind::Calibration, file)?;
    let about = |error: DecodeError| error.in_file(sections.file().path().display());
    let calibration = calibration_file::read(&sections, manifest.dim).map_err(about)?;
    let mut graphs = calibration.graphs;
    for segment in &mut segments {
        let number = segment.segment().id().map(|file| file.number);
        segment.set_calibration(number.and_then(|number| graphs.remove(&number)));
    }
    Ok(OpenedFiles { segments, questions: Some(calibration.questions) })
}

fn open_segment(folder: &Folder, file: FileId, dim: usize) -> Result<Segment, OpenError> {
    let name = name_of(Kind::Segment, file.number);
    let Some(map) = folder.map(&name)? else { return Err(OpenError::Missing(name)) };
    let segment = Segment::open(map)?;
    let is_named = segment.id() == Some(file) && segment.dim() == dim;
    require(is_named, NOT_THE_NAMED).map_err(|refusal| about(folder, &name, refusal))?;
    Ok(segment)
}

/// Opens a file and checks every byte.
fn open_file(folder: &Folder, kind: Kind, file: FileId) -> Result<Sections, OpenError> {
    let name = name_of(kind, file.number);
    let Some(map) = folder.map(&name)? else { return Err(OpenError::Missing(name)) };
    let open = |map| {
        let sections = Sections::open(map, kind)?;
        require(sections.id() == file, NOT_THE_NAMED)?;
        sections.check_all()?;
        Ok(sections)
    };
    Ok(open(map).map_err(|refusal| about(folder, &name, refusal))?)
}

/// Checks every byte of a file.
fn check_file(folder: &Folder, kind: Kind, file: FileId) -> Result<()> {
    open_file(folder, kind, file).map(drop).map_err(|error| error.in_folder(folder))
}

const NOT_THE_NAMED: &str = "it is another file than the one that the manifest names";

/// Removes the articles that `sections` lists from `segment`.
fn remove_all(segment: &mut LiveSegment, sections: &Sections, file: FileId) -> Result<()> {
    let about = |error: DecodeError| error.in_file(sections.file().path().display());
    let removed = sections.column::<u32>(Tag::Removed).map_err(about)?;
    let articles = to_row(segment.segment().articles());
    let exist =
        removed.is_sorted_by(|a, b| a < b) && removed.last().is_none_or(|last| *last < articles);
    require(exist, "it removes articles that are not there").map_err(about)?;
    removed.iter().try_for_each(|at| segment.remove(*at))?;
    segment.set_removals_file(file);
    Ok(())
}

pub(super) fn missing(folder: &Folder, name: &str) -> Error {
    about(folder, name, DecodeError::Corrupt("the manifest names it, but it is not there"))
}
