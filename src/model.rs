//! Which model a vector comes from: a name for people, a hash for equality.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What decides whether two models give the same vectors.
///
/// Two identities are equal if their hashes are: a renamed model is the same model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Name for people.
    pub name: String,
    /// Hash of everything that the vectors depend on: weights, tokenizer,
    /// pooling, prefixes and token limit.
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
