//! The settings row of a shard: what the corpus was created with, compared whenever it is opened.

use super::{
    connection::{Connection, Params, ResultRow},
    schema::{SCHEMA_VERSION, Schema},
};
use crate::{
    Chunker, Embedder, Error, ModelIdentity, Result, embed::check_model, lexical, search::late,
};

const COLUMNS: &str = "schema_version, corpus, shard, shards, model_name, model_hash, dim, \
    max_tokens, overlap_sentences, context, chunker, analysis, pieces, words_ready";

/// The settings of a corpus, and the place of one shard in it.
#[derive(Clone, Debug)]
pub(super) struct CorpusSettings {
    /// Identifies the corpus; the same in all shards.
    corpus: String,
    shard: usize,
    shards: usize,
    model: ModelIdentity,
    dim: usize,
    pub(super) chunker: Chunker,
    /// Fingerprint of the chunker's settings and rules.
    chunker_rules: Vec<u8>,
    /// By which its words were analyzed.
    rules: CorpusRules,
    /// Whether all words were analyzed by `rules`.
    words_ready: bool,
}

/// The rules by which the words of a corpus were analyzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CorpusRules {
    /// Version of the tables.
    pub(super) schema_version: i32,
    /// Fingerprint of the analysis of words.
    pub(super) analysis: i64,
    /// Fingerprint of the pieces of late interaction.
    pub(super) pieces: i64,
}

impl CorpusRules {
    /// Those of this build.
    pub(super) fn current() -> Result<Self> {
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            analysis: lexical::fingerprint().cast_signed(),
            pieces: late::fingerprint()?.cast_signed(),
        })
    }

    /// Reads those of a shard.
    pub(super) fn stored(connection: &mut Connection, schema: &Schema) -> Result<Self> {
        let statement = schema.sql("SELECT schema_version, analysis, pieces FROM {s}.settings");
        let rows = connection.query(&statement, &Params::default())?;
        let shard = connection.shard();
        let no_corpus = || Error::NoCorpus { schema: schema.name().to_owned(), shard };
        let row = rows.first().ok_or_else(no_corpus)?;
        Ok(Self { schema_version: row.get(0)?, analysis: row.get(1)?, pieces: row.get(2)? })
    }

    /// Checks that a corpus, whose rules are `stored`, has these rules.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusSettings`] if not.
    pub(super) fn check(self, stored: Self) -> Result<()> {
        let setting = match stored {
            _ if stored == self => return Ok(()),
            Self { schema_version, .. } if schema_version != self.schema_version => "other tables",
            Self { analysis, .. } if analysis != self.analysis => "another analysis of words",
            Self { .. } => "other pieces of the bundled model",
        };
        let remedy = "use the version of passim that it belongs to, or `CorpusBuilder::upgrade` it";
        Err(Error::CorpusSettings { setting, remedy })
    }
}

impl CorpusSettings {
    /// The settings of a new corpus, for the shard `shard` of `shards`.
    pub(super) fn new(
        corpus: &str,
        shard: usize,
        shards: usize,
        embedder: &dyn Embedder,
        chunker: &Chunker,
    ) -> Result<Self> {
        Ok(Self {
            corpus: corpus.to_owned(),
            shard,
            shards,
            model: embedder.identity().clone(),
            dim: embedder.dim(),
            chunker: chunker.clone(),
            chunker_rules: chunker.fingerprint().to_vec(),
            rules: CorpusRules::current()?,
            words_ready: true,
        })
    }

    /// Stores the settings in a shard that has none.
    pub(super) fn insert(&self, connection: &mut Connection, schema: &Schema) -> Result<()> {
        let mut params = Params::default();
        let places = [
            params.int4(SCHEMA_VERSION),
            params.text(&self.corpus),
            params.int4(small(self.shard)),
            params.int4(small(self.shards)),
            params.text(&self.model.name),
            params.bytes(self.model.hash.to_be_bytes().to_vec()),
            params.int4(small(self.dim)),
            params.int8((self.chunker.budget() as u64).cast_signed()),
            params.int8((self.chunker.overlap() as u64).cast_signed()),
            params.boolean(self.chunker.has_context()),
            params.bytes(self.chunker_rules.clone()),
            params.int8(self.rules.analysis),
            params.int8(self.rules.pieces),
            params.boolean(self.words_ready),
        ];
        let places = places.join(", ");
        let statement = format!("INSERT INTO {{s}}.settings ({COLUMNS}) VALUES ({places})");
        connection.query(&schema.sql(&statement), &params).map(drop)
    }

    /// Returns whether the schema of a shard has the tables of a corpus.
    pub(super) fn exist(connection: &mut Connection, schema: &Schema) -> Result<bool> {
        let mut params = Params::default();
        let table = params.text(schema.table("settings"));
        let statement = format!("SELECT to_regclass({table}) IS NOT NULL");
        Ok(connection.query_value(&statement, &params)? == Some(true))
    }

