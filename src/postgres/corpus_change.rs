//! What a transaction changes in the statistics of a shard.
//!
//! A transaction appends its change to `corpus_changes`, so writers share no row. A fold moves
//! changes into `term_df` and `corpus_totals`; one session folds at a time. Statistics are the sum of
//! all three, and therefore those of the committed articles at any time.

use std::collections::BTreeMap;

use super::{
    connection::{Connection, Params, ResultRow},
    schema::Schema,
};
use crate::{Error, Result, language::AnalyzedLanguage, search::language_totals::LanguageTotals};

const INSERT: &str = "INSERT INTO {s}.corpus_changes \
    (articles, passages, words, counts, sums, terms, dfs) VALUES ";

/// The columns from which counts are decoded.
pub(super) const TOTALS_COLUMNS: &str = "articles, passages, words, counts, sums";

/// Moves all changes. Rows that are not committed are not visible, so they remain.
const FOLD: &str = r"
WITH folded AS (DELETE FROM {s}.corpus_changes
        RETURNING articles, passages, words, counts, sums, terms, dfs),
    changed_terms AS (
        SELECT t.term, sum(t.df)::int8 AS df FROM folded, unnest(folded.terms, folded.dfs) t(term, df)
        GROUP BY t.term),
    stored_terms AS (
        INSERT INTO {s}.term_df AS stored (term, df) SELECT term, df FROM changed_terms
        ON CONFLICT (term) DO UPDATE SET df = stored.df + excluded.df),
    all_counts AS (
        SELECT counts, sums FROM {s}.corpus_totals UNION ALL SELECT counts, sums FROM folded)
UPDATE {s}.corpus_totals SET
    articles = articles + (SELECT coalesce(sum(articles), 0) FROM folded),
    passages = passages + (SELECT coalesce(sum(passages), 0) FROM folded),
    words = words + (SELECT coalesce(sum(words), 0) FROM folded),
    counts = (SELECT array_agg(value ORDER BY place) FROM (
        SELECT e.place, sum(e.value)::int8 AS value
        FROM all_counts, unnest(all_counts.counts) WITH ORDINALITY e(value, place)
        GROUP BY e.place) summed),
    sums = (SELECT array_agg(value ORDER BY place) FROM (
        SELECT e.place, sum(e.value)::int8 AS value
        FROM all_counts, unnest(all_counts.sums) WITH ORDINALITY e(value, place)
        GROUP BY e.place) summed)";

const DOC_FREQS: &str = "SELECT term, sum(df)::int8 FROM ( \
    SELECT term, df FROM {s}.term_df WHERE term = ANY({terms}) \
    UNION ALL SELECT t.term, t.df FROM {s}.corpus_changes c, unnest(c.terms, c.dfs) t(term, df) \
    WHERE t.term = ANY({terms})) counted GROUP BY term";

/// A passage as the statistics count it.
pub(super) struct CountedPassage<'p> {
    pub(super) language: Option<AnalyzedLanguage>,
    /// Number of terms, with repetitions.
    pub(super) length: u32,
    /// Hashes of the distinct terms.
    pub(super) terms: &'p [i64],
    /// Of length 1.
    pub(super) vector: &'p [f32],
}

/// A difference of statistics.
pub(super) struct CorpusChange {
    pub(super) articles: i64,
    passages: i64,
    words: i64,
    /// By term.
    doc_freqs: BTreeMap<i64, i64>,
    added: LanguageTotals,
    removed: LanguageTotals,
}

/// Counts of a shard, or of all shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CorpusTotals {
    pub(super) articles: i64,
    pub(super) passages: i64,
    /// Sum of the lengths of all passages, in terms.
    pub(super) words: i64,
    /// Number of vectors in each group of languages.
    counts: Vec<i64>,
    /// Sums of the vectors of each group, one after another, in whole steps.
    sums: Vec<i64>,
}

impl CorpusChange {
    /// No change, for vectors of dimension `dim`.
    pub(super) fn none(dim: usize) -> Self {
        Self {
            articles: 0,
            passages: 0,
            words: 0,
            doc_freqs: BTreeMap::new(),
            added: LanguageTotals::empty(dim),
            removed: LanguageTotals::empty(dim),
        }
    }

    /// Counts a new passage.
    pub(super) fn add(&mut self, passage: &CountedPassage) {
        self.count(passage, 1);
        self.added.add(passage.language, passage.vector);
    }

    /// Counts a passage that was removed.
    pub(super) fn remove(&mut self, passage: &CountedPassage) {
        self.count(passage, -1);
        self.removed.add(passage.language, passage.vector);
    }

    /// Counts the new words of a passage: their number with repetitions, and the distinct terms.
    pub(super) fn add_words(&mut self, length: u32, terms: &[i64]) {
        self.count_words(length, terms, 1);
    }

    /// Counts the words that a passage had.
    pub(super) fn remove_words(&mut self, length: u32, terms: &[i64]) {
        self.count_words(length, terms, -1);
    }

    fn count(&mut self, passage: &CountedPassage, sign: i64) {
        self.passages += sign;
        self.count_words(passage.length, passage.terms, sign);
    }

    fn count_words(&mut self, length: u32, terms: &[i64], sign: i64) {
        self.words += sign * i64::from(length);
        for term in terms {
            *self.doc_freqs.entry(*term).or_default() += sign;
        }
    }

