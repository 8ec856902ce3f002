//! Recounts the statistics of a shard from its passages, and its values of metadata from its articles.

use std::collections::BTreeMap;

use super::{
    article_values::ValuesSum,
    connection::{Connection, Params},
    corpus_change::{CorpusChange, damaged, doc_freqs},
    read_passages::head,
    schema::Schema,
    shard_snapshots::BEGIN,
    shard_state::ShardState,
    shard_writer::count_row,
};
#[cfg(doc)]
use crate::Error;
use crate::Result;

const PASSAGES: &str = "SELECT language, len, terms, embedding::float4[] FROM {s}.passages";

const ARTICLES: &str = "SELECT key, head, passages FROM {s}.articles";

const TERMS: &str = "SELECT term FROM {s}.term_df \
    UNION SELECT unnest(terms) FROM {s}.corpus_changes";

/// Compares the statistics of a shard with a recount, in one state of it.
///
/// # Errors
///
/// [`Error::Corrupt`] if they differ.
pub(super) fn verify(connection: &mut Connection, schema: &Schema, dim: usize) -> Result<()> {
    connection.begin(BEGIN)?;
    let verified = compare(connection, schema, dim);
    connection.reset();
    verified
}

fn compare(connection: &mut Connection, schema: &Schema, dim: usize) -> Result<()> {
    let mut counted = CorpusChange::none(dim);
    connection.for_each(&schema.sql(PASSAGES), &Params::default(), |row| {
        count_row(&row, |passage| counted.add(passage))
    })?;
    let mut declared = 0;
    let mut expected = ValuesSum::default();
    connection.for_each(&schema.sql(ARTICLES), &Params::default(), |row| {
        counted.articles += 1;
        declared += i64::from(row.get::<i32>(2)?);
        expected.add_article(row.get(0)?, &head(row.get(1)?)?.metadata);
        Ok(())
    })?;
    let mut stored = ValuesSum::default();
    stored.add_stored(connection, schema)?;
    require(stored == expected, "its values of metadata differ from those of the articles")?;
    let totals = ShardState::read(connection, schema, dim)?.totals;
    require(totals == counted.totals(), "its totals differ from a recount")?;
    require(totals.passages == declared, "an article has another number of passages")?;
    let terms = connection.query(&schema.sql(TERMS), &Params::default())?;
    let terms = terms.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
    let stored = doc_freqs(connection, schema, terms)?;
    let stored: BTreeMap<i64, i64> = stored.into_iter().filter(|(_, df)| *df != 0).collect();
    require(stored == counted.doc_freqs(), "its frequencies of terms differ from a recount")
}

fn require(holds: bool, fault: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(damaged(fault)) }
}
