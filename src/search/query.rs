//! Queries and their settings.

mod conditions;
mod query_checks;
mod query_form;

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{recency::Recency, weights::Weights};
use crate::{
    Cancel, Error, Filter, Result, SearchEffort, SearchParams, vector::vectors::unit_query,
};

/// How passages are found and scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// By meaning: the cosine between the vectors of question and passage.
    Dense,
    /// By words: BM25 over stems, parts of compounds, names and numbers. The question is not
    /// embedded. Only passages that contain a word of the question are found. Words of the question after
    /// the first 1,024 distinct words and compound parts are ignored.
    Lexical,
    /// By both, and by late interaction: finds the passages of either mode and ranks them by the
    /// sum of four parts, in units of cosine:
    ///
    /// - the cosine above `mean`, that of the question with the mean passage in the same language;
    /// - `spread * lexical * (bm25 / max_bm25 - baseline)`;
    /// - `spread * late * late_score`;
    /// - `spread * identifier * identifier_score`.
    ///
    /// `spread` is 1 less the cosine of the question with the mean passage, so that the parts count
    /// alike with every model. `lexical`, `late` and `identifier` are the [weights](Query::weights). `max_bm25` is
    /// the highest BM25 that the question allows; `baseline` is the mean of `bm25 / max_bm25` over
    /// the seven most similar candidates in the language of the passage. `late_score` compares each
    /// word piece of the question with the closest piece of the passage by the bundled model; it is
    /// 0 for a query with a [vector](Query::vector). `identifier_score` is 1 for a passage with a code
    /// of the question that no other article has, such as `CVE-2024-3094`, `34a` or `17/23`; it is
    /// lower for numbers, for names that are no words of the model, and for several articles.
    ///
    /// A question without digits and web addresses ranks prose first: passages of which these make
    /// up half of the characters lose 4.
    #[default]
    Hybrid,
}

impl Mode {
    /// Whether the lexical index is searched.
    pub(crate) fn compares_words(self) -> bool {
        self != Self::Dense
    }

    /// Whether vectors are searched.
    pub(crate) fn compares_vectors(self) -> bool {
        self != Self::Lexical
    }
}

/// Writes `dense`, `lexical` or `hybrid`, as JSON does.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dense => "dense",
            Self::Lexical => "lexical",
            Self::Hybrid => "hybrid",
        })
    }
}

/// Reads `dense`, `lexical` or `hybrid`.
impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "dense" => Ok(Self::Dense),
            "lexical" => Ok(Self::Lexical),
            "hybrid" => Ok(Self::Hybrid),
            other => {
                let source = format!("`{other}` is none of dense, lexical and hybrid").into();
                Err(Error::InvalidSettings { what: "mode", source })
            }
        }
    }
}

