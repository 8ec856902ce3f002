//! The settings row of a shard: what the corpus was created with, compared whenever it is opened.

use xxhash_rust::xxh3::xxh3_128;

use super::{
    connection::{Connection, Params, ResultRow},
    schema::{SCHEMA_VERSION, Schema},
};
use crate::{
    Chunker, Embedder, Error, ModelIdentity, Result, embed::check_model, lexical, search::late,
};

const COLUMNS: &str = "schema_version, corpus, shard, shards, model_name, model_hash, dim, \
    max_tokens, overlap_sentences, context, chunker, analysis, pieces, words_ready";

/// The columns that are decoded, of the table `settings AS s`.
const DECODED: &str = "s.corpus, s.shard, s.shards, s.model_name, s.model_hash, s.dim, \
    s.max_tokens, s.overlap_sentences, s.context";

/// The settings of a corpus, and the place of one shard in it.
#[derive(Clone, Debug)]
pub(super) struct CorpusSettings {
    /// Identifies the corpus; the same in all shards.
    corpus: String,
    pub(super) shard: usize,
    shards: usize,
    model: ModelIdentity,
    dim: usize,
    pub(super) chunker: Chunker,
    rules: CorpusRules,
}

/// The rules by which a corpus was cut into passages and analyzed. Each search and each write compares
/// them with those of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CorpusRules {
    /// Hash of the identity of the corpus. Another corpus, perhaps of another model, can be created in
    /// the schema while a client has it open.
    corpus: u128,
    /// Version of the tables.
    schema_version: i32,
    /// Fingerprint of the chunker's settings and rules.
    chunker: [u8; 24],
    /// Fingerprint of the analysis of words.
    pub(super) analysis: i64,
    /// Fingerprint of the pieces of late interaction.
    pub(super) pieces: i64,
    /// Whether all words were analyzed by these rules.
    words_ready: bool,
}

impl CorpusRules {
    /// The columns that are decoded, of the table `settings AS s`.
    pub(super) const COLUMNS: &str =
        "s.corpus, s.schema_version, s.chunker, s.analysis, s.pieces, s.words_ready";

    /// Returns the rules of this build for the corpus of this identity with `chunker`.
    fn of_build(corpus: &str, chunker: &Chunker) -> Result<Self> {
        Ok(Self {
            corpus: xxh3_128(corpus.as_bytes()),
            schema_version: SCHEMA_VERSION,
            chunker: chunker.fingerprint(),
            analysis: lexical::fingerprint().cast_signed(),
            pieces: late::fingerprint()?.cast_signed(),
            words_ready: true,
        })
    }

    /// Decodes the columns, of which `first` is the first one.
    pub(super) fn decode(row: &ResultRow, first: usize) -> Result<Self> {
        let corpus: &str = row.get(first)?;
        let chunker: &[u8] = row.get(first + 2)?;
        Ok(Self {
            corpus: xxh3_128(corpus.as_bytes()),
            schema_version: row.get(first + 1)?,
            // Another form is another chunker.
            chunker: chunker.try_into().unwrap_or([0; 24]),
            analysis: row.get(first + 3)?,
            pieces: row.get(first + 4)?,
            words_ready: row.get(first + 5)?,
        })
    }

    /// Reads those of a shard.
    pub(super) fn stored(connection: &mut Connection, schema: &Schema) -> Result<Self> {
        let statement = format!("SELECT {} FROM {{s}}.settings s", Self::COLUMNS);
        let rows = connection.query(&schema.sql(&statement), &Params::default())?;
        let shard = connection.shard();
        let no_corpus = || Error::NoCorpus { schema: schema.name().to_owned(), shard };
        Self::decode(rows.first().ok_or_else(no_corpus)?, 0)
    }

