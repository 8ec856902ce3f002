//! Counts of the passages and articles that a query matches.

use serde::{Deserialize, Serialize};

use super::{
    query::{Mode, Query},
    query_models::interrupt_of,
    text_conditions::TextConditions,
    view::{Matching, View},
};
use crate::{
    Result,
    lexical::{Analyzer, QueryTerms},
};

/// Numbers of passages and articles that a query matches.
///
/// # Examples
///
/// ```
/// use passim::{Article, Filter, Mode, Query, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor", "Moore speichern viel Kohlenstoff.").metadata("year", 2024),
///     Article::new("torf", "Torf entsteht im Moor.").metadata("year", 2021),
///     Article::new("brot", "Ein Sauerteig braucht Zeit.").metadata("year", 2024),
/// ])?;
/// let recent = Query::new("Moor").filter(Filter::equals("year", 2024));
/// assert_eq!(retriever.count_matches(&recent)?.articles, 2);
/// assert_eq!(retriever.count_matches(recent.mode(Mode::Lexical))?.articles, 1);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatchCount {
    /// Number of passages.
    pub passages: usize,
    /// Number of articles with such a passage.
    pub articles: usize,
    /// Whether the numbers are exact. If not, they are upper bounds: the query has phrases, a
    /// [minimum similarity](Query::min_similarity) or a [minimum score](Query::min_score), which are
    /// not checked. Of a required phrase the words count.
    pub is_exact: bool,
}

/// Counts what `query` matches in `view`.
pub(crate) fn count_matches<V: View>(view: &V, query: &Query) -> Result<MatchCount> {
    on_matching(view, query, |matching, is_exact| {
        let count = view.count(matching)?;
        Ok(MatchCount { is_exact, ..count })
    })
}

/// Runs `count` on what `query` matches in `view`, and on whether that is exact.
pub(super) fn on_matching<V: View, T>(
    view: &V,
    query: &Query,
    count: impl FnOnce(&Matching<'_, V::Allowed>, bool) -> Result<T>,
) -> Result<T> {
    query.check_matching()?;
    let interrupt = interrupt_of(query);
    interrupt.check()?;
    let TextConditions { words, phrases } = TextConditions::of(query)?;
    let allowed = view.allowed(query.filter.as_ref(), &words)?;
    let question = match query.mode {
        Mode::Lexical => Some(QueryTerms::of(&query.text, &mut Analyzer::new()?)),
        Mode::Dense | Mode::Hybrid => None,
    };
    let is_exact = phrases.is_none() && query.min_similarity.is_none() && query.min_score.is_none();
    count(&Matching { allowed: &allowed, question: question.as_ref(), interrupt }, is_exact)
}
