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
            "SELECT {TOTALS_COLUMNS}, {has_graph}, {} \
             FROM {{s}}.corpus_totals, {{s}}.settings s \
             UNION ALL SELECT {TOTALS_COLUMNS}, NULL, NULL, NULL, NULL, NULL, NULL, NULL \
             FROM {{s}}.corpus_changes",
            CorpusRules::COLUMNS
        );
        let mut totals = CorpusTotals::none(dim);
        let mut stored = None;
        for row in connection.query(&schema.sql(&statement), &params)? {
            totals.merge(&CorpusTotals::decode(&row)?)?;
            if let Some(has_graph) = row.get(5)? {
                stored = Some((has_graph, CorpusRules::decode(&row, 6)?));
            }
        }
        let (has_graph, rules) = stored.ok_or_else(|| damaged("it has no totals"))?;
        Ok(Self { totals, has_graph, rules })
    }
}
