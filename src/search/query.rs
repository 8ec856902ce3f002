//! Queries and their settings.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Cancel, Error, Filter, Result, SearchEffort, SearchParams, vector::vectors::unit_query,
};

/// By what passages are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// By meaning: the cosine between the vectors of question and passage.
    Dense,
    /// By words: BM25 over stems, parts of compounds, names and numbers. The question is not
    /// embedded, and only passages with a word of it are found. Of a very long text the first
    /// thousand different words are looked for.
    Lexical,
    /// By both: the passages that either finds, ranked by the cosine and by BM25 as a share of the
    /// most that the question allows, less the mean share of those closest in meaning that are in
    /// the same language.
    #[default]
    Hybrid,
}

impl Mode {
    /// Whether words are looked for.
    pub(crate) fn compares_words(self) -> bool {
        self != Self::Dense
    }

    /// Whether the question is embedded.
    pub(crate) fn compares_vectors(self) -> bool {
        self != Self::Lexical
    }
}

/// As it is written in a setting: `dense`, `lexical` or `hybrid`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dense => "dense",
            Self::Lexical => "lexical",
            Self::Hybrid => "hybrid",
        })
    }
}

/// A question with the settings of its search.
///
/// `&str` and `String` convert into a query.
///
/// # Examples
///
/// ```
/// use passim::Query;
///
/// let query = Query::new("Warum hält Meta Behemoth zurück?").k(3).ef_search(128);
/// assert_eq!(query.k, 3);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The question.
    pub text: String,
    /// The vector to compare in place of that of the question.
    pub vector: Option<Vec<f32>>,
    /// Number of hits, `>= 1`.
    pub k: usize,
    /// By what they are found.
    pub mode: Mode,
    /// How hard to look for the closest by meaning.
    pub effort: SearchEffort,
    /// Time after which the search ends with what it has found.
    pub time_limit: Option<Duration>,
    /// A handle that, once used, ends the search with what it has found.
    pub cancel: Option<Cancel>,
    /// Minimum [similarity](crate::Hit::similarity) of a hit, `-1.0..=1.0`.
    pub min_similarity: Option<f32>,
    /// Maximum number of hits of one article, `>= 1`.
    pub per_article: Option<usize>,
    /// Minimum similarity, over 0 up to 1, at which a passage repeats a better one.
    pub dedup: Option<f32>,
    /// Weight of diversity against the score, `0.0..=1.0`.
    pub mmr: Option<f32>,
    /// How many of the best passages the reranker is asked about, 1 or more; it is not
    /// asked, if `None`.
    pub rerank: Option<usize>,
    /// Whether hits come with what their scores are made of.
    pub explain: bool,
    /// What may be found; everything, if `None`.
    pub filter: Option<Filter>,
}

impl Query {
    /// A question with the default settings.
    pub fn new(text: impl Into<String>) -> Self {
        let SearchParams { k, effort, .. } = SearchParams::default();
        Self {
            text: text.into(),
            vector: None,
            k,
            mode: Mode::default(),
            effort,
            time_limit: None,
            cancel: None,
            min_similarity: None,
            per_article: None,
            dedup: None,
            mmr: None,
            rerank: None,
            explain: false,
            filter: None,
        }
    }

    /// What is closest to `vector`, of the model's dimension and of any length but 0; without a
    /// text there are no words to look for, so the mode is `Dense`.
    #[must_use]
    pub fn from_vector(vector: Vec<f32>) -> Self {
        Self { mode: Mode::Dense, ..Self::new("").vector(vector) }
    }

    /// Compares `vector` in place of that of the text, which is not embedded then; its words
    /// are looked for as ever.
    #[must_use]
    pub fn vector(mut self, vector: Vec<f32>) -> Self {
        self.vector = Some(vector);
        self
    }

    /// Number of hits, `>= 1`.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// By what passages are found.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Candidates that a graph search keeps; more of them, higher recall.
    #[must_use]
    pub fn ef_search(mut self, ef_search: usize) -> Self {
        self.effort = SearchEffort::Ef(ef_search);
        self
    }

    /// Keeps as many candidates as find this share of the closest passages, over 0 to 1, by
    /// what [`Retriever::calibrate`](crate::Retriever::calibrate) measured; where no number
    /// is known to, the question is compared with every passage, and the plan says so. It is
    /// measured for each graph of the corpus, and without a [filter](Self::filter).
    #[must_use]
    pub fn recall(mut self, target: f32) -> Self {
        self.effort = SearchEffort::Recall(target);
        self
    }

