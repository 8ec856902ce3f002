//! The folder of an index. No other code writes, fsyncs, renames or removes its files.

#[cfg(test)]
pub(super) mod faults;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    format::{
        column::MappedFile,
        sections::{self, FileId, Kind, Section},
    },
};

/// A folder with an absolute path.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(test)]
    faults: faults::Faults,
}

/// An operation on a folder; tests make each of them fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderStep {
    Create,
    Write,
    FsyncFile,
    Rename,
    FsyncFolder,
    Remove,
}

impl Folder {
    /// The folder at `path`, created with its parents if missing.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let missing =
            path.ancestors().take_while(|folder| !folder.is_dir() && *folder != Path::new(""));
        let missing: Vec<&Path> = missing.collect();
        if !missing.is_empty() {
            fs::create_dir_all(path).map_err(Error::write(path))?;
        }
        // A new folder survives a power cut once its parent is fsynced.
        for created in missing {
            let parent = created.parent().filter(|parent| !parent.as_os_str().is_empty());
            fsync_folder(parent.unwrap_or(Path::new("."))).map_err(Error::write(created))?;
        }
        Self::at(path)
    }

    /// The folder at `path`, which need not exist. The path is made absolute, so that it does not
    /// depend on later changes of the working folder.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if `path` is empty, or if it is relative and the working folder is unknown.
    pub(super) fn at(path: &Path) -> Result<Self> {
        Ok(Self {
            path: std::path::absolute(path).map_err(Error::read(path))?,
            #[cfg(test)]
            faults: faults::Faults::planned(path),
        })
    }

    /// Path of the file `name`.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Maps the file `name`; `None` if it does not exist.
    pub(super) fn map(&self, name: &str) -> Result<Option<MappedFile>> {
        let path = self.path_of(name);
        match MappedFile::open(&path) {
            Ok(map) => Ok(Some(map)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path)(error)),
        }
    }

    /// Writes and fsyncs a new file. On an error no file of this name is left.
    pub(super) fn write(
        &self,
        name: &str,
        kind: Kind,
        number: u64,
        sections: &[Section],
    ) -> Result<FileId> {
        let path = self.path_of(name);
        let (header, id) = sections::header(kind, number, sections);
        let file = self.step(FolderStep::Create, &[&path]).and_then(|()| {
            // An existing file belongs to another writer.
            OpenOptions::new().write(true).create_new(true).open(&path)
        });
        let file = file.map_err(Error::write(&path))?;
        let written = self.write_to(&file, &path, &header, sections);
        drop(file);
        if written.is_err() {
            // If this fails, the next writer removes the file when it opens the index.
            _ = self.remove(name);
        }
        written.map(|()| id).map_err(Error::write(&path))
    }

    fn write_to(
        &self,
        file: &File,
        path: &Path,
        header: &[u8],
        sections: &[Section],
    ) -> io::Result<()> {
        let mut writer = BufWriter::new(file);
        self.step(FolderStep::Write, &[path])?;
        writer.write_all(header)?;
        let mut written = header.len();
        for Section { bytes, .. } in sections {
            self.step(FolderStep::Write, &[path])?;
            let padding = sections::padding(written);
            writer.write_all(padding)?;
            writer.write_all(bytes)?;
            written += padding.len() + bytes.len();
        }
        writer.flush()?;
        drop(writer);
        self.step(FolderStep::FsyncFile, &[path])?;
        file.sync_all()
    }

    /// Renames the file `from` to `to`, which it replaces.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let from = self.path_of(from);
        let to = self.path_of(to);
        let renamed =
            self.step(FolderStep::Rename, &[&from, &to]).and_then(|()| fs::rename(&from, &to));
        renamed.map_err(Error::write(&to))
    }

    /// Makes creations, renames and removals durable.
    pub(super) fn fsync(&self) -> Result<()> {
        let allowed = self.step(FolderStep::FsyncFolder, &[&self.path]);
        allowed.and_then(|()| fsync_folder(&self.path)).map_err(Error::write(&self.path))
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path_of(name);
        self.step(FolderStep::Remove, &[&path])?;
        fs::remove_file(path)
    }

    /// The names of all entries, without names that are not UTF-8: the store writes none.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.path).map_err(Error::read(&self.path))?;
        let names = entries.filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(Error::read(&self.path)(error))),
        });
        names.collect()
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only tests make steps fail")]
    fn step(&self, _: FolderStep, _: &[&Path]) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self, step: FolderStep, paths: &[&Path]) -> io::Result<()> {
        self.faults.step(step, paths)
    }
}

/// Fsyncs a folder on Unix; other systems have no such call and need none.
fn fsync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_path_names_no_folder() {
        for folder in [Folder::at(Path::new("")), Folder::create(Path::new(""))] {
            assert!(matches!(folder, Err(Error::Read { .. })), "{folder:?}");
        }
        assert!(Folder::at(Path::new("a")).unwrap().path().is_absolute());
    }
}
