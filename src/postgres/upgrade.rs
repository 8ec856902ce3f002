//! Upgrades of a corpus: to the tables, the chunking rules and the analysis of words of this build.

use tracing::instrument;

use super::{
    Corpus, CorpusBuilder,
    connection::{Connection, Params},
    corpus_settings::{CorpusRules, CorpusSettings},
    extension,
    maintain::maintenance_lock,
    reindex_words::reindex_words,
    schema::{SCHEMA_VERSION, Schema},
    shard_set::ShardSet,
    shard_writer::{WriteLock, lock_writes},
};
use crate::{Chunker, Error, Result};

const LOCK_TABLES: &str =
    "LOCK TABLE {s}.settings, {s}.articles, {s}.passages IN ACCESS EXCLUSIVE MODE";

/// The statements that bring tables of version `i + 1` to the next one.
const MIGRATIONS: [&str; 1] = [r#"
ALTER TABLE {s}.passages ADD COLUMN text_hash bytea;
ALTER TABLE {s}.settings ADD COLUMN words_ready bool NOT NULL DEFAULT true;
CREATE TABLE {s}.article_values (
    article text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL);
INSERT INTO {s}.article_values (article, name, value)
    SELECT a.key, n.name, v.value FROM {s}.articles a, jsonb_each(a.filter_values) n(name, keys),
        jsonb_array_elements_text(n.keys) v(value)
    WHERE v.value LIKE '_:%';
CREATE INDEX ON {s}.article_values (article);
CREATE INDEX ON {s}.article_values (left(name, 64), left(value, 64));
ALTER TABLE {s}.articles DROP COLUMN filter_values;
ALTER TABLE {s}.passages DROP COLUMN filter_values;
"#];

impl CorpusBuilder {
    /// Brings a corpus that an earlier version of passim has made to the tables and rules of this
    /// one, and opens it. Nothing is embedded.
    ///
    /// If the analysis of words or the pieces of the bundled model are others now, they are made anew
    /// from the stored texts, in a transaction for each few articles. If the rules of chunking are
    /// others, the passages stay; an article gets new ones when it is next written, also by `upsert`.
    ///
    /// Clients of the earlier version get an error as soon as the upgrade has begun, also those that
    /// have the corpus open. If the upgrade is interrupted, the corpus cannot be opened until it has
    /// been repeated. It needs the rights of the owner of the tables. Give the other roles their rights
    /// again afterwards, since tables can be new.
    ///
    /// # Errors
    ///
    /// - As [`open`](Self::open), without the errors that an upgrade removes.
    /// - [`Error::CorpusBusy`] if another client maintains or upgrades a shard.
    #[instrument(level = "debug", skip_all)]
    pub fn upgrade(self) -> Result<Corpus> {
        self.check()?;
        let embedder = self.opened_embedder()?;
        let schema = Schema::new(&self.schema)?;
        let shards = ShardSet::new(&self.urls, &self.settings)?;
        let settings = shards.write_each(|_, connection| {
            extension::check(connection)?;
            locked(connection, &schema, |connection| {
                migrate(connection, &schema)?;
                CorpusSettings::read(connection, &schema)
            })
        })?;
        let settings = CorpusSettings::checked(&settings, &*embedder, self.chunker.as_ref())?;
        let rules = settings.current_rules()?;
        shards.write_each(|_, connection| {
            locked(connection, &schema, |connection| {
                store_chunker_rules(connection, &schema, &settings.chunker)?;
                upgrade_words(connection, &schema, rules, embedder.dim())
            })
        })?;
        self.corpus(embedder, schema, shards, settings)
    }
}

/// Runs `work` while nobody else maintains or upgrades the shard.
fn locked<T>(
    connection: &mut Connection,
    schema: &Schema,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    connection.with_session_lock(&maintenance_lock(schema), schema, work)
}

/// Brings the tables of a shard to the version of this build.
///
/// # Errors
///
/// [`Error::NoCorpus`] if there are none, [`Error::CorpusVersion`] if they are newer.
fn migrate(connection: &mut Connection, schema: &Schema) -> Result<()> {
    let shard = connection.shard();
    if !CorpusSettings::exist(connection, schema)? {
        return Err(Error::NoCorpus { schema: schema.name().to_owned(), shard });
    }
    connection.transact(|connection| {
        lock_writes(connection, schema, WriteLock::Exclusive)?;
        let Some(version) = CorpusSettings::read_version(connection, schema)? else {
            return Err(Error::NoCorpus { schema: schema.name().to_owned(), shard });
        };
        let done = usize::try_from(version - 1).ok().filter(|done| *done <= MIGRATIONS.len());
        let error = Error::CorpusVersion { shard, got: version, expected: SCHEMA_VERSION };
        let migrations = &MIGRATIONS[done.ok_or(error)?..];
        if !migrations.is_empty() {
            // In the order in which searches lock them.
            connection.run(&schema.sql(LOCK_TABLES))?;
        }
        migrations.iter().try_for_each(|migration| connection.run(&schema.sql(migration)))?;
        let update = format!("UPDATE {{s}}.settings SET schema_version = {SCHEMA_VERSION}");
        connection.run(&schema.sql(&update))
    })
}

/// Stores the fingerprint that the chunker of the corpus has in this build.
fn store_chunker_rules(
    connection: &mut Connection,
    schema: &Schema,
    chunker: &Chunker,
) -> Result<()> {
    let mut params = Params::default();
    let rules = params.bytes(chunker.fingerprint().to_vec());
    let statement = format!("UPDATE {{s}}.settings SET chunker = {rules}");
    connection.query(&schema.sql(&statement), &params).map(drop)
}

/// Analyzes the words of a shard by `rules`, those of this build, unless they are.
fn upgrade_words(
    connection: &mut Connection,
    schema: &Schema,
    rules: CorpusRules,
    dim: usize,
) -> Result<()> {
    if CorpusRules::stored(connection, schema)?.has_current_words(rules) {
        return Ok(());
    }
    // From here on, clients with other rules are refused. Running writes end before.
    connection.transact(|connection| {
        lock_writes(connection, schema, WriteLock::Exclusive)?;
        let mut params = Params::default();
        let analysis = params.int8(rules.analysis);
        let pieces = params.int8(rules.pieces);
        let statement = format!(
            "UPDATE {{s}}.settings SET analysis = {analysis}, pieces = {pieces}, words_ready = false"
        );
        connection.query(&schema.sql(&statement), &params).map(drop)
    })?;
    reindex_words(connection, schema, dim)?;
    connection.run(&schema.sql("UPDATE {s}.settings SET words_ready = true"))
}
