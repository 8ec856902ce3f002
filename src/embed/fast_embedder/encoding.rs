//! Encoding settings outside the model files: prefixes, maximum length and pooling.

use super::prefix::Prefix;
use crate::{LongTexts, Pooling, Result, Role, onnx::ModelTokenizer};

/// Settings that vectors depend on in addition to the model files.
#[derive(Debug)]
pub(super) struct Encoding {
    pub(super) pooling: Pooling,
    pub(super) query_prefix: Prefix,
    pub(super) passage_prefix: Prefix,
    /// Maximum input length in tokens, with special tokens and prefix.
    pub(super) max_length: usize,
    pub(super) long_texts: LongTexts,
}

impl Encoding {
    pub(super) fn prefix(&self, role: Role) -> &Prefix {
        match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        }
    }

    /// Returns the settings as texts, for the hash of the model's identity.
    pub(super) fn as_texts(&self) -> [String; 5] {
        [
            format!("{:?}", self.pooling),
            self.query_prefix.text.clone(),
            self.passage_prefix.text.clone(),
            self.max_length.to_string(),
            format!("{:?}", self.long_texts),
        ]
    }

    /// Returns the length of the longer prefix in tokens.
    pub(super) fn longest_prefix(&self, tokenizer: &ModelTokenizer) -> Result<usize> {
        let query = tokenizer.count(&self.query_prefix.text)?;
        Ok(query.max(tokenizer.count(&self.passage_prefix.text)?))
    }
}
