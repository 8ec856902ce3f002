//! Writes articles to one shard: a transaction for each call, with one row of changed statistics.
//!
//! Articles are written in the order of their keys, so writers that wait for each other's rows never
//! form a circle. What a change subtracts comes from the rows that the transaction deleted, so a
//! repeated call counts once.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{
    article_values,
    candidate_row::{analyzed, damaged},
    connection::{Connection, Params, ResultRow},
    corpus_change::{CorpusChange, CountedPassage, fold},
    corpus_settings::CorpusRules,
    prepared_article::{ARTICLE_COLUMNS, PreparedArticle, PreparedArticles, passage_columns},
    schema::Schema,
};
use crate::{Result, text::ContentHash};

/// Number of articles that one transaction removes.
pub(super) const REMOVED_AT_ONCE: usize = 256;
/// Maximum number of rows of one statement.
pub(super) const ROWS_AT_ONCE: usize = 256;
/// Approximate maximum number of bytes of one statement; a row may exceed it.
const BYTES_AT_ONCE: usize = 1 << 24;

/// An existing article is replaced if `{condition}` holds; a row is returned for each that is written.
const INSERT_ARTICLES: &str = "INSERT INTO {s}.articles AS stored ({columns}) VALUES {rows} \
    ON CONFLICT (key) DO UPDATE SET content = excluded.content, head = excluded.head, \
    language = excluded.language, is_markdown = excluded.is_markdown, \
    passages = excluded.passages, text = excluded.text \
    WHERE {condition} RETURNING key, xmax = 0";

const DELETE_PASSAGES: &str = "DELETE FROM {s}.passages WHERE article = ANY({keys}) \
    RETURNING language, len, terms, embedding::float4[]";

/// Treatment of articles whose key is in the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replace {
    Always,
    /// Only if the content hash differs.
    IfChanged,
}

/// Numbers of articles that one call wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WriteCounts {
    pub(super) added: usize,
    pub(super) replaced: usize,
    /// Articles that another writer had stored in the same form meanwhile.
    pub(super) unchanged: usize,
}

/// The articles of one call that belong to one shard, by position in the call, ascending.
pub(super) struct ShardBatch<'a> {
    pub(super) prepared: &'a PreparedArticles,
    pub(super) positions: Vec<usize>,
}

/// Who may write while a transaction holds its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteLock {
    /// Other writers.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Waits until the transaction may write.
pub(super) fn lock_writes(
    connection: &mut Connection,
    schema: &Schema,
    lock: WriteLock,
) -> Result<()> {
    let mut params = Params::default();
    let name = params.text(format!("passim write {}", schema.name()));
    let function = match lock {
        WriteLock::Shared => "pg_advisory_xact_lock_shared",
        WriteLock::Exclusive => "pg_advisory_xact_lock",
    };
    let statement = format!("SELECT {function}(hashtextextended({name}, 0))");
    connection.query(&statement, &params).map(drop)
}

/// The tables that are written, and by which rules.
#[derive(Clone, Copy)]
pub(super) struct WriteTarget<'c> {
    pub(super) schema: &'c Schema,
    /// Dimension of the vectors.
    pub(super) dim: usize,
    pub(super) rules: CorpusRules,
}

impl WriteTarget<'_> {
    /// Starts a write: no upgrade runs until its transaction ends, and none has changed the rules.
    fn start(self, connection: &mut Connection) -> Result<()> {
        lock_writes(connection, self.schema, WriteLock::Shared)?;
        self.rules.check(CorpusRules::stored(connection, self.schema)?)
    }
}

