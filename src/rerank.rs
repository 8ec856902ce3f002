//! The boundary to rerankers: models that read a question and a passage together.

#[cfg(feature = "fastembed")]
mod fast_reranker;

use std::sync::Arc;

use crate::{ModelIdentity, Result};

#[cfg(feature = "hub")]
pub use fast_reranker::RerankerModel;
#[cfg(feature = "fastembed")]
pub use fast_reranker::{FastReranker, FastRerankerBuilder};

/// Scores how well passages answer a question.
///
/// An embedder reads question and passage separately; a reranker reads them together. That is more
/// precise and costs one run of the model per passage, so a search reranks only its best hits: see [`Query::rerank`](crate::Query::rerank).
///
/// A reranker is shared by threads: `score` is called from several at once.
///
/// # Examples
///
/// ```
/// use passim::{Article, ModelIdentity, Query, Reranker, Result, Retriever};
///
/// /// The share of a question's words that a passage holds.
/// struct SharedWords(ModelIdentity);
///
/// impl Reranker for SharedWords {
///     fn identity(&self) -> &ModelIdentity {
///         &self.0
///     }
///
///     fn score(&self, query: &str, passages: &[&str]) -> Result<Vec<f32>> {
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
    /// Name of the model and hash of what its scores depend on.
    fn identity(&self) -> &ModelIdentity;

    /// Returns one finite score per passage, in the order of `passages`; higher is better.
    ///
    /// The scale depends on the model. A score does not depend on the other passages.
    ///
    /// # Errors
    ///
    /// [`Error::Rerank`](crate::Error::Rerank) if the model fails,
    /// [`Error::QueryTooLong`](crate::Error::QueryTooLong) if it cannot read the question with a
    /// passage.
    fn score(&self, query: &str, passages: &[&str]) -> Result<Vec<f32>>;

    /// Number of concurrent calls of [`score`](Self::score) that do useful work.
    fn max_concurrency(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// Implements [`Reranker`] for pointers to a reranker.
macro_rules! reranker_behind {
    ($pointer:ident) => {
        impl<R: Reranker + ?Sized> Reranker for $pointer<R> {
            fn identity(&self) -> &ModelIdentity {
                (**self).identity()
            }

            fn score(&self, query: &str, passages: &[&str]) -> Result<Vec<f32>> {
                (**self).score(query, passages)
            }

            fn max_concurrency(&self) -> usize {
                (**self).max_concurrency()
            }
        }
    };
}

reranker_behind!(Arc);
reranker_behind!(Box);
