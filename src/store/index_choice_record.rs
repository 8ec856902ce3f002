//! Stored form of the choice of an index.

use serde::{Deserialize, Serialize};

use crate::{HnswParams, IndexChoice};

/// Stored form of an [`IndexChoice`].
#[derive(Serialize, Deserialize)]
pub(super) enum IndexChoiceRecord {
    Exact,
    Hnsw { m: u64, ef_construction: u64 },
    Auto { m: u64, ef_construction: u64 },
}

impl From<IndexChoice> for IndexChoiceRecord {
    fn from(choice: IndexChoice) -> Self {
        match choice {
            IndexChoice::Exact => Self::Exact,
            IndexChoice::Hnsw(HnswParams { m, ef_construction }) => {
                Self::Hnsw { m: m as u64, ef_construction: ef_construction as u64 }
            }
            IndexChoice::Auto(HnswParams { m, ef_construction }) => {
                Self::Auto { m: m as u64, ef_construction: ef_construction as u64 }
            }
        }
    }
}

impl IndexChoiceRecord {
    /// Returns the choice; `None` if its parameters are out of range.
    pub(super) fn checked(self) -> Option<IndexChoice> {
        let params = |m: u64, ef_construction: u64| {
            let ef_construction = usize::try_from(ef_construction).ok()?;
            Some(HnswParams { m: usize::try_from(m).ok()?, ef_construction })
        };
        let choice = match self {
            Self::Exact => IndexChoice::Exact,
            Self::Hnsw { m, ef_construction } => IndexChoice::Hnsw(params(m, ef_construction)?),
            Self::Auto { m, ef_construction } => IndexChoice::Auto(params(m, ef_construction)?),
        };
        choice.check().ok().map(|()| choice)
    }
}
