//! The search by vectors: exact, or by the graph of the server.
//!
//! The graph is over vectors of half precision, so a statement that orders by full precision is
//! always an exact search, and the client decides, not the planner.

use super::{
    candidate_row::CANDIDATE_COLUMNS,
    connection::{Connection, Params, ResultRow},
    filter_condition::AllowedPassages,
    graph_index::MAX_EF_SEARCH,
    sql_view::SqlView,
};
use crate::{
    IndexPlan, Result, Route, ScanReason, SearchEffort,
    search::view::{ArmRequest, Candidate, Candidates, rank},
    vector,
};

/// Number of passages that are read beyond the `k` closest. The server's distances differ from the
/// similarities of this crate in the last bits, so the passages around the `k`-th place are compared
/// again.
const MARGIN: usize = 8;

/// Smallest `ef` of a graph search, as for the graphs of this crate.
const MIN_EF_SEARCH: usize = 16;

/// An exact search of `m` of `n` passages costs less than a filtered graph search if `m * m` is at most
/// this times `n`: the graph visits about `n / m` passages for each that the filter allows
/// (`cargo bench --bench postgres`).
const EXACT_UP_TO: usize = 500;

/// So many passages are compared in the time of a graph search without a filter.
const ALWAYS_EXACT: usize = 2_000;

/// What a shard answers.
struct Nearest {
    rows: Vec<ResultRow>,
    route: Route,
}

/// Returns the largest number of allowed passages, of `passages`, that are compared one by one.
pub(super) fn most_compared(passages: usize) -> usize {
    passages.saturating_mul(EXACT_UP_TO).isqrt().max(ALWAYS_EXACT)
}

impl SqlView<'_> {
    /// Finds the passages whose vectors are closest to `vector`.
    pub(super) fn closest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, AllowedPassages>,
    ) -> Result<Candidates<IndexPlan>> {
        let by_shard = self.snapshots.search_each(request.interrupt, |shard, connection| {
            let route = self.route(shard, request);
            if request.allowed.by_shard[shard] == 0 {
                return Ok(Some(Nearest { rows: Vec::new(), route }));
            }
            self.nearest_of_shard(connection, shard, vector, request, route).map(Some)
        })?;
        let mut found = Vec::new();
        let mut plans = Vec::new();
        for (shard, nearest) in by_shard.iter().enumerate() {
            // A missing shard has no answer, an interrupted one none that is complete.
            let complete = nearest.is_some();
            let nearest = nearest.as_ref().and_then(Option::as_ref);
            let rows = nearest.map_or(&[][..], |nearest| &nearest.rows);
            for id in self.remember(shard, rows)? {
                let similarity = vector::similarity(vector, &self.rows().get(id).vector);
                found.push(Candidate::dense(id, similarity));
            }
            let route = nearest.map_or_else(|| self.route(shard, request), |nearest| nearest.route);
            let allowed = request.allowed.by_shard[shard];
            plans.push(IndexPlan {
                route,
                rows: self.statistics.shard_passages[shard],
                allowed,
                compared: match route {
                    _ if !complete => 0,
                    Route::Graph { .. } => rows.len(),
                    Route::Scan(_) => allowed,
                },
                rescored: rows.len(),
                complete,
            });
        }
        Ok(Candidates {
            is_exhausted: found.len() < request.k,
            found: rank(self, found, request.k)?,
            plans,
        })
    }

    /// Returns how a shard is searched.
    fn route(&self, shard: usize, request: &ArmRequest<'_, AllowedPassages>) -> Route {
        let ef_search = match request.effort {
            SearchEffort::Exact => return Route::Scan(ScanReason::Requested),
            _ if !self.statistics.has_graph[shard] => return Route::Scan(ScanReason::NoGraph),
            SearchEffort::Recall(_) => return Route::Scan(ScanReason::NotCalibrated),
            SearchEffort::Ef(ef) => ef.max(rows_for(request.k)).max(MIN_EF_SEARCH),
        };
        if request.allowed.by_shard[shard] <= most_compared(self.statistics.shard_passages[shard]) {
            return Route::Scan(ScanReason::FewAllowed);
        }
        if ef_search > MAX_EF_SEARCH {
            return Route::Scan(ScanReason::WideSearch);
        }
        Route::Graph { ef_search }
    }

    fn nearest_of_shard(
        &self,
        connection: &mut Connection,
        shard: usize,
        vector: &[f32],
        request: &ArmRequest<'_, AllowedPassages>,
        route: Route,
    ) -> Result<Nearest> {
        if let Route::Graph { ef_search } = route {
            connection.run(&graph_settings(ef_search))?;
            let rows = self.ordered_rows(connection, vector, request, SortPrecision::Half)?;
            let exist = request.allowed.by_shard[shard];
            if rows.len() >= exist.min(request.k) {
                return Ok(Nearest { rows, route });
            }
            connection.run("SET LOCAL enable_sort = on")?;
        }
        let route = match route {
            Route::Graph { .. } => Route::Scan(ScanReason::TooFewFound),
            scan @ Route::Scan(_) => scan,
        };
        let rows = self.ordered_rows(connection, vector, request, SortPrecision::Full)?;
        Ok(Nearest { rows, route })
    }

    /// Returns the rows of a shard that are closest to `vector`.
    fn ordered_rows(
        &self,
        connection: &mut Connection,
        vector: &[f32],
        request: &ArmRequest<'_, AllowedPassages>,
        precision: SortPrecision,
    ) -> Result<Vec<ResultRow>> {
        let mut params = Params::default();
        let question = params.float4s(vector);
        let limit = params.int8(i64::try_from(rows_for(request.k)).unwrap_or(i64::MAX));
        let condition = request.allowed.condition(&mut params);
        let order = match precision {
            // Other sort keys would keep the server from using the graph.
            SortPrecision::Half => {
                let halfvec = format!("halfvec({})", vector.len());
                format!("embedding::{halfvec} <=> {question}::{halfvec}")
            }
            SortPrecision::Full => format!("embedding <=> {question}::vector, article, no"),
        };
        // The server would make all columns of every row before it sorts.
        let statement = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM {{s}}.passages WHERE id = ANY(ARRAY( \
             SELECT id FROM {{s}}.passages WHERE {condition} ORDER BY {order} LIMIT {limit}))"
        );
        connection.query(&self.schema.sql(&statement), &params)
    }
}

/// Precision of the vectors by which rows are ordered.
#[derive(Clone, Copy)]
enum SortPrecision {
    /// That of the graph.
    Half,
    Full,
}

/// Returns the number of rows that are read for `k` candidates.
fn rows_for(k: usize) -> usize {
    k.saturating_add(MARGIN)
}

/// Returns the statements that make the rest of the transaction search by the graph. The scan goes on
/// until enough rows meet the condition, and sorting, which would replace the graph, is off.
fn graph_settings(ef_search: usize) -> String {
    format!(
        "SET LOCAL hnsw.ef_search = {ef_search}; SET LOCAL hnsw.iterative_scan = strict_order; \
         SET LOCAL enable_sort = off"
    )
}
