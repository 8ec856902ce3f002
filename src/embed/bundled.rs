//! The static embedder: pooling of a model file's rows, and the model that is part of the crate.

mod format;
mod pieces;
mod trie;
mod words;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fmt, fs};

use self::format::{Layout, Problem};
use self::pieces::Pieces;
use crate::{Embedder, Error, ModelIdentity, Result, Role, Vectors};

static BUNDLED_FILE: &[u8] = include_bytes!("../../models/passim-de-en.psm");

/// A model without a network: one vector per word piece, summed over the pieces of a text.
///
/// A piece that occurs `n` times counts `1 + ln n` times; word order does not
/// count. There is no limit of length. A text without any known piece, the empty
/// text too, gets one vector of its own, which is similar to no other.
///
/// Clones share one model.
///
/// # Examples
///
/// ```
/// use passim::{Embedder, Role, StaticEmbedder};
///
/// let embedder = StaticEmbedder::bundled()?;
/// let vectors = embedder.embed(Role::Passage, &["Der Hund schläft.", "The dog is asleep.", "Steuern"])?;
/// let similarity = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
/// let [german, english, other] = [0, 1, 2].map(|row| vectors.row(row));
/// assert!(similarity(german, english) > similarity(german, other));
/// # Ok::<(), passim::Error>(())
/// ```
///
/// # Source
///
/// Tables distilled from a transformer: Tulkens & van Dongen (2024), `Model2Vec`.
#[derive(Clone)]
pub struct StaticEmbedder(Arc<Model>);

impl StaticEmbedder {
    /// The German and English model that is part of the crate; `models/README.md` describes it.
    ///
    /// It is read once per process, at the first call.
    ///
    /// # Errors
    ///
    /// Those of [`from_bytes`](Self::from_bytes), if the crate was built with a
    /// model file that is not its own.
    pub fn bundled() -> Result<Self> {
        static BUNDLED: OnceLock<StaticEmbedder> = OnceLock::new();
        if let Some(embedder) = BUNDLED.get() {
            return Ok(embedder.clone());
        }
        let embedder = Self::read(Cow::Borrowed(BUNDLED_FILE), "the bundled model")?;
        Ok(BUNDLED.get_or_init(|| embedder).clone())
    }

    /// The model in the bytes of a model file (`docs/MODEL_FORMAT.md`).
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] or [`Error::Version`] if they are not one that can be read.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::read(Cow::Owned(bytes), "a model file")
    }

    /// The model in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, else those of [`from_bytes`](Self::from_bytes).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path))?;
        Self::read(Cow::Owned(bytes), &path.display().to_string())
    }

    fn read(bytes: Cow<'static, [u8]>, origin: &str) -> Result<Self> {
        match Model::read(bytes) {
            Ok(model) => Ok(Self(Arc::new(model))),
            Err(problem) => Err(problem.about(origin)),
        }
    }
}

impl fmt::Debug for StaticEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticEmbedder").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

impl Embedder for StaticEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.0.identity
    }

    fn dim(&self) -> usize {
        self.0.layout.dim
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        let mut count = 0;
        self.0.pieces.for_each_row(text, &mut String::new(), |_| count += 1);
        Ok(count)
    }

    fn embed(&self, _role: Role, texts: &[&str]) -> Result<Vectors> {
        let dim = self.dim();
        let mut sums = vec![0.0; texts.len() * dim];
        let mut scratch = Scratch::default();
        for (text, sum) in texts.iter().zip(sums.chunks_exact_mut(dim)) {
            self.0.pool(text, &mut scratch, sum);
        }
        Vectors::normalized(dim, sums)
    }
}

/// Buffers that one text after the other uses, so that no token allocates.
#[derive(Default)]
struct Scratch {
    word: String,
    rows: Vec<u32>,
}

/// A model file with what is derived from it at load.
struct Model {
    bytes: Cow<'static, [u8]>,
    layout: Layout,
    pieces: Pieces,
    identity: ModelIdentity,
}

impl Model {
    fn read(bytes: Cow<'static, [u8]>) -> Result<Self, Problem> {
        let layout = Layout::read(&bytes)?;
        let pieces =
            Pieces::read(&bytes[layout.vocabulary.clone()], layout.starts, layout.unknown())?;
        let identity = ModelIdentity { name: layout.name.clone(), hash: layout.hash };
        Ok(Self { bytes, layout, pieces, identity })
    }

    /// Adds the rows of the pieces of `text` to `sum`, each `1 + ln n` times.
    ///
    /// Rows are added in ascending order: the same pieces give the same bits.
    fn pool(&self, text: &str, scratch: &mut Scratch, sum: &mut [f32]) {
        let rows = &mut scratch.rows;
        rows.clear();
        self.pieces.for_each_row(text, &mut scratch.word, |row| rows.push(row));
        if rows.is_empty() {
            rows.push(self.layout.unknown());
        }
        rows.sort_unstable();
        for same in rows.chunk_by(|a, b| a == b) {
            #[expect(clippy::cast_precision_loss, reason = "a logarithm follows")]
            let count = same.len() as f32;
            self.add_row(same[0], 1.0 + count.ln(), sum);
        }
    }

    /// Adds `weight` times a row to `sum`.
    ///
    /// The low halves of a row's bytes are the first half of its values.
    fn add_row(&self, row: u32, weight: f32, sum: &mut [f32]) {
        let codes = self.layout.codes(&self.bytes, row);
        let weight = weight * self.layout.scale(&self.bytes, row);
        let (low, high) = sum.split_at_mut(codes.len());
        for ((low, high), code) in low.iter_mut().zip(high).zip(codes) {
            *low += weight * f32::from((code & 15).cast_signed() - 8);
            *high += weight * f32::from((code >> 4).cast_signed() - 8);
        }
    }
}

#[cfg(test)]
mod tests;
