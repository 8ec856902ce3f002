//! What a search must know of a shard before it starts.

use super::{
    connection::{Connection, Params},
    corpus_change::{CorpusTotals, TOTALS_COLUMNS},
    graph::has_graph,
    schema::Schema,
};
use crate::Result;

/// The counts of a shard, and whether it has a graph.
pub(super) struct ShardState {
    pub(super) totals: CorpusTotals,
    pub(super) has_graph: bool,
}

impl ShardState {
    /// Reads the state of a shard of vectors of dimension `dim`, in one statement.
    pub(super) fn read(connection: &mut Connection, schema: &Schema, dim: usize) -> Result<Self> {
        let mut params = Params::default();
        let has_graph = has_graph(schema, &mut params);
        let statement = format!(
            "SELECT {TOTALS_COLUMNS}, {has_graph} FROM {{s}}.corpus_totals \
             UNION ALL SELECT {TOTALS_COLUMNS}, false FROM {{s}}.corpus_changes"
        );
        let mut state = Self { totals: CorpusTotals::none(dim), has_graph: false };
        for row in connection.query(&schema.sql(&statement), &params)? {
            state.totals.merge(&CorpusTotals::decode(&row)?)?;
            state.has_graph |= row.get::<bool>(5)?;
        }
        Ok(state)
    }
}
