//! A model of 8 dimensions that gives a text the same vector everywhere.

use passim::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};

const DIM: usize = 8;

/// The sum of whole numbers that a hash gives to each word, so no processor rounds it otherwise.
pub struct HashEmbedder(ModelIdentity);

impl Default for HashEmbedder {
    fn default() -> Self {
        let name = "sum of hashed words, 8 dimensions".to_owned();
        Self(ModelIdentity { name, hash: 0x7061_7373_696d_2f74_696e_792f_3864_2f31 })
    }
}

impl Embedder for HashEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(words(text).count())
    }

    fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        Vectors::normalized(DIM, texts.iter().flat_map(|text| sums(text)).collect())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// What the words of `text` add up to; one along the first axis if that is nothing.
fn sums(text: &str) -> [f32; DIM] {
    let mut sums = [0_i16; DIM];
    for word in words(text) {
        let hash = fnv(word.to_lowercase().as_bytes()).to_le_bytes();
        for (sum, byte) in sums.iter_mut().zip(hash) {
            *sum += i16::from(byte % 7) - 3;
        }
    }
    if sums == [0; DIM] {
        sums[0] = 1;
    }
    sums.map(f32::from)
}

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
