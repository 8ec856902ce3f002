//! Recounts the statistics of a shard from its passages.

use std::collections::BTreeMap;

use super::{
    connection::{Connection, Params},
    corpus_change::{CorpusChange, CorpusTotals, damaged, doc_freqs},
    schema::Schema,
    shard_snapshots::BEGIN,
    shard_writer::count_row,
};
#[cfg(doc)]
use crate::Error;
use crate::Result;

const PASSAGES: &str = "SELECT language, len, terms, embedding::float4[] FROM {s}.passages";

const ARTICLES: &str = "SELECT count(*), coalesce(sum(passages), 0)::int8 FROM {s}.articles";

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
    let rows = connection.query(&schema.sql(ARTICLES), &Params::default())?;
    let mut declared = 0;
    for row in &rows {
        counted.articles = row.get(0)?;
        declared = row.get(1)?;
    }
    let totals = CorpusTotals::read(connection, schema, dim)?;
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
