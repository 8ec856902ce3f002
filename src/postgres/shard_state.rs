//! What a search must know of a shard before it starts.

use super::{
    connection::{Connection, Params},
    corpus_change::{CorpusTotals, TOTALS_COLUMNS, damaged},
    corpus_settings::CorpusRules,
    graph_index::has_graph,
    schema::Schema,
};
use crate::Result;

/// The counts of a shard, and whether it has a graph.
pub(super) struct ShardState {
    pub(super) totals: CorpusTotals,
    pub(super) has_graph: bool,
    /// By which its words were analyzed.
    pub(super) rules: CorpusRules,
}

impl ShardState {
    /// Reads the state of a shard of vectors of dimension `dim`, in one statement.
    pub(super) fn read(connection: &mut Connection, schema: &Schema, dim: usize) -> Result<Self> {
        let mut params = Params::default();
        let has_graph = has_graph(schema, &mut params);
        let statement = format!(
            "SELECT {TOTALS_COLUMNS}, {has_graph}, s.schema_version, s.analysis, s.pieces \
             FROM {{s}}.corpus_totals, {{s}}.settings s \
             UNION ALL SELECT {TOTALS_COLUMNS}, false, NULL, NULL, NULL FROM {{s}}.corpus_changes"
        );
        let mut totals = CorpusTotals::none(dim);
        let mut stored = None;
        for row in connection.query(&schema.sql(&statement), &params)? {
            totals.merge(&CorpusTotals::decode(&row)?)?;
            if let Some(schema_version) = row.get(6)? {
                let rules =
                    CorpusRules { schema_version, analysis: row.get(7)?, pieces: row.get(8)? };
                stored = Some((row.get(5)?, rules));
            }
        }
        let (has_graph, rules) = stored.ok_or_else(|| damaged("it has no totals"))?;
        Ok(Self { totals, has_graph, rules })
    }
}
