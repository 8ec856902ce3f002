//! The names of the files in the folder of an index.

use crate::format::sections::Kind;

/// The manifest of the last generation.
pub(super) const MANIFEST: &str = "manifest.passim";
/// Locked by the writer.
pub(super) const LOCK: &str = "lock";

/// The embedding cache, if the writer keeps one.
pub(super) const CACHE: &str = "embeddings.cache";
/// The embedding cache while it is rewritten.
pub(super) const CACHE_NEW: &str = "embeddings.cache.new";

/// The name of a file of `kind`; a published manifest is renamed to [`MANIFEST`].
pub(super) fn name_of(kind: Kind, number: u64) -> String {
    match kind {
        Kind::Manifest => format!("manifest-{number}.new"),
        Kind::Segment => format!("segment-{number}.passim"),
        Kind::Removals => format!("removals-{number}.passim"),
        Kind::Calibration => format!("calibration-{number}.passim"),
    }
}

/// Kind and number of a file, if [`name_of`] gives its name.
pub(super) fn parse_name(name: &str) -> Option<(Kind, u64)> {
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
