//! Names of the files in the folder of an index.

use crate::format::sections::Kind;

/// Manifest of the last generation.
pub(super) const MANIFEST: &str = "manifest.passim";
/// Locked by the writer.
pub(super) const LOCK: &str = "lock";
/// Embedding cache, if the writer keeps one.
pub(super) const CACHE: &str = "embeddings.cache";
/// Embedding cache while it is rewritten.
pub(super) const CACHE_NEW: &str = "embeddings.cache.new";

/// Name of the stamps of the sync of folders `id`. No manifest names it, and no commit removes it.
pub(super) fn stamp_file(id: u64) -> String {
    format!("stamps-{id:016x}.passim")
}

/// Name of these stamps from before a sync commits until they are replaced.
pub(super) fn stamp_file_unfinished(id: u64) -> String {
    format!("stamps-{id:016x}.old")
}

/// Name of these stamps while they are written.
pub(super) fn stamp_file_new(id: u64) -> String {
    format!("stamps-{id:016x}.new")
}

/// Kind and number of a file, which determine its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileNumber {
    pub(super) kind: Kind,
    pub(super) number: u64,
}

impl FileNumber {
    /// Returns the name of the file. A published manifest is renamed to [`MANIFEST`].
    pub(super) fn name(self) -> String {
        let number = self.number;
        match self.kind {
            Kind::Manifest | Kind::VectorManifest => format!("manifest-{number}.new"),
            Kind::Segment => format!("segment-{number}.passim"),
            Kind::Removals => format!("removals-{number}.passim"),
            Kind::Calibration => format!("calibration-{number}.passim"),
            Kind::VectorSegment => format!("vectors-{number}.passim"),
            // No manifest names such a file; its user does.
            Kind::VectorIndex => format!("index-{number}.passim"),
            Kind::FileStamps => stamp_file(number),
        }
    }

    /// Returns the kind and number that have this `name`, if any.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (kind, rest) = name.split_once('-')?;
        let number = rest.split_once('.')?.0.parse().ok()?;
        let kind = match kind {
            "manifest" => Kind::Manifest,
            "segment" => Kind::Segment,
            "removals" => Kind::Removals,
            "calibration" => Kind::Calibration,
            "vectors" => Kind::VectorSegment,
            _ => return None,
        };
        let parsed = Self { kind, number };
        (parsed.name() == name).then_some(parsed)
    }
}
