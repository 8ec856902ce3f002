//! Makes the words and pieces of stored passages anew, from their texts.

use super::{
    candidate_row::{analyzed, damaged},
    connection::{Connection, Params, ResultRow},
    corpus_change::{CorpusChange, fold},
    read_passages::{article_passages, stored_article},
    schema::Schema,
    shard_writer::ROWS_AT_ONCE,
    stored_words::{StoredWords, WordMaker},
};
use crate::{Article, Passage, Result};

/// Number of articles of one transaction.
const ARTICLES_AT_ONCE: usize = 64;

const WORDS: &str = "SELECT no, language, len, terms FROM {s}.passages \
    WHERE article = {key} ORDER BY no";

/// Makes the words of one shard anew.
struct WordReindex<'s> {
    schema: &'s Schema,
    dim: usize,
    maker: WordMaker,
}

/// The new words of a passage.
struct ReindexedPassage {
    number: i32,
    words: StoredWords,
}

/// Makes the words of all passages of a shard anew. Nothing else may write to the shard.
pub(super) fn reindex_words(
    connection: &mut Connection,
    schema: &Schema,
    dim: usize,
) -> Result<()> {
    let mut reindex = WordReindex { schema, dim, maker: WordMaker::new()? };
    let mut after = String::new();
    loop {
        let keys = next_keys(connection, schema, &after)?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        connection.transact(|connection| reindex.articles(connection, &keys))?;
        fold(connection, schema)?;
        after = last;
    }
}

/// Returns the next keys of articles after `after`.
fn next_keys(connection: &mut Connection, schema: &Schema, after: &str) -> Result<Vec<String>> {
    let mut params = Params::default();
    let after = params.text(after);
    let statement = format!(
        "SELECT key FROM {{s}}.articles WHERE key > {after} ORDER BY key LIMIT {ARTICLES_AT_ONCE}"
    );
    let rows = connection.query(&schema.sql(&statement), &params)?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Keeps other transactions from changing the articles of `keys` until this one ends.
fn lock_articles(connection: &mut Connection, schema: &Schema, keys: &[String]) -> Result<()> {
    let mut params = Params::default();
    let keys = params.texts(keys.iter().map(String::as_str).collect());
    let statement =
        format!("SELECT FROM {{s}}.articles WHERE key = ANY({keys}) ORDER BY key FOR UPDATE");
    connection.query(&schema.sql(&statement), &params).map(drop)
}

impl WordReindex<'_> {
    fn articles(&mut self, connection: &mut Connection, keys: &[String]) -> Result<()> {
        let mut change = CorpusChange::none(self.dim);
        lock_articles(connection, self.schema, keys)?;
        for key in keys {
            let Some(article) = stored_article(connection, self.schema, key)? else { continue };
            let passages = article_passages(connection, self.schema, key)?;
            let mut params = Params::default();
            let statement = WORDS.replace("{key}", &params.text(key));
            let rows = connection.query(&self.schema.sql(&statement), &params)?;
            if rows.len() != passages.len() {
                return Err(damaged("a passage is missing"));
            }
            let passages = rows.iter().zip(&passages);
            let reindexed = passages
                .map(|(row, passage)| self.passage(&article, passage, row, &mut change))
                .collect::<Result<Vec<_>>>()?;
            for part in reindexed.chunks(ROWS_AT_ONCE) {
                self.update(connection, key, part)?;
            }
        }
        change.insert(connection, self.schema)
    }

    /// Analyzes a passage, whose row of [`WORDS`] is `row`.
    fn passage(
        &mut self,
        article: &Article,
        passage: &Passage,
        row: &ResultRow,
        change: &mut CorpusChange,
    ) -> Result<ReindexedPassage> {
        let text = passage.text_in_context(article);
        let words = self.maker.words(&text, analyzed(row.get(1)?), &article.key)?;
        let length: i32 = row.get(2)?;
        let terms: Vec<i64> = row.get(3)?;
        change.remove_words(length.unsigned_abs(), &terms);
        change.add_words(words.length, &words.terms);
        Ok(ReindexedPassage { number: row.get(0)?, words })
    }

    fn update(
        &self,
        connection: &mut Connection,
        key: &str,
        passages: &[ReindexedPassage],
    ) -> Result<()> {
        let mut params = Params::default();
        let key = params.text(key);
        let rows = passages.iter().map(|passage| {
            let number = params.int4(passage.number);
            format!("({number}, {})", passage.words.push(&mut params))
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        let columns = StoredWords::COLUMNS;
        let changes = columns.map(|column| format!("{column} = new.{column}")).join(", ");
        let columns = columns.join(", ");
        let statement = format!(
            "UPDATE {{s}}.passages AS stored SET {changes} FROM (VALUES {rows}) AS new (no, {columns}) \
             WHERE stored.article = {key} AND stored.no = new.no"
        );
        connection.query(&self.schema.sql(&statement), &params).map(drop)
    }
}
