//! The contents of a vector store: the dimension of its vectors and the choice of their index.

use serde::{Deserialize, Serialize};

use crate::{
    IndexChoice,
    format::sections::Kind,
    store::{contents::Contents, index_choice_record::IndexChoiceRecord},
    vector::MAX_DIMENSIONS,
};

/// Contents of a vector store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VectorContents {
    pub(crate) dim: usize,
    pub(crate) index: IndexChoice,
}

/// Stored form of [`VectorContents`].
#[derive(Serialize, Deserialize)]
pub(crate) struct VectorContentsRecord {
    dim: u64,
    index: IndexChoiceRecord,
}

impl Contents for VectorContents {
    const MANIFEST: Kind = Kind::VectorManifest;
    const SEGMENT: Kind = Kind::VectorSegment;

    type Record<'a> = VectorContentsRecord;

    fn dim(&self) -> usize {
        self.dim
    }

    fn record(&self) -> VectorContentsRecord {
        VectorContentsRecord { dim: self.dim as u64, index: self.index.into() }
    }

    fn checked(record: VectorContentsRecord) -> Option<Self> {
        let dim = usize::try_from(record.dim).ok();
        let dim = dim.filter(|dim| (1..=MAX_DIMENSIONS).contains(dim))?;
        Some(Self { dim, index: record.index.checked()? })
    }
}
