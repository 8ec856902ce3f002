//! Sizes of a corpus and of its shards.

use serde::Serialize;

use super::{
    Corpus, CorpusParts,
    connection::{Connection, Params},
    schema::Schema,
    shard_state::ShardState,
};
use crate::Result;

const BYTES: &str = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relkind = 'r'";

/// Sizes of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CorpusSize {
    /// Number of articles.
    pub articles: u64,
    /// Number of passages.
    pub passages: u64,
    /// The shards, in the order of their URLs.
    pub shards: Vec<ShardSize>,
}

/// Sizes of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShardSize {
    /// Number of articles.
    pub articles: u64,
    /// Number of passages.
    pub passages: u64,
    /// Length of its tables and indexes on the server's disk, in bytes.
    pub bytes_on_disk: u64,
}

impl Corpus {
    /// Returns the sizes of the corpus, without reading its articles.
    ///
    /// # Errors
    ///
    /// - [`Error::Shard`](crate::Error::Shard) if a server does not run a statement.
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if the stored counts are damaged.
    pub fn stats(&self) -> Result<CorpusSize> {
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        let dim = embedder.dim();
        let shards = shards.on_each(|_, connection| shard_size(connection, schema, dim))?;
        Ok(CorpusSize {
            articles: shards.iter().map(|shard| shard.articles).sum(),
            passages: shards.iter().map(|shard| shard.passages).sum(),
            shards,
        })
    }
}

fn shard_size(connection: &mut Connection, schema: &Schema, dim: usize) -> Result<ShardSize> {
    let totals = ShardState::read(connection, schema, dim)?.totals;
    let mut params = Params::default();
    let statement = BYTES.replace("{schema}", &params.text(schema.name()));
    let bytes: i64 = connection.query_value(&statement, &params)?.unwrap_or_default();
    Ok(ShardSize {
        articles: totals.articles.unsigned_abs(),
        passages: totals.passages.unsigned_abs(),
        bytes_on_disk: bytes.unsigned_abs(),
    })
}
