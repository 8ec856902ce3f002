//! The embedder of tests inside the crate. Tests outside use that of their kit.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};

/// Embeds a text as the sum of a pseudo-random vector for each word.
pub(crate) struct WordSums {
    identity: ModelIdentity,
    seed: u64,
}

impl Default for WordSums {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl WordSums {
    /// A model that differs from those of other seeds.
    pub(crate) fn seeded(seed: u64) -> Self {
        let hash = 8 + u128::from(seed);
        Self { identity: ModelIdentity { name: format!("hashed words {seed}"), hash }, seed }
    }
}

impl Embedder for WordSums {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        8
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        let mut values = Vec::with_capacity(texts.len() * self.dim());
        for text in texts {
            let mut sum = [1e-3; 8];
            for word in text.split_whitespace() {
                let hash = xxh3_64_with_seed(word.as_bytes(), self.seed).to_le_bytes();
                sum.iter_mut().zip(hash).for_each(|(x, byte)| *x += f32::from(byte) - 127.5);
            }
            values.extend(sum);
        }
        Vectors::normalized(self.dim(), values)
    }
}
