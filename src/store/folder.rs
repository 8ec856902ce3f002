//! The folder of an index: the one place that writes, syncs, renames and removes files.

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

/// A folder that exists.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(test)]
    faults: faults::Faults,
}

/// What is done to a folder; each of them can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Write,
    FsyncFile,
    Rename,
    FsyncFolder,
    Remove,
}

impl Folder {
    /// The folder at `path`, made if it is not there, with those above it.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let missing = path.ancestors().take_while(|one| !one.is_dir() && *one != Path::new(""));
        let missing: Vec<&Path> = missing.collect();
        if !missing.is_empty() {
            fs::create_dir_all(path).map_err(Error::write(path))?;
        }
        // A folder outlasts a power cut once the one above it, which names it, was synced.
        for made in missing {
            let above = made.parent().filter(|above| !above.as_os_str().is_empty());
            fsync_folder(above.unwrap_or(Path::new("."))).map_err(Error::write(made))?;
        }
        Ok(Self::at(path))
    }

    /// The folder at `path`, whether it is there or not; it stays this one if the process moves
    /// to another working folder.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            #[cfg(test)]
            faults: faults::Faults::planned(path),
        }
    }

    /// Where a file of this name is.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of this name; `None` if there is none.
    pub(super) fn map(&self, name: &str) -> Result<Option<MappedFile>> {
        let path = self.path_of(name);
        match MappedFile::open(&path) {
            Ok(map) => Ok(Some(map)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path)(error)),
        }
    }

    /// Writes and syncs a file under a name that is free. On an error it is not there.
    pub(super) fn write(
        &self,
        name: &str,
        kind: Kind,
        number: u64,
        sections: &[Section],
    ) -> Result<FileId> {
        let path = self.path_of(name);
        let (header, id) = sections::header(kind, number, sections);
        let file = self.step(Step::Create, &[&path]).and_then(|()| {
            // A file that is there already is somebody else's.
            OpenOptions::new().write(true).create_new(true).open(&path)
        });
        let file = file.map_err(Error::write(&path))?;
        let written = self.write_to(&file, &path, &header, sections);
        drop(file);
        if written.is_err() {
            // What is left of it is removed when the index is opened for writing again.
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
        self.step(Step::Write, &[path])?;
        writer.write_all(header)?;
        let mut written = header.len();
        for (_, bytes) in sections {
            self.step(Step::Write, &[path])?;
            let padding = sections::padding(written);
            writer.write_all(padding)?;
            writer.write_all(bytes)?;
            written += padding.len() + bytes.len();
        }
        writer.flush()?;
        drop(writer);
        self.step(Step::FsyncFile, &[path])?;
        file.sync_all()
    }

    /// Gives the file `from` the name `to`, in place of the one that has it.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path_of(from), self.path_of(to));
        let renamed = self.step(Step::Rename, &[&from, &to]).and_then(|()| fs::rename(&from, &to));
        renamed.map_err(Error::write(&to))
    }

    /// Makes what was created, renamed and removed durable.
    pub(super) fn fsync(&self) -> Result<()> {
        let synced = self.step(Step::FsyncFolder, &[&self.path]);
        synced.and_then(|()| fsync_folder(&self.path)).map_err(Error::write(&self.path))
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path_of(name);
        self.step(Step::Remove, &[&path])?;
        fs::remove_file(path)
    }

    /// The names of all that is in the folder; those that are not UTF-8 are not ours.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.path).map_err(Error::read(&self.path))?;
        let names = entries.filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(Error::read(&self.path)(error))),
        });
        names.collect()
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests let steps fail")]
    fn step(&self, _: Step, _: &[&Path]) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self, step: Step, paths: &[&Path]) -> io::Result<()> {
        self.faults.step(step, paths)
    }
}

/// Folders can be synced on Unix alone; elsewhere the system does it by itself.
fn fsync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