/// A question with the settings of its search.
///
/// `&str` and `String` convert into a query.
///
/// # JSON
///
/// A query is read from and written as JSON, by `serde` and by `FromStr` and `Display`. All fields
/// may be left out, unknown ones are errors. They are named like the methods that set them; times are
/// in milliseconds; a [`Filter`] documents its form:
///
/// ```json
/// {
///   "text": "Wann fährt der Nachtzug?", "k": 5, "offset": 10, "mode": "hybrid",
///   "weights": {"lexical": 0.75, "late": 0.75, "identifier": 0.5},
///   "filter": {"all": [{"language": "de"}, {"name": "year", "gte": 2020}]},
///   "require": ["Wien"], "require_phrase": [], "exclude": [], "exclude_phrase": [],
///   "ef_search": 128, "time_limit_ms": 200, "partial": false,
///   "min_similarity": 0.2, "min_score": 0.1, "per_article": 1, "group_by_article": 3,
///   "dedup": 0.95, "mmr": 0.3,
///   "recency": {"name": "published", "half_life_ms": 604800000, "weight": 0.1},
///   "rerank": 50, "explain": true
/// }
/// ```
///
/// In place of `ef_search`, a query may have `"recall": 0.95` or `"exact": true`. `vector` holds the
/// numbers of a vector. Values out of range are the same errors as with the methods: of the search,
/// or at once of `FromStr`.
///
/// # Examples
///
/// ```
/// use passim::Query;
///
/// let query = Query::new("Warum hält Meta Behemoth zurück?").k(3).ef_search(128);
/// assert_eq!(query.k, 3);
///
/// let same: Query = r#"{"text": "Warum hält Meta Behemoth zurück?", "k": 3, "ef_search": 128}"#.parse()?;
/// assert_eq!(same.to_string(), query.to_string());
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The question.
    pub text: String,
    /// Vector to search with in place of that of the question; scaled to length 1.
    pub vector: Option<Vec<f32>>,
    /// Number of hits, `>= 1`.
    pub k: usize,
    /// Number of best hits that are skipped.
    pub offset: usize,
    /// How passages are found and scored.
    pub mode: Mode,
    /// Weights of the parts of a hybrid score.
    pub weights: Weights,
    /// Effort of the vector search, which determines its recall.
    pub effort: SearchEffort,
    /// Time after which the search returns the hits found so far.
    pub time_limit: Option<Duration>,
    /// Handle that makes the search return the hits found so far.
    pub cancel: Option<Cancel>,
    /// Whether shards that cannot be reached are left out.
    pub partial: bool,
    /// Minimum [similarity](crate::Hit::similarity) of a hit, in `-1.0..=1.0`.
    pub min_similarity: Option<f32>,
    /// Minimum [score](crate::Hit::score) of a hit, without recency and before reranking.
    pub min_score: Option<f32>,
    /// Maximum number of hits of one article, `>= 1`.
    pub per_article: Option<usize>,
    /// Maximum number of hits of each group, if hits are grouped by article, `>= 1`.
    pub group_by_article: Option<usize>,
    /// Minimum similarity at which a passage repeats a better hit, `0.0 < dedup <= 1.0`.
    pub dedup: Option<f32>,
    /// Weight of diversity against the score, in `0.0..=1.0`.
    pub mmr: Option<f32>,
    /// Preference for recent articles.
    pub recency: Option<Recency>,
    /// Number of passages that the reranker scores, `>= 1`; `None` for no reranking.
    pub rerank: Option<usize>,
    /// Whether each hit has an explanation of its score.
    pub explain: bool,
    /// Condition on passages; `None` for all passages.
    pub filter: Option<Filter>,
    /// Texts whose words a passage must have.
    pub required: Vec<String>,
    /// Phrases that a passage must have.
    pub required_phrases: Vec<String>,
    /// Texts whose words a passage must not have.
    pub excluded: Vec<String>,
    /// Phrases that a passage must not have.
    pub excluded_phrases: Vec<String>,
}

impl Query {
    /// Creates a query with the default settings.
    pub fn new(text: impl Into<String>) -> Self {
        let SearchParams { k, effort, .. } = SearchParams::default();
        Self {
            text: text.into(),
            vector: None,
            k,
            offset: 0,
            mode: Mode::default(),
            weights: Weights::default(),
            effort,
            time_limit: None,
            cancel: None,
            partial: false,
            min_similarity: None,
            min_score: None,
            per_article: None,
            group_by_article: None,
            dedup: None,
            mmr: None,
            recency: None,
            rerank: None,
            explain: false,
            filter: None,
            required: Vec::new(),
            required_phrases: Vec::new(),
            excluded: Vec::new(),
            excluded_phrases: Vec::new(),
        }
    }

    /// Creates a query for the passages closest to `vector`, in the mode [`Mode::Dense`]. The vector
    /// has the dimension of the model, and any length except 0.
    #[must_use]
    pub fn from_vector(vector: Vec<f32>) -> Self {
        Self { mode: Mode::Dense, ..Self::new("").vector(vector) }
    }

