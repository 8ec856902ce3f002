//! Follow-ups of a search: related articles, highlights, excerpts and contexts.

use std::{cell::RefCell, ops::Range};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::Searcher;
use crate::{
    Context, Error, Excerpt, Filter, Highlights, Hit, Hits, Interrupt, Query, Result, Role,
    search::{
        HitArticles, highlight::highlight, query_models::interrupt_of, related::mean_direction,
    },
    text::sentences_of,
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
        Error::check_setting("k", k, 1.., "1 or more")?;
        let Some(mean) = mean_direction(&self.view(), key)? else { return Ok(None) };
        if mean.iter().all(|value| *value == 0.0) {
            // An article without passages has no direction to compare.
            return Ok(Some(Hits::default()));
        }
        let query = Query::from_vector(mean).k(k).per_article(1);
        self.search(query.filter(!Filter::key(key))).map(Some)
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
        let query = query.into();
        query.check()?;
        let ranges: Vec<Range<usize>> = sentences_of(&hit.text, hit.markup).collect();
        let sentences = ranges.iter().map(|range| hit.markup.text_of(&hit.text[range.clone()]));
        let sentences: Vec<_> = sentences.collect();
        let texts: Vec<&str> = sentences.iter().map(AsRef::as_ref).collect();
        let interrupt = interrupt_of(&query);
        let question = self.question_vector(&query, interrupt)?;
        let (vectors, _) = self.models().stage().interrupt(interrupt).run(Role::Passage, &texts)?;
        highlight(&query, &question, hit, &ranges, &vectors)
    }

    /// Returns the vector of `query`, or that of its text; of length 1.
    fn question_vector(&self, query: &Query, interrupt: Interrupt) -> Result<Vec<f32>> {
        if let Some(vector) = query.unit_vector(self.embedder().dim())? {
            return Ok(vector);
        }
        Ok(self.models().embedded(&query.text, interrupt)?.row(0).to_vec())
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
    /// earlier hit. Hits that touch are merged into one excerpt. For another token count, or for
    /// passages around the hits, use [`Context::pack`] and [`excerpts`](Self::excerpts).
    ///
    /// # Errors
    ///
    /// The errors of [`excerpts`](Self::excerpts), and [`Error::Embed`] if tokens cannot be
    /// counted.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        // Each hit changes one excerpt, so the counts of the others are cached.
        let counted: RefCell<FxHashMap<u128, usize>> = RefCell::default();
        let count = |text: &str| {
            let key = xxh3_128(text.as_bytes());
            if let Some(tokens) = counted.borrow().get(&key) {
                return Ok(*tokens);
            }
            let tokens = self.embedder().call_count_tokens(text)?;
            counted.borrow_mut().insert(key, tokens);
            Ok(tokens)
        };
        Context::pack_hits(&HitArticles::read(&self.view(), hits)?, budget, count)
    }
}