impl ShardBatch<'_> {
    /// Writes the articles in one transaction.
    pub(super) fn write(
        &self,
        connection: &mut Connection,
        target: WriteTarget,
        replace: Replace,
    ) -> Result<WriteCounts> {
        let schema = target.schema;
        let counts = connection.transact(|connection| {
            target.start(connection)?;
            let mut change = CorpusChange::none(target.dim);
            let written = self.write_articles(connection, schema, replace)?;
            let replaced = written.iter().filter(|(_, is_new)| !**is_new);
            let keys: Vec<&str> = replaced.map(|(key, _)| key.as_str()).collect();
            let counts = WriteCounts {
                added: written.len() - keys.len(),
                replaced: keys.len(),
                unchanged: self.positions.len() - written.len(),
            };
            change.articles = to_int8(counts.added);
            delete_parts(connection, schema, keys, &mut change)?;
            self.write_parts(connection, schema, &written, &mut change)?;
            change.insert(connection, schema)?;
            Ok(counts)
        })?;
        fold_or_warn(connection, schema);
        Ok(counts)
    }

    fn article(&self, position: usize) -> &PreparedArticle {
        &self.prepared.articles[position]
    }

    /// Writes the rows of the articles; returns for each written key whether it is new.
    fn write_articles(
        &self,
        connection: &mut Connection,
        schema: &Schema,
        replace: Replace,
    ) -> Result<FxHashMap<String, bool>> {
        let condition = match replace {
            Replace::Always => "true",
            Replace::IfChanged => "stored.content <> excluded.content",
        };
        let mut written = FxHashMap::default();
        let bytes = |position: &usize| self.article(*position).article_bytes();
        for positions in statements(&self.positions, bytes) {
            let mut params = Params::default();
            let rows = positions.iter().map(|at| self.article(*at).push_row(&mut params));
            let rows = rows.collect::<Vec<_>>().join(", ");
            let statement = INSERT_ARTICLES.replace("{columns}", ARTICLE_COLUMNS);
            let statement = statement.replace("{rows}", &rows).replace("{condition}", condition);
            for row in connection.query(&schema.sql(&statement), &params)? {
                written.insert(row.get(0)?, row.get(1)?);
            }
        }
        Ok(written)
    }

    /// Writes the values and passages of the `written` articles.
    fn write_parts(
        &self,
        connection: &mut Connection,
        schema: &Schema,
        written: &FxHashMap<String, bool>,
        change: &mut CorpusChange,
    ) -> Result<()> {
        let is_written = |at: &usize| written.contains_key(&self.article(*at).article.key);
        let positions = self.positions.iter().copied().filter(is_written);
        let values = positions.clone().map(|position| self.article(position).keyed_values());
        article_values::insert(connection, schema, values)?;
        let passages = positions.flat_map(|position| {
            (0..self.article(position).passages.len()).map(move |number| (position, number))
        });
        let rows = passages.map(|(position, number)| {
            let article = self.article(position);
            let vector = self.prepared.vectors.row(self.prepared.first_rows[position] + number);
            change.add(&article.counted(number, vector));
            article.passage_row(number, vector)
        });
        let columns = passage_columns();
        let statement = format!("COPY {{s}}.passages ({columns}) FROM STDIN (FORMAT binary)");
        connection.copy_rows(&schema.sql(&statement), rows)
    }
}

/// Returns a number of articles.
fn to_int8(count: usize) -> i64 {
    i64::try_from(count).expect("a call has few articles")
}

/// Splits `rows` into those of one statement each, by their number and their `bytes`.
fn statements<T>(mut rows: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut statements = Vec::new();
    while !rows.is_empty() {
        let mut sum = 0;
        let fit = rows.iter().take(ROWS_AT_ONCE).take_while(|row| {
            sum += bytes(row);
            sum <= BYTES_AT_ONCE
        });
        let (first, others) = rows.split_at(fit.count().max(1));
        statements.push(first);
        rows = others;
    }
    statements
}

/// Removes the articles of `keys`, which ascend; adds those that there were to `removed`.
pub(super) fn remove(
    connection: &mut Connection,
    target: WriteTarget,
    keys: &[String],
    removed: &mut BTreeSet<String>,
) -> Result<()> {
    remove_selected(connection, target, |_| Ok(keys.to_vec()), removed).map(drop)
}