    /// Returns the number of passages with each term that changed.
    pub(super) fn doc_freqs(&self) -> BTreeMap<i64, i64> {
        let changed = self.doc_freqs.iter().filter(|(_, df)| **df != 0);
        changed.map(|(term, df)| (*term, *df)).collect()
    }

    /// Returns the change of the counts.
    pub(super) fn totals(&self) -> CorpusTotals {
        let Self { articles, passages, words, added, removed, .. } = self;
        let counts = added.counts().iter().zip(removed.counts());
        let sums = added.sums().iter().flatten().zip(removed.sums().iter().flatten());
        CorpusTotals {
            articles: *articles,
            passages: *passages,
            words: *words,
            counts: counts
                .map(|(added, removed)| added.wrapping_sub(*removed).cast_signed())
                .collect(),
            sums: sums.map(|(added, removed)| added - removed).collect(),
        }
    }

    /// Appends the change to those of the shard, in the transaction that made it.
    pub(super) fn insert(&self, connection: &mut Connection, schema: &Schema) -> Result<()> {
        let CorpusTotals { articles, passages, words, counts, sums } = self.totals();
        let (terms, doc_freqs) = self.doc_freqs().into_iter().unzip();
        let mut params = Params::default();
        let places = [
            params.int8(articles),
            params.int8(passages),
            params.int8(words),
            params.int8s(counts),
            params.int8s(sums),
            params.int8s(terms),
            params.int8s(doc_freqs),
        ];
        let statement = format!("{INSERT} ({})", places.join(", "));
        connection.query(&schema.sql(&statement), &params).map(drop)
    }
}

impl CorpusTotals {
    /// Counts of no passages, of dimension `dim`.
    pub(super) fn none(dim: usize) -> Self {
        CorpusChange::none(dim).totals()
    }

    /// Stores the counts in a shard that has none.
    pub(super) fn insert(self, connection: &mut Connection, schema: &Schema) -> Result<()> {
        let mut params = Params::default();
        let places = [
            params.int8(self.articles),
            params.int8(self.passages),
            params.int8(self.words),
            params.int8s(self.counts),
            params.int8s(self.sums),
        ];
        let statement = format!("INSERT INTO {{s}}.corpus_totals VALUES ({})", places.join(", "));
        connection.query(&schema.sql(&statement), &params).map(drop)
    }

    /// Decodes a row of [`TOTALS_COLUMNS`].
    pub(super) fn decode(row: &ResultRow) -> Result<Self> {
        Ok(Self {
            articles: row.get(0)?,
            passages: row.get(1)?,
            words: row.get(2)?,
            counts: row.get(3)?,
            sums: row.get(4)?,
        })
    }

    /// Adds the counts of another part of the corpus.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        let have_one_length =
            self.counts.len() == other.counts.len() && self.sums.len() == other.sums.len();
        if !have_one_length {
            return Err(damaged("its sums differ in dimension"));
        }
        self.articles += other.articles;
        self.passages += other.passages;
        self.words += other.words;
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, value)| *sum += value);
        Ok(())
    }

    /// Returns the number of passages.
    pub(super) fn passage_count(&self) -> Result<usize> {
        usize::try_from(self.passages).map_err(|_| damaged("a count is negative"))
    }

    /// Returns number and sum of the vectors by language.
    pub(super) fn by_language(&self) -> Result<LanguageTotals> {
        let fault = || damaged("its sums are not those of unit vectors");
        let dim = self.sums.len() / AnalyzedLanguage::GROUPS;
        let counts = self.counts.iter().map(|count| u64::try_from(*count));
        let counts: Vec<u64> = counts.collect::<Result<_, _>>().map_err(|_| fault())?;
        let sums: Vec<Vec<i64>> = self.sums.chunks(dim.max(1)).map(<[i64]>::to_vec).collect();
        let parts = counts.try_into().ok().zip(sums.try_into().ok());
        let totals = parts.and_then(|(counts, sums)| LanguageTotals::from_parts(counts, sums));
        totals.ok_or_else(fault)
    }
}

/// Returns the number of passages of a shard with each of `terms`; none for a term without.
pub(super) fn doc_freqs(
    connection: &mut Connection,
    schema: &Schema,
    terms: Vec<i64>,
) -> Result<BTreeMap<i64, i64>> {
    let mut params = Params::default();
    let terms = params.int8s(terms);
    let statement = schema.sql(&DOC_FREQS.replace("{terms}", &terms));
    let rows = connection.query(&statement, &params)?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Folds the committed changes of a shard, unless another session is folding them.
pub(super) fn fold(connection: &mut Connection, schema: &Schema) -> Result<()> {
    connection.transact(|connection| {
        let is_locked = connection.try_lock(&fold_lock(schema))?;
        if is_locked { connection.run(&schema.sql(FOLD)) } else { Ok(()) }
    })
}

/// Removes the terms that no passage has, unless another session is folding.
pub(super) fn remove_unused_terms(connection: &mut Connection, schema: &Schema) -> Result<()> {
    connection.transact(|connection| {
        let is_locked = connection.try_lock(&fold_lock(schema))?;
        let statement = schema.sql("DELETE FROM {s}.term_df WHERE df = 0");
        if is_locked { connection.run(&statement) } else { Ok(()) }
    })
}

/// Returns the lock that one session at a time has while it changes `term_df`.
fn fold_lock(schema: &Schema) -> String {
    format!("passim fold {}", schema.name())
}

pub(super) fn damaged(fault: &'static str) -> Error {
    Error::Corrupt { origin: "the statistics of the corpus".to_owned(), fault }
}
