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
        replaced_file::fsync_folder,
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
        let (header, id) = sections::header(kind, number, sections);
        self.write_new(name, |file| {
            sections::file_parts(&header, sections)
                .try_for_each(|[padding, bytes]| file.write(padding, bytes))
        })?;
        Ok(id)
    }

    /// Writes and fsyncs a new file of these `bytes`. On an error no file of this name is left.
    pub(super) fn write_copy(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_new(name, |file| file.write(&[], bytes))
    }

    /// Creates the file `name`, calls `write` and fsyncs the file.
    fn write_new(
        &self,
        name: &str,
        write: impl FnOnce(&mut NewFile) -> io::Result<()>,
    ) -> Result<()> {
        let path = self.path_of(name);
        let file = self.step(FolderStep::Create, &[&path]).and_then(|()| {
            // An existing file belongs to another writer.
            OpenOptions::new().write(true).create_new(true).open(&path)
        });
        let file = file.map_err(Error::write(&path))?;
        let mut file = NewFile { folder: self, path: &path, writer: BufWriter::new(file) };
        let written = write(&mut file).and_then(|()| file.fsync());
        drop(file);
        if written.is_err() {
            // If this fails, the next writer removes the file when it opens the index.
            _ = self.remove(name);
        }
        written.map_err(Error::write(&path))
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

/// A file that is being written.
struct NewFile<'f> {
    folder: &'f Folder,
    path: &'f Path,
    writer: BufWriter<File>,
}

impl NewFile<'_> {
    /// Writes `padding` and `bytes` in one step.
    fn write(&mut self, padding: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.folder.step(FolderStep::Write, &[self.path])?;
        self.writer.write_all(padding)?;
        self.writer.write_all(bytes)
    }

    fn fsync(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.folder.step(FolderStep::FsyncFile, &[self.path])?;
        self.writer.get_ref().sync_all()
    }
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
