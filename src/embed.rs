//! The boundary to embedding models: the trait [`Embedder`], its stage, its cache, its models.

mod cache;
#[cfg(feature = "fastembed")]
mod fast_embedder;
#[cfg(feature = "http")]
mod http_embedder;
mod model_calls;
mod stage;
mod static_model;
mod token_batches;
#[cfg(test)]
mod word_sums;

use std::sync::Arc;

use crate::{Error, Interrupt, ModelIdentity, Result, Vectors};

pub use cache::EmbeddingCache;
#[cfg(feature = "fastembed")]
pub use fast_embedder::{FastEmbedder, FastEmbedderBuilder, Prefix, PrefixSource};
#[cfg(feature = "hub")]
pub use fast_embedder::{PretrainedModel, Quantization};
#[cfg(feature = "http")]
pub use http_embedder::{HttpEmbedder, HttpEmbedderBuilder};
pub use stage::{EmbedReport, EmbedStage};
pub use static_model::StaticEmbedder;
pub(crate) use static_model::{
    CompoundSplitter, PieceCount, PieceRows, break_length, composed, decomposed, is_code,
};
#[cfg(test)]
pub(crate) use word_sums::WordSums;

/// The side of retrieval that a text is on. Many models want a different prefix for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A question.
    Query,
    /// A passage that may answer a question.
    Passage,
}

/// How an embedder treats a text that is longer than its [limit](Embedder::max_tokens).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LongTexts {
    /// Embeds the text in pieces and returns the mean of their vectors, each weighted by its
    /// length in tokens. The whole text counts.
    #[default]
    Split,
    /// Embeds the beginning of the text, up to the limit, and ignores the rest.
    Cut,
}

/// Vectors of some texts with the length of each text.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedTexts {
    /// Row `i` is the vector of text `i`.
    pub vectors: Vectors,
    /// Length of each text, in tokens of the embedder.
    pub tokens: Vec<usize>,
}

/// Turns texts into unit vectors.
///
/// An implementation writes five methods: [`identity`](Self::identity), [`dim`](Self::dim),
/// [`max_tokens`](Self::max_tokens), [`count_tokens`](Self::count_tokens) and
/// [`embed`](Self::embed). The others have defaults. `Arc` and `Box` of an embedder are embedders.
///
/// # Contract
///
/// - `identity`, `dim`, `max_tokens` and `long_texts` return the same value at every call.
/// - Equal [hashes](ModelIdentity::hash) mean equal vectors: an index and an [`EmbeddingCache`]
///   compare vectors of embedders whose hashes are equal.
/// - Vectors are deterministic: a text in a role has one vector, which depends neither on the other
///   texts of a call nor on the thread.
///
/// # Threads
///
/// All methods take `&self`, and several threads call them at once. Guard mutable state, such as
/// the session of a model, with a lock or a pool.
///
/// [`embed`](Self::embed) may block. An embedder over an asynchronous client needs a runtime of its
/// own, since the calling threads may have none.
///
/// [`EmbedStage`] starts plain threads and calls `embed` from them, or from the calling thread if
/// one thread suffices. A single query is embedded on the thread that searches. The calling thread
/// may be a worker of a `rayon` pool. If an implementation holds a lock across parallel work of
/// `rayon`, that worker may steal another call that waits for the same lock: a deadlock. Run such
/// work in a pool of the embedder's own.
///
/// # Errors and panics
///
/// Return [`Error::Embed`](crate::Error::Embed) with the model's error as its source. The first
/// error ends the operation, which returns it.
///
/// A panic in [`count_tokens`](Self::count_tokens), [`embed`](Self::embed) or
/// [`embed_counted`](Self::embed_counted) becomes an [`Error::Embed`](crate::Error::Embed) whose
/// source has the panic's message; the panic hook runs first. The corpus is unchanged, and the next
/// operation calls the model again, so an implementation with a lock must handle its poisoning. All
/// this needs the default `panic = "unwind"`.
///
/// # Interruption
///
/// A slow model calls [`Interrupt::check`] before each of its batches and returns the error. A
/// search then keeps to its [time limit](crate::Query::time_limit), and a cancelled operation ends
/// without completing the call. A model that ignores the interrupt completes each call.
///
/// # Examples
///
/// ```
/// use passim::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};
///
/// /// Counts vowels: one dimension for each.
/// struct Vowels(ModelIdentity);
///
/// impl Embedder for Vowels {
///     fn identity(&self) -> &ModelIdentity {
///         &self.0
///     }
///
///     fn dim(&self) -> usize {
///         5
///     }
///
///     fn max_tokens(&self) -> Option<usize> {
///         None
///     }
///
///     fn count_tokens(&self, text: &str) -> Result<usize> {
///         Ok(text.split_whitespace().count())
///     }
///
///     fn embed(&self, _role: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
///         // One is added to each count, so that a text without vowels has a direction.
///         let count = |text: &str, vowel: char| 1.0 + text.matches(vowel).count() as f32;
///         let row = |text: &&str| "aeiou".chars().map(|vowel| count(text, vowel)).collect::<Vec<_>>();
///         Vectors::normalized(self.dim(), texts.iter().flat_map(row).collect())
///     }
/// }
///
/// let embedder = Vowels(ModelIdentity { name: "vowels".to_owned(), hash: 1 });
/// let texts = ["a bog stores water", "otters sleep"];
/// let vectors = embedder.embed(Role::Passage, &texts, Interrupt::none())?;
/// assert_eq!((vectors.len(), vectors.dim()), (2, 5));
/// # Ok::<(), passim::Error>(())
/// ```
///
/// The example `custom_embedder` searches with an embedder of letter trigrams.
pub trait Embedder: Send + Sync {
    /// Returns the name of the model and the hash of everything that its vectors depend on.
    ///
    /// Change the hash whenever the vectors change: other weights, another tokenizer, another
    /// prefix. An index refuses an embedder whose hash differs from that of its vectors.
    fn identity(&self) -> &ModelIdentity;

