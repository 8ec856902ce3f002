//! Copies the last generation of an index to another folder, while a writer may publish others.

use std::path::Path;

use serde::Serialize;

use super::{
    Manifest,
    contents::Contents,
    decode_error_in,
    file_names::{FileNumber, LOCK, MANIFEST},
    folder::Folder,
    generation::{OpenError, StoredManifest, last_generation, open_listed, read_manifest},
    take_lock,
};
use crate::{
    Error, Result,
    format::sections::{Kind, Sections},
};

/// Report of a backup, such as [`Retriever::backup`](crate::Retriever::backup).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// Number of the commit that was copied.
    pub generation: u64,
    /// Number of files in the copy.
    pub files: usize,
    /// Total length of these files in bytes.
    pub bytes: u64,
}

/// Open files of one generation. A writer can remove them, but their bytes stay readable.
struct PinnedGeneration {
    manifest: Sections,
    generation: u64,
    /// All files but the manifest.
    files: Vec<PinnedFile>,
}

struct PinnedFile {
    name: String,
    sections: Sections,
}

/// Copies the last generation in the folder at `source` to the folder at `target`, which is empty or
/// does not exist.
///
/// Bytes are copied, not linked, because a link would share its damage with the original.
pub(crate) fn copy_generation<C: Contents>(source: &Path, target: &Path) -> Result<BackupReport> {
    let source = Folder::at(source)?;
    let pinned = PinnedGeneration::open::<C>(&source)?;
    pinned.check(&source)?;
    let target = Folder::create(target)?;
    require_empty(&target)?;
    // Another backup to this folder, or a writer that creates an index there, has to wait.
    let _lock = take_lock(target.path())?;
    require_empty(&target)?;
    pinned.copy_to::<C>(&target)?;
    Ok(BackupReport {
        generation: pinned.generation,
        files: pinned.files.len() + 1,
        bytes: pinned.all().map(|sections| sections.id().length).sum(),
    })
}

/// Checks that `folder` has no files but the lock, which remains when a backup fails.
fn require_empty(folder: &Folder) -> Result<()> {
    if folder.names()?.iter().all(|name| name == LOCK) {
        return Ok(());
    }
    Err(Error::FolderNotEmpty { path: folder.path().to_owned() })
}

impl PinnedGeneration {
    fn open<C: Contents>(folder: &Folder) -> Result<Self> {
        let last = last_generation(folder, |manifest: &Manifest<C>| {
            let files = manifest.files().map(|file| {
                let sections = open_listed(folder, file)?;
                Ok(PinnedFile { name: file.file_number().name(), sections })
            });
            files.collect::<Result<Vec<_>, OpenError>>()
        })?;
        let StoredManifest { sections, manifest } = last.manifest;
        Ok(Self { manifest: sections, generation: manifest.generation, files: last.opened })
    }

    fn all(&self) -> impl Iterator<Item = &Sections> {
        self.files.iter().map(|file| &file.sections).chain([&self.manifest])
    }

    /// Checks every byte, so that no damage is copied. The manifest was checked when it was read.
    fn check(&self, folder: &Folder) -> Result<()> {
        self.files.iter().try_for_each(|PinnedFile { name, sections }| {
            sections.file().advise_sequential();
            sections.check_all().map_err(|error| decode_error_in(folder, name, error))
        })
    }

    /// Copies all files, and publishes the copy by the rename of its manifest. After an error before
    /// the rename the new files are removed.
    fn copy_to<C: Contents>(&self, target: &Folder) -> Result<()> {
        let mut written = Vec::new();
        let new_manifest = FileNumber { kind: Kind::Manifest, number: self.generation }.name();
        let copied = self.copy_files(target, &new_manifest, &mut written);
        let renamed = copied.and_then(|()| target.rename(&new_manifest, MANIFEST));
        // Some systems report an error although they renamed the file.
        if renamed.is_err() && !self.is_published_in::<C>(target) {
            for name in written {
                // Without a manifest, no file that remains can be taken for a part of an index.
                _ = target.remove(name);
            }
            return renamed;
        }
        target.fsync()
    }

    /// Whether the manifest in `target` is that of this generation.
    fn is_published_in<C: Contents>(&self, target: &Folder) -> bool {
        let stored = read_manifest::<C>(target).ok().flatten();
        stored.is_some_and(|stored| stored.id() == self.manifest.id())
    }

    /// Writes and fsyncs all files, the manifest under the name `new_manifest`.
    fn copy_files<'f>(
        &'f self,
        target: &Folder,
        new_manifest: &'f str,
        written: &mut Vec<&'f str>,
    ) -> Result<()> {
        let files = self.files.iter().map(|file| (file.name.as_str(), &file.sections));
        for (name, sections) in files.chain([(new_manifest, &self.manifest)]) {
            target.write_copy(name, sections.file())?;
            written.push(name);
        }
        target.fsync()
    }
}
