//! The boundary to embedding models: what every embedder must say and do.

mod cache;
#[cfg(feature = "fastembed")]
mod fast_embedder;
mod stage;
mod static_model;

use std::sync::Arc;

use crate::{ModelIdentity, Result, Vectors};

pub use cache::EmbeddingCache;
#[cfg(feature = "fastembed")]
pub use fast_embedder::{FastEmbedder, FastEmbedderBuilder};
#[cfg(feature = "hub")]
pub use fast_embedder::{PretrainedModel, Quantization};
pub use stage::{EmbedReport, EmbedStage};
pub use static_model::StaticEmbedder;
pub(crate) use static_model::{CompoundSplitter, composed, decomposed};

/// Which side of retrieval a text is on; many models want a different prefix for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A question.
    Query,
    /// A passage that may answer one.
    Passage,
}

/// What becomes of a text that is longer than a model reads at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LongTexts {
    /// It is embedded in pieces, and its vector is the mean of theirs, weighted by their
    /// lengths in tokens: all of it counts.
    #[default]
    Split,
    /// Only its beginning counts, as much as the model reads at once.
    Cut,
}

/// Turns texts into unit vectors.
///
/// An embedder is shared by threads: `embed` is called from several at once.
///
/// # Examples
///
/// An embedder of one's own is a struct with five short methods; the example
/// `custom_embedder` shows one.
pub trait Embedder: Send + Sync {
    /// Name of the model and hash of what its vectors depend on.
    fn identity(&self) -> &ModelIdentity;

    /// Dimension of every vector returned.
    fn dim(&self) -> usize;

    /// The most tokens of one text that the model reads at once, as counted by
    /// [`count_tokens`](Self::count_tokens); `None` if it reads any number.
    fn max_tokens(&self) -> Option<usize>;

    /// What [`embed`](Self::embed) does with longer texts; without this method they are cut.
    fn long_texts(&self) -> LongTexts {
        LongTexts::Cut
    }

    /// Length of `text` in the model's tokens, without special tokens and prefixes.
    ///
    /// What the model cannot read should count too: passages are cut by this length
    /// alone. Where [`Chunker`](crate::Chunker) adds up the lengths of sentences
    /// instead of counting again, it relies on this: texts joined by ASCII white space
    /// have at most one token more for each of its bytes than they have apart.
    ///
    /// # Errors
    ///
    /// [`Error::Embed`](crate::Error::Embed) if the tokenizer fails.
    fn count_tokens(&self, text: &str) -> Result<usize>;

    /// Embeds `texts`; row `i` of the result belongs to `texts[i]` and does not
    /// depend on the other texts.
    ///
    /// # Errors
    ///
    /// [`Error::Embed`](crate::Error::Embed) if the model fails.
    fn embed(&self, role: Role, texts: &[&str]) -> Result<Vectors>;

    /// Whether counting tokens takes as long as embedding; `false` without this method.
    ///
    /// [`EmbedStage`] counts the tokens of all texts before it embeds them, to share them out.
    /// With such an embedder it goes by their bytes instead, and calls
    /// [`embed_counted`](Self::embed_counted).
    fn counts_while_embedding(&self) -> bool {
        false
    }

    /// [`embed`](Self::embed), with the length of each text as [`count_tokens`](Self::count_tokens)
    /// has it.
    ///
    /// # Errors
    ///
    /// Those of the two.
    fn embed_counted(&self, role: Role, texts: &[&str]) -> Result<(Vectors, Vec<usize>)> {
        let vectors = self.embed(role, texts)?;
        let counts = texts.iter().map(|text| self.count_tokens(text));
        Ok((vectors, counts.collect::<Result<_>>()?))
    }

    /// How many tokens a call of [`embed`](Self::embed) is best given; 1,024 without this method.
    fn batch_tokens(&self) -> usize {
        1_024
    }

    /// How many calls of [`embed`](Self::embed) can do useful work at once.
    fn max_concurrency(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// What points to an embedder is one.
macro_rules! embedder_behind {
    ($pointer:ident) => {
        impl<E: Embedder + ?Sized> Embedder for $pointer<E> {
            fn identity(&self) -> &ModelIdentity {
                (**self).identity()
            }

            fn dim(&self) -> usize {
                (**self).dim()
            }

            fn max_tokens(&self) -> Option<usize> {
                (**self).max_tokens()
            }

            fn long_texts(&self) -> LongTexts {
                (**self).long_texts()
            }

            fn count_tokens(&self, text: &str) -> Result<usize> {
                (**self).count_tokens(text)
            }

            fn embed(&self, role: Role, texts: &[&str]) -> Result<Vectors> {
                (**self).embed(role, texts)
            }

            fn counts_while_embedding(&self) -> bool {
                (**self).counts_while_embedding()
            }

            fn embed_counted(&self, role: Role, texts: &[&str]) -> Result<(Vectors, Vec<usize>)> {
                (**self).embed_counted(role, texts)
            }

            fn batch_tokens(&self) -> usize {
                (**self).batch_tokens()
            }

            fn max_concurrency(&self) -> usize {
                (**self).max_concurrency()
            }
        }
    };
}

embedder_behind!(Arc);
embedder_behind!(Box);
