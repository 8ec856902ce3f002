//! A question and how it is to be answered.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Cancel, Effort, Error, Filter, Result, SearchParams};

/// By what passages are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// By meaning: the cosine between the vectors of question and passage.
    Dense,
    /// By words: BM25 over stems, parts of compounds, names and numbers. The question is not
    /// embedded, and only passages with a word of it are found.
    #[cfg(feature = "lexical")]
    Lexical,
    /// By both: the passages that either finds, ranked by the cosine and by BM25 as a share of
    /// the most that the question allows.
    #[cfg(feature = "lexical")]
    Hybrid,
}

impl Mode {
    /// Whether the question is embedded.
    pub(crate) fn compares_vectors(self) -> bool {
        match self {
            #[cfg(feature = "lexical")]
            Self::Lexical => false,
            #[cfg(feature = "lexical")]
            Self::Hybrid => true,
            Self::Dense => true,
        }
    }
}

/// `Hybrid`; without the feature `lexical`, `Dense`.
impl Default for Mode {
    fn default() -> Self {
        #[cfg(feature = "lexical")]
        return Self::Hybrid;
        #[cfg(not(feature = "lexical"))]
        return Self::Dense;
    }
}

/// A question with the settings of its search.
///
/// Text alone is a query, too: `&str` and `String` turn into one.
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
    /// Number of hits wanted, 1 or more.
    pub k: usize,
    /// By what they are found.
    pub mode: Mode,
    /// How hard to look for the closest by meaning.
    pub effort: Effort,
    /// Time after which the search ends with what it has found.
    pub time_limit: Option<Duration>,
    /// A handle that, once used, ends the search with what it has found.
    pub cancel: Option<Cancel>,
    /// The least [similarity](crate::Hit::similarity) of a hit, -1 to 1.
    pub min_similarity: Option<f32>,
    /// The most hits of one article, 1 or more.
    pub per_article: Option<usize>,
    /// How many of the best passages the reranker is asked about, 1 or more; it is not
    /// asked, if `None`.
    pub rerank: Option<usize>,
    /// What may be found; everything, if `None`.
    pub(crate) filter: Option<Filter>,
}

impl Query {
    /// A question with the default settings.
    pub fn new(text: impl Into<String>) -> Self {
        let SearchParams { k, effort, .. } = SearchParams::default();
        Self {
            text: text.into(),
            k,
            mode: Mode::default(),
            effort,
            time_limit: None,
            cancel: None,
            min_similarity: None,
            per_article: None,
            rerank: None,
            filter: None,
        }
    }

    /// Number of hits wanted, 1 or more.
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
        self.effort = Effort::Ef(ef_search);
        self
    }

    /// Keeps as many candidates as find this share of the closest passages, over 0 to 1, by
    /// what [`Retriever::calibrate`](crate::Retriever::calibrate) measured; where no number
    /// is known to, the question is compared with every passage, and the plan says so. It is
    /// measured for each graph of the corpus, and without a [filter](Self::filter).
    #[must_use]
    pub fn recall(mut self, target: f32) -> Self {
        self.effort = Effort::Recall(target);
        self
    }

    /// Compares the question with every passage, even where there is a graph.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.effort = Effort::Exact;
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

    /// Ends the search after `limit`, counted from its start, with what it has found:
    /// [`Hits::is_complete`](crate::Hits::is_complete) tells.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Ends the search, once `cancel` is used, with what it has found.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Asks the [reranker](crate::RetrieverBuilder::reranker) about the `candidates` best
    /// passages, at least `k` of them, and returns the `k` that it scores best; of equal scores
    /// those first that were better before.
    ///
    /// A [time limit](Self::time_limit) and a [cancel handle](Self::cancel) are looked at before
    /// it is asked: if they have ended the search, hits stay as they were found.
    #[must_use]
    pub fn rerank(mut self, candidates: usize) -> Self {
        self.rerank = Some(candidates);
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
        self.check_min_similarity()?;
        self.effort.check()?;
        self.filter.iter().try_for_each(Filter::check)?;
        if self.text.trim().is_empty() { Err(Error::EmptyQuery) } else { Ok(()) }
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
