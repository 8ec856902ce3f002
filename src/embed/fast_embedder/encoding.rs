//! Encoding settings outside the model files: prefixes, maximum length and pooling.

use crate::{LongTexts, Pooling, Result, Role, onnx::Tokens};

/// Settings that vectors depend on in addition to the model files.
#[derive(Debug)]
pub(super) struct Encoding {
    pub(super) pooling: Pooling,
    pub(super) query_prefix: String,
    pub(super) passage_prefix: String,
    /// In tokens, with special tokens and prefix.
    pub(super) max_length: usize,
    pub(super) long_texts: LongTexts,
}

impl Encoding {
    pub(super) fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        }
    }

    /// The settings as text, for the hash of the model's identity.
    pub(super) fn words(&self) -> [String; 5] {
        let [pooling, long_texts] =
            [format!("{:?}", self.pooling), format!("{:?}", self.long_texts)];
        let (query, passage) = (self.query_prefix.clone(), self.passage_prefix.clone());
        [pooling, query, passage, self.max_length.to_string(), long_texts]
    }

    /// Length of the longer prefix, in tokens.
    pub(super) fn longest_prefix(&self, tokens: &Tokens) -> Result<usize> {
        Ok(tokens.count(&self.query_prefix)?.max(tokens.count(&self.passage_prefix)?))
    }
}
