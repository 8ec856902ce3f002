//! The record of a segment.

use serde::{Deserialize, Serialize};

use crate::vector::IndexRecord;

/// Sizes and index parameters of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    pub(super) articles: u64,
    pub(super) passages: u64,
    pub(super) dim: u64,
    pub(super) index: IndexRecord,
}
