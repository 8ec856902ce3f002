//! Creation of a corpus in PostgreSQL.

use super::{
    Corpus, CorpusBuilder,
    connection::{Access, BEGIN_WRITE, Connection, Params},
    corpus_change::CorpusTotals,
    corpus_settings::CorpusSettings,
    extension,
    graph_index::{self, Build},
    schema::{MAX_DIM, Schema},
    shard_set::ShardSet,
};
use crate::{Error, IndexChoice, Result};

impl CorpusBuilder {
    /// Creates an empty corpus: its schema and tables in all shards, and the extension `vector` where
    /// it is missing.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if a setting is out of range, if there is no URL, or if the name of the
    ///   schema is empty or over 63 bytes; [`Error::Choice`] if it has a zero byte.
    /// - [`Error::ShardUrl`] for an invalid URL.
    /// - [`Error::TooLarge`] if the vectors of the model do not fit a row.
    /// - [`Error::Pgvector`] if the extension `vector` is too old.
    /// - [`Error::CorpusExists`] if a schema holds a corpus.
    /// - [`Error::CorpusBusy`] if another client is creating the corpus, or if two URLs lead to one
    ///   database.
    /// - [`Error::Shard`] if a server does not run a statement. If it fails to commit, other shards can
    ///   hold the empty schema: drop it before you repeat the call.
    /// - The errors of the embedder.
    pub fn create(self) -> Result<Corpus> {
        self.check()?;
        let embedder = self.opened_embedder()?;
        let dim = embedder.dim();
        if dim > MAX_DIM {
            let what = "dimension of the vectors in a database";
            return Err(Error::TooLarge { what, got: dim, limit: MAX_DIM });
        }
        let schema = Schema::new(&self.schema)?;
        let shards = ShardSet::new(&self.urls, &self.settings)?;
        let chunker = self.chunker.clone().unwrap_or_default();
        let corpus = new_identity(&shards)?;
        // If a shard fails before the commits, all connections are dropped and roll back.
        let take = |shard| shards.take(shard, Access::Write, shards.write_interrupt());
        let mut connections = (0..shards.len()).map(take).collect::<Result<Vec<_>>>()?;
        let mut settings = CorpusSettings::new(&corpus, shards.len(), &*embedder, &chunker)?;
        for (shard, connection) in connections.iter_mut().enumerate() {
            settings.shard = shard;
            create_shard(connection, &schema, &settings, dim)?;
            if let IndexChoice::Hnsw(params) = self.index {
                graph_index::create(connection, &schema, params, dim, Build::AtOnce)?;
            }
        }
        connections.iter_mut().try_for_each(|connection| connection.commit())?;
        drop(connections);
        self.corpus(embedder, schema, shards, &settings)
    }
}

/// Returns a random text that identifies a new corpus.
fn new_identity(shards: &ShardSet) -> Result<String> {
    shards.on_shard_of("", |connection| {
        let identity =
            connection.query_value("SELECT gen_random_uuid()::text", &Params::default())?;
        Ok(identity.unwrap_or_default())
    })
}

/// Creates the tables of a shard in a transaction, which the caller commits.
fn create_shard(
    connection: &mut Connection,
    schema: &Schema,
    settings: &CorpusSettings,
    dim: usize,
) -> Result<()> {
    extension::create(connection)?;
    connection.begin(BEGIN_WRITE)?;
    let shard = connection.shard();
    // Another transaction that creates the corpus may be one of the same call, so waiting for it could
    // last forever.
    if !connection.try_lock(&format!("passim create {}", schema.name()))? {
        return Err(Error::CorpusBusy { schema: schema.name().to_owned(), shard });
    }
    if CorpusSettings::exist(connection, schema)? {
        return Err(Error::CorpusExists { schema: schema.name().to_owned(), shard });
    }
    connection.run(&schema.tables(dim))?;
    settings.insert(connection, schema)?;
    CorpusTotals::none(dim).insert(connection, schema)
}
