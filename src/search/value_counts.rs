//! Numbers of matching articles by their values of metadata.

use std::{borrow::Cow, cmp::Reverse};

use serde::{Deserialize, Serialize};

use super::{
    filter::Scalar,
    match_count::on_matching,
    query::Query,
    view::{ArticlesByValue, CountedValue, View},
};
use crate::{Result, Value};

/// Numbers of articles that a query matches, by their values of one metadata name.
///
/// Equal values are counted together: `3` and `3.0`, or a date and its first instant. An article with
/// a list counts once for each distinct value in it.
///
/// Whole numbers are returned as integers. Times are returned as dates if all times of the matching
/// articles are the first instant of a day in UTC, otherwise as timestamps. A
/// [`Filter`](crate::Filter) for a returned value, added to the query, matches as many articles as
/// were counted, except for NaN, which equals nothing.
///
/// # Examples
///
/// ```
/// use passim::{Article, Filter, Query, Retriever, Value};
///
/// let article = |key: &str, tags: &[&str]| {
///     let tags: Vec<String> = tags.iter().map(|tag| tag.to_string()).collect();
///     Article::new(key, "Moore speichern Kohlenstoff.").metadata("tags", tags)
/// };
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     article("a", &["Moor", "Klima"]),
///     article("b", &["Klima"]),
///     article("c", &[]),
/// ])?;
/// let counts = retriever.count_values(Query::new("Moor"), "tags", 1)?;
/// assert_eq!(counts.values[0].value, Value::from("Klima"));
/// assert_eq!(counts.values[0].articles, 2);
/// assert_eq!((counts.distinct, counts.articles, counts.without), (2, 3, 1));
///
/// let chosen = Query::new("Moor").filter(Filter::equals("tags", "Moor"));
/// assert_eq!(retriever.count_values(chosen, "tags", 10)?.articles, 1);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ValueCounts {
    /// The values that most articles have, by descending number of articles. Values of equal numbers
    /// are ordered as filters compare them, booleans before numbers, times and texts.
    pub values: Vec<ValueCount>,
    /// Number of distinct values, also of those that are not among `values`.
    pub distinct: usize,
    /// Number of matching articles.
    pub articles: usize,
    /// Number of matching articles without a value of the name.
    pub without: usize,
    /// Whether the numbers are exact; if not, they are upper bounds, as for
    /// [`MatchCount::is_exact`](crate::MatchCount::is_exact).
    pub is_exact: bool,
}

/// A value of metadata with its number of articles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ValueCount {
    /// The value; not a list.
    pub value: Value,
    /// Number of matching articles that have it.
    pub articles: usize,
}

/// Counts the articles of `view` that `query` matches by their values of `name`, and returns the
/// `limit` most frequent values.
pub(crate) fn count_values<V: View>(
    view: &V,
    query: &Query,
    name: &str,
    limit: usize,
) -> Result<ValueCounts> {
    on_matching(view, query, |matching, is_exact| {
        let ArticlesByValue { values, articles, without } = view.count_values(name, matching)?;
        let are_dates = values.iter().all(|counted| counted.value.may_be_date());
        let distinct = values.len();
        let most_frequent = most_frequent(values, limit).into_iter();
        let values = most_frequent.map(|CountedValue { value, articles }| ValueCount {
            value: value.to_value(are_dates),
            articles,
        });
        Ok(ValueCounts { values: values.collect(), distinct, articles, without, is_exact })
    })
}

/// Adds up the numbers of each value, which parts of a corpus counted; values ascend.
pub(crate) fn merge_counts<'v>(
    parts: impl IntoIterator<Item = CountedValue<'v>>,
) -> Vec<CountedValue<'v>> {
    let mut values: Vec<CountedValue> = parts.into_iter().collect();
    // The values of each part ascend, and a stable sort merges ascending runs.
    values.sort_by(|a, b| a.value.cmp(&b.value));
    values.dedup_by(|again, first| {
        let is_same = again.value == first.value;
        if is_same {
            first.articles += again.articles;
        }
        is_same
    });
    values
}

/// Returns the `limit` values with most articles; equal numbers in the order of `values`.
fn most_frequent(mut values: Vec<CountedValue<'_>>, limit: usize) -> Vec<CountedValue<'_>> {
    values.sort_by_key(|counted| Reverse(counted.articles));
    values.truncate(limit);
    values
}

impl<'v> CountedValue<'v> {
    pub(crate) fn new(value: Scalar<&'v str>, articles: usize) -> Self {
        Self { value: value.map(|text| Cow::Borrowed(*text)), articles }
    }
}