    /// Searches with `vector` in place of that of the text, which is not embedded. The lexical
    /// index is still searched for the words of the text.
    #[must_use]
    pub fn vector(mut self, vector: Vec<f32>) -> Self {
        self.vector = Some(vector);
        self
    }

    /// Sets the number of hits, `>= 1`.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Skips the best `hits`, for pages of results.
    ///
    /// The order of hits depends neither on `k` nor on the offset: the pages of one query, taken
    /// from one snapshot, join to the hits of one search for all of them. A graph that is searched
    /// for more than `ef_search` passages is traversed further, and may then find closer ones.
    #[must_use]
    pub fn offset(mut self, hits: usize) -> Self {
        self.offset = hits;
        self
    }

    /// Sets how passages are found and scored.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the weights of words, late interaction and identifiers in the mode [`Mode::Hybrid`].
    #[must_use]
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Sets the number of candidates that a graph traversal keeps; see [`SearchEffort::Ef`]. More
    /// candidates give a higher recall and take more time.
    #[must_use]
    pub fn ef_search(mut self, ef_search: usize) -> Self {
        self.effort = SearchEffort::Ef(ef_search);
        self
    }

    /// Requests a recall, `0.0 < target <= 1.0`: the share of the closest passages that a search
    /// finds.
    ///
    /// The graphs are traversed with the `ef_search` that
    /// [`Retriever::calibrate`](crate::Retriever::calibrate) proved to reach the recall, without a
    /// filter or with a random one of [some shares](crate::Calibration#filters). Without such an
    /// `ef_search`, and before the first calibration, the query is compared with every passage, and
    /// the [plan](crate::Hits::plan) reports the reason.
    #[must_use]
    pub fn recall(mut self, target: f32) -> Self {
        self.effort = SearchEffort::Recall(target);
        self
    }