/// Removes the articles whose keys `select` returns in the same transaction; adds those that there were
/// to `removed`. Returns whether there were any.
pub(super) fn remove_selected(
    connection: &mut Connection,
    target: WriteTarget,
    select: impl FnOnce(&mut Connection) -> Result<Vec<String>>,
    removed: &mut BTreeSet<String>,
) -> Result<bool> {
    let schema = target.schema;
    let is_changed = connection.transact(|connection| {
        target.start(connection)?;
        let keys = select(connection)?;
        let deleted = delete_articles(connection, schema, &keys)?;
        if deleted.is_empty() {
            return Ok(false);
        }
        let mut change = CorpusChange::none(target.dim);
        change.articles = -to_int8(deleted.len());
        let keys = deleted.iter().map(String::as_str).collect();
        delete_parts(connection, schema, keys, &mut change)?;
        removed.extend(deleted);
        change.insert(connection, schema)?;
        Ok(true)
    })?;
    if is_changed {
        fold_or_warn(connection, schema);
    }
    Ok(is_changed)
}

/// Deletes the rows of articles; returns the keys of those that there were.
fn delete_articles(
    connection: &mut Connection,
    schema: &Schema,
    keys: &[String],
) -> Result<Vec<String>> {
    let mut params = Params::default();
    let keys = params.texts(keys.iter().map(String::as_str).collect());
    // Rows are locked in the order of their keys, as writers do.
    let statement = format!(
        "DELETE FROM {{s}}.articles WHERE key IN ( \
         SELECT key FROM {{s}}.articles WHERE key = ANY({keys}) ORDER BY key FOR UPDATE) \
         RETURNING key"
    );
    let rows = connection.query(&schema.sql(&statement), &params)?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Reads the content hashes of those of `keys` that are stored.
pub(super) fn content_hashes(
    connection: &mut Connection,
    schema: &Schema,
    keys: Vec<&str>,
) -> Result<FxHashMap<String, ContentHash>> {
    let mut params = Params::default();
    let keys = params.texts(keys);
    let statement = format!("SELECT key, content FROM {{s}}.articles WHERE key = ANY({keys})");
    let rows = connection.query(&schema.sql(&statement), &params)?;
    let mut hashes = FxHashMap::default();
    for row in &rows {
        // An article with another form of hash counts as changed.
        if let Ok(hash) = content_hash(row.get(1)?) {
            hashes.insert(row.get(0)?, hash);
        }
    }
    Ok(hashes)
}

/// Decodes a stored content hash.
///
/// # Errors
///
/// [`Error::Corrupt`](crate::Error::Corrupt) if it is none.
pub(super) fn content_hash(bytes: &[u8]) -> Result<ContentHash> {
    let hash = bytemuck::try_pod_read_unaligned(bytes);
    hash.map_err(|_| damaged("the content hash of an article is invalid"))
}

/// Deletes the passages and values of the articles of `keys`.
fn delete_parts(
    connection: &mut Connection,
    schema: &Schema,
    keys: Vec<&str>,
    change: &mut CorpusChange,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    article_values::delete(connection, schema, keys.clone())?;
    let mut params = Params::default();
    let statement = DELETE_PASSAGES.replace("{keys}", &params.texts(keys));
    connection.for_each(&schema.sql(&statement), &params, |row| {
        count_row(&row, |passage| change.remove(passage))
    })
}

/// Passes a row of language, length, terms and vector to `count`.
pub(super) fn count_row(row: &ResultRow, count: impl FnOnce(&CountedPassage)) -> Result<()> {
    let length: i32 = row.get(1)?;
    let terms: Vec<i64> = row.get(2)?;
    let vector: Vec<f32> = row.get(3)?;
    count(&CountedPassage {
        language: analyzed(row.get(0)?),
        length: length.unsigned_abs(),
        terms: &terms,
        vector: &vector,
    });
    Ok(())
}

/// Folds changes after a commit. They count without it, so a failure is no error of the call.
fn fold_or_warn(connection: &mut Connection, schema: &Schema) {
    if let Err(error) = fold(connection, schema) {
        let shard = connection.shard();
        tracing::warn!(%error, shard, "changes of the statistics were not folded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_bounded_by_rows_and_bytes() {
        let lengths = |rows: &[usize]| -> Vec<usize> {
            statements(rows, |bytes| *bytes).into_iter().map(<[usize]>::len).collect()
        };
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&[1; 600]), [256, 256, 88]);
        let large = BYTES_AT_ONCE;
        assert_eq!(lengths(&[1, large + 1, large, 1, large - 1]), [1, 1, 1, 2]);
    }
}
