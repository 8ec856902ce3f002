//! The static embedder: sums the rows of a model file. One such model is part of the crate.

mod broken_word;
mod char_rules;
mod compound_parts;
mod compound_path;
mod compound_splitter;
mod data_runs;
mod model_format;
mod piece_rows;
mod piece_table;
mod pieces;
mod prefix_index;
mod row_counts;
mod scratch;
mod short_str;
#[cfg(test)]
mod tests;
mod umlauts;
mod viterbi;
mod word_cache;
mod word_scanner;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fmt, fs};

use crate::format::decode_error::DecodeError;
use crate::vector::kernel::{WeightedRow, prefetch, scale_sum_to_unit, sum_rows};
use crate::work::ScratchPool;
use crate::{EmbeddedTexts, Embedder, Error, Interrupt, ModelIdentity, Result, Role, Vectors};
use model_format::{ModelLayout, RowPooling};
use pieces::Pieces;
use row_counts::RowCount;
use scratch::EmbedScratch;

pub(crate) use broken_word::break_length;
pub(crate) use char_rules::{composed, decomposed};
pub(crate) use compound_splitter::CompoundSplitter;
pub(crate) use data_runs::is_code;
pub(crate) use piece_rows::{PieceCount, PieceRows};

/// Number of texts between two checks of the interrupt, about a millisecond of work.
const TEXTS_PER_CHECK: usize = 64;

static BUNDLED_FILE: &[u8] = include_bytes!("../../models/passim-de-en.psm");

/// A model without a neural network: it sums one vector per word piece of a text.
///
/// The bundled model weights a piece that occurs `n` times by `1 + ln n`. Word order has no effect,
/// and the length of a text is unlimited. The tokens of a text are its pieces and every character
/// that no piece covers; data such as base64 and hashes has no pieces, and one token for four
/// characters. Other models may weight by `n`, and count a word without pieces as one token:
/// `docs/MODEL_FORMAT.md` specifies both.
///
/// All texts without a known piece, including the empty text, have the same vector. Two such texts
/// therefore have similarity 1. The bundled model knows Latin and Greek letters: it distinguishes
/// texts in other scripts by digits and punctuation alone.
///
/// Clones share one model.
///
/// # Examples
///
/// ```
/// use passim::{Embedder, Interrupt, Role, StaticEmbedder};
///
/// let embedder = StaticEmbedder::bundled()?;
/// let texts = ["Der Hund schläft.", "The dog is asleep.", "Steuern"];
/// let vectors = embedder.embed(Role::Passage, &texts, Interrupt::none())?;
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
    /// Returns the German and English model that is part of the crate; `models/README.md` describes
    /// it.
    ///
    /// The first call of the process reads the model.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`from_bytes`](Self::from_bytes) if the crate was built with a foreign
    /// model file.
    pub fn bundled() -> Result<Self> {
        static BUNDLED: OnceLock<StaticEmbedder> = OnceLock::new();
        if let Some(embedder) = BUNDLED.get() {
            return Ok(embedder.clone());
        }
        let embedder = Self::read(Cow::Borrowed(BUNDLED_FILE), "the bundled model")?;
        Ok(BUNDLED.get_or_init(|| embedder).clone())
    }

    /// Reads a model from the bytes of a model file (`docs/MODEL_FORMAT.md`).
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the bytes are not a valid model file, [`Error::Version`] if this
    /// version does not read their format.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::read(Cow::Owned(bytes), "a model file")
    }

    /// Reads a model from the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if the file cannot be read, and the errors of
    /// [`from_bytes`](Self::from_bytes).
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
        let Model { pieces, buffers, .. } = &*self.0;
        Ok(buffers.with(|EmbedScratch { tokens, .. }| {
            pieces.tokenize(text, tokens);
            tokens.len()
        }))
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        Ok(self.embed_counted(role, texts, interrupt)?.vectors)
    }

    fn counts_while_embedding(&self) -> bool {
        true
    }

    fn embed_counted(
        &self,
        _role: Role,
        texts: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<EmbeddedTexts> {
        let dim = self.dim();
        let mut values = vec![0.0; texts.len() * dim];
        let tokens = self.0.buffers.with(|scratch| -> Result<Vec<usize>> {
            let mut tokens = Vec::with_capacity(texts.len());
            for (text, vector) in texts.iter().zip(values.chunks_exact_mut(dim)) {
                if !tokens.is_empty() && tokens.len().is_multiple_of(TEXTS_PER_CHECK) {
                    interrupt.check()?;
                }
                tokens.push(self.0.pool(text, scratch, vector));
            }
            Ok(tokens)
        })?;
        Ok(EmbeddedTexts { vectors: Vectors::normalized(dim, values)?, tokens })
    }
}

/// A model file with the tables that are derived from it at load.
struct Model {
    bytes: Cow<'static, [u8]>,
    layout: ModelLayout,
    pieces: Pieces,
    identity: ModelIdentity,
    buffers: ScratchPool<EmbedScratch>,
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
        Ok(Self {
            bytes,
            layout,
            pieces,
            identity,
            buffers: ScratchPool::keeping(EmbedScratch::is_reusable),
        })
    }

    /// Writes the vector of `text` to `vector` and returns the number of its tokens.
    ///
    /// Rows are summed in the order in which their pieces first occur, so that equal texts have
    /// vectors that are equal bit for bit.
    fn pool(&self, text: &str, scratch: &mut EmbedScratch, vector: &mut [f32]) -> usize {
        let EmbedScratch { tokens, counts, weighted } = scratch;
        self.pieces.tokenize(text, tokens);
        // Rows are scattered over the file: each is prefetched while the others are counted.
        counts.count(&tokens.rows, |row| prefetch(self.layout.row(&self.bytes, row)));
        weighted.clear();
        weighted.extend(counts.distinct.iter().map(|distinct| self.weighted(*distinct)));
        self.sum(weighted, vector);
        if weighted.is_empty() || !scale_sum_to_unit(vector) {
            // Rows that cancel out have no direction: the text gets the vector of a text without known pieces.
            self.sum(&[self.weighted(RowCount { row: self.layout.unknown(), count: 1 })], vector);
            scale_sum_to_unit(vector);
        }
        tokens.len()
    }

    /// Writes the sum of `rows` to `vector`.
    fn sum(&self, rows: &[WeightedRow], vector: &mut [f32]) {
        let codes = &self.bytes[self.layout.codes.clone()];
        sum_rows(self.layout.packing, codes, rows, vector);
    }

    /// Weights the codes of a row by its count and its scale.
    fn weighted(&self, RowCount { row, count }: RowCount) -> WeightedRow {
        #[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-24")]
        let weight = match self.layout.pooling {
            _ if count == 1 => 1.0,
            RowPooling::LogCount => 1.0 + (count as f32).ln(),
            RowPooling::Mean => count as f32,
        };
        WeightedRow { row, weight: weight * self.layout.scale(&self.bytes, row) }
    }
}
