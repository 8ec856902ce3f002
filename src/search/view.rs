//! The boundary to storage: everything that a search asks of a corpus.
//!
//! A [`View`] is one consistent state of a corpus. Its methods take and return many passages at
//! once, so that a store may be a folder on disk or a database. Exact searches of equal corpora give
//! equal answers in every store; `view_laws` asserts it. Methods that take ids return one element
//! for each id, in the order of the ids.

use std::{borrow::Cow, ops::Range};

use super::{
    filter::{Instant, Scalar},
    language_totals::LanguageTotals,
    late::PieceList,
    match_count::MatchCount,
};
use crate::{
    Article, Filter, Hit, IndexPlan, Interrupt, Language, LexicalPlan, Markup, Metadata, Passage,
    Result, SearchEffort,
    language::AnalyzedLanguage,
    lexical::{CorpusStats, QueryTerms, TermContribution, WeightedTerms, WordConditions},
};

/// Identifies a passage in one view; only the view interprets the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PassageId(pub(crate) u64);

/// Identifies an article in one view; only the view interprets the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ArticleId(pub(crate) u64);

/// One consistent state of a corpus.
///
/// Equal scores are ordered by [`PassagePlace`] everywhere.
pub(crate) trait View: Sync {
    /// The passages that a filter allows, in the form of the store.
    type Allowed: Sync;

    /// Number of passages.
    fn passages(&self) -> usize;

    /// Dimension of the vectors.
    fn dim(&self) -> usize;

    /// Resolves `filter` and `words`; all passages are allowed without either.
    ///
    /// # Errors
    ///
    /// [`Error::FilterType`](crate::Error::FilterType) if a name has stored values, but none of the
    /// type that the filter compares.
    fn allowed(&self, filter: Option<&Filter>, words: &WordConditions) -> Result<Self::Allowed>;

    /// Checks that the values that `filter` compares are of the stored kinds.
    ///
    /// # Errors
    ///
    /// [`Error::FilterType`](crate::Error::FilterType) as of [`allowed`](Self::allowed).
    fn check_types(&self, filter: &Filter) -> Result<()>;

    /// Number of passages that `allowed` holds.
    fn allowed_passages(&self, allowed: &Self::Allowed) -> usize;

    /// Returns the counts that BM25 needs, over all passages: filters do not change them.
    fn corpus_stats(&self, terms: &QueryTerms) -> Result<CorpusStats>;

    /// Returns number and sum of the vectors by language, over all passages: filters do not change
    /// them.
    fn language_totals(&self) -> Result<LanguageTotals>;

    /// Finds the passages whose vectors are closest to `vector`, best first.
    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<IndexPlan>>;