    /// Returns the dimension of every vector, `dim >= 1`.
    fn dim(&self) -> usize;

    /// Returns the maximum length of a text that the model reads at once, in the tokens of
    /// [`count_tokens`](Self::count_tokens); `None` if the length is unlimited.
    fn max_tokens(&self) -> Option<usize>;

    /// Returns how [`embed`](Self::embed) treats a text longer than
    /// [`max_tokens`](Self::max_tokens). The default is [`LongTexts::Cut`].
    ///
    /// [`EmbedReport`] counts long texts by it; nothing else depends on it.
    fn long_texts(&self) -> LongTexts {
        LongTexts::Cut
    }

    /// Counts the tokens of `text`, without special tokens and prefixes.
    ///
    /// [`Chunker`](crate::Chunker) cuts passages by this length alone, so count what the model
    /// cannot read as well. The chunker adds up the lengths of sentences in place of counting
    /// them again. It relies on one bound: joining texts by ASCII white space adds at most one
    /// token for each byte of that white space.
    ///
    /// # Errors
    ///
    /// [`Error::Embed`](crate::Error::Embed) if the tokenizer fails.
    fn count_tokens(&self, text: &str) -> Result<usize>;

    /// Embeds `texts`; row `i` of the result is the vector of `texts[i]`.
    ///
    /// `texts` may be empty and may contain the empty string. Return `texts.len()` unit vectors
    /// of dimension [`dim`](Self::dim): [`Vectors::normalized`] scales values to unit length. A
    /// vector must not depend on the other texts of the call.
    ///
    /// Call [`interrupt.check()?`](Interrupt::check) before each run of a slow model.
    ///
    /// # Errors
    ///
    /// - [`Error::Embed`](crate::Error::Embed) if the model fails.
    /// - [`Error::Cancelled`](crate::Error::Cancelled) or
    ///   [`Error::TimedOut`](crate::Error::TimedOut) if `interrupt` is due.
    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors>;

    /// Returns whether counting tokens costs about as much as embedding. The default is `false`.
    ///
    /// If `false`, [`EmbedStage`] counts the tokens of all texts first, sorts the texts by length
    /// and calls [`embed`](Self::embed). If `true`, it estimates lengths from bytes and calls
    /// [`embed_counted`](Self::embed_counted).
    fn counts_while_embedding(&self) -> bool {
        false
    }

    /// Embeds `texts` like [`embed`](Self::embed), and also returns the length of each text in
    /// tokens. The default calls `embed` and [`count_tokens`](Self::count_tokens).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`embed`](Self::embed) and [`count_tokens`](Self::count_tokens).
    fn embed_counted(
        &self,
        role: Role,
        texts: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<EmbeddedTexts> {
        let vectors = self.embed(role, texts, interrupt)?;
        let tokens = texts.iter().map(|text| self.count_tokens(text));
        Ok(EmbeddedTexts { vectors, tokens: tokens.collect::<Result<_>>()? })
    }

    /// Returns the preferred number of tokens of one [`embed`](Self::embed) call, 1 or more. The
    /// default is 1,024.
    ///
    /// A single text longer than this is still one call. [`EmbedStage::batch_tokens`] overrides it.
    fn batch_tokens(&self) -> usize {
        1_024
    }

    /// Returns the maximum number of texts of one [`embed`](Self::embed) call from a stage, 1 or
    /// more. The default is no maximum.
    ///
    /// [`EmbedStage::batch_texts`] overrides it.
    fn batch_texts(&self) -> usize {
        usize::MAX
    }

    /// Returns how many calls of [`embed`](Self::embed) can do useful work at once, 1 or more. The
    /// default is the parallelism available to the process.
    ///
    /// [`EmbedStage`] starts this many threads unless
    /// [`embed_threads`](EmbedStage::embed_threads) is set. Return a smaller number if each call
    /// is parallel itself.
    fn max_concurrency(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// Checks that `embedder` is the model `stored`, with vectors of dimension `dim`.
///
/// # Errors
///
/// [`Error::ModelMismatch`] or [`Error::Dimension`] if it is not.
pub(crate) fn check_model(
    embedder: &dyn Embedder,
    stored: &ModelIdentity,
    dim: usize,
) -> Result<()> {
    let given = embedder.identity();
    if stored != given {
        return Err(Error::ModelMismatch {
            index: Box::new(stored.clone()),
            given: Box::new(given.clone()),
        });
    }
    if dim != embedder.dim() {
        return Err(Error::Dimension { expected: dim, got: embedder.dim() });
    }
    Ok(())
}

/// Implements [`Embedder`] for a pointer to an embedder by forwarding every method.
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

            fn embed(
                &self,
                role: Role,
                texts: &[&str],
                interrupt: Interrupt<'_>,
            ) -> Result<Vectors> {
                (**self).embed(role, texts, interrupt)
            }

            fn counts_while_embedding(&self) -> bool {
                (**self).counts_while_embedding()
            }

            fn embed_counted(
                &self,
                role: Role,
                texts: &[&str],
                interrupt: Interrupt<'_>,
            ) -> Result<EmbeddedTexts> {
                (**self).embed_counted(role, texts, interrupt)
            }

            fn batch_tokens(&self) -> usize {
                (**self).batch_tokens()
            }

            fn batch_texts(&self) -> usize {
                (**self).batch_texts()
            }

            fn max_concurrency(&self) -> usize {
                (**self).max_concurrency()
            }
        }
    };
}

embedder_behind!(Arc);
embedder_behind!(Box);
