//! The fake model of all tests.

use std::sync::{Arc, Mutex};

use passim::{Embedder, Error, Interrupt, ModelIdentity, Result, Role, Vectors};

use crate::Seeded;

/// Values that one hash gives.
const BLOCK: usize = 8;

/// The texts that a fake model has embedded.
pub type EmbedLog = Arc<Mutex<Vec<String>>>;

/// A model without weights: the vector of a text is the sum of a hashed vector per word, so texts
/// that share words are similar.
///
/// The values are sums of whole numbers, so every CPU computes the same vectors.
#[derive(Clone, Debug)]
pub struct FakeEmbedder {
    identity: ModelIdentity,
    dim: usize,
    seed: u64,
    max_tokens: Option<usize>,
    count: fn(&str) -> usize,
    is_constant: bool,
    refused: Option<Role>,
    log: Option<EmbedLog>,
}

impl FakeEmbedder {
    /// A model of `dim` values whose tokens are words between white space, without a limit.
    pub fn new(dim: usize) -> Self {
        Self {
            identity: ModelIdentity { name: format!("fake-{dim}"), hash: dim as u128 },
            dim,
            seed: 1,
            max_tokens: None,
            count: |text| text.split_whitespace().count(),
            is_constant: false,
            refused: None,
            log: None,
        }
    }

    /// The model of the index in `tests/data/v1`, whose vectors never change.
    pub fn of_version_1() -> Self {
        let name = "sum of hashed words, 8 dimensions".to_owned();
        let hash = 0x7061_7373_696d_2f74_696e_792f_3864_2f31;
        Self { seed: 0, count: |text| words(text).count(), ..Self::new(8) }.named(name, hash)
    }

    /// Sets name and hash.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, hash: u128) -> Self {
        self.identity = ModelIdentity { name: name.into(), hash };
        self
    }

    /// Sets the seed of the vectors; with another one the same words have other vectors.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Reads at most `max_tokens` words of a text.
    #[must_use]
    pub fn limit(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// Counts tokens with `count`.
    #[must_use]
    pub fn counting(mut self, count: fn(&str) -> usize) -> Self {
        self.count = count;
        self
    }

    /// Gives every text the same vector.
    #[must_use]
    pub fn constant(mut self) -> Self {
        self.is_constant = true;
        self
    }

    /// Fails with [`Error::Cancelled`] when asked to embed a text as `role`.
    #[must_use]
    pub fn refusing(mut self, role: Role) -> Self {
        self.refused = Some(role);
        self
    }

    /// Adds every text that is embedded to `log`.
    #[must_use]
    pub fn logging(mut self, log: &EmbedLog) -> Self {
        self.log = Some(Arc::clone(log));
        self
    }

    /// The sum of the vectors of the words that are read.
    fn sum(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.dim];
        if !self.is_constant {
            for word in words(text).take(self.max_tokens.unwrap_or(usize::MAX)) {
                self.add_word(word, &mut sum);
            }
        }
        if sum.iter().all(|value| *value == 0.0) {
            sum[0] = 1.0;
        }
        sum
    }

    /// Adds one of the numbers `-3..=3` to each value.
    fn add_word(&self, word: &str, sum: &mut [f32]) {
        let mut hash = fnv(word.to_lowercase().as_bytes());
        if self.seed != 0 {
            hash = Seeded(hash ^ self.seed).next();
        }
        for block in sum.chunks_mut(BLOCK) {
            for (value, byte) in block.iter_mut().zip(hash.to_le_bytes()) {
                *value += f32::from(byte % 7) - 3.0;
            }
            hash = Seeded(hash).next();
        }
    }
}

impl Embedder for FakeEmbedder {
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
        Ok((self.count)(text))
    }

    fn embed(&self, role: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        if self.refused == Some(role) && !texts.is_empty() {
            return Err(Error::Cancelled);
        }
        if let Some(log) = &self.log {
            let mut log = log.lock().expect("no test panics while it logs");
            log.extend(texts.iter().map(|text| (*text).to_owned()));
        }
        Vectors::normalized(self.dim, texts.iter().flat_map(|text| self.sum(text)).collect())
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