    /// Finds the passages with the highest BM25, which is positive, best first.
    fn matching(
        &self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<LexicalPlan>>;

    /// Sets similarity, BM25, language and noise of `candidates`, which ascend by id. A similarity or
    /// BM25 that is known stays.
    fn complete(&self, question: &Question<'_>, candidates: &mut [Candidate]) -> Result<()>;

    /// Returns the pieces of the embedded texts of `ids`.
    fn pieces(&self, ids: &[PassageId]) -> Result<Vec<PieceList>>;

    /// Returns the places of `ids` in the order that breaks ties.
    fn places(&self, ids: &[PassageId]) -> Result<Vec<PassagePlace<'_>>>;

    /// Returns the articles of `ids`.
    fn articles(&self, ids: &[PassageId]) -> Result<Vec<ArticleId>>;

    /// Returns the latest time that the article of each of `ids` has under `name`; `None` if it has
    /// none.
    fn latest_times(&self, name: &str, ids: &[PassageId]) -> Result<Vec<Option<Instant>>>;

    /// Returns the unit vectors of `ids`.
    fn vectors(&self, ids: &[PassageId]) -> Result<Vec<Cow<'_, [f32]>>>;

    /// Reads the passages of `ids`.
    fn read(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>>;

    /// Returns the contribution of each word of the question to the BM25 of each of `ids`.
    fn contributions(
        &self,
        terms: &WeightedTerms,
        ids: &[PassageId],
    ) -> Result<Vec<Vec<TermContribution>>>;

    /// Counts the passages of `matching` and their articles; whether that is exact is for the caller.
    fn count(&self, matching: &Matching<'_, Self::Allowed>) -> Result<MatchCount>;

    /// Counts the articles of `matching` by their values of `name`.
    fn count_values(
        &self,
        name: &str,
        matching: &Matching<'_, Self::Allowed>,
    ) -> Result<ArticlesByValue<'_>>;

    /// Reads the article with this key and its passages.
    fn article(&self, key: &str) -> Result<Option<StoredArticle>>;

    /// Returns the unit vectors of the passages of the article with this key.
    fn article_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'_, [f32]>>>>;
}

/// Request to one arm: number of candidates, allowed passages, effort, and interrupt.
pub(crate) struct ArmRequest<'q, A> {
    pub(crate) k: usize,
    pub(crate) allowed: &'q A,
    pub(crate) effort: SearchEffort,
    pub(crate) interrupt: Interrupt<'q>,
}

/// The passages that a query matches: those that are allowed and have a word of the question.
pub(crate) struct Matching<'q, A> {
    pub(crate) allowed: &'q A,
    /// `None` if a passage needs no word of the question.
    pub(crate) question: Option<&'q QueryTerms>,
    pub(crate) interrupt: Interrupt<'q>,
}

/// Numbers of matching articles.
#[derive(Debug, Default)]
pub(crate) struct ArticlesByValue<'v> {
    /// Each value of a name once, ascending.
    pub(crate) values: Vec<CountedValue<'v>>,
    /// All matching articles.
    pub(crate) articles: usize,
    /// Those without a value of the name.
    pub(crate) without: usize,
}

/// A value with the number of articles that have it, `>= 1`.
#[derive(Debug)]
pub(crate) struct CountedValue<'v> {
    pub(crate) value: Scalar<Cow<'v, str>>,
    pub(crate) articles: usize,
}

/// A question in the form of both arms.
#[derive(Clone, Copy)]
pub(crate) struct Question<'q> {
    /// Of length 1.
    pub(crate) vector: &'q [f32],
    pub(crate) terms: &'q WeightedTerms,
    /// Whether it has neither a web address nor a digit.
    pub(crate) is_prose: bool,
}

/// The candidates of one arm.
#[derive(Debug)]
pub(crate) struct Candidates<P> {
    /// At most `k`, best first; equal scores by [`PassagePlace`].
    pub(crate) found: Vec<Candidate>,
    /// If `true`, a larger `k` finds nothing more; it may be `false` although nothing is left.
    pub(crate) is_exhausted: bool,
    /// One plan for each part of the store.
    pub(crate) plans: Vec<P>,
}

/// A passage with its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) id: PassageId,
    /// Higher is better.
    pub(crate) score: f32,
    /// Cosine between question and passage; `None` if the mode compares no vectors.
    pub(crate) similarity: Option<f32>,
    /// `None` if the mode compares no words.
    pub(crate) bm25: Option<f32>,
    /// Set by [`View::complete`].
    pub(crate) language: Option<AnalyzedLanguage>,
    /// Whether web addresses and digits make up at least half of its text. Set by
    /// [`View::complete`].
    pub(crate) is_noise: bool,
    /// Score of late interaction; `None` without it.
    pub(crate) late: Option<f32>,
    /// Score of the identifiers of the question that the passage has.
    pub(crate) identifiers: f32,
    /// Mean similarity that fusion subtracts; `None` if one arm alone ranks.
    pub(crate) mean: Option<f32>,
    /// What fusion subtracts from the score of noise.
    pub(crate) noise_penalty: f32,
    /// Factor of words, late interaction and identifiers; `None` if one arm alone ranks.
    pub(crate) spread: Option<f32>,
    /// Mean lexical share that fusion subtracts; `None` if one arm alone ranks.
    pub(crate) baseline: Option<f32>,
    /// Freshness of the article; `None` without recency.
    pub(crate) freshness: Option<f32>,
    /// What recency adds to the score.
    pub(crate) recency: f32,
    pub(crate) ranks: Ranks,
    /// The article, if the query groups by articles.
    pub(crate) group: Option<ArticleId>,
}

