//! Numbers of what a query matches, and of its values of metadata.

use std::borrow::Cow;

use tracing::instrument;

use super::{
    Corpus,
    candidate_row::damaged,
    connection::{Connection, Params},
    filter_condition::{AllowedPassages, has_name, some_value_of},
    sql_view::{SqlView, to_count},
};
#[cfg(doc)]
use crate::Error;
use crate::{
    MatchCount, Query, Result, ValueCounts,
    lexical::term_hash,
    search::{
        filter::Scalar,
        match_count,
        query_models::{ViewRequest, interrupt_of},
        value_counts,
        view::{ArticlesByValue, CountedValue, Matching},
    },
};

/// Articles of matching passages.
const ARTICLES: &str = "SELECT DISTINCT article FROM {s}.passages WHERE";

impl Corpus {
    /// Counts the passages and articles that `query` matches, as
    /// [`Searcher::count_matches`](crate::Searcher::count_matches) does. Each server reads the
    /// matching rows, so it takes longer the more there are.
    ///
    /// All shards are counted: [`Query::partial`] does not apply.
    ///
    /// # Errors
    ///
    /// - The errors of [`Searcher::count_matches`](crate::Searcher::count_matches) for the query.
    /// - [`Error::Filter`] for a filter with a closure, which a database cannot call.
    /// - [`Error::Shard`] if a server does not run a statement.
    #[instrument(level = "debug", skip_all)]
    pub fn count_matches(&self, query: impl Into<Query>) -> Result<MatchCount> {
        let query = query.into();
        self.with_view(whole_view(&query), |view| match_count::count_matches(view, &query))
    }

    /// Counts the articles that `query` [matches](Self::count_matches) by their values of the
    /// metadata `name`, as [`Searcher::count_values`](crate::Searcher::count_values) does. All
    /// distinct values are sent to the client.
    ///
    /// # Errors
    ///
    /// As [`count_matches`](Self::count_matches).
    #[instrument(level = "debug", skip_all)]
    pub fn count_values(
        &self,
        query: impl Into<Query>,
        name: &str,
        limit: usize,
    ) -> Result<ValueCounts> {
        let query = query.into();
        self.with_view(whole_view(&query), |view| {
            value_counts::count_values(view, &query, name, limit)
        })
    }
}

/// The request of a view for `query` that has all shards.
fn whole_view(query: &Query) -> ViewRequest<'_> {
    ViewRequest { interrupt: interrupt_of(query), is_partial: false }
}

impl SqlView<'_> {
    /// Counts the passages of `matching` and their articles.
    pub(super) fn count_matching(
        &self,
        matching: &Matching<'_, AllowedPassages>,
    ) -> Result<MatchCount> {
        let by_shard = self.snapshots.count_each(|_, connection| {
            let mut params = Params::default();
            let condition = condition(matching, &mut params);
            let statement = format!(
                "SELECT count(*), count(DISTINCT article) FROM {{s}}.passages WHERE {condition}"
            );
            let rows = connection.query(&self.schema.sql(&statement), &params)?;
            let mut count = MatchCount::default();
            for row in &rows {
                count.passages = to_count(row.get(0)?)?;
                count.articles = to_count(row.get(1)?)?;
            }
            Ok(count)
        })?;
        let passages = by_shard.iter().map(|count| count.passages).sum();
        let articles = by_shard.iter().map(|count| count.articles).sum();
        Ok(MatchCount { passages, articles, ..MatchCount::default() })
    }

    /// Counts the articles of `matching` by their values of `name`.
    pub(super) fn count_by_value(
        &self,
        name: &str,
        matching: &Matching<'_, AllowedPassages>,
    ) -> Result<ArticlesByValue<'static>> {
        let by_shard = self.snapshots.count_each(|_, connection| {
            let mut counted = self.count_articles(connection, name, matching)?;
            counted.values = self.counted_values(connection, name, matching)?;
            Ok(counted)
        })?;
        let mut sum = ArticlesByValue::default();
        for ArticlesByValue { values, articles, without } in by_shard {
            sum.articles += articles;
            sum.without += without;
            sum.values.extend(values);
        }
        sum.values = value_counts::merge_counts(sum.values);
        Ok(sum)
    }

    /// Counts the articles of a shard, and those of them without a value.
    fn count_articles(
        &self,
        connection: &mut Connection,
        name: &str,
        matching: &Matching<'_, AllowedPassages>,
    ) -> Result<ArticlesByValue<'static>> {
        let mut params = Params::default();
        let condition = condition(matching, &mut params);
        let has_value = some_value_of("m.article", name, &mut params);
        let statement = format!(
            "SELECT count(*), count(*) FILTER (WHERE NOT {has_value}) FROM ({ARTICLES} {condition}) m"
        );
        let rows = connection.query(&self.schema.sql(&statement), &params)?;
        let mut counted = ArticlesByValue::default();
        for row in &rows {
            counted.articles = to_count(row.get(0)?)?;
            counted.without = to_count(row.get(1)?)?;
        }
        Ok(counted)
    }

    /// Counts the articles of a shard by value, ascending.
    fn counted_values(
        &self,
        connection: &mut Connection,
        name: &str,
        matching: &Matching<'_, AllowedPassages>,
    ) -> Result<Vec<CountedValue<'static>>> {
        if name.contains('\0') {
            return Ok(Vec::new());
        }
        let mut params = Params::default();
        let condition = condition(matching, &mut params);
        let named = has_name(name, &mut params);
        let statement = format!(
            "SELECT v.value, count(*) FROM ({ARTICLES} {condition}) m \
             JOIN {{s}}.article_values v ON v.article = m.article WHERE {named} GROUP BY v.value"
        );
        let mut values = Vec::new();
        connection.for_each(&self.schema.sql(&statement), &params, |row| {
            let scalar = Scalar::of_sort_key(row.get(0)?);
            let scalar = scalar.ok_or_else(|| damaged("a value of metadata is invalid"))?;
            let value = scalar.map(|text| Cow::Owned((*text).to_owned()));
            values.push(CountedValue { value, articles: to_count(row.get(1)?)? });
            Ok(())
        })?;
        values.sort_unstable_by(|a, b| a.value.cmp(&b.value));
        Ok(values)
    }
}

/// Returns the condition on a row of `passages` that it is matching.
fn condition<'p>(matching: &'p Matching<'_, AllowedPassages>, params: &mut Params<'p>) -> String {
    let mut condition = matching.allowed.condition(params);
    if let Some(question) = matching.question {
        let terms = question.groups().iter().flat_map(|group| &group.terms);
        let hashes = params.int8s(terms.map(|term| term_hash(term)).collect());
        condition = format!("{condition} AND terms && {hashes}");
    }
    condition
}
