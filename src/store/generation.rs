//! Reads a generation: the manifest and the files that it names.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    Manifest, Questions, calibration_file,
    contents::{Contents, other_contents},
    decode_error_in,
    file_names::{FileNumber, MANIFEST},
    folder::Folder,
    manifest::ListedFile,
    removals::Removals,
    segment::LiveSegment,
    stored_segment::StoredSegment,
};
use crate::{
    Error, Result,
    format::{
        column::MappedFile,
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Sections},
        tag::Tag,
    },
    vector::to_row,
};

/// A generation with its segments.
pub(crate) struct Generation<S: StoredSegment = LiveSegment> {
    /// Identity of the manifest file.
    pub(crate) id: FileId,
    pub(crate) manifest: Manifest<S::Contents>,
    pub(crate) segments: Vec<S>,
    pub(crate) questions: Option<Arc<Questions>>,
}

impl<S: StoredSegment> Generation<S> {
    /// Total length of its files in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.manifest.bytes() + self.id.length
    }
}

/// Failure to open a file that the manifest names.
pub(super) enum OpenError {
    /// The file of this name does not exist.
    Missing(String),
    Error(Error),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Whether there is an index in the folder at `path`.
pub(crate) fn exists(path: &Path) -> Result<bool> {
    Ok(Folder::at(path)?.map(MANIFEST)?.is_some())
}

/// Reads the last generation in the folder at `path`, while a writer may publish another.
pub(crate) fn read<S: StoredSegment>(path: &Path) -> Result<Generation<S>> {
    read_folder(&Folder::at(path)?, &[])
}

/// Reads the last generation in the folder at `path`; `None` if its manifest is the file `known`.
/// Segments among `segments` are reused.
pub(crate) fn read_newer<S: StoredSegment>(
    path: &Path,
    known: Option<FileId>,
    segments: &[S],
) -> Result<Option<Generation<S>>> {
    let folder = Folder::at(path)?;
    let current = existing_manifest::<S::Contents>(&folder)?;
    if Some(current.id()) == known { Ok(None) } else { read_folder(&folder, segments).map(Some) }
}

/// Files whose bytes were checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerifiedFiles {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// Opens the files of the generation `id` again from the folder at `path`, and checks every byte.
/// No writer may publish another generation meanwhile.
pub(crate) fn verify<C: Contents>(path: &Path, id: Option<FileId>) -> Result<VerifiedFiles> {
    let folder = Folder::at(path)?;
    if read_manifest::<C>(&folder)?.is_some_and(|current| Some(current.id()) != id) {
        let fault =
            DecodeError::Corrupt("the manifest is not the one that the writer published last");
        return Err(decode_error_in(&folder, MANIFEST, fault));
    }
    verify_last::<C>(path)
}

/// Opens the files of the last generation again from the folder at `path`, while a writer may
/// publish another, and checks every byte.
pub(crate) fn verify_last<C: Contents>(path: &Path) -> Result<VerifiedFiles> {
    let folder = Folder::at(path)?;
    // All files are opened before one is read, so that a writer may remove them.
    let open = |manifest: &Manifest<C>| -> Result<Vec<Sections>, OpenError> {
        manifest.files().map(|file| open_listed(&folder, file)).collect()
    };
    let last = last_generation(&folder, open)?;
    for sections in &last.opened {
        let in_file = |error: DecodeError| error.in_file(sections.file().path().display());
        sections.check_all().map_err(in_file)?;
    }
    let bytes = last.manifest.manifest.bytes() + last.manifest.id().length;
    Ok(VerifiedFiles { files: last.opened.len() + 1, bytes })
}

/// Maximum number of attempts when a writer publishes during a read.
const ATTEMPTS: usize = 100;

/// Reads the last generation in `folder`; segments among `known` are reused.
pub(super) fn read_folder<S: StoredSegment>(folder: &Folder, known: &[S]) -> Result<Generation<S>> {
    let known = known.iter().filter_map(|segment| Some((segment.file_id()?, segment)));
    let known: HashMap<FileId, &S> = known.collect();
    let last = last_generation(folder, |manifest| open_all(folder, manifest, &known))?;
    let id = last.manifest.id();
    let OpenedFiles { segments, questions } = last.opened;
    Ok(Generation { id, manifest: last.manifest.manifest, segments, questions })
}

/// The last manifest with the files that it names.
pub(super) struct LastGeneration<C, T> {
    pub(super) manifest: StoredManifest<C>,
    pub(super) opened: T,
}

/// Opens the files that the last manifest in `folder` names, while a writer may publish another.
pub(super) fn last_generation<C: Contents, T>(
    folder: &Folder,
    open: impl Fn(&Manifest<C>) -> Result<T, OpenError>,
) -> Result<LastGeneration<C, T>> {
    let mut current = existing_manifest(folder)?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let missing_file = match open(&current.manifest) {
            Ok(opened) => return Ok(LastGeneration { manifest: current, opened }),
            Err(OpenError::Missing(name)) => name,
            Err(OpenError::Error(error)) => return Err(error),
        };
        // A writer removes files of older generations, so a newer one explains the missing file.
        let id = current.id();
        current = existing_manifest(folder)?;
        if current.id() == id || attempts == ATTEMPTS {
            return Err(missing(folder, &missing_file));
        }
    }
}

/// A manifest and its file.
pub(super) struct StoredManifest<C> {
    pub(super) sections: Sections,
    pub(super) manifest: Manifest<C>,
}