    /// Reads the settings of a shard.
    ///
    /// # Errors
    ///
    /// - [`Error::NoCorpus`] if the schema holds no corpus.
    /// - [`Error::Version`] if its tables are of another version.
    pub(super) fn read(connection: &mut Connection, schema: &Schema) -> Result<Self> {
        let shard = connection.shard();
        let no_corpus = || Error::NoCorpus { schema: schema.name().to_owned(), shard };
        if !Self::exist(connection, schema)? {
            return Err(no_corpus());
        }
        let version = Self::read_version(connection, schema)?.ok_or_else(no_corpus)?;
        if version != SCHEMA_VERSION {
            return Err(Error::CorpusVersion { shard, got: version, expected: SCHEMA_VERSION });
        }
        let statement = schema.sql(&format!("SELECT {COLUMNS} FROM {{s}}.settings"));
        let rows = connection.query(&statement, &Params::default())?;
        Self::decode(rows.first().ok_or_else(no_corpus)?, schema)
    }

    fn decode(row: &ResultRow, schema: &Schema) -> Result<Self> {
        let origin = || format!("schema {}", schema.name());
        let damaged = || Error::Corrupt { origin: origin(), fault: "its settings are invalid" };
        let count = |column| {
            let value: i32 = row.get(column)?;
            usize::try_from(value).map_err(|_| damaged())
        };
        let large = |column| {
            let value: i64 = row.get(column)?;
            usize::try_from(value.cast_unsigned()).map_err(|_| damaged())
        };
        let hash: Vec<u8> = row.get(5)?;
        let hash = hash.try_into().map(u128::from_be_bytes).map_err(|_| damaged())?;
        let chunker = Chunker::default().max_tokens(large(7)?).overlap_sentences(large(8)?);
        let chunker = chunker.context(row.get(9)?);
        chunker.check().map_err(|_| damaged())?;
        Ok(Self {
            corpus: row.get(1)?,
            shard: count(2)?,
            shards: count(3)?,
            model: ModelIdentity { name: row.get(4)?, hash },
            dim: count(6)?,
            chunker,
            chunker_rules: row.get(10)?,
            rules: CorpusRules {
                schema_version: row.get(0)?,
                analysis: row.get(11)?,
                pieces: row.get(12)?,
            },
            words_ready: row.get(13)?,
        })
    }

    /// Returns the version of the tables of a corpus; `None` if there are no settings.
    pub(super) fn read_version(
        connection: &mut Connection,
        schema: &Schema,
    ) -> Result<Option<i32>> {
        let statement = schema.sql("SELECT schema_version FROM {s}.settings");
        connection.query_value(&statement, &Params::default())
    }

    /// Checks that it is the shard `position` of `given` of the corpus of `first`.
    pub(super) fn check_place(&self, position: usize, given: usize, first: &Self) -> Result<()> {
        if (self.shard, self.shards) != (position, given) {
            let Self { shard, shards, .. } = *self;
            return Err(Error::ShardOrder { position, given, shard, shards });
        }
        if self.corpus != first.corpus {
            return Err(Error::CorpusSettings {
                setting: "other shards",
                remedy: "give the URLs of the shards of one corpus",
            });
        }
        Ok(())
    }

    /// Checks that the corpus was created with `embedder`.
    pub(super) fn check_model(&self, embedder: &dyn Embedder) -> Result<()> {
        check_model(embedder, &self.model, self.dim)
    }

    /// Checks that the corpus was created with `chunker` if one is given, and with the rules of this
    /// build.
    pub(super) fn check_rules(&self, chunker: Option<&Chunker>) -> Result<()> {
        let remedy = "open it with the chunker that created it, or without one";
        let is_other =
            chunker.is_some_and(|chunker| chunker.fingerprint() != self.chunker.fingerprint());
        if is_other {
            return Err(Error::CorpusSettings { setting: "another chunker", remedy });
        }
        let remedy = "use the version of passim that it belongs to, or `CorpusBuilder::upgrade` it";
        if self.chunker.fingerprint()[..] != self.chunker_rules[..] {
            return Err(Error::CorpusSettings { setting: "other rules of chunking", remedy });
        }
        CorpusRules::current()?.check(self.rules)?;
        if !self.words_ready {
            let remedy = "repeat `CorpusBuilder::upgrade`, which did not end";
            return Err(Error::CorpusSettings { setting: "several analyses of words", remedy });
        }
        Ok(())
    }

    /// Whether all words were analyzed by the rules of this build.
    pub(super) fn has_current_words(&self) -> Result<bool> {
        Ok(self.words_ready && self.rules == CorpusRules::current()?)
    }
}

/// Returns a number that was checked to be small.
fn small(value: usize) -> i32 {
    i32::try_from(value).expect("shards and dimensions are few")
}