/// Ranks in the arms, from 0; `None` where an arm did not find the passage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ranks {
    pub(crate) dense: Option<usize>,
    pub(crate) lexical: Option<usize>,
}

impl Candidate {
    /// Scores a passage by its similarity alone.
    pub(crate) fn dense(id: PassageId, similarity: f32) -> Self {
        Self { similarity: Some(similarity), ..Self::scored(id, similarity) }
    }

    /// Scores a passage by its BM25 alone.
    pub(crate) fn lexical(id: PassageId, bm25: f32) -> Self {
        Self { bm25: Some(bm25), ..Self::scored(id, bm25) }
    }

    /// A passage whose parts are not known yet.
    pub(crate) fn scored(id: PassageId, score: f32) -> Self {
        Self {
            id,
            score,
            similarity: None,
            bm25: None,
            language: None,
            is_noise: false,
            late: None,
            identifiers: 0.0,
            noise_penalty: 0.0,
            mean: None,
            spread: None,
            baseline: None,
            freshness: None,
            recency: 0.0,
            ranks: Ranks::default(),
            group: None,
        }
    }

    /// Adds the scores and ranks of the same passage from the other arm.
    pub(crate) fn add(&mut self, other: &Self) {
        self.similarity = self.similarity.or(other.similarity);
        self.bm25 = self.bm25.or(other.bm25);
        self.ranks.dense = self.ranks.dense.or(other.ranks.dense);
        self.ranks.lexical = self.ranks.lexical.or(other.ranks.lexical);
    }
}

/// Place of a passage in the order that breaks ties: by the bytes of the article's key, then by
/// the number of the passage in its article, from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PassagePlace<'v> {
    pub(crate) key: Cow<'v, str>,
    pub(crate) number: u32,
}

/// A passage as it is read from the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredPassage {
    pub(crate) article: String,
    pub(crate) title: Option<String>,
    pub(crate) language: Option<Language>,
    /// Byte range in the article's text.
    pub(crate) range: Range<usize>,
    /// The article's text at `range`.
    pub(crate) text: String,
    pub(crate) heading: Option<String>,
    pub(crate) table_header: Option<String>,
    pub(crate) markup: Markup,
    pub(crate) metadata: Metadata,
    /// Whether the title is embedded with the passage.
    pub(crate) titled: bool,
}

impl StoredPassage {
    /// Returns the hit of this passage with the scores of `candidate`.
    pub(crate) fn into_hit(self, candidate: &Candidate) -> Hit {
        Hit {
            score: candidate.score,
            similarity: candidate.similarity,
            bm25: candidate.bm25,
            article: self.article,
            title: self.title,
            language: self.language,
            range: self.range,
            text: self.text,
            heading: self.heading,
            table_header: self.table_header,
            markup: self.markup,
            metadata: self.metadata,
            explanation: None,
            titled: self.titled,
        }
    }
}

/// An article with its passages, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredArticle {
    pub(crate) article: Article,
    pub(crate) passages: Vec<Passage>,
}

/// Ranks the `k` best of `candidates`: the highest score first, equal ones by [`PassagePlace`].
pub(crate) fn rank<V: View>(
    view: &V,
    mut candidates: Vec<Candidate>,
    k: usize,
) -> Result<Vec<Candidate>> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut ranked = 0;
    for tied in candidates.chunk_by_mut(|a, b| a.score.total_cmp(&b.score).is_eq()) {
        if ranked >= k {
            break;
        }
        ranked += tied.len();
        if tied.len() > 1 {
            order_tied(view, tied)?;
        }
    }
    candidates.truncate(k);
    Ok(candidates)
}

/// Returns the ids of `candidates`, in their order.
pub(super) fn ids_of(candidates: &[Candidate]) -> Vec<PassageId> {
    candidates.iter().map(|candidate| candidate.id).collect()
}

/// Orders candidates of equal score by their places.
fn order_tied<V: View>(view: &V, tied: &mut [Candidate]) -> Result<()> {
    let places = view.places(&ids_of(tied))?;
    let mut ordered: Vec<(PassagePlace, Candidate)> =
        places.into_iter().zip(tied.iter().copied()).collect();
    ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (candidate, (_, next)) in tied.iter_mut().zip(ordered) {
        *candidate = next;
    }
    Ok(())
}