impl<C> StoredManifest<C> {
    /// Identity of the manifest file.
    pub(super) fn id(&self) -> FileId {
        self.sections.id()
    }
}

fn existing_manifest<C: Contents>(folder: &Folder) -> Result<StoredManifest<C>> {
    let manifest = read_manifest(folder)?;
    manifest.ok_or_else(|| Error::NoIndex { path: folder.path().to_owned() })
}

/// Reads the manifest in `folder`; `None` if there is none.
///
/// # Errors
///
/// [`Error::OtherIndex`] if it is the manifest of an index with other contents.
pub(super) fn read_manifest<C: Contents>(folder: &Folder) -> Result<Option<StoredManifest<C>>> {
    let Some(map) = folder.map(MANIFEST)? else { return Ok(None) };
    let in_folder = |error| decode_error_in(folder, MANIFEST, error);
    let sections = Sections::open_any(map).map_err(in_folder)?;
    if let Some(error) = other_contents::<C>(&sections, folder.path()) {
        return Err(error);
    }
    require(sections.is_of(C::MANIFEST), "the file is an index file of another kind")
        .map_err(in_folder)?;
    let manifest = Manifest::read(&sections).map_err(in_folder)?;
    Ok(Some(StoredManifest { sections, manifest }))
}

/// Content of the files that a manifest names.
struct OpenedFiles<S> {
    segments: Vec<S>,
    questions: Option<Arc<Questions>>,
}

/// Opens the files that `manifest` names.
fn open_all<S: StoredSegment>(
    folder: &Folder,
    manifest: &Manifest<S::Contents>,
    known: &HashMap<FileId, &S>,
) -> Result<OpenedFiles<S>, OpenError> {
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let mut segment = match known.get(&entry.file) {
            Some(segment) => segment.with_all_items(),
            None => open_segment(folder, entry.file, manifest.contents.dim())?,
        };
        let mut removals = Removals::default();
        for id in &entry.removals {
            let file = ListedFile { kind: Kind::Removals, id: *id };
            let removed = remove_all(&mut segment, &open_file(folder, file)?)?;
            removals.push(*id, removed);
        }
        segment.set_removals(removals);
        segments.push(segment);
    }
    let Some(id) = manifest.calibration else {
        return Ok(OpenedFiles { segments, questions: None });
    };
    let sections = open_file(folder, ListedFile { kind: Kind::Calibration, id })?;
    let in_file = |error: DecodeError| error.in_file(sections.file().path().display());
    let calibration =
        calibration_file::read(&sections, manifest.contents.dim()).map_err(in_file)?;
    let mut graphs = calibration.graphs;
    for segment in &mut segments {
        let file = segment.file_id().expect("an opened segment has a file");
        segment.set_calibration(graphs.remove(&file.number).map(Arc::new));
    }
    require(graphs.is_empty(), "a calibration is of a segment that the manifest does not name")
        .map_err(in_file)?;
    Ok(OpenedFiles { segments, questions: Some(calibration.questions) })
}

fn open_segment<S: StoredSegment>(folder: &Folder, id: FileId, dim: usize) -> Result<S, OpenError> {
    let name = FileNumber { kind: S::Contents::SEGMENT, number: id.number }.name();
    let Some(map) = folder.map(&name)? else { return Err(OpenError::Missing(name)) };
    let segment = S::open(map)?;
    let is_listed = segment.file_id() == Some(id) && segment.dim() == dim;
    require(is_listed, NOT_LISTED).map_err(|error| decode_error_in(folder, &name, error))?;
    Ok(segment)
}

/// Opens a file and checks every byte.
fn open_file(folder: &Folder, file: ListedFile) -> Result<Sections, OpenError> {
    let sections = open_listed(folder, file)?;
    let name = file.file_number().name();
    sections.check_all().map_err(|error| decode_error_in(folder, &name, error))?;
    Ok(sections)
}

/// Opens a file, whose header and table are those that the manifest names.
pub(super) fn open_listed(folder: &Folder, file: ListedFile) -> Result<Sections, OpenError> {
    let name = file.file_number().name();
    let Some(map) = folder.map(&name)? else { return Err(OpenError::Missing(name)) };
    Ok(decode_listed(map, file).map_err(|error| decode_error_in(folder, &name, error))?)
}

fn decode_listed(map: MappedFile, file: ListedFile) -> Result<Sections, DecodeError> {
    let sections = Sections::open(map, file.kind)?;
    require(sections.id() == file.id, NOT_LISTED)?;
    Ok(sections)
}

/// Failure of a file whose id or dimension is not that of the manifest.
const NOT_LISTED: &str = "the file is not the one that the manifest names";

/// Removes the items that `sections`, a file of removals, lists from `segment`. Returns them.
fn remove_all<S: StoredSegment>(segment: &mut S, sections: &Sections) -> Result<Vec<u32>> {
    let in_file = |error: DecodeError| error.in_file(sections.file().path().display());
    let removed = sections.column::<u32>(Tag::Removed).map_err(in_file)?;
    let items = to_row(segment.items());
    let exist =
        removed.is_sorted_by(|a, b| a < b) && removed.last().is_none_or(|last| *last < items);
    require(exist, "the removals name an item that the segment lacks").map_err(in_file)?;
    removed.iter().try_for_each(|number| segment.remove_item(*number))?;
    Ok(removed.to_vec())
}

pub(super) fn missing(folder: &Folder, name: &str) -> Error {
    let fault = DecodeError::Corrupt("the manifest names this file, but it does not exist");
    decode_error_in(folder, name, fault)
}
