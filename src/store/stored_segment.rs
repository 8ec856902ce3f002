//! The segments that a store keeps in files, of any kind of index.

use std::sync::Arc;

use super::{contents::Contents, removals::Removals};
use crate::{
    Calibration, Result,
    format::{
        column::MappedFile,
        sections::{FileId, Section},
    },
    vector::MeasuredPart,
};

/// A segment with the set of its live items: articles of a corpus, or vectors of a vector store.
///
/// The content of a segment is immutable and shared, so a clone is cheap. Removing an item changes
/// the set of this value alone.
pub(crate) trait StoredSegment: Clone {
    /// Contents of an index of such segments.
    type Contents: Contents;

    /// Opens the segment in `map` with all of its items live; content is read and checked when it
    /// is first needed.
    fn open(map: MappedFile) -> Result<Self>;

    /// The same segment with all of its items live and without a calibration.
    fn with_all_items(&self) -> Self;

    /// The same live items and the same calibration in `copy`, a copy of this segment.
    fn moved_to(&self, copy: &Self) -> Self;

    /// The segment's file; `None` in memory.
    fn file_id(&self) -> Option<FileId>;

    /// Dimension of the vectors.
    fn dim(&self) -> usize;

    /// Calls `write` with the sections of the file.
    fn with_sections<T>(&self, write: impl FnOnce(&[Section]) -> Result<T>) -> Result<T>;

    /// Number of items, live or not.
    fn items(&self) -> usize;

    /// Number of live vectors.
    fn live_vectors(&self) -> usize;

    /// Removes item `number`, which is live.
    fn remove_item(&mut self, number: u32) -> Result<()>;

    /// The removed items.
    fn removals(&self) -> &Removals;

    /// Replaces the removed items by the same ones, in other files.
    fn set_removals(&mut self, removals: Removals);

    /// Whether the index of the segment is a graph.
    fn has_graph(&self) -> bool;

    /// The index with the live rows, of which the recall is measured.
    fn measured_part(&self) -> Result<MeasuredPart<'_>>;

    /// The calibration of the graph, if it was calibrated.
    fn calibration(&self) -> Option<&Arc<Calibration>>;

    /// Replaces the calibration of the graph.
    fn set_calibration(&mut self, calibration: Option<Arc<Calibration>>);
}