    /// Compares the query with every passage, even if there is a graph.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.effort = SearchEffort::Exact;
        self
    }

    /// Finds only passages whose [similarity](crate::Hit::similarity) to the query is at least
    /// `minimum`, in `-1.0..=1.0`. Good hits have other similarities with each model, so choose the
    /// minimum by the hits of some queries.
    #[must_use]
    pub fn min_similarity(mut self, minimum: f32) -> Self {
        self.min_similarity = Some(minimum);
        self
    }

    /// Leaves out passages whose [score](crate::Hit::score), without [recency](Self::recency) and
    /// before reranking, is below `minimum`.
    ///
    /// Scores are in units of cosine in the modes hybrid and dense, and of BM25 in mode lexical. A
    /// question without a good answer then has no hits.
    /// [`propose_min_score`](crate::eval::propose_min_score) finds a minimum from judged questions. A
    /// hybrid search ends at the first tier in which no passage reaches `minimum`.
    #[must_use]
    pub fn min_score(mut self, minimum: f32) -> Self {
        self.min_score = Some(minimum);
        self
    }

    /// Finds at most `maximum` passages of each article, the best ones. The search still returns
    /// `k` hits whenever `k` exist.
    #[must_use]
    pub fn per_article(mut self, maximum: usize) -> Self {
        self.per_article = Some(maximum);
        self
    }

    /// Groups the hits by article: [`k`](Self::k) and the [offset](Self::offset) count articles, and
    /// each has at most `maximum` hits, `>= 1`, which follow its best one. The search returns `k`
    /// articles whenever `k` exist. [`Hits::by_article`](crate::Hits::by_article) returns the groups.
    ///
    /// Articles are ordered by their best hits, as without grouping. The other hits of an article are
    /// those that the search finds beside the best one: among the 50 best passages of each arm, for the
    /// first articles. Passages that are much worse are left out.
    ///
    /// With [`mmr`](Self::mmr), articles are chosen by their best hits. With
    /// [`rerank`](Self::rerank), the passages are scored in the order of the groups, and the best
    /// scores order the groups.
    #[must_use]
    pub fn group_by_article(mut self, maximum: usize) -> Self {
        self.group_by_article = Some(maximum);
        self
    }

    /// Leaves out passages whose similarity to a better hit is at least `similarity`,
    /// `0.0 < similarity <= 1.0`. Two prints of one report typically have .95 or more.
    #[must_use]
    pub fn dedup(mut self, similarity: f32) -> Self {
        self.dedup = Some(similarity);
        self
    }

    /// Chooses hits that have a high score and differ from each other, and returns them in the order
    /// of choice.
    ///
    /// `weight` is the weight of diversity, in `0.0..=1.0`: at 0 only the score counts, at 1 only
    /// the difference from the hits chosen before. The choice is among the 50 best passages by
    /// vectors and the 50 best by words; further ones follow if more hits are wanted. In the mode
    /// [`Mode::Lexical`] a score counts as a share of the best one. With
    /// [`rerank`](Self::rerank), the passages for the reranker are chosen, and the reranker orders
    /// them.
    ///
    /// # Source
    ///
    /// Maximal marginal relevance: Carbonell & Goldstein (1998).
    #[must_use]
    pub fn mmr(mut self, weight: f32) -> Self {
        self.mmr = Some(weight);
        self
    }

    /// Prefers recent articles, as [`Recency`] describes.
    ///
    /// The first search with it reads the metadata of all articles, as the first
    /// [filter](Self::filter) does.
    ///
    /// # Errors
    ///
    /// The search returns [`Error::FilterType`] if articles have values of the name, but none is a
    /// date or a timestamp.
    #[must_use]
    pub fn recency(mut self, recency: Recency) -> Self {
        self.recency = Some(recency);
        self
    }

    /// Makes the search return the hits found so far once it has taken `limit`.
    /// [`Hits::is_complete`](crate::Hits::is_complete) returns `false` then.
    ///
    /// If the limit is reached before the question is embedded, a search by vectors finds nothing.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Makes the search return the hits found so far once `cancel` is cancelled.
    ///
    /// If that happens before the question is embedded, a search by vectors finds nothing.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Leaves out the shards of a corpus in PostgreSQL that cannot be reached, in place of an error.
    /// [`QueryPlan::missing_shards`](crate::QueryPlan::missing_shards) names them, and
    /// [`Hits::is_complete`](crate::Hits::is_complete) returns `false` then.
    ///
    /// Scores are those of a corpus without their articles. If no shard can be reached, the search
    /// fails. A corpus in a folder has no shards.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Lets the [reranker](crate::RetrieverBuilder::reranker) score the best `candidates` passages
    /// and order them by its scores. Passages with equal scores keep their previous order, and
    /// passages after the first `candidates` follow as they were.
    ///
    /// The reranker receives the [time limit](Self::time_limit) and the
    /// [cancel handle](Self::cancel). If they end the search, the hits keep their order.
    #[must_use]
    pub fn rerank(mut self, candidates: usize) -> Self {
        self.rerank = Some(candidates);
        self
    }

    /// Adds an [`Explanation`](crate::Explanation) of its score to each hit.
    #[must_use]
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// Returns the maximum number of hits of one article.
    pub(super) fn article_limit(&self) -> Option<usize> {
        match (self.per_article, self.group_by_article) {
            (Some(hits), Some(group)) => Some(hits.min(group)),
            (hits, group) => hits.or(group),
        }
    }

    /// Returns the vector of the query, scaled to length 1; `None` if the query has none.
    pub(crate) fn unit_vector(&self, dim: usize) -> Result<Option<Vec<f32>>> {
        self.vector.as_deref().map(|vector| unit_query(vector, dim)).transpose()
    }

    /// Whether the search needs the vector of the text.
    pub(crate) fn needs_embedding(&self) -> bool {
        self.mode.compares_vectors() && self.vector.is_none()
    }
}

impl From<&Query> for Query {
    fn from(query: &Query) -> Self {
        query.clone()
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
