//! Follow-ups of a search: related articles, highlights, excerpts and contexts.

use super::Searcher;
#[cfg(doc)]
use crate::Error;
use crate::{
    Context, ContextOptions, Excerpt, Highlights, Hit, Hits, Query, Result, search::HitArticles,
};

impl Searcher {
    /// Returns the `k` articles closest in meaning to the article with this key, each by its best
    /// passage; `None` if there is no such article. The article itself is excluded.
    ///
    /// The query vector is the mean of the vectors of the article's passages.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `k` is 0, [`Error::Corrupt`] if a file of the index is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("moor", "Moore speichern viel Kohlenstoff."),
    ///     Article::new("brot", "Ein Sauerteig braucht Zeit."),
    ///     Article::new("bog", "Peat bogs store a lot of carbon."),
    /// ])?;
    /// let related = retriever.related("moor", 1)?.expect("an article");
    /// assert_eq!(related[0].article, "bog");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn related(&self, key: &str, k: usize) -> Result<Option<Hits>> {
        self.models().related(&self.view(), key, k)
    }

    /// Returns the sentences of `hit` with their similarity to the question, and the words of the
    /// question in it.
    ///
    /// The sentences are embedded by this call. They are compared with the query's
    /// [vector](Query::vector) or, without one, with that of its text.
    ///
    /// # Errors
    ///
    /// The errors of [`search`](Self::search) for the query's settings, vector and text, and those
    /// of the embedder.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let text = "Der Zug hält in Wien. Moore speichern viel Kohlenstoff. Das Brot ruht.";
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([Article::new("a", text)])?;
    /// let question = "Was speichert ein Moor?";
    /// let hits = retriever.search(question)?;
    /// let highlights = retriever.highlights(question, &hits[0])?;
    /// let best = highlights.best().expect("a sentence");
    /// assert_eq!(&text[best.range.clone()], "Moore speichern viel Kohlenstoff.");
    /// assert_eq!(&text[highlights.words[0].clone()], "Moore");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn highlights(&self, query: impl Into<Query>, hit: &Hit) -> Result<Highlights> {
        Ok(self.highlights_many(query, std::slice::from_ref(hit))?.remove(0))
    }

    /// Returns the [highlights](Self::highlights) of each of `hits`. Their sentences are embedded
    /// together, which is faster than hit by hit.
    ///
    /// # Errors
    ///
    /// As [`highlights`](Self::highlights).
    pub fn highlights_many(
        &self,
        query: impl Into<Query>,
        hits: &[Hit],
    ) -> Result<Vec<Highlights>> {
        self.models().highlights(&query.into(), hits)
    }

    /// Returns each of `hits` with `around` passages before and after it in its article.
    ///
    /// Excerpts that touch are merged into one. They are in the order of their best hits.
    ///
    /// # Errors
    ///
    /// [`Error::StaleHit`] if a hit comes from another state of the corpus and its passage is not
    /// in this one, [`Error::Corrupt`] if a file of the index is damaged.
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        Ok(HitArticles::read(&self.view(), hits)?.excerpts(around))
    }

    /// Packs `hits`, best first, into `budget` tokens of the corpus's model.
    ///
    /// A hit is left out if the context exceeds the budget with it, or if its words repeat an
    /// earlier hit. Hits that touch are merged into one excerpt. If no hit fits, the first sentences
    /// that fit are taken. [`context_with`](Self::context_with) takes those closest to a question, and
    /// has more options. For passages around the hits, use [`Context::pack`] and
    /// [`excerpts`](Self::excerpts).
    ///
    /// # Errors
    ///
    /// The errors of [`excerpts`](Self::excerpts), and [`Error::Embed`] if tokens cannot be
    /// counted.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        self.context_with(hits, &ContextOptions::new(budget))
    }

    /// Packs `hits`, best first, as [`context`](Self::context) does, by `options`: with a question,
    /// other citation markers or another token count.
    ///
    /// # Errors
    ///
    /// As [`context`](Self::context), and the errors of the question, as of
    /// [`highlights`](Self::highlights), and of the token counter.
    pub fn context_with(&self, hits: &[Hit], options: &ContextOptions<'_>) -> Result<Context> {
        self.models().context(&self.view(), hits, options)
    }
}