    /// Compares the question with every passage, even where there is a graph.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.effort = SearchEffort::Exact;
        self
    }

    /// Finds only passages whose [similarity](crate::Hit::similarity) to the question is at
    /// least `least`, -1 to 1. What is similar differs from model to model: look at the
    /// similarities of hits that are good.
    #[must_use]
    pub fn min_similarity(mut self, least: f32) -> Self {
        self.min_similarity = Some(least);
        self
    }

    /// Finds at most `most` passages of each article, the best ones; `k` hits in all, whenever
    /// there are as many.
    #[must_use]
    pub fn per_article(mut self, most: usize) -> Self {
        self.per_article = Some(most);
        self
    }

    /// Leaves out passages whose vectors are at least this similar, over 0 to 1, to that of a
    /// better hit: reports that were printed twice have .95 and more.
    #[must_use]
    pub fn dedup(mut self, similarity: f32) -> Self {
        self.dedup = Some(similarity);
        self
    }

    /// Chooses hits that are good and unlike each other, from a hundred passages or twice as many
    /// as are wanted, if there are: `weight` is what being unlike the hits before counts, 0
    /// (nothing) to 1 (alone). Hits are in the order of the choice. In the mode `Lexical` scores
    /// count as shares of the best one. With [`rerank`](Self::rerank) as many as the reranker is
    /// asked about are chosen, and it orders them.
    ///
    /// # Source
    ///
    /// Maximal marginal relevance: Carbonell & Goldstein (1998).
    #[must_use]
    pub fn mmr(mut self, weight: f32) -> Self {
        self.mmr = Some(weight);
        self
    }

    /// Ends the search after `limit`, counted from its start, with what it has found:
    /// [`Hits::is_complete`](crate::Hits::is_complete) tells. If the embedder ends before it has
    /// embedded the question, the search is an [`Error::TimedOut`].
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Ends the search, once `cancel` is used, with what it has found. If the embedder ends before
    /// it has embedded the question, the search is an [`Error::Cancelled`].
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Asks the [reranker](crate::RetrieverBuilder::reranker) about the `candidates` best
    /// passages, at least `k` of them, and returns the `k` that it scores best; of equal scores
    /// those first that were better before.
    ///
    /// The reranker receives the [time limit](Self::time_limit) and the
    /// [cancel handle](Self::cancel). If they end the search before or in the reranker, the hits
    /// keep the order in which they were found.
    #[must_use]
    pub fn rerank(mut self, candidates: usize) -> Self {
        self.rerank = Some(candidates);
        self
    }

    /// Gives each hit an [`Explanation`](crate::Explanation) of its score.
    #[must_use]
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// Finds only what meets `filter`; `k` passages of it, whenever `k` exist. Of several calls
    /// all filters must be met.
    ///
    /// The first search with a filter on anything but keys reads the keys, titles and metadata of
    /// all articles, and keeps them in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Filter, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("de/moor.txt", "Moore speichern viel Kohlenstoff.").metadata("year", 2024),
    ///     Article::new("en/bog.txt", "Peat bogs store a lot of carbon.").metadata("year", 2021),
    /// ])?;
    /// let query = Query::new("Was speichert ein Moor?");
    /// let hits = retriever.search(query.filter(Filter::range("year", ..2023)))?;
    /// assert_eq!(hits.len(), 1);
    /// assert_eq!(hits[0].article, "en/bog.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before.and(filter),
            None => filter,
        });
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("k", self.k, 1.., "1 or more")?;
        Error::check_setting("rerank", self.rerank.unwrap_or(1), 1.., "1 or more")?;
        Error::check_setting("per_article", self.per_article.unwrap_or(1), 1.., "1 or more")?;
        self.check_fractions()?;
        self.effort.check()?;
        self.filter.iter().try_for_each(Filter::check)?;
        let needs_no_text =
            self.mode == Mode::Dense && self.vector.is_some() && self.rerank.is_none();
        if needs_no_text || !self.text.trim().is_empty() { Ok(()) } else { Err(Error::EmptyQuery) }
    }

    /// Its own vector, of length 1, if it has one.
    pub(crate) fn unit_vector(&self, dim: usize) -> Result<Option<Vec<f32>>> {
        self.vector.as_deref().map(|vector| unit_query(vector, dim)).transpose()
    }

    /// Whether its text is to be embedded.
    pub(crate) fn is_to_be_embedded(&self) -> bool {
        self.mode.compares_vectors() && self.vector.is_none()
    }

    fn check_fractions(&self) -> Result<()> {
        self.check_min_similarity()?;
        Error::check_fraction("dedup", self.dedup.unwrap_or(1.0))?;
        let (name, got, allowed) = ("mmr", self.mmr.unwrap_or(0.0), "0 to 1");
        if (0.0..=1.0).contains(&got) {
            Ok(())
        } else {
            Err(Error::Fraction { name, got, allowed })
        }
    }

    fn check_min_similarity(&self) -> Result<()> {
        let Some(got) = self.min_similarity else { return Ok(()) };
        let name = "min_similarity";
        if !(-1.0..=1.0).contains(&got) {
            return Err(Error::Fraction { name, got, allowed: "-1 to 1" });
        }
        if self.mode.compares_vectors() {
            return Ok(());
        }
        Err(Error::Choice { name, got: "set", allowed: "modes that compare vectors" })
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Query {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Query {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}
