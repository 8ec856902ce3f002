//! Both indexes over one data set: size, recall and search time.

use std::{hint::black_box, sync::Arc};

use cpu_time::ThreadTime;
use passim::{
    ExactIndex, HnswIndex, HnswParams, Neighbors, Route, SearchEffort, SearchParams, VectorIndex,
    Vectors, eval,
};

use crate::support::datasets::DataSet;

/// Number of neighbors per query.
const K: usize = 10;

/// Both indexes over the same vectors.
pub struct Indexes {
    pub exact: ExactIndex,
    pub hnsw: HnswIndex,
}

impl Indexes {
    pub fn build(vectors: &Arc<Vectors>) -> Self {
        Self::with_graph(vectors, graph(vectors, HnswParams::default()))
    }

    /// Builds the exact index and a graph over the same `vectors`.
    pub fn with_graph(vectors: &Arc<Vectors>, hnsw: HnswIndex) -> Self {
        Self { exact: ExactIndex::new(Arc::clone(vectors)).expect("few vectors"), hnsw }
    }

    /// Prints the graph's bytes per vector, and the recall@10 of each of `ways`.
    pub fn report(&self, benchmark: &str, data: &DataSet, ways: &[Way]) {
        let truth = self.truth(&data.queries);
        let name = format!("{benchmark}/{}/{}", data.name, data.vectors.len());
        println!("{name}: hnsw: bytes per vector {}", bytes_per_vector(&self.hnsw));
        for way in ways {
            let recall = recall(&way.answers(&data.queries), &truth);
            println!("{name}: {:?}: recall@10 {recall:.4}", way.effort);
        }
    }

    /// The exact neighbors of `queries`.
    pub fn truth(&self, queries: &Vectors) -> Vec<Neighbors> {
        let params = SearchParams { k: K, effort: SearchEffort::Exact, ..SearchParams::default() };
        self.exact.search_many(queries, &params).expect("valid queries")
    }
}

/// The graph over `vectors`.
pub fn graph(vectors: &Arc<Vectors>, params: HnswParams) -> HnswIndex {
    HnswIndex::build(Arc::clone(vectors), params).expect("valid settings")
}

/// An index and its search effort.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub index: &'a dyn VectorIndex,
    pub effort: SearchEffort,
}

impl<'a> Way<'a> {
    /// Exact search.
    pub fn exact(indexes: &'a Indexes) -> Self {
        Self { index: &indexes.exact, effort: SearchEffort::Exact }
    }

    /// The graph, with this `ef_search`.
    pub fn graph(indexes: &'a Indexes, ef_search: usize) -> Self {
        Self { index: &indexes.hnsw, effort: SearchEffort::Ef(ef_search) }
    }

    /// The answers to `queries`, sequentially on this thread.
    pub fn answers(self, queries: &Vectors) -> Vec<Neighbors> {
        let params = SearchParams { k: K, effort: self.effort, ..SearchParams::default() };
        let answer = |query| self.index.search(query, &params).expect("a valid query");
        queries.rows().map(answer).collect()
    }

    /// CPU seconds per query.
    fn seconds(self, queries: &Vectors) -> f64 {
        let start = ThreadTime::now();
        black_box(self.answers(black_box(queries)));
        start.elapsed().as_secs_f64() / count(queries.len())
    }
}

/// CPU seconds per query of each of `ways`, as medians of `rounds`. Each round runs all ways, so
/// that a temporary slowdown of the machine affects all of them.
pub fn seconds(ways: &[Way], queries: &Vectors, rounds: usize) -> Vec<f64> {
    let round = |_| ways.iter().map(|way| way.seconds(queries)).collect();
    let rounds: Vec<Vec<f64>> = (0..rounds).map(round).collect();
    let median = |way: usize| {
        let mut times: Vec<f64> = rounds.iter().map(|round| round[way]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (0..ways.len()).map(median).collect()
}

/// Mean recall@10 of `answers`.
pub fn recall(answers: &[Neighbors], truth: &[Neighbors]) -> f64 {
    let rows = |found: &Neighbors| found.neighbors.iter().map(|one| one.row).collect::<Vec<_>>();
    let pairs = answers.iter().zip(truth);
    let recalls = pairs.map(|(got, truth)| eval::ann_recall_at_k(&rows(got), &rows(truth), K));
    eval::mean(recalls).expect("queries with neighbors")
}

/// The `ef_search` that the searches used, possibly greater than requested; `all` if they
/// compared every vector.
pub fn used(answers: &[Neighbors]) -> String {
    match answers[0].plan.route {
        Route::Graph { ef_search } => ef_search.to_string(),
        _ => "all".to_owned(),
    }
}

/// Bytes of the graph per vector, without its values. Searches for every vector.
pub fn bytes_per_vector(index: &HnswIndex) -> String {
    format!("{:.0}", count(index.verify().bytes) / count(index.len()))
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes are far below 2^52")]
pub fn count(count: usize) -> f64 {
    count as f64
}
