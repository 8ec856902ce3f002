//! The static embedder: pooling of a model file's rows, and the model that is part of the crate.

mod char_rules;
mod compound_splitter;
mod model_format;
mod piece_table;
mod pieces;
mod scratch;
mod short_str;
#[cfg(test)]
mod tests;
mod viterbi;
mod word_cache;
mod word_scanner;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fmt, fs};

use crate::format::decode_error::DecodeError;
use crate::vector::kernel::{WeightedRow, prefetch, scale_to_unit, sum_rows};
use crate::{Embedder, Error, ModelIdentity, Result, Role, Vectors};
use model_format::{ModelLayout, RowPooling};
use pieces::Pieces;
use scratch::{EmbedScratch, SpareBuffers};

pub(crate) use char_rules::{composed, decomposed};
pub(crate) use compound_splitter::CompoundSplitter;

static BUNDLED_FILE: &[u8] = include_bytes!("../../models/passim-de-en.psm");

/// A model without a network: one vector per word piece, summed over the pieces of a text.
///
/// In the bundled model a piece that occurs `n` times counts `1 + ln n` times; word order does not
/// count. There is no limit of length. The tokens of a text are its pieces, and every character
/// that no piece covers. Other models may count `n` times, and take a word without pieces for one
/// token: `docs/MODEL_FORMAT.md` has both.
///
/// Texts without a known piece, the empty text too, all have the same vector, so
/// each finds any other with similarity 1. The bundled model knows Latin and Greek
/// letters: it tells texts in other scripts apart by their digits and marks alone.
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
    /// [`Error::Read`] if it cannot be read, else those of [`from_bytes`](Self::from_bytes).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::read(path))?;
        Self::read(Cow::Owned(bytes), path.display())
    }

    fn read(bytes: Cow<'static, [u8]>, origin: impl fmt::Display) -> Result<Self> {
        let model = Model::read(bytes).map_err(|error| error.in_file(origin))?;
        Ok(Self(Arc::new(model)))
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
        let Model { pieces, spare, .. } = &*self.0;
        Ok(spare.lend(|EmbedScratch { tokens, .. }| {
            pieces.tokenize(text, tokens);
            tokens.len()
        }))
    }

    fn embed(&self, role: Role, texts: &[&str]) -> Result<Vectors> {
        Ok(self.embed_counted(role, texts)?.0)
    }

    fn counts_while_embedding(&self) -> bool {
        true
    }

    fn embed_counted(&self, _role: Role, texts: &[&str]) -> Result<(Vectors, Vec<usize>)> {
        let dim = self.dim();
        let mut values = vec![0.0; texts.len() * dim];
        let rows = texts.iter().zip(values.chunks_exact_mut(dim));
        let counts = self.0.spare.lend(|scratch| {
            rows.map(|(text, vector)| self.0.pool(text, scratch, vector)).collect()
        });
        Ok((Vectors::normalized(dim, values)?, counts))
    }
}

/// A model file with what is derived from it at load.
struct Model {
    bytes: Cow<'static, [u8]>,
    layout: ModelLayout,
    pieces: Pieces,
    identity: ModelIdentity,
    spare: SpareBuffers,
}

impl Model {
    fn read(bytes: Cow<'static, [u8]>) -> Result<Self, DecodeError> {
        let layout = ModelLayout::read(&bytes)?;
        let pieces = Pieces::read(
            &bytes[layout.vocabulary.clone()],
            layout.rules,
            layout.starts,
            layout.unknown(),
        )?;
        let identity = ModelIdentity { name: layout.name.clone(), hash: layout.hash };
        Ok(Self { bytes, layout, pieces, identity, spare: SpareBuffers::default() })
    }

    /// Sets `vector` to that of `text`, and returns the number of its tokens.
    ///
    /// Rows are added up in the order in which their pieces first occur: the same text gives the
    /// same bits.
    fn pool(&self, text: &str, scratch: &mut EmbedScratch, vector: &mut [f32]) -> usize {
        let EmbedScratch { tokens, counts, shares } = scratch;
        self.pieces.tokenize(text, tokens);
        // The rows are all over the file: they are fetched while the others are counted.
        counts.count(&tokens.rows, |row| prefetch(self.layout.row(&self.bytes, row)));
        shares.clear();
        shares.extend(counts.distinct.iter().map(|&(row, times)| self.share(row, times)));
        self.sum(shares, vector);
        if shares.is_empty() || !scale_to_unit(vector) {
            // What cancels out is as if it was not there.
            self.sum(&[self.share(self.layout.unknown(), 1)], vector);
            scale_to_unit(vector);
        }
        tokens.len()
    }

    fn sum(&self, shares: &[WeightedRow], vector: &mut [f32]) {
        let codes = &self.bytes[self.layout.codes.clone()];
        sum_rows(self.layout.packing, codes, shares, vector);
    }

    /// The factor for the codes of a row that occurs so many times.
    fn share(&self, row: u32, times: u32) -> WeightedRow {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^24 the last digits do not count")]
        let weight = match self.layout.pooling {
            _ if times == 1 => 1.0,
            RowPooling::LogCount => 1.0 + (times as f32).ln(),
            RowPooling::Mean => times as f32,
        };
        WeightedRow { row, weight: weight * self.layout.scale(&self.bytes, row) }
    }
}
