//! The names of the files in the folder of an index.

use crate::format::sections::Kind;

/// The manifest of the last generation.
pub(super) const MANIFEST: &str = "manifest.passim";
/// What a writer holds a lock on.
pub(super) const LOCK: &str = "lock";

/// Vectors of texts that were embedded, if the writer keeps them.
pub(super) const CACHE: &str = "embeddings.cache";
/// The same while it is written anew.
pub(super) const CACHE_NEW: &str = "embeddings.cache.new";

/// The name of a file of `kind`; a manifest that is published has another.
pub(super) fn name_of(kind: Kind, number: u64) -> String {
    match kind {
        Kind::Manifest => format!("manifest-{number}.new"),
        Kind::Segment => format!("segment-{number}.passim"),
        Kind::Removals => format!("removals-{number}.passim"),
        Kind::Calibration => format!("calibration-{number}.passim"),
    }
}

/// Kind and number of the file of this name, if it is one that [`name_of`] gives.
pub(super) fn our_name(name: &str) -> Option<(Kind, u64)> {
    let (kind, rest) = name.split_once('-')?;
    let number = rest.split_once('.')?.0.parse().ok()?;
    let kind = match kind {
        "manifest" => Kind::Manifest,
        "segment" => Kind::Segment,
        "removals" => Kind::Removals,
        "calibration" => Kind::Calibration,
        _ => return None,
    };
    (name_of(kind, number) == name).then_some((kind, number))
}
