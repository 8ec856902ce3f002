//! What is done to a text beside what the model's files say: prefix, cut and pooling.

use super::session::Counter;
use crate::{Error, Result, Role};

/// How the token vectors of a transformer become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooling {
    /// The vector of the first token.
    Cls,
    /// The mean of all token vectors.
    Mean,
}

/// What vectors depend on beside the model's files.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) pooling: Pooling,
    pub(super) query_prefix: String,
    pub(super) passage_prefix: String,
    /// In tokens, with special tokens and prefix.
    pub(super) max_length: usize,
}

impl Recipe {
    pub(super) fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        }
    }

    /// The settings as text, for the hash of the model's identity.
    pub(super) fn words(&self) -> [String; 4] {
        let pooling = format!("{:?}", self.pooling);
        let (query, passage) = (self.query_prefix.clone(), self.passage_prefix.clone());
        [pooling, query, passage, self.max_length.to_string()]
    }

    /// Length of the longer prefix, in tokens.
    pub(super) fn longest_prefix(&self, count: &Counter) -> Result<usize> {
        let query = count(&self.query_prefix).map_err(Error::Embed)?;
        let passage = count(&self.passage_prefix).map_err(Error::Embed)?;
        Ok(query.max(passage))
    }
}
