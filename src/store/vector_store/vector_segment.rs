//! A segment of a vector store: vectors with their ids and their index, immutable once sealed.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Error, GraphReport, HnswIndex, HnswParams, IndexChoice, Result, VectorIndex, Vectors,
    format::{
        codec,
        column::{Column, MappedFile},
        decode_error::{DecodeError, require},
        lazy_checked::{Check, LazyChecked},
        sections::{FileId, Kind, Section, Sections},
        tag::Tag,
    },
    vector::{IndexRecord, SegmentIndex, open_vectors, to_row, vectors::is_unit},
    work::WorkMonitor,
};

/// Vectors in the order of their ids, with their index.
pub(crate) struct VectorSegment {
    ids: LazyChecked<Ids>,
    index: LazyChecked<SegmentIndex>,
    /// Each row is checked by its own checksum.
    vectors: Arc<Vectors>,
    /// `None` without a graph.
    graph_params: Option<HnswParams>,
    /// `None` in memory.
    file: Option<Arc<Sections>>,
}

/// The id of each row, in ascending order.
struct Ids(Column<u64>);

impl Check for Ids {
    fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&[Tag::Ids])?;
        require(self.0.is_sorted_by(|a, b| a < b), "the ids of the vectors do not ascend")
    }
}

/// Properties of a segment that are stored beside its sections.
#[derive(Serialize, Deserialize)]
struct VectorSegmentRecord {
    dim: u64,
    index: IndexRecord,
}

impl fmt::Debug for VectorSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorSegment")
            .field("vectors", &self.len())
            .field("file", &self.file_id())
            .finish_non_exhaustive()
    }
}

impl VectorSegment {
    /// Indexes `vectors` as `choice` says; `ids` strictly ascend, one per vector.
    pub(super) fn build(
        ids: Vec<u64>,
        vectors: Vectors,
        choice: IndexChoice,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        debug_assert!(ids.len() == vectors.len() && ids.is_sorted_by(|a, b| a < b));
        let vectors = Arc::new(vectors);
        let index = choice.build(Arc::clone(&vectors), monitor)?;
        Ok(Self {
            ids: LazyChecked::in_memory(Ids(ids.into())),
            graph_params: index.graph().map(HnswIndex::params),
            index: LazyChecked::in_memory(index),
            vectors,
            file: None,
        })
    }

    /// Opens the segment in `map`; content is read and checked when it is first needed.
    pub(super) fn open(map: MappedFile) -> Result<Self> {
        let path = map.path().to_owned();
        let sections = Sections::open(map, Kind::VectorSegment);
        let segment = sections.and_then(|sections| Self::from_sections(&Arc::new(sections)));
        segment.map_err(|error| error.in_file(path.display()))
    }

    fn from_sections(sections: &Arc<Sections>) -> Result<Self, DecodeError> {
        let record: Option<VectorSegmentRecord> =
            codec::decode(sections.checked_bytes(Tag::Record)?);
        let record =
            record.ok_or(DecodeError::Corrupt("the record of the segment cannot be decoded"))?;
        let vectors = Arc::new(open_vectors(sections, record.dim)?);
        let ids: Column<u64> = sections.column(Tag::Ids)?;
        require(ids.len() == vectors.len(), "ids and vectors differ in number")?;
        let index = SegmentIndex::open(&record.index, sections, Arc::clone(&vectors))?;
        require(index.len() == vectors.len(), "index and vectors differ in number")?;
        Ok(Self {
            ids: LazyChecked::in_file(Ids(ids), sections),
            graph_params: index.graph().map(HnswIndex::params),
            index: LazyChecked::in_file(index, sections),
            vectors,
            file: Some(Arc::clone(sections)),
        })
    }

    /// Calls `write` with the sections of the file: the record and all columns.
    pub(super) fn with_sections<T>(
        &self,
        write: impl FnOnce(&[Section]) -> Result<T>,
    ) -> Result<T> {
        let index = self.index.get()?;
        let record = VectorSegmentRecord { dim: self.vectors.dim() as u64, index: index.record() };
        let record = codec::encode(&record, "bytes in the record of a segment")?;
        let sums = self.vectors.sums();
        let mut sections = vec![
            Section::new(Tag::Record, &record),
            Section::new(Tag::Vectors, bytemuck::cast_slice(self.vectors.as_slice())),
            Section::new(Tag::VectorSums, sums.as_bytes()),
        ];
        sections.extend(index.sections());
        sections.push(Section::new(Tag::Ids, bytemuck::cast_slice(self.ids()?)));
        write(&sections)
    }

    /// The segment's file; `None` in memory.
    pub(super) fn file_id(&self) -> Option<FileId> {
        self.file.as_ref().map(|file| file.id())
    }

    /// Number of vectors, live or not.
    pub(super) fn len(&self) -> u32 {
        to_row(self.vectors.len())
    }

    /// The vectors by row.
    pub(super) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The vector in `row`, checked by its checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] with the id of the vector.
    pub(super) fn checked_vector(&self, row: u32) -> Result<&[f32]> {
        self.vectors.checked_row(row as usize).or_else(|_| {
            let id = self.ids()?[row as usize];
            let origin = format!("the vector with id {id} in {}", self.origin());
            let fault = "its stored bytes are invalid; remove the id or add its vector again";
            Err(Error::Corrupt { origin, fault })
        })
    }

    /// The parameters of the graph, if there is one.
    pub(super) fn graph_params(&self) -> Option<HnswParams> {
        self.graph_params
    }

    /// The index of the vectors, checked.
    pub(super) fn index(&self) -> Result<&SegmentIndex> {
        self.index.get()
    }

    /// The ids by row, checked; they ascend.
    pub(super) fn ids(&self) -> Result<&[u64]> {
        Ok(&self.ids.get()?.0)
    }

    /// The row of the vector with this id, live or not.
    pub(super) fn find(&self, id: u64) -> Result<Option<u32>> {
        Ok(self.ids()?.binary_search(&id).ok().map(to_row))
    }

    /// Advises the system that the whole file is about to be read in order.
    pub(super) fn advise_sequential(&self) {
        if let Some(file) = &self.file {
            file.file().advise_sequential();
        }
    }

    /// Checks every byte and every vector, and searches the graph, if there is one, for each vector.
    pub(super) fn verify(&self) -> Result<Option<GraphReport>> {
        self.ids()?;
        for row in 0..self.len() {
            let is_normalized = is_unit(self.checked_vector(row)?);
            require(is_normalized, "a vector does not have length 1")
                .map_err(|error| error.in_file(self.origin()))?;
        }
        if let Some(file) = &self.file {
            file.check_all().map_err(|error| error.in_file(file.path()))?;
        }
        Ok(self.index()?.graph().map(HnswIndex::verify))
    }

    /// The origin that error messages name.
    fn origin(&self) -> String {
        self.file.as_ref().map_or_else(|| "the store".to_owned(), |file| file.path().to_string())
    }
}
