//! The tables of a shard, and names in statements.
//!
//! | table | a row |
//! |---|---|
//! | `settings` | the only one: identity of the corpus and of the shard |
//! | `articles` | an article |
//! | `article_values` | a value of an article's metadata, for filters |
//! | `passages` | a passage with everything that ranks it |
//! | `term_df` | a term by its hash, and the number of passages with it |
//! | `corpus_totals` | the only one: counts of the shard, and sums of vectors by language |
//! | `corpus_changes` | what one transaction changed, until it is folded into the last two |

use crate::{Error, Result};

/// Version of the tables.
pub(super) const SCHEMA_VERSION: i32 = 2;

/// Maximum dimension of a vector, which is stored within its row: a row fits a page of 8 kB.
pub(super) const MAX_DIM: usize = 1_900;

/// Maximum length of a name, in bytes. The server cuts longer ones silently.
const MAX_NAME: usize = 63;

/// The tables whose rows change with the articles.
pub(super) const CHANGING_TABLES: [&str; 6] =
    ["articles", "article_values", "passages", "term_df", "corpus_totals", "corpus_changes"];

/// In statements, `{s}` stands for the quoted name of the schema and `{dim}` for the dimension.
const TABLES: &str = r#"
CREATE SCHEMA IF NOT EXISTS {s};
CREATE TABLE {s}.settings (
    schema_version int4 NOT NULL, corpus text NOT NULL, shard int4 NOT NULL, shards int4 NOT NULL,
    model_name text NOT NULL, model_hash bytea NOT NULL, dim int4 NOT NULL,
    max_tokens int8 NOT NULL, overlap_sentences int8 NOT NULL, context bool NOT NULL,
    chunker bytea NOT NULL, analysis int8 NOT NULL, pieces int8 NOT NULL,
    words_ready bool NOT NULL DEFAULT true,
    is_only bool PRIMARY KEY DEFAULT true CHECK (is_only));
CREATE TABLE {s}.articles (
    key text COLLATE "C" PRIMARY KEY, content bytea NOT NULL, head bytea NOT NULL,
    language text COLLATE "C" NOT NULL, is_markdown bool NOT NULL, passages int4 NOT NULL,
    text text NOT NULL);
CREATE TABLE {s}.article_values (
    article text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL);
CREATE TABLE {s}.passages (
    id int8 GENERATED ALWAYS AS IDENTITY UNIQUE,
    article text COLLATE "C" NOT NULL, no int4 NOT NULL, first int4 NOT NULL, last int4 NOT NULL,
    heading_first int4, heading_last int4, header_first int4, header_last int4,
    titled bool NOT NULL, is_markdown bool NOT NULL, tokens int4 NOT NULL,
    language text COLLATE "C" NOT NULL, is_noise bool NOT NULL, len int4 NOT NULL,
    heading text, table_header text, body text NOT NULL, text_hash bytea,
    pieces bytea NOT NULL, terms int8[] NOT NULL, tfs int2[] NOT NULL,
    embedding vector({dim}) NOT NULL, PRIMARY KEY (article, no));
ALTER TABLE {s}.passages
    ALTER embedding SET STORAGE plain, ALTER terms SET STORAGE main, ALTER tfs SET STORAGE main,
    SET (toast_tuple_target = 4080);
CREATE INDEX ON {s}.article_values (article);
CREATE INDEX ON {s}.article_values (left(name, 64), left(value, 64));
CREATE INDEX ON {s}.passages USING gin (terms);
CREATE TABLE {s}.term_df (term int8 PRIMARY KEY, df int8 NOT NULL) WITH (fillfactor = 70);
CREATE TABLE {s}.corpus_totals (
    articles int8 NOT NULL, passages int8 NOT NULL, words int8 NOT NULL, counts int8[] NOT NULL,
    sums int8[] NOT NULL, is_only bool PRIMARY KEY DEFAULT true CHECK (is_only));
CREATE TABLE {s}.corpus_changes (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, articles int8 NOT NULL,
    passages int8 NOT NULL, words int8 NOT NULL, counts int8[] NOT NULL, sums int8[] NOT NULL,
    terms int8[] NOT NULL, dfs int8[] NOT NULL);
"#;

/// The schema of a corpus.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    name: String,
    quoted: String,
}

impl Schema {
    /// Checks the name of a schema.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] or [`Error::Choice`] if a server could not keep it as it is.
    pub(super) fn new(name: &str) -> Result<Self> {
        let setting = "bytes of the schema's name";
        Error::check_setting(setting, name.len(), 1..=MAX_NAME, "1 to 63")?;
        if name.contains('\0') {
            let got = "a name with a zero byte";
            return Err(Error::Choice { name: "schema", got, allowed: "a name without one" });
        }
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        Ok(Self { name: name.to_owned(), quoted })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the quoted name of a table, for `to_regclass`.
    pub(super) fn table(&self, table: &str) -> String {
        format!("{}.{table}", self.quoted)
    }

    /// Returns `statement` with the quoted name of the schema in place of `{s}`.
    pub(super) fn sql(&self, statement: &str) -> String {
        statement.replace("{s}", &self.quoted)
    }

    /// Returns the statements that create the tables for vectors of dimension `dim`.
    pub(super) fn tables(&self, dim: usize) -> String {
        self.sql(&TABLES.replace("{dim}", &dim.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_or_refused() {
        let schema = Schema::new(r#"a"; DROP SCHEMA x; --"#).unwrap();
        assert_eq!(schema.table("t"), r#""a""; DROP SCHEMA x; --".t"#);
        assert!(Schema::new(&"ä".repeat(31)).is_ok());
        assert!(matches!(Schema::new("a\0b"), Err(Error::Choice { .. })));
        for name in ["", &"ä".repeat(32)] {
            assert!(matches!(Schema::new(name), Err(Error::Setting { .. })), "{name:?}");
        }
    }
}
