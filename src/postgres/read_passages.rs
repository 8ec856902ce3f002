//! Reads passages, articles and vectors of one state.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::{
    candidate_row::{damaged, passage_id},
    connection::{Connection, Params, ResultRow},
    prepared_article::is_key,
    schema::Schema,
    sql_view::SqlView,
};
use crate::{
    Article, Markup, Passage, Result,
    format::head_record::{HeadRecord, StoredHead},
    search::view::{PassageId, StoredArticle, StoredPassage},
};

const PASSAGES: &str = "SELECT p.id, p.article, a.head, p.first, p.last, p.body, p.heading, \
    p.table_header, p.is_markdown, p.titled \
    FROM {s}.passages p JOIN {s}.articles a ON a.key = p.article WHERE p.id = ANY({ids})";

/// The columns that [`decode_article`] reads.
pub(super) const ARTICLE_PARTS: &str = "head, text, is_markdown";

/// The columns that [`decode_passage`] reads.
pub(super) const PASSAGE_PARTS: &str = "first, last, heading_first, heading_last, header_first, \
    header_last, is_markdown, titled, tokens";

const PASSAGE_COUNT: &str = "SELECT passages FROM {s}.articles WHERE key = {key}";

const VECTORS_OF: &str =
    "SELECT embedding::float4[] FROM {s}.passages WHERE article = {key} ORDER BY no";

impl SqlView<'_> {
    /// Reads the passages of `ids`, in their order.
    pub(super) fn read_passages(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        let by_shard = self.query_by_ids(PASSAGES, ids.iter().copied())?;
        let mut passages: FxHashMap<PassageId, StoredPassage> = FxHashMap::default();
        for (shard, rows) in by_shard.iter().enumerate() {
            for row in rows {
                passages.insert(passage_id(shard, row.get(0)?)?, stored_passage(row)?);
            }
        }
        let read = |id| passages.get(id).cloned().ok_or_else(|| damaged("a passage is missing"));
        ids.iter().map(read).collect()
    }

    /// Reads the article of `key` with its passages.
    pub(super) fn read_article(&self, key: &str) -> Result<Option<StoredArticle>> {
        self.on_shard_of(key, |connection| {
            let Some(article) = stored_article(connection, self.schema, key)? else {
                return Ok(None);
            };
            let passages = article_passages(connection, self.schema, key)?;
            Ok(Some(StoredArticle { article, passages }))
        })
    }

    /// Reads the vectors of the passages of the article of `key`.
    pub(super) fn read_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'static, [f32]>>>> {
        if !is_key(key) {
            return Ok(None);
        }
        self.on_shard_of(key, |connection| {
            let mut params = Params::default();
            let place = params.text(key);
            let count = self.schema.sql(&PASSAGE_COUNT.replace("{key}", &place));
            let Some(count) = connection.query_value::<i32>(&count, &params)? else {
                return Ok(None);
            };
            let vectors = article_vectors(connection, self.schema, key)?;
            let vectors: Vec<Cow<[f32]>> = vectors.into_iter().map(Cow::Owned).collect();
            let is_whole = vectors.len() == offset(count);
            if is_whole { Ok(Some(vectors)) } else { Err(damaged("a vector is missing")) }
        })
    }
}

fn stored_passage(row: &ResultRow) -> Result<StoredPassage> {
    let StoredHead { title, language, metadata, .. } = head(row.get(2)?)?;
    Ok(StoredPassage {
        article: row.get(1)?,
        title,
        language,
        range: offset(row.get(3)?)..offset(row.get(4)?),
        text: row.get(5)?,
        heading: row.get(6)?,
        table_header: row.get(7)?,
        markup: markup(row.get(8)?),
        metadata,
        titled: row.get(9)?,
    })
}

/// Reads the article of `key` without its passages.
pub(super) fn stored_article(
    connection: &mut Connection,
    schema: &Schema,
    key: &str,
) -> Result<Option<Article>> {
    if !is_key(key) {
        return Ok(None);
    }
    let mut params = Params::default();
    let place = params.text(key);
    let statement = format!("SELECT {ARTICLE_PARTS} FROM {{s}}.articles WHERE key = {place}");
    let rows = connection.query(&schema.sql(&statement), &params)?;
    rows.first().map(|row| decode_article(key.to_owned(), row, 0)).transpose()
}

/// Reads the passages of the article of `key`, in order.
pub(super) fn article_passages(
    connection: &mut Connection,
    schema: &Schema,
    key: &str,
) -> Result<Vec<Passage>> {
    let mut params = Params::default();
    let place = params.text(key);
    let statement =
        format!("SELECT {PASSAGE_PARTS} FROM {{s}}.passages WHERE article = {place} ORDER BY no");
    let rows = connection.query(&schema.sql(&statement), &params)?;
    rows.iter().map(|row| decode_passage(row, 0)).collect()
}

/// Reads the vectors of the passages of the article of `key`, in order.
fn article_vectors(
    connection: &mut Connection,
    schema: &Schema,
    key: &str,
) -> Result<Vec<Vec<f32>>> {
    let mut params = Params::default();
    let statement = VECTORS_OF.replace("{key}", &params.text(key));
    let rows = connection.query(&schema.sql(&statement), &params)?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Decodes [`ARTICLE_PARTS`], of which `first` is the first column.
pub(super) fn decode_article(key: String, row: &ResultRow, first: usize) -> Result<Article> {
    let StoredHead { title, declared, metadata, .. } = head(row.get(first)?)?;
    let text = row.get(first + 1)?;
    let markup = markup(row.get(first + 2)?);
    Ok(Article { key, title, text, markup, language: declared, metadata })
}

/// Decodes [`PASSAGE_PARTS`], of which `first` is the first column.
pub(super) fn decode_passage(row: &ResultRow, first: usize) -> Result<Passage> {
    let range = |column| {
        let start: Option<i32> = row.get(first + column)?;
        let end: Option<i32> = row.get(first + column + 1)?;
        Ok(start.zip(end).map(|(start, end)| offset(start)..offset(end)))
    };
    Ok(Passage {
        range: range(0)?.ok_or_else(|| damaged("a passage has no range"))?,
        heading: range(2)?,
        table_header: range(4)?,
        markup: markup(row.get(first + 6)?),
        titled: row.get(first + 7)?,
        tokens: offset(row.get(first + 8)?),
    })
}

/// Decodes the head of an article.
pub(super) fn head(bytes: &[u8]) -> Result<StoredHead> {
    HeadRecord::decode(bytes).ok_or_else(|| damaged("the head of an article cannot be decoded"))
}

/// Returns an offset or a number of tokens, which are stored from 0.
pub(super) fn offset(value: i32) -> usize {
    value.unsigned_abs() as usize
}

fn markup(is_markdown: bool) -> Markup {
    if is_markdown { Markup::Markdown } else { Markup::Plain }
}
