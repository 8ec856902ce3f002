//! The rows of candidates: everything that the pipeline asks of a passage before it reads the text.

use rustc_hash::FxHashMap;

use super::{connection::ResultRow, row_words::RowWords};
use crate::{
    Error, Language, Result,
    language::AnalyzedLanguage,
    search::view::{ArticleId, PassageId},
};

/// Number of low bits of a [`PassageId`] that hold the id in the shard.
const ROW_BITS: u32 = 48;

/// The columns of a [`CandidateRow`].
pub(super) const CANDIDATE_COLUMNS: &str =
    "id, article, no, len, terms, tfs, language, is_noise, pieces, embedding::float4[]";

/// Returns the id of the row `row` of `shard`.
pub(super) fn passage_id(shard: usize, row: i64) -> Result<PassageId> {
    let fits = u64::try_from(row).ok().filter(|row| *row >> ROW_BITS == 0);
    let row = fits.ok_or_else(|| damaged("an id of a passage is out of range"))?;
    Ok(PassageId(((shard as u64) << ROW_BITS) | row))
}

/// Returns the shard of a passage.
pub(super) fn shard_of(PassageId(id): PassageId) -> usize {
    (id >> ROW_BITS) as usize
}

/// Returns the id of a passage in its shard.
pub(super) fn row_of(PassageId(id): PassageId) -> i64 {
    (id & ((1 << ROW_BITS) - 1)).cast_signed()
}

/// A passage without its text.
#[derive(Debug)]
pub(super) struct CandidateRow {
    pub(super) key: String,
    /// Number in the article, from 0.
    pub(super) number: u32,
    pub(super) language: Option<AnalyzedLanguage>,
    pub(super) is_noise: bool,
    pub(super) words: RowWords,
    /// The bytes of the distinct pieces.
    pub(super) pieces: Vec<u8>,
    /// Of length 1.
    pub(super) vector: Vec<f32>,
}

impl CandidateRow {
    /// Decodes a row of [`CANDIDATE_COLUMNS`].
    pub(super) fn decode(row: &ResultRow) -> Result<Self> {
        let number: i32 = row.get(2)?;
        Ok(Self {
            key: row.get(1)?,
            number: number.unsigned_abs(),
            words: RowWords::decode(row, 3)?,
            language: analyzed(row.get(6)?),
            is_noise: row.get(7)?,
            pieces: row.get(8)?,
            vector: row.get(9)?,
        })
    }
}

/// Returns the language of a code if its words are analyzed; the code of an unknown language is
/// empty.
pub(super) fn analyzed(code: &str) -> Option<AnalyzedLanguage> {
    code.parse::<Language>().ok().and_then(Language::analyzed)
}

/// The rows that a search has read, so that none is read twice.
#[derive(Debug, Default)]
pub(super) struct CandidateRows {
    rows: FxHashMap<PassageId, CandidateRow>,
    /// By key.
    articles: FxHashMap<String, ArticleId>,
}

impl CandidateRows {
    /// Adds a row of [`CANDIDATE_COLUMNS`] of `shard`, and returns its id.
    pub(super) fn insert(&mut self, shard: usize, row: &ResultRow) -> Result<PassageId> {
        let id = passage_id(shard, row.get(0)?)?;
        let candidate = CandidateRow::decode(row)?;
        let next = ArticleId(self.articles.len() as u64);
        if !self.articles.contains_key(&candidate.key) {
            self.articles.insert(candidate.key.clone(), next);
        }
        self.rows.insert(id, candidate);
        Ok(id)
    }

    /// Whether the row of `id` was read.
    pub(super) fn contains(&self, id: PassageId) -> bool {
        self.rows.contains_key(&id)
    }

    /// Returns the row of `id`.
    ///
    /// # Panics
    ///
    /// If it was not read: ids come from the arms, which read the rows of what they return.
    pub(super) fn get(&self, id: PassageId) -> &CandidateRow {
        self.rows.get(&id).expect("an arm has read the row of the id")
    }

    /// Returns the article of `id`, under the same condition.
    pub(super) fn article(&self, id: PassageId) -> ArticleId {
        self.articles[&self.get(id).key]
    }
}

pub(super) fn damaged(fault: &'static str) -> Error {
    Error::Corrupt { origin: "a table of the corpus".to_owned(), fault }
}
