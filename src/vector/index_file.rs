//! An index in a file of its own: its vectors, codes and graph in the sections that a segment uses.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{CalibrationRecord, FilteredRecords, IndexRecord, SegmentIndex, open_vectors};
use crate::{
    Calibration, Error, ExactIndex, HnswIndex, Result, Vectors,
    format::{
        codec,
        column::MappedFile,
        decode_error::DecodeError,
        lazy_checked::Check,
        replaced_file::replace,
        sections::{Kind, Section, Sections},
        tag::Tag,
    },
};

/// Properties of an index that are stored beside its sections.
#[derive(Serialize, Deserialize)]
struct IndexFileRecord {
    dim: u64,
    index: IndexRecord,
    calibration: Option<CalibrationRecord>,
}

/// An index that was read from a file.
struct OpenedIndex {
    index: SegmentIndex,
    calibration: Option<Calibration>,
}

impl ExactIndex {
    /// Saves the index with its vectors in a file at `path`, and replaces a file there in one step.
    ///
    /// The file is written under another name, fsynced and renamed. After an error or a crash the
    /// file at `path` is the old one; a crash can leave a file `NAME.N.new`. `docs/FORMAT.md`
    /// specifies the file.
    ///
    /// # Errors
    ///
    /// - [`Error::Write`] if the file cannot be written.
    /// - [`Error::Corrupt`] if a vector is damaged in the file that the index was opened from.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use passim::{ExactIndex, SearchParams, VectorIndex, Vectors};
    ///
    /// # let temp = tempfile::tempdir().unwrap();
    /// # let path = temp.path().join("vectors.passim");
    /// let vectors = Vectors::normalized(2, vec![1.0, 0.0, 0.6, 0.8])?;
    /// ExactIndex::new(Arc::new(vectors))?.save(&path)?;
    ///
    /// let index = ExactIndex::open(&path)?;
    /// let found = index.search(&[0.0, 2.0], &SearchParams::default())?;
    /// assert_eq!(found.neighbors[0].row, 1);
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let record = record_of(self.vectors(), IndexRecord::Exact, None);
        save(path.as_ref(), self.vectors(), &record, self.codes.sections().to_vec())
    }

    /// Opens the index that [`save`](Self::save) wrote to the file at `path`.
    ///
    /// The file is memory-mapped. Codes are read and checked at once, and each vector when a search
    /// reads it. If another program truncates the file while it is open, the process receives
    /// SIGBUS; a save replaces the file and does not change it.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] if the file cannot be read.
    /// - [`Error::Corrupt`] if it is damaged, of another kind, or holds a graph.
    /// - [`Error::Version`] if it is of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match open(path)?.index {
            SegmentIndex::Exact(index) => Ok(index),
            SegmentIndex::Graph(_) => {
                Err(DecodeError::Corrupt("it holds a graph, which `HnswIndex::open` opens")
                    .in_file(path.display()))
            }
        }
    }
}

impl HnswIndex {
    /// Saves the index with its vectors and its calibration in a file at `path`, and replaces a file
    /// there in one step; see [`ExactIndex::save`].
    ///
    /// # Errors
    ///
    /// As [`ExactIndex::save`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use passim::{HnswIndex, HnswParams, SearchParams, VectorIndex, Vectors};
    ///
    /// # let temp = tempfile::tempdir().unwrap();
    /// # let path = temp.path().join("graph.passim");
    /// let angles = (0..100_u8).map(|i| f32::from(i) / 20.0);
    /// let vectors = Vectors::normalized(2, angles.flat_map(|a| [a.cos(), a.sin()]).collect())?;
    /// HnswIndex::build(Arc::new(vectors), HnswParams::default())?.save(&path)?;
    ///
    /// let index = HnswIndex::open(&path)?;
    /// let found = index.search(&[1.0, 0.0], &SearchParams::default())?;
    /// assert_eq!(found.neighbors[0].row, 0);
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let calibration = self.calibration.as_ref().map(CalibrationRecord::from);
        let filtered = self.calibration.as_ref().map(FilteredRecords::from).unwrap_or_default();
        let filtered = codec::encode(&filtered, "bytes in the recalls of an index")?;
        let record = record_of(&self.vectors, IndexRecord::Graph(self.record()), calibration);
        let mut sections = self.sections();
        sections.push(Section::new(Tag::FilteredRecalls, &filtered));
        save(path.as_ref(), &self.vectors, &record, sections)
    }

    /// Opens the index that [`save`](Self::save) wrote to the file at `path`.
    ///
    /// The file is memory-mapped, as that of [`ExactIndex::open`]. Codes and links are read and
    /// checked at once, so that no search reads out of range, whatever the file holds.
    ///
    /// # Errors
    ///
    /// As [`ExactIndex::open`]; [`Error::Corrupt`] if the file holds no graph.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let OpenedIndex { index, calibration } = open(path)?;
        match index {
            SegmentIndex::Graph(index) => Ok(Self { calibration, ..*index }),
            SegmentIndex::Exact(_) => {
                Err(DecodeError::Corrupt("it holds no graph; `ExactIndex::open` opens it")
                    .in_file(path.display()))
            }
        }
    }
}

fn record_of(
    vectors: &Vectors,
    index: IndexRecord,
    calibration: Option<CalibrationRecord>,
) -> IndexFileRecord {
    IndexFileRecord { dim: vectors.dim() as u64, index, calibration }
}

/// Writes the record, the vectors and the `sections` of an index.
fn save(
    path: &Path,
    vectors: &Vectors,
    record: &IndexFileRecord,
    sections: Vec<Section>,
) -> Result<()> {
    // A damaged row must not get a section checksum that matches.
    (0..vectors.len()).try_for_each(|row| vectors.checked_row(row).map(drop))?;
    let record = codec::encode(record, "bytes in the record of an index")?;
    let sums = vectors.sums();
    let mut all = vec![
        Section::new(Tag::Record, &record),
        Section::new(Tag::Vectors, bytemuck::cast_slice(vectors.as_slice())),
        Section::new(Tag::VectorSums, sums.as_bytes()),
    ];
    all.extend(sections);
    replace(path, Kind::VectorIndex, &all)
}

fn open(path: &Path) -> Result<OpenedIndex> {
    let map = MappedFile::open(path).map_err(Error::read(path))?;
    decode(map).map_err(|error| error.in_file(path.display()))
}

fn decode(map: MappedFile) -> Result<OpenedIndex, DecodeError> {
    let sections = Sections::open(map, Kind::VectorIndex)?;
    let record: Option<IndexFileRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
    let record = record.ok_or(DecodeError::Corrupt("the record of the index cannot be decoded"))?;
    let vectors = open_vectors(&sections, record.dim)?;
    let index = SegmentIndex::open(&record.index, &sections, Arc::new(vectors))?;
    index.check(&sections)?;
    let filtered = sections.optional_record(Tag::FilteredRecalls)?;
    let calibration = record.calibration.map(|record| record.checked(filtered)).transpose()?;
    Ok(OpenedIndex { index, calibration })
}
