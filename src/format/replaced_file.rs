//! A file that is replaced in one step: written under another name, fsynced, renamed.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::sections::{self, Kind, Section};
use crate::{Error, Result};

/// Maximum number of unfinished files beside a file. Each is that of a running or a crashed writer.
const MAX_UNFINISHED: usize = 100;

/// Writes a file of `kind` that holds `sections`, and replaces the file at `path` by it, if there is
/// one. After an error that file is unchanged.
///
/// Programs that have the old file open, or mapped, keep its bytes.
///
/// # Errors
///
/// [`Error::Write`] if the file cannot be written or renamed.
pub(crate) fn replace(path: &Path, kind: Kind, sections: &[Section]) -> Result<()> {
    // An absolute path has a parent, which is fsynced.
    let path = std::path::absolute(path).map_err(Error::write(path))?;
    let mut unfinished = UnfinishedFile::beside(&path).map_err(Error::write(&path))?;
    let replaced = unfinished.write(kind, sections).and_then(|()| {
        fs::rename(&unfinished.path, &path)?;
        path.parent().map_or(Ok(()), fsync_folder)
    });
    if replaced.is_err() {
        // After a rename it does not exist.
        _ = fs::remove_file(&unfinished.path);
    }
    replaced.map_err(Error::write(&path))
}

/// Fsyncs a folder on Unix; other systems have no such call and need none.
pub(crate) fn fsync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The new file under its temporary name.
struct UnfinishedFile {
    path: PathBuf,
    file: File,
}

impl UnfinishedFile {
    /// Creates a file beside `path`, which no other writer uses: `NAME.N.new`.
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
        for number in 0..MAX_UNFINISHED {
            let mut unfinished = OsString::from(name);
            unfinished.push(format!(".{number}.new"));
            let path = path.with_file_name(unfinished);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    /// Writes and fsyncs the whole file.
    fn write(&mut self, kind: Kind, sections: &[Section]) -> io::Result<()> {
        let (header, _) = sections::header(kind, 0, sections);
        let mut writer = BufWriter::new(&self.file);
        for [padding, bytes] in sections::file_parts(&header, sections) {
            writer.write_all(padding)?;
            writer.write_all(bytes)?;
        }
        writer.flush()?;
        drop(writer);
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tag::Tag;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_leftovers_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one");
        fs::write(folder.path().join("one.0.new"), "of a crashed writer").unwrap();
        for bytes in [[1; 200].as_slice(), &[2]] {
            replace(&path, Kind::VectorIndex, &[Section::new(Tag::Record, bytes)]).unwrap();
            let written = fs::read(&path).unwrap();
            assert!(written.ends_with(bytes));
        }
        assert_eq!(names(folder.path()), ["one", "one.0.new"]);
    }

    #[test]
    fn a_failed_replacement_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A file cannot replace a folder that has entries.
        let path = folder.path().join("one");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("kept"), "").unwrap();
        let replaced = replace(&path, Kind::VectorIndex, &[]);
        assert!(matches!(replaced, Err(Error::Write { .. })), "{replaced:?}");
        assert_eq!(names(folder.path()), ["one"]);
        for path in [Path::new(""), Path::new("/"), &folder.path().join("absent/one")] {
            assert!(matches!(replace(path, Kind::VectorIndex, &[]), Err(Error::Write { .. })));
        }
    }
}