    /// Checks that a corpus, whose rules are `stored`, has these rules.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusSettings`] if not.
    pub(super) fn check(self, stored: Self) -> Result<()> {
        let Self { corpus, schema_version, chunker, analysis, pieces, .. } = stored;
        let setting = if stored == self {
            return Ok(());
        } else if corpus != self.corpus {
            let remedy = "open the corpus again: another one was created in its place";
            return Err(Error::CorpusSettings { setting: "another identity", remedy });
        } else if schema_version != self.schema_version {
            "other tables"
        } else if chunker != self.chunker {
            "other rules of chunking"
        } else if analysis != self.analysis {
            "another analysis of words"
        } else if pieces != self.pieces {
            "other pieces of the bundled model"
        } else {
            let remedy = "wait until `CorpusBuilder::upgrade` ends, or repeat it";
            return Err(Error::CorpusSettings { setting: "several analyses of words", remedy });
        };
        let remedy = "use the version of passim that it belongs to, or `CorpusBuilder::upgrade` it";
        Err(Error::CorpusSettings { setting, remedy })
    }

    /// Whether all words were analyzed by the rules of this build.
    pub(super) fn has_current_words(self, build: Self) -> bool {
        self.words_ready && (self.analysis, self.pieces) == (build.analysis, build.pieces)
    }
}

impl CorpusSettings {
    /// The settings of a new corpus, for the first one of `shards`.
    pub(super) fn new(
        corpus: &str,
        shards: usize,
        embedder: &dyn Embedder,
        chunker: &Chunker,
    ) -> Result<Self> {
        Ok(Self {
            corpus: corpus.to_owned(),
            shard: 0,
            shards,
            model: embedder.identity().clone(),
            dim: embedder.dim(),
            chunker: chunker.clone(),
            rules: CorpusRules::of_build(corpus, chunker)?,
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
            params.bytes(self.rules.chunker.to_vec()),
            params.int8(self.rules.analysis),
            params.int8(self.rules.pieces),
            params.boolean(self.rules.words_ready),
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
    /// - [`Error::CorpusVersion`] if its tables are of another version.
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
        let rules = CorpusRules::COLUMNS;
        let statement = schema.sql(&format!("SELECT {DECODED}, {rules} FROM {{s}}.settings s"));
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
        let hash: Vec<u8> = row.get(4)?;
        let hash = hash.try_into().map(u128::from_be_bytes).map_err(|_| damaged())?;
        let chunker = Chunker::default().max_tokens(large(6)?).overlap_sentences(large(7)?);
        let chunker = chunker.context(row.get(8)?);
        chunker.check().map_err(|_| damaged())?;
        Ok(Self {
            corpus: row.get(0)?,
            shard: count(1)?,
            shards: count(2)?,
            model: ModelIdentity { name: row.get(3)?, hash },
            dim: count(5)?,
            chunker,
            rules: CorpusRules::decode(row, 9)?,
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
    fn check_place(&self, position: usize, given: usize, first: &Self) -> Result<()> {
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

    /// Checks that the corpus was created with the settings of `chunker`, if one is given.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusSettings`] if not.
    fn check_chunker(&self, chunker: Option<&Chunker>) -> Result<()> {
        let fingerprint = self.chunker.fingerprint();
        if chunker.is_none_or(|chunker| chunker.fingerprint() == fingerprint) {
            return Ok(());
        }
        let remedy = "open it with the chunker that created it, or without one";
        Err(Error::CorpusSettings { setting: "another chunker", remedy })
    }

    /// Checks that `shards` are all shards of one corpus, in their order, which was created with
    /// `embedder` and, if one is given, with `chunker`; returns the settings of the first shard.
    pub(super) fn checked<'s>(
        shards: &'s [Self],
        embedder: &dyn Embedder,
        chunker: Option<&Chunker>,
    ) -> Result<&'s Self> {
        for (position, shard) in shards.iter().enumerate() {
            shard.check_place(position, shards.len(), &shards[0])?;
            check_model(embedder, &shard.model, shard.dim)?;
            shard.check_chunker(chunker)?;
        }
        Ok(&shards[0])
    }

    /// Returns the rules of this build for the corpus.
    pub(super) fn current_rules(&self) -> Result<CorpusRules> {
        CorpusRules::of_build(&self.corpus, &self.chunker)
    }

    /// Checks that the corpus has the rules of this build.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusSettings`] if it has others.
    pub(super) fn check_rules(&self) -> Result<()> {
        self.current_rules()?.check(self.rules)
    }
}

/// Returns a number that was checked to be small.
fn small(value: usize) -> i32 {
    i32::try_from(value).expect("shards and dimensions are few")
}
