//! A segment of a vector store with the set of its live vectors.

use std::{borrow::Cow, sync::Arc};

use super::{id_search::IdFilter, vector_contents::VectorContents, vector_segment::VectorSegment};
use crate::{
    Calibration, Error, IndexChoice, Result, RowSet, Vectors,
    format::{
        column::MappedFile,
        sections::{FileId, Section},
    },
    store::{merge_policy::SegmentSize, removals::Removals, stored_segment::StoredSegment},
    vector::{MeasuredPart, VectorRow},
    work::WorkMonitor,
};

/// A segment without the vectors removed from it.
#[derive(Clone, Debug)]
pub(crate) struct LiveVectors {
    segment: Arc<VectorSegment>,
    live: Arc<RowSet>,
    /// Calibration of the graph, if there is one. It is kept beside the shared segment, so that a
    /// reader keeps the calibration of its generation.
    calibration: Option<Arc<Calibration>>,
    removals: Arc<Removals>,
}

/// A live vector of one of the segments to merge; ordered by id.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct MergedVector {
    id: u64,
    part: usize,
    row: u32,
}

impl LiveVectors {
    /// `segment` with all of its vectors live.
    pub(super) fn all(segment: Arc<VectorSegment>) -> Self {
        let live = Arc::new(RowSet::all(segment.len()));
        Self { segment, live, calibration: None, removals: Arc::default() }
    }

    /// Copies the live vectors of `segments`, each of which has `dim` values, into a new one, and
    /// indexes them as `index` chooses. Each vector is compared with its checksum on the way.
    pub(super) fn merge(
        segments: &[Self],
        dim: usize,
        index: IndexChoice,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        let mut merged = Vec::with_capacity(segments.iter().map(Self::len).sum());
        for (part, segment) in segments.iter().enumerate() {
            segment.segment.advise_sequential();
            let ids = segment.segment.ids()?;
            let row = |row: u32| MergedVector { id: ids[row as usize], part, row };
            merged.extend(segment.live.iter().map(row));
        }
        merged.sort_unstable();
        if !merged.is_sorted_by(|a, b| a.id < b.id) {
            let fault = "an id has more than one vector";
            return Err(Error::Corrupt { origin: "the store".to_owned(), fault });
        }
        monitor.check()?;
        let row = |from: &MergedVector| VectorRow {
            vectors: segments[from.part].segment.vectors(),
            row: from.row,
        };
        let damaged =
            |from: &MergedVector| segments[from.part].segment.checked_vector(from.row).err();
        let vectors = Vectors::gather(dim, merged.iter().map(row))
            .map_err(|error| merged.iter().find_map(damaged).unwrap_or(error))?;
        let ids = merged.into_iter().map(|vector| vector.id).collect();
        monitor.check()?;
        let segment = VectorSegment::build(ids, vectors, index, monitor)?;
        Ok(Self::all(Arc::new(segment)))
    }

    /// The segment with all of its vectors.
    pub(super) fn sealed(&self) -> &VectorSegment {
        &self.segment
    }

    /// Number of live vectors.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// The size by which the merge policy decides.
    pub(super) fn size(&self) -> SegmentSize {
        SegmentSize {
            live: self.len(),
            all: self.items(),
            vectors: self.len(),
            graph: self.segment.graph_params(),
            is_current: true,
        }
    }

    /// Whether the segment has no removed vector and the index that `index` chooses.
    pub(super) fn is_compact(&self, index: IndexChoice) -> bool {
        self.live_rows().is_none() && index.graph_params(self.len()) == self.segment.graph_params()
    }

    /// The live rows; `None` if all are.
    pub(super) fn live_rows(&self) -> Option<&RowSet> {
        (self.len() < self.items()).then_some(&*self.live)
    }

    /// The ids of the live vectors, in ascending order.
    pub(super) fn live_ids(&self) -> Result<impl Iterator<Item = u64>> {
        let ids = self.segment.ids()?;
        Ok(self.live.iter().map(|row| ids[row as usize]))
    }

    /// The row of the live vector with this id.
    pub(super) fn find(&self, id: u64) -> Result<Option<u32>> {
        Ok(self.segment.find(id)?.filter(|row| self.live.contains(*row)))
    }

    /// Removes the vector in `row`; returns `false` if it was removed before.
    pub(super) fn remove_row(&mut self, row: u32) -> bool {
        let is_removed = Arc::make_mut(&mut self.live).remove(row);
        if is_removed {
            Arc::make_mut(&mut self.removals).add(row);
        }
        is_removed
    }

    /// The live rows that `filter` allows; `None` if all rows of the segment are.
    pub(super) fn allowed_by(&self, filter: Option<IdFilter>) -> Result<Option<Cow<'_, RowSet>>> {
        let Some(filter) = filter else { return Ok(self.live_rows().map(Cow::Borrowed)) };
        let mut allowed = RowSet::none(self.segment.len());
        match filter {
            IdFilter::Among(ids) => {
                for id in ids {
                    if let Some(row) = self.find(*id)? {
                        allowed.insert(row);
                    }
                }
            }
            IdFilter::Where(is_allowed) => {
                let ids = self.segment.ids()?;
                for row in self.live.iter().filter(|row| is_allowed(ids[*row as usize])) {
                    allowed.insert(row);
                }
            }
        }
        Ok(Some(Cow::Owned(allowed)))
    }
}

impl StoredSegment for LiveVectors {
    type Contents = VectorContents;

    fn open(map: MappedFile) -> Result<Self> {
        Ok(Self::all(Arc::new(VectorSegment::open(map)?)))
    }

    fn with_all_items(&self) -> Self {
        Self::all(Arc::clone(&self.segment))
    }

    fn moved_to(&self, copy: &Self) -> Self {
        Self { segment: Arc::clone(&copy.segment), ..self.clone() }
    }

    fn file_id(&self) -> Option<FileId> {
        self.segment.file_id()
    }

    fn dim(&self) -> usize {
        self.segment.vectors().dim()
    }

    fn with_sections<T>(&self, write: impl FnOnce(&[Section]) -> Result<T>) -> Result<T> {
        self.segment.with_sections(write)
    }

    fn items(&self) -> usize {
        self.segment.len() as usize
    }

    fn live_vectors(&self) -> usize {
        self.len()
    }

    fn remove_item(&mut self, number: u32) -> Result<()> {
        self.remove_row(number);
        Ok(())
    }

    fn removals(&self) -> &Removals {
        &self.removals
    }

    fn set_removals(&mut self, removals: Removals) {
        self.removals = Arc::new(removals);
    }

    fn has_graph(&self) -> bool {
        self.segment.graph_params().is_some()
    }

    fn measured_part(&self) -> Result<MeasuredPart<'_>> {
        Ok(self.segment.index()?.measured_part(self.live_rows()))
    }

    fn calibration(&self) -> Option<&Arc<Calibration>> {
        self.calibration.as_ref()
    }

    fn set_calibration(&mut self, calibration: Option<Arc<Calibration>>) {
        self.calibration = calibration;
    }
}
