//! The graph over the vectors of a shard: an HNSW index of pgvector.

use super::{
    connection::{Connection, Params},
    schema::Schema,
};
use crate::{Error, HnswParams, Result};

/// Largest `hnsw.ef_search` that pgvector takes.
pub(super) const MAX_EF_SEARCH: usize = 1_000;

/// Name of the index.
const NAME: &str = "passages_graph";

/// Returns an expression: whether the shard has a graph that can be searched.
pub(super) fn has_graph(schema: &Schema, params: &mut Params<'_>) -> String {
    let name = params.text(schema.table(NAME));
    format!(
        "coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass({name})), false)"
    )
}

/// Checks that pgvector takes the parameters of a graph.
///
/// # Errors
///
/// [`Error::Setting`] if not.
pub(super) fn check_params(params: HnswParams) -> Result<()> {
    let HnswParams { m, ef_construction } = params;
    Error::check_setting("m", m, 2..=100, "2 to 100 in a database")?;
    let allowed = "twice `m` to 1000 in a database";
    Error::check_setting("ef_construction", ef_construction, 2 * m..=1_000, allowed)
}

/// How the server builds a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// Within a transaction that creates the tables.
    AtOnce,
    /// While others write, outside of a transaction.
    Concurrently,
}

/// Builds the graph over the vectors of a shard, of dimension `dim`.
pub(super) fn create(
    connection: &mut Connection,
    schema: &Schema,
    params: HnswParams,
    dim: usize,
    build: Build,
) -> Result<()> {
    let HnswParams { m, ef_construction } = params;
    let concurrently = if build == Build::Concurrently { "CONCURRENTLY" } else { "" };
    let statement = format!(
        "CREATE INDEX {concurrently} {NAME} ON {{s}}.passages \
         USING hnsw ((embedding::halfvec({dim})) halfvec_cosine_ops) \
         WITH (m = {m}, ef_construction = {ef_construction})"
    );
    connection.run(&schema.sql(&statement))
}

/// Drops the graph of a shard if there is one, also one whose build has failed.
pub(super) fn drop_graph(connection: &mut Connection, schema: &Schema) -> Result<()> {
    connection.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {}", schema.table(NAME)))
}
