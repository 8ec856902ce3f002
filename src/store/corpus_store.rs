//! The store of a corpus also changes the model, and writes segments before a commit and beside it.

use super::{
    Store, StoredSegment, corpus_contents::Probe, file_names::FileNumber,
    reserved_file::ReservedFile, segment::LiveSegment,
};
use crate::{Embedder, Result, format::sections::Kind};

impl Store {
    /// Sets the model of later generations, which have the vectors of `embedder`.
    pub(crate) fn set_model(&mut self, embedder: &dyn Embedder, probes: Vec<Probe>) {
        self.manifest.contents.model = embedder.identity().clone();
        self.manifest.contents.dim = embedder.dim();
        self.manifest.contents.probes = probes;
    }

    /// Reserves the number of a segment file, which another thread may write meanwhile. No commit
    /// removes the file before its number is [released](Self::release).
    pub(crate) fn reserve_file(&mut self) -> ReservedFile {
        let number = self.take_number();
        self.reserved.push(number);
        ReservedFile::new(self.folder.clone(), number)
    }

    /// Ends the reservation of `file`, and removes it unless the last generation names it.
    pub(crate) fn release(&mut self, file: &ReservedFile) {
        self.reserved.retain(|number| *number != file.number());
        let mut named = self.manifest.segments.iter();
        let is_named = named.any(|entry| entry.file.number == file.number());
        // After a failed fsync, a power cut could bring back a manifest that names it.
        if !is_named && !self.needs_fsync && self.is_last() {
            // A file that cannot be removed now is removed by the next commit.
            _ = self.folder.remove(&file.name());
        }
    }

    /// Writes the files of `segments` that do not exist yet, for a later generation, and removes
    /// files that were staged before for other segments.
    pub(crate) fn stage(&mut self, segments: &[LiveSegment]) -> Result<Vec<LiveSegment>> {
        let mut written = Vec::new();
        let stored = segments.iter().map(|segment| self.write_segment(segment, &mut written));
        let stored: Vec<LiveSegment> = stored.collect::<Result<_>>()?;
        let files = stored.iter().filter_map(StoredSegment::file_id).collect();
        let earlier = std::mem::replace(&mut self.staged, files);
        for file in earlier.iter().filter(|file| !self.staged.contains(file)) {
            // A file that cannot be removed now is removed by the next commit.
            let number = FileNumber { kind: Kind::Segment, number: file.number };
            _ = self.folder.remove(&number.name());
        }
        Ok(stored)
    }

    /// Removes the files that no generation names, if they cannot be those of one. The next writer
    /// removes what remains.
    pub(crate) fn discard_staged(&mut self) {
        self.staged.clear();
        // After a failed fsync a power cut can restore the previous generation, which needs its files.
        if !self.needs_fsync && self.is_last() {
            _ = self.remove_strays();
        }
    }
}
