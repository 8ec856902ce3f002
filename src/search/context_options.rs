//! Options of a context for a language model.

use std::fmt;

use super::{citation_markers::CitationMarkers, query::Query};
use crate::Result;

/// Counts the tokens of a text.
pub(super) type TokenCounter<'c> = dyn Fn(&str) -> Result<usize> + 'c;

/// Options of [`Searcher::context_with`](crate::Searcher::context_with): the budget of a context, and
/// how it is filled and written.
///
/// # Examples
///
/// ```
/// use passim::{Article, CitationMarkers, ContextOptions, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// let text = "Im Herbst fällt Laub. Moore speichern viel Kohlenstoff. Am Abend wird es kühl.";
/// retriever.add([Article::new("moor.txt", text)])?;
/// let question = "What do peat bogs store?";
/// let hits = retriever.search(question)?;
///
/// // The passage takes more than 9 words, so its best sentence is taken.
/// let options = ContextOptions::new(9)
///     .question(question)
///     .markers(CitationMarkers::new("<", ">")?)
///     .count_tokens(|text| Ok(text.split_whitespace().count()));
/// let context = retriever.context_with(&hits, &options)?;
/// assert_eq!(context.to_string(), "<1> moor.txt\nMoore speichern viel Kohlenstoff.\n");
/// # Ok::<(), passim::Error>(())
/// ```
#[must_use]
pub struct ContextOptions<'c> {
    pub(super) budget: usize,
    pub(super) question: Option<Query>,
    pub(super) markers: CitationMarkers,
    pub(super) counter: Option<Box<TokenCounter<'c>>>,
}

impl fmt::Debug for ContextOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextOptions")
            .field("budget", &self.budget)
            .field("question", &self.question)
            .field("markers", &self.markers)
            .finish_non_exhaustive()
    }
}

impl<'c> ContextOptions<'c> {
    /// Creates the options of a context of at most `budget` tokens.
    pub fn new(budget: usize) -> Self {
        Self { budget, question: None, markers: CitationMarkers::default(), counter: None }
    }

    /// Sets the question that the context is for, or its vector. If no hit fits into the budget, the
    /// sentences closest to the question are taken. Without a question they are the first ones.
    pub fn question(mut self, question: impl Into<Query>) -> Self {
        self.question = Some(question.into());
        self
    }

    /// Sets the form of the numbers of excerpts. The default is `[1]`.
    pub fn markers(mut self, markers: CitationMarkers) -> Self {
        self.markers = markers;
        self
    }

    /// Sets the function that counts the tokens of a text. The default counts those of the embedder;
    /// a language model has its own. It is called for each excerpt, numbered as it is written.
    pub fn count_tokens(mut self, count: impl Fn(&str) -> Result<usize> + 'c) -> Self {
        self.counter = Some(Box::new(count));
        self
    }
}
