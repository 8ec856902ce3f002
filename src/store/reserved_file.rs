//! A segment file that is written while the store publishes generations without it.

use super::{
    file_names::FileNumber, folder::Folder, open_written, segment::LiveSegment,
    stored_segment::StoredSegment,
};
use crate::{Result, format::sections::Kind};

/// The number of a segment file that no generation names yet.
#[derive(Debug)]
pub(crate) struct ReservedFile {
    folder: Folder,
    number: u64,
}

impl ReservedFile {
    pub(super) fn new(folder: Folder, number: u64) -> Self {
        Self { folder, number }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn name(&self) -> String {
        FileNumber { kind: Kind::Segment, number: self.number }.name()
    }

    /// Writes and fsyncs the file of `segment`, and returns the same live articles in this file.
    pub(crate) fn write(&self, segment: &LiveSegment) -> Result<LiveSegment> {
        let name = self.name();
        let written = segment.sealed().with_sections(|sections| {
            self.folder.write(&name, Kind::Segment, self.number, sections)
        });
        written?;
        Ok(segment.moved_to(&open_written(&self.folder, &name)?))
    }
}
