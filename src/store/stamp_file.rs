//! The stamp file: the files that a sync of a folder read, and the articles of each.
//!
//! It only spares work. A stamp counts if the corpus has the recorded articles with the recorded
//! content, so a lost, damaged or old file makes a sync read more and never changes its result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Store,
    file_names::{stamp_file, stamp_file_new, stamp_file_unfinished},
    folder::Folder,
};
use crate::{
    Result,
    format::{
        codec,
        column::{Column, MappedFile},
        decode_error::{DecodeError, require},
        sections::{Kind, Section, Sections},
        tag::Tag,
    },
    text::{ContentHash, FileStamp, FileState},
};

/// The files of a sync, by their paths without links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FolderStamps {
    /// Identifies the rules and settings by which the files were read.
    pub(crate) fingerprint: [u64; 2],
    pub(crate) files: BTreeMap<String, FileRecord>,
    /// Whether the sync that wrote them ended, and no later one began to commit.
    pub(crate) is_finished: bool,
}

/// A file with the articles that it had when it was last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileRecord {
    /// Identifies the bytes that the articles were read from; `None` if some could not be read.
    pub(crate) stamp: Option<FileStamp>,
    /// Whether no other article of the corpus can be of this file.
    pub(crate) is_complete: bool,
    pub(crate) articles: Vec<RecordedArticle>,
}

/// An article of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedArticle {
    pub(crate) key: String,
    /// Hash of the content that was read; zeros if it could not be read.
    pub(crate) content: ContentHash,
}

#[derive(Serialize, Deserialize)]
struct StampFileRecord<'a> {
    key_prefix: &'a str,
    fingerprint: [u64; 2],
}

/// Numbers per file in section 142.
const FILE_VALUES: usize = 7;
// Bits of the last of these numbers.
const HAS_STAMP: u64 = 1;
const HAS_STATE: u64 = 2;
const IS_COMPLETE: u64 = 4;

/// The sections of a file under construction.
#[derive(Default)]
struct StampSections {
    record: Vec<u8>,
    names: Vec<u8>,
    name_ends: Vec<u64>,
    files: Vec<u64>,
    keys: Vec<u8>,
    key_ends: Vec<u64>,
    contents: Vec<ContentHash>,
}

impl StampSections {
    fn of(stamps: &FolderStamps, key_prefix: &str) -> Result<Self> {
        let record = StampFileRecord { key_prefix, fingerprint: stamps.fingerprint };
        let record = codec::encode(&record, "bytes in the key prefix of a folder")?;
        let mut sections = Self { record, ..Self::default() };
        for (name, file) in &stamps.files {
            sections.names.extend_from_slice(name.as_bytes());
            sections.name_ends.push(sections.names.len() as u64);
            for RecordedArticle { key, content } in &file.articles {
                sections.keys.extend_from_slice(key.as_bytes());
                sections.key_ends.push(sections.keys.len() as u64);
                sections.contents.push(*content);
            }
            let articles = sections.contents.len() as u64;
            sections.files.extend(file_values(file, articles));
        }
        Ok(sections)
    }

    fn sections(&self) -> [Section<'_>; 7] {
        [
            Section::new(Tag::Record, &self.record),
            Section::new(Tag::ContentHashes, bytemuck::cast_slice(&self.contents)),
            Section::new(Tag::FileNames, &self.names),
            Section::new(Tag::FileNameEnds, bytemuck::cast_slice(&self.name_ends)),
            Section::new(Tag::FileStamps, bytemuck::cast_slice(&self.files)),
            Section::new(Tag::FileKeys, &self.keys),
            Section::new(Tag::FileKeyEnds, bytemuck::cast_slice(&self.key_ends)),
        ]
    }
}

