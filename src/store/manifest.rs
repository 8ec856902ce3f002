//! The manifest: the files and the contents of a generation.

use serde::{Deserialize, Serialize};

use super::{contents::Contents, corpus_contents::CorpusContents, file_names::FileNumber};
use crate::{
    Result,
    format::{
        codec,
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Section, Sections},
        tag::Tag,
    },
};

/// A generation: its contents and its files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest<C = CorpusContents> {
    /// Number of commits; 0 for the empty index.
    pub(crate) generation: u64,
    /// Number of the next file to write.
    pub(crate) next_number: u64,
    /// The kind of index, and its settings.
    pub(crate) contents: C,
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) calibration: Option<FileId>,
}

/// A segment of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    pub(crate) file: FileId,
    /// Files that list the removed articles or vectors.
    pub(crate) removals: Vec<FileId>,
}

/// A file of a generation, other than the manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedFile {
    pub(super) kind: Kind,
    pub(super) id: FileId,
}

impl ListedFile {
    pub(super) fn file_number(self) -> FileNumber {
        FileNumber { kind: self.kind, number: self.id.number }
    }
}

/// Bound of generation and file numbers, so that the next number always fits a `u64`.
pub(super) const MAX_NUMBER: u64 = 1 << 63;

/// The record of a manifest, with the record `R` of its contents.
#[derive(Serialize, Deserialize)]
struct ManifestRecord<R> {
    generation: u64,
    next_number: u64,
    contents: R,
    #[serde(deserialize_with = "codec::list")]
    segments: Vec<EntryRecord>,
    calibration: Option<FileId>,
}

/// A segment and the first file of its removals.
#[derive(Serialize, Deserialize)]
struct EntryRecord {
    file: FileId,
    removals: Option<FileId>,
}

/// The further files of the removals of each segment; empty if no segment has any.
#[derive(Default, Serialize, Deserialize)]
struct FurtherRemovals(#[serde(deserialize_with = "codec::list")] Vec<FileList>);

#[derive(Serialize, Deserialize)]
struct FileList(#[serde(deserialize_with = "codec::list")] Vec<FileId>);

/// Encoded manifest.
pub(super) struct EncodedManifest {
    record: Vec<u8>,
    /// `None` if no segment has further removals.
    further_removals: Option<Vec<u8>>,
}

impl EncodedManifest {
    /// The sections of the file.
    pub(super) fn sections(&self) -> Vec<Section<'_>> {
        let further = self.further_removals.as_deref();
        let further = further.map(|bytes| Section::new(Tag::FurtherRemovals, bytes));
        [Section::new(Tag::Record, &self.record)].into_iter().chain(further).collect()
    }
}

impl<C: Contents> Manifest<C> {
    /// The empty generation, before the first commit.
    pub(crate) fn empty(contents: C) -> Self {
        Self { generation: 0, next_number: 1, contents, segments: Vec::new(), calibration: None }
    }

    pub(super) fn encode(&self) -> Result<EncodedManifest> {
        let segment = |entry: &SegmentEntry| EntryRecord {
            file: entry.file,
            removals: entry.removals.first().copied(),
        };
        let record = ManifestRecord {
            generation: self.generation,
            next_number: self.next_number,
            contents: self.contents.record(),
            segments: self.segments.iter().map(segment).collect(),
            calibration: self.calibration,
        };
        let record = codec::encode(&record, "bytes in the manifest")?;
        let further = self.segments.iter().map(|entry| entry.removals.iter().skip(1));
        let further: Vec<FileList> =
            further.map(|files| FileList(files.copied().collect())).collect();
        let has_further = further.iter().any(|FileList(files)| !files.is_empty());
        let further = has_further
            .then(|| codec::encode(&FurtherRemovals(further), "bytes in the list of removals"));
        Ok(EncodedManifest { record, further_removals: further.transpose()? })
    }

    /// Reads a manifest file and checks every byte.
    pub(super) fn read(sections: &Sections) -> Result<Self, DecodeError> {
        sections.check_all()?;
        let record = codec::decode(sections.checked_bytes(Tag::Record)?);
        let further: FurtherRemovals = sections.optional_record(Tag::FurtherRemovals)?;
        let manifest = record.and_then(|record| Self::of_record(record, further));
        let manifest =
            manifest.ok_or(DecodeError::Corrupt("the record of the manifest cannot be decoded"))?;
        manifest.check_numbers(sections.id().number)?;
        Ok(manifest)
    }

    fn of_record(
        record: ManifestRecord<C::Record<'_>>,
        FurtherRemovals(mut further): FurtherRemovals,
    ) -> Option<Self> {
        let ManifestRecord { generation, next_number, contents, segments, calibration } = record;
        let contents = C::checked(contents)?;
        if further.is_empty() {
            further.resize_with(segments.len(), || FileList(Vec::new()));
        }
        if further.len() != segments.len() {
            return None;
        }
        let entry = |(segment, FileList(further)): (EntryRecord, FileList)| SegmentEntry {
            file: segment.file,
            removals: segment.removals.into_iter().chain(further).collect(),
        };
        let segments = segments.into_iter().zip(further).map(entry).collect();
        Some(Self { generation, next_number, contents, segments, calibration })
    }

    /// Checks that no arithmetic on generation, file numbers and lengths can overflow, and that
    /// files are distinct.
    fn check_numbers(&self, generation: u64) -> Result<(), DecodeError> {
        let is_own = self.generation == generation;
        require(is_own, "the record has another generation than the header")?;
        let are_bounded = self.generation < MAX_NUMBER && self.next_number < MAX_NUMBER;
        require(are_bounded, "the generation or the next file number is 2^63 or more")?;
        let mut numbers: Vec<u64> = self.files().map(|file| file.id.number).collect();
        let precede_next = numbers.iter().all(|number| *number < self.next_number);
        require(precede_next, "a file has a number that is not below the next file number")?;
        numbers.sort_unstable();
        require(numbers.is_sorted_by(|a, b| a < b), "a file is named twice")?;
        require(self.checked_bytes().is_some(), "the lengths of the files exceed 2^64 bytes")
    }

    /// Total length of the files of this generation, without the manifest.
    pub(super) fn bytes(&self) -> u64 {
        self.checked_bytes().expect("`read` checked the sum of the lengths")
    }

    fn checked_bytes(&self) -> Option<u64> {
        self.files().try_fold(0_u64, |bytes, file| bytes.checked_add(file.id.length))
    }

    /// The files of this generation, without the manifest.
    pub(super) fn files(&self) -> impl Iterator<Item = ListedFile> {
        let file = |kind| move |id| ListedFile { kind, id };
        let segments = self.segments.iter().map(|entry| entry.file).map(file(C::SEGMENT));
        let removals = self.segments.iter().flat_map(|entry| entry.removals.iter().copied());
        let removals = removals.map(file(Kind::Removals));
        let calibration = self.calibration.into_iter().map(file(Kind::Calibration));
        segments.chain(removals).chain(calibration)
    }
}
