//! An embedder for benchmarks and tests: white-space words as tokens, seeded hashes as vectors.

use std::hash::{DefaultHasher, Hash, Hasher};

use passim::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};

use crate::seeded::Seeded;

/// Counts words as tokens and sums a pseudo-random vector per word, so that texts that share words
/// are similar.
#[derive(Debug)]
pub(crate) struct WordEmbedder {
    identity: ModelIdentity,
    dim: usize,
    max_tokens: Option<usize>,
}

#[allow(dead_code, reason = "not every test that includes this file uses all of it")]
impl WordEmbedder {
    /// An embedder of `dim` values without a limit of tokens.
    pub(crate) fn new(dim: usize) -> Self {
        let identity = ModelIdentity { name: format!("words-{dim}"), hash: dim as u128 };
        Self { identity, dim, max_tokens: None }
    }

    /// Reads at most `max_tokens` words.
    pub(crate) fn reading(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }
}

impl Embedder for WordEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        let most = self.max_tokens.unwrap_or(usize::MAX);
        let mut data = Vec::with_capacity(texts.len() * self.dim);
        for text in texts {
            let mut sum = vec![1e-3; self.dim];
            for word in text.split_whitespace().take(most) {
                let mut seeded = Seeded(seed(word));
                for x in &mut sum {
                    *x += seeded.unit();
                }
            }
            data.extend(sum);
        }
        Vectors::normalized(self.dim, data)
    }
}

fn seed(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.to_lowercase().hash(&mut hasher);
    hasher.finish()
}
