//! The boundary to rerankers: models that read a question and a passage together.

#[cfg(feature = "fastembed")]
mod fast_reranker;
#[cfg(feature = "http")]
mod http_reranker;

use std::sync::Arc;

use crate::{Error, Interrupt, ModelIdentity, Result, work::call_model};

#[cfg(feature = "hub")]
pub use fast_reranker::RerankerModel;
#[cfg(feature = "fastembed")]
pub use fast_reranker::{FastReranker, FastRerankerBuilder};
#[cfg(feature = "http")]
pub use http_reranker::{HttpReranker, HttpRerankerBuilder};

/// Scores how well passages answer a question.
///
/// An embedder reads question and passage separately; a reranker reads them together. That is more
/// precise and costs one run of the model per passage, so a search reranks only its best hits: see
/// [`Query::rerank`](crate::Query::rerank).
///
/// Several threads call [`score`](Self::score) at once. `Arc` and `Box` of a reranker are
/// rerankers.
///
/// # Errors and panics
///
/// An error of [`score`](Self::score) is the error of the search. A panic in it becomes an
/// [`Error::Rerank`] whose source has the panic's message; later searches call the model again.
/// This needs the default `panic = "unwind"`.
///
/// # Interruption
///
/// A slow model calls [`Interrupt::check`] before each of its batches and returns the error. The
/// search then returns its hits in the order before reranking and reports that it was
/// [interrupted](crate::QueryPlan::interrupted). A model that ignores the interrupt completes each
/// call.
///
/// # Examples
///
/// ```
/// use passim::{Article, Interrupt, ModelIdentity, Query, Reranker, Result, Retriever};
///
/// /// The share of a question's words that a passage holds.
/// struct SharedWords(ModelIdentity);
///
/// impl Reranker for SharedWords {
///     fn identity(&self) -> &ModelIdentity {
///         &self.0
///     }
///
///     fn score(&self, query: &str, passages: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
///         let words: Vec<String> = query.to_lowercase().split(' ').map(str::to_owned).collect();
///         let share = |passage: &&str| {
///             let passage = passage.to_lowercase();
///             let held = words.iter().filter(|word| passage.contains(word.as_str()));
///             held.count() as f32 / words.len() as f32
///         };
///         Ok(passages.iter().map(share).collect())
///     }
/// }
///
/// let words = SharedWords(ModelIdentity { name: "shared words".to_owned(), hash: 1 });
/// let mut retriever = Retriever::builder().reranker(words).in_memory()?;
/// retriever.add([
///     Article::new("bog", "A bog keeps water and carbon."),
///     Article::new("moor", "Moore speichern Wasser und Kohlenstoff."),
/// ])?;
/// let hits = retriever.search(Query::new("was speichern moore").rerank(20))?;
/// assert_eq!((hits[0].article.as_str(), hits[0].score), ("moor", 1.0));
/// # Ok::<(), passim::Error>(())
/// ```
pub trait Reranker: Send + Sync {
    /// Returns the name of the model and the hash of everything that its scores depend on.
    fn identity(&self) -> &ModelIdentity;

    /// Returns one finite score per passage, in the order of `passages`; higher is better.
    ///
    /// The scale depends on the model. A score must not depend on the other passages of the call.
    ///
    /// Call [`interrupt.check()?`](Interrupt::check) before each run of a slow model.
    ///
    /// # Errors
    ///
    /// - [`Error::Rerank`] if the model fails.
    /// - [`Error::QueryTooLong`] if the model cannot read the question beside a passage.
    /// - [`Error::Cancelled`] or [`Error::TimedOut`] if `interrupt` is due.
    fn score(&self, query: &str, passages: &[&str], interrupt: Interrupt<'_>) -> Result<Vec<f32>>;

    /// Returns how many calls of [`score`](Self::score) can do useful work at once, 1 or more. The
    /// default is the parallelism available to the process.
    fn max_concurrency(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

impl dyn Reranker + '_ {
    /// Calls [`score`](Reranker::score) and checks the scores; a panic is an error.
    pub(crate) fn call_score(
        &self,
        query: &str,
        passages: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<f32>> {
        let scores = call_model(Error::Rerank, || self.score(query, passages, interrupt))?;
        if scores.len() != passages.len() || scores.iter().any(|score| !score.is_finite()) {
            let fault = format!(
                "it returned {} scores for {} passages, or one is not finite: {scores:?}",
                scores.len(),
                passages.len(),
            );
            return Err(Error::Rerank(fault.into()));
        }
        Ok(scores)
    }
}

/// Implements [`Reranker`] for a pointer to a reranker by forwarding every method.
macro_rules! reranker_behind {
    ($pointer:ident) => {
        impl<R: Reranker + ?Sized> Reranker for $pointer<R> {
            fn identity(&self) -> &ModelIdentity {
                (**self).identity()
            }

            fn score(
                &self,
                query: &str,
                passages: &[&str],
                interrupt: Interrupt<'_>,
            ) -> Result<Vec<f32>> {
                (**self).score(query, passages, interrupt)
            }

            fn max_concurrency(&self) -> usize {
                (**self).max_concurrency()
            }
        }
    };
}

reranker_behind!(Arc);
reranker_behind!(Box);