/// Encodes `file`, whose last article has the number before `articles`.
fn file_values(file: &FileRecord, articles: u64) -> [u64; FILE_VALUES] {
    let state = file.stamp.and_then(|stamp| stamp.state);
    let flags = [
        (file.stamp.is_some(), HAS_STAMP),
        (state.is_some(), HAS_STATE),
        (file.is_complete, IS_COMPLETE),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum();
    let FileState { length, modified, changed } = state.unwrap_or_default();
    let [low, high] = file.stamp.map_or([0; 2], |stamp| stamp.hash);
    [length, modified.cast_unsigned(), changed.cast_unsigned(), low, high, articles, flags]
}

/// Reads the stamps of the syncs with `key_prefix`.
fn read(map: MappedFile, key_prefix: &str) -> Result<FolderStamps, DecodeError> {
    let sections = Sections::open(map, Kind::FileStamps)?;
    sections.check_all()?;
    let record: Option<StampFileRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
    let record =
        record.ok_or(DecodeError::Corrupt("the record of the stamps cannot be decoded"))?;
    require(record.key_prefix == key_prefix, "the stamps are of another key prefix")?;
    let names = Texts::open(&sections, Tag::FileNames, Tag::FileNameEnds)?;
    let keys = Texts::open(&sections, Tag::FileKeys, Tag::FileKeyEnds)?;
    let contents: Column<ContentHash> = sections.column(Tag::ContentHashes)?;
    let values: Column<u64> = sections.column(Tag::FileStamps)?;
    require(keys.ends.len() == contents.len(), "keys and contents differ in number")?;
    let is_whole = values.len() == names.ends.len() * FILE_VALUES;
    require(is_whole, "names and stamps of files differ in number")?;
    let mut files = BTreeMap::new();
    let mut first = 0;
    for (number, values) in values.chunks_exact(FILE_VALUES).enumerate() {
        let &[length, modified, changed, low, high, end, flags] = values else { unreachable!() };
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        require(first <= end && end <= contents.len(), "a file has articles that do not exist")?;
        let article =
            |article| Ok(RecordedArticle { key: keys.get(article)?, content: contents[article] });
        let state =
            FileState { length, modified: modified.cast_signed(), changed: changed.cast_signed() };
        let state = (flags & HAS_STATE != 0).then_some(state);
        let stamp = FileStamp { state, hash: [low, high] };
        let file = FileRecord {
            stamp: (flags & HAS_STAMP != 0).then_some(stamp),
            is_complete: flags & IS_COMPLETE != 0,
            articles: (first..end).map(article).collect::<Result<_, DecodeError>>()?,
        };
        files.insert(names.get(number)?, file);
        first = end;
    }
    Ok(FolderStamps { fingerprint: record.fingerprint, files, is_finished: true })
}

/// A column of texts.
struct Texts {
    bytes: Column<u8>,
    ends: Column<u64>,
}

impl Texts {
    fn open(sections: &Sections, bytes: Tag, ends: Tag) -> Result<Self, DecodeError> {
        Ok(Self { bytes: sections.column(bytes)?, ends: sections.column(ends)? })
    }

    fn get(&self, number: usize) -> Result<String, DecodeError> {
        let end = |number: usize| usize::try_from(*self.ends.get(number)?).ok();
        let start = if number == 0 { Some(0) } else { end(number - 1) };
        let bytes = start.zip(end(number)).and_then(|(start, end)| self.bytes.get(start..end));
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.map(str::to_owned).ok_or(DecodeError::Corrupt("a name or key of a file is no text"))
    }
}

impl Store {
    /// Reads the stamps of the syncs with `key_prefix`; none if there are none, or if their file
    /// cannot be read.
    pub(crate) fn file_stamps(&self, key_prefix: &str) -> FolderStamps {
        let id = xxh3_64(key_prefix.as_bytes());
        if let Some(stamps) = stamps_in(&self.folder, &stamp_file(id), key_prefix) {
            return stamps;
        }
        let unfinished = stamps_in(&self.folder, &stamp_file_unfinished(id), key_prefix);
        FolderStamps { is_finished: false, ..unfinished.unwrap_or_default() }
    }

    /// Notes, before a sync with `key_prefix` commits, that its stamps are those of an earlier sync
    /// until the new ones are [set](Self::set_file_stamps).
    pub(crate) fn begin_file_stamps(&self, key_prefix: &str) -> Result<()> {
        let id = xxh3_64(key_prefix.as_bytes());
        if self.folder.path_of(&stamp_file(id)).exists() {
            self.folder.rename(&stamp_file(id), &stamp_file_unfinished(id))?;
            self.folder.fsync()?;
        }
        Ok(())
    }

    /// Replaces the stamps of the syncs with `key_prefix`, once the sync is committed.
    pub(crate) fn set_file_stamps(&self, key_prefix: &str, stamps: &FolderStamps) -> Result<()> {
        let id = xxh3_64(key_prefix.as_bytes());
        let sections = StampSections::of(stamps, key_prefix)?;
        let new = stamp_file_new(id);
        // The file exists if an earlier attempt could not rename it.
        _ = self.folder.remove(&new);
        self.folder.write(&new, Kind::FileStamps, 0, &sections.sections())?;
        self.folder.rename(&new, &stamp_file(id))?;
        self.folder.fsync()?;
        // Without effect beside the new file, so it may remain.
        _ = self.folder.remove(&stamp_file_unfinished(id));
        Ok(())
    }
}

/// Reads the stamps in the file `name`; `None` if it does not exist or cannot be read.
fn stamps_in(folder: &Folder, name: &str, key_prefix: &str) -> Option<FolderStamps> {
    let map = folder.map(name).transpose()?;
    let stamps = map.and_then(|map| {
        read(map, key_prefix).map_err(|error| super::decode_error_in(folder, name, error))
    });
    let stamps = stamps.inspect_err(|error| {
        tracing::warn!(%error, "the stamps of files are unreadable: the sync reads all files");
    });
    stamps.ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn stamps() -> FolderStamps {
        let state = FileState { length: 7, modified: -5, changed: i64::MAX };
        let article = |key: &str, content| RecordedArticle { key: key.to_owned(), content };
        let files = [
            ("/a/ä.txt", Some(state), vec![article("p/ä.txt", [1, 2])]),
            ("/a/empty.jsonl", Some(state), vec![]),
            ("/a/two.jsonl", None, vec![article("p/x", [3, 4]), article("p/", [0, 0])]),
        ];
        let record = |(name, state, articles): (&str, _, _)| {
            let stamp = FileStamp { state, hash: [8, u64::MAX] };
            (name.to_owned(), FileRecord { stamp: Some(stamp), is_complete: true, articles })
        };
        let mut files: BTreeMap<String, FileRecord> = files.map(record).into();
        files.insert("/b".to_owned(), FileRecord::default());
        FolderStamps { fingerprint: [5, 6], files, is_finished: true }
    }

    /// Writes `stamps` to a file, with `damage` to its bytes, and reads it.
    fn reread(stamps: &FolderStamps, damage: impl FnOnce(&mut Vec<u8>)) -> Option<FolderStamps> {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path()).unwrap();
        let sections = StampSections::of(stamps, "p/").unwrap();
        folder.write("file", Kind::FileStamps, 0, &sections.sections()).unwrap();
        let path = temporary.path().join("file");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert_eq!(stamps_in(&folder, "file", "q/"), None, "another prefix");
        stamps_in(&folder, "file", "p/")
    }

    #[test]
    fn written_stamps_are_read() {
        for stamps in [stamps(), FolderStamps { is_finished: true, ..FolderStamps::default() }] {
            assert_eq!(reread(&stamps, |_| ()), Some(stamps));
        }
    }

    #[test]
    fn damaged_stamps_are_none() {
        let stamps = stamps();
        let mut length = 0;
        reread(&stamps, |bytes| length = bytes.len()).unwrap();
        for at in 0..length {
            assert_eq!(reread(&stamps, |bytes| bytes[at] ^= 1), None, "byte {at}");
            assert_eq!(reread(&stamps, |bytes| bytes.truncate(at)), None, "length {at}");
        }
    }

    /// Checksums that match do not make sections sound.
    #[test]
    fn sections_that_do_not_fit_are_none() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path()).unwrap();
        let spoils: [fn(&mut StampSections); 8] = [
            |sections| sections.record.push(0),
            |sections| sections.names[4] = 0xff,
            |sections| sections.name_ends[0] = u64::MAX,
            |sections| sections.key_ends[1] = 1,
            |sections| _ = sections.key_ends.pop(),
            |sections| _ = sections.contents.pop(),
            |sections| _ = sections.files.pop(),
            |sections| sections.files[5] = 99,
        ];
        for (number, spoil) in spoils.iter().enumerate() {
            let mut sections = StampSections::of(&stamps(), "p/").unwrap();
            spoil(&mut sections);
            let name = number.to_string();
            folder.write(&name, Kind::FileStamps, 0, &sections.sections()).unwrap();
            assert_eq!(stamps_in(&folder, &name, "p/"), None, "{number}");
        }
    }
}
