//! Articles that are selected by a filter: their keys, and their removal.

use std::collections::BTreeSet;

use tracing::instrument;

use super::{
    Corpus,
    connection::{Connection, Params},
    filter_condition::AllowedPassages,
    schema::Schema,
    shard_writer::{REMOVED_AT_ONCE, remove_selected},
};
#[cfg(doc)]
use crate::Error;
use crate::{
    Filter, Result, lexical::WordConditions, search::query_models::ViewRequest,
    work::parallel::parallel_map,
};

/// Conditions stand on passages. An article has their columns `article`, its key, and `language`.
const ARTICLES: &str = "SELECT article FROM {s}.articles AS passages (article) WHERE {condition}";

impl Corpus {
    /// Returns the keys of the articles that `filter` matches, in ascending order of their bytes.
    /// Articles without passages are included.
    ///
    /// # Errors
    ///
    /// - [`Error::Filter`] if a value is invalid, or for a [closure](Filter::custom).
    /// - [`Error::FilterType`] if no article has values of the kind that it compares with.
    /// - [`Error::Shard`] if a server does not run a statement.
    pub fn keys_where(&self, filter: &Filter) -> Result<Vec<String>> {
        let selected = selected(filter)?;
        let mut keys = self.with_view(ViewRequest::default(), |view| {
            view.check_kinds(filter)?;
            let by_shard = view
                .snapshots
                .on_each(|_, connection| keys(connection, &self.parts.schema, &selected, ""))?;
            Ok(by_shard.concat())
        })?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Removes the articles that `filter` matches; returns their number. Articles are removed in
    /// batches, each in a transaction that selects them, so an article that is changed meanwhile and
    /// does not match any more stays.
    ///
    /// # Errors
    ///
    /// As [`keys_where`](Self::keys_where). Articles can have been removed then; repeat the call.
    #[instrument(level = "debug", skip_all)]
    pub fn remove_where(&self, filter: &Filter) -> Result<usize> {
        let selected = selected(filter)?;
        self.with_view(ViewRequest::default(), |view| view.check_kinds(filter))?;
        let schema = &self.parts.schema;
        let limit = format!(" ORDER BY article LIMIT {REMOVED_AT_ONCE} FOR UPDATE");
        self.remove_from_each(|connection, removed| {
            let select = |connection: &mut Connection| keys(connection, schema, &selected, &limit);
            while remove_selected(connection, self.target(), select, removed)? {}
            Ok(())
        })
    }

    /// Runs `remove`, which adds the keys of removed articles to its set, on each shard at the same
    /// time; returns the number of articles. A repeated attempt counts each of them once.
    pub(super) fn remove_from_each(
        &self,
        remove: impl Fn(&mut Connection, &mut BTreeSet<String>) -> Result<()> + Sync,
    ) -> Result<usize> {
        let shards = &self.parts.shards;
        let removed = parallel_map(shards.len(), shards.len(), |shard| {
            let mut removed = BTreeSet::new();
            shards.write(shard, |connection| remove(connection, &mut removed))?;
            Ok(removed.len())
        });
        Ok(self.written(removed)?.iter().sum())
    }
}

/// Checks `filter` and returns its condition.
fn selected(filter: &Filter) -> Result<AllowedPassages> {
    filter.check_for_articles()?;
    AllowedPassages::new(Some(filter), &WordConditions::default())
}

/// Returns the keys of the articles of a shard that `selected` allows; `clauses` end the statement.
fn keys(
    connection: &mut Connection,
    schema: &Schema,
    selected: &AllowedPassages,
    clauses: &str,
) -> Result<Vec<String>> {
    let mut params = Params::default();
    let statement = ARTICLES.replace("{condition}", &selected.condition(&mut params));
    let rows = connection.query(&schema.sql(&format!("{statement}{clauses}")), &params)?;
    rows.iter().map(|row| row.get(0)).collect()
}
