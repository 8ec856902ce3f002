//! Identity of an embedding model: a display name, and a hash for equality.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identity of an embedding model. Only vectors of equal models can be compared.
///
/// Two identities are equal if their hashes are, whatever their names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Display name.
    pub name: String,
    /// Hash of everything that determines the vectors: weights, tokenizer, pooling, prefixes and
    /// token limit.
    pub hash: u128,
}

impl PartialEq for ModelIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for ModelIdentity {}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:032x})", self.name, self.hash)
    }
}
