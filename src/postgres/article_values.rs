//! The table `article_values`: metadata as filters compare it, a row for each value of an article.
//!
//! A value is stored by its sort key, which is compared byte by byte, so the order does not depend on
//! the collation of a database. An index over the first characters of names and values finds those of
//! a condition, however long they are.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_128;

use super::{
    connection::{Connection, Params},
    schema::Schema,
};
use crate::{Metadata, Result, search::filter::Scalar};

/// Number of characters of names and values that the index holds.
pub(super) const INDEXED_CHARS: usize = 64;

const COPY: &str = "COPY {s}.article_values (article, name, value) FROM STDIN (FORMAT binary)";

const DELETE: &str = "DELETE FROM {s}.article_values WHERE article = ANY({keys})";

/// The rows of one article, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ArticleValues(BTreeSet<NamedValue>);

/// A value of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NamedValue {
    name: String,
    sort_key: String,
}

impl ArticleValues {
    /// The distinct values of `metadata`, with those of lists one by one.
    pub(super) fn of(metadata: &Metadata) -> Self {
        let values = metadata.iter().flat_map(|(name, value)| {
            value.items().iter().map(|item| NamedValue {
                name: name.clone(),
                sort_key: Scalar::first(item).sort_key(),
            })
        });
        Self(values.collect())
    }

    /// Returns about how many bytes the rows have.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|value| value.name.len() + value.sort_key.len()).sum()
    }

    /// Returns the copied rows of the article of `key`.
    fn rows<'v>(&'v self, key: &'v str) -> impl Iterator<Item = Params<'v>> {
        self.0.iter().map(move |NamedValue { name, sort_key }| {
            let mut row = Params::default();
            row.text(key);
            row.text(name);
            row.text(sort_key);
            row
        })
    }
}

/// An article with its values.
pub(super) struct KeyedValues<'v> {
    pub(super) key: &'v str,
    pub(super) values: &'v ArticleValues,
}

/// Stores the values of articles that have none.
pub(super) fn insert<'v>(
    connection: &mut Connection,
    schema: &Schema,
    articles: impl IntoIterator<Item = KeyedValues<'v>>,
) -> Result<()> {
    let rows = articles.into_iter().flat_map(|article| article.values.rows(article.key));
    connection.copy_rows(&schema.sql(COPY), rows)
}

/// Removes the values of the articles of `keys`.
pub(super) fn delete(connection: &mut Connection, schema: &Schema, keys: Vec<&str>) -> Result<()> {
    let mut params = Params::default();
    let statement = DELETE.replace("{keys}", &params.texts(keys));
    connection.query(&schema.sql(&statement), &params).map(drop)
}

/// A sum over rows, which does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValuesSum(u128);

impl ValuesSum {
    /// Adds the values of `metadata` of the article of `key`.
    pub(super) fn add_article(&mut self, key: &str, metadata: &Metadata) {
        for NamedValue { name, sort_key } in &ArticleValues::of(metadata).0 {
            self.add(key, name, sort_key);
        }
    }

    /// Adds all rows of a shard.
    pub(super) fn add_stored(
        &mut self,
        connection: &mut Connection,
        schema: &Schema,
    ) -> Result<()> {
        let statement = schema.sql("SELECT article, name, value FROM {s}.article_values");
        connection.for_each(&statement, &Params::default(), |row| {
            self.add(row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(())
        })
    }

    fn add(&mut self, key: &str, name: &str, sort_key: &str) {
        // No stored text has a zero byte.
        let row = [key, name, sort_key].join("\0");
        self.0 = self.0.wrapping_add(xxh3_128(row.as_bytes()));
    }
}
