//! Maintenance of a corpus: statistics, graphs, and the cleaning of tables.

use std::time::Instant;

use serde::Serialize;
use tracing::instrument;

use super::{
    Corpus,
    connection::Connection,
    corpus_change::{fold, remove_unused_terms},
    graph_index::{self, Build},
    schema::{CHANGING_TABLES, Schema},
    shard_state::ShardState,
};
#[cfg(doc)]
use crate::Error;
use crate::{HnswParams, IndexChoice, Result};

const WORKERS: &str = "max_parallel_maintenance_workers";

/// Report of [`Corpus::maintain`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MaintainReport {
    /// Number of shards whose graph was built.
    pub graphs_built: usize,
    /// Number of shards whose graph was dropped.
    pub graphs_dropped: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// What a shard's graph needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GraphWork {
    Build(HnswParams),
    Drop,
    Nothing,
}

impl Corpus {
    /// Folds the statistics, builds or drops the graph of each shard by the
    /// [index choice](crate::postgres::CorpusBuilder::index), and cleans the tables (`VACUUM
    /// ANALYZE`). Searches and writes go on meanwhile.
    ///
    /// After a large load, this builds the graph at once, which is faster than inserting each passage
    /// into it. Then the server's own maintenance suffices. [`IndexChoice::Hnsw`] and
    /// [`IndexChoice::Auto`] build a missing graph; a graph with other parameters stays.
    /// [`IndexChoice::Exact`] drops it.
    ///
    /// It needs a connection of its own to the server, not one through a pooler, and the rights of the
    /// owner of the tables.
    ///
    /// # Errors
    ///
    /// - [`Error::CorpusBusy`] if another client maintains a shard.
    /// - [`Error::Shard`] if a server does not run a statement. A failed build leaves no graph that
    ///   is searched; repeat the call.
    #[instrument(level = "debug", skip_all)]
    pub fn maintain(&self) -> Result<MaintainReport> {
        let started = Instant::now();
        let schema = &self.parts.schema;
        let work = self.parts.shards.write_each(|_, connection| {
            let lock = maintenance_lock(schema);
            connection
                .with_session_lock(&lock, schema, |connection| self.maintain_shard(connection))
        });
        let work = self.written(work)?;
        let count =
            |wanted: fn(&GraphWork) -> bool| work.iter().filter(|work| wanted(work)).count();
        Ok(MaintainReport {
            graphs_built: count(|work| matches!(work, GraphWork::Build(_))),
            graphs_dropped: count(|work| *work == GraphWork::Drop),
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    fn maintain_shard(&self, connection: &mut Connection) -> Result<GraphWork> {
        let schema = &self.parts.schema;
        let dim = self.parts.embedder.dim();
        fold(connection, schema)?;
        remove_unused_terms(connection, schema)?;
        let state = ShardState::read(connection, schema, dim)?;
        let work = self.graph_work(&state)?;
        // A failed build leaves an index that is not searched, but written.
        if !state.has_graph || work == GraphWork::Drop {
            graph_index::drop_graph(connection, schema)?;
        }
        match work {
            GraphWork::Build(params) => {
                let kibibytes = self.parts.build_memory.map(|bytes| bytes / 1_024);
                let workers = self.parts.build_workers;
                connection.with_setting("maintenance_work_mem", kibibytes, |connection| {
                    connection.with_setting(WORKERS, workers, |connection| {
                        graph_index::create(connection, schema, params, dim, Build::Concurrently)
                    })
                })?;
            }
            GraphWork::Drop | GraphWork::Nothing => {}
        }
        for table in CHANGING_TABLES {
            connection.run(&format!("VACUUM (ANALYZE) {}", schema.table(table)))?;
        }
        Ok(work)
    }

    /// Returns what the index choice asks of a shard.
    fn graph_work(&self, state: &ShardState) -> Result<GraphWork> {
        let passages = state.totals.passage_count()?;
        Ok(match (self.parts.index.graph_params(passages), state.has_graph) {
            (Some(params), false) => GraphWork::Build(params),
            (None, true) if self.parts.index == IndexChoice::Exact => GraphWork::Drop,
            _ => GraphWork::Nothing,
        })
    }
}

/// Returns the lock that one session at a time has while it maintains or upgrades a shard.
pub(super) fn maintenance_lock(schema: &Schema) -> String {
    format!("passim maintain {}", schema.name())
}
