//! The contents of an index in a folder: the part of its manifest that depends on the kind of index.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    format::sections::{Kind, Sections},
};

/// Contents of an index: the kind of its segments, and its settings.
pub(crate) trait Contents: Clone {
    /// Kind of the file of the manifest, by which folders of different contents differ.
    const MANIFEST: Kind;
    /// Kind of the files of the segments.
    const SEGMENT: Kind;

    /// Stored form, a part of the record of the manifest.
    type Record<'a>: Serialize + Deserialize<'a>
    where
        Self: 'a;

    /// Dimension of the vectors.
    fn dim(&self) -> usize;

    /// Returns the stored form.
    fn record(&self) -> Self::Record<'_>;

    /// Returns the contents of a stored form; `None` if it has values that no index has.
    fn checked(record: Self::Record<'_>) -> Option<Self>;
}

/// The error of a manifest in the folder at `path` that belongs to an index with other contents
/// than `C`; `None` if `sections` are no manifest of such an index.
pub(super) fn other_contents<C: Contents>(sections: &Sections, path: &Path) -> Option<Error> {
    let [found, opened_by] = if sections.is_of(C::MANIFEST) {
        return None;
    } else if sections.is_of(Kind::Manifest) {
        ["a corpus of articles", "Retriever::open"]
    } else if sections.is_of(Kind::VectorManifest) {
        ["a vector store", "VectorStore::open"]
    } else {
        return None;
    };
    Some(Error::OtherIndex { path: path.to_owned(), found, opened_by })
}
