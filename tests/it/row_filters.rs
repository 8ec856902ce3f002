//! Laws of vector searches among allowed rows, and of interrupted ones.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use passim::{
    Cancel, ExactIndex, HnswIndex, HnswParams, Neighbor, Route, RowSet, ScanReason, SearchEffort,
    SearchParams, VectorIndex, Vectors,
};
use passim_testkit::{Seeded, vectors::clustered};

const K: usize = 10;

fn indexes(vectors: Vectors) -> (HnswIndex, ExactIndex) {
    let vectors = Arc::new(vectors);
    let params = HnswParams { m: 16, ef_construction: 100 };
    let hnsw = HnswIndex::build(Arc::clone(&vectors), params).unwrap();
    (hnsw, ExactIndex::new(vectors).unwrap())
}

/// How a filter's rows relate to the query.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bias {
    None,
    TopK,
    Farthest,
}

/// `share` of the rows: any rows, the closest to the query, or the farthest from it.
fn allowed(exact: &ExactIndex, query: &[f32], share: f64, bias: Bias) -> RowSet {
    let all =
        SearchParams { k: exact.len(), effort: SearchEffort::Exact, ..SearchParams::default() };
    let mut rows: Vec<u32> =
        exact.search(query, &all).unwrap().neighbors.iter().map(|one| one.row).collect();
    match bias {
        Bias::None => {
            let mut seeded = Seeded(5);
            rows.sort_by_cached_key(|_| seeded.next());
        }
        Bias::TopK => {}
        Bias::Farthest => rows.reverse(),
    }
    let mut allowed = RowSet::none(rows.len() as u32);
    let count = ((rows.len() as f64 * share) as usize).max(1);
    rows.iter().take(count).for_each(|row| _ = allowed.insert(*row));
    allowed
}

/// Recall of `got`; a neighbor as similar as the last of `want` counts as found.
fn recall(got: &[Neighbor], want: &[Neighbor]) -> f64 {
    let least = want.last().map_or(1.0, |last| last.similarity);
    got.iter().filter(|one| one.similarity >= least).count() as f64 / want.len() as f64
}

#[test]
fn filtered_recall_is_at_least_95_percent_at_any_selectivity() {
    let (hnsw, exact) = indexes(clustered(1, 32, 60, 100, 0.9));
    let queries = clustered(2, 32, 60, 1, 0.9);
    for share in [0.000_2, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.0] {
        for bias in [Bias::None, Bias::TopK, Bias::Farthest] {
            let mut total = 0.0;
            let queries = queries.rows().step_by(4);
            let count = queries.len() as f64;
            for query in queries {
                let allowed = allowed(&exact, query, share, bias);
                let params =
                    SearchParams { allowed: Some(&allowed), k: K, ..SearchParams::default() };
                let got = hnsw.search(query, &params).unwrap();
                let want = exact.search(query, &params).unwrap().neighbors;
                assert_eq!(got.neighbors.len(), K.min(allowed.len()), "{share} {bias:?}");
                assert!(got.neighbors.iter().all(|one| allowed.contains(one.row)));
                assert_eq!(got.plan.allowed, allowed.len());
                // Neither route costs much more than comparing the allowed rows.
                assert!(got.plan.compared <= 2 * allowed.len() + 200, "{bias:?} {}", got.plan);
                total += recall(&got.neighbors, &want);
            }
            let mean = total / count;
            assert!(mean >= 0.95, "recall@10 {mean} at {share} {bias:?}");
        }
    }
}

#[test]
fn a_graph_search_that_spends_its_budget_becomes_a_scan() {
    let (hnsw, exact) = indexes(clustered(1, 32, 60, 100, 0.9));
    let query = clustered(2, 32, 60, 1, 0.9);
    let farthest = allowed(&exact, query.row(0), 0.4, Bias::Farthest);
    let effort = SearchEffort::Ef(16);
    let params = SearchParams { allowed: Some(&farthest), effort, ..SearchParams::default() };
    let found = hnsw.search(query.row(0), &params).unwrap();
    assert_eq!(found.plan.route, Route::Scan(ScanReason::BudgetSpent));
    assert_eq!(found.neighbors, exact.search(query.row(0), &params).unwrap().neighbors);
}

#[test]
fn duplicates_are_filtered_one_by_one() {
    let one = clustered(3, 16, 40, 30, 0.8);
    let (hnsw, exact) = indexes(Vectors::concat(16, [&one, &one, &one]).unwrap());
    let mut second = RowSet::none(3_600);
    (1_200..2_400).for_each(|row| _ = second.insert(row));
    for query in one.rows().step_by(97) {
        let params = SearchParams { allowed: Some(&second), ..SearchParams::default() };
        let got = hnsw.search(query, &params).unwrap().neighbors;
        assert_eq!(got.len(), K);
        assert!(got.iter().all(|one| second.contains(one.row)));
        assert!(recall(&got, &exact.search(query, &params).unwrap().neighbors) >= 0.9);
    }
}

#[test]
fn no_row_allowed_finds_none() {
    let (hnsw, exact) = indexes(clustered(4, 8, 4, 50, 0.5));
    let none = RowSet::none(200);
    let params = SearchParams { allowed: Some(&none), ..SearchParams::default() };
    for index in [&hnsw as &dyn VectorIndex, &exact] {
        assert!(index.search(&[1.0; 8], &params).unwrap().neighbors.is_empty());
    }
}

#[test]
fn the_plan_reports_the_route_and_its_reason() {
    let (hnsw, exact) = indexes(clustered(5, 16, 40, 50, 0.8));
    let query = [1.0; 16];
    let route = |index: &dyn VectorIndex, params: SearchParams| {
        index.search(&query, &params).unwrap().plan.route
    };
    let default = SearchParams::default();
    let few = {
        let mut few = RowSet::none(2_000);
        (0..30).for_each(|row| _ = few.insert(row));
        few
    };
    assert_eq!(route(&hnsw, default), Route::Graph { ef_search: 96 });
    assert_eq!(route(&hnsw, SearchParams { k: 120, ..default }), Route::Graph { ef_search: 120 });
    let scans = [
        (route(&exact, default), ScanReason::NoGraph),
        (
            route(&hnsw, SearchParams { effort: SearchEffort::Exact, ..default }),
            ScanReason::Requested,
        ),
        (
            route(&hnsw, SearchParams { effort: SearchEffort::Ef(2_000), ..default }),
            ScanReason::WideSearch,
        ),
        (
            route(
                &hnsw,
                SearchParams { k: 25, effort: SearchEffort::Ef(1), allowed: Some(&few), ..default },
            ),
            ScanReason::FewAllowed,
        ),
    ];
    for (route, reason) in scans {
        assert_eq!(route, Route::Scan(reason));
    }
    let plan = hnsw.search(&query, &default).unwrap().plan;
    assert!(plan.rescored >= K && plan.compared > plan.rescored && plan.compared < plan.rows);
    assert!(plan.to_string().starts_with("graph search with ef_search 96: "), "{plan}");
}

#[test]
fn an_interrupted_search_is_incomplete_and_returns_neighbors() {
    let (hnsw, exact) = indexes(clustered(6, 16, 200, 50, 0.8));
    let cancel = Cancel::new();
    cancel.cancel();
    let past = Instant::now();
    let future = Instant::now() + Duration::from_hours(1);
    for index in [&hnsw as &dyn VectorIndex, &exact] {
        let search = |params: &SearchParams| index.search(&[1.0; 16], params).unwrap();
        let wide = SearchParams { effort: SearchEffort::Ef(600), ..SearchParams::default() };
        let interrupted = [
            search(&SearchParams { cancel: Some(&cancel), ..wide }),
            search(&SearchParams { deadline: Some(past), ..wide }),
        ];
        let whole = search(&SearchParams { deadline: Some(future), ..wide });
        assert!(whole.plan.complete);
        for found in interrupted {
            assert!(!found.plan.complete);
            assert!(found.plan.compared < whole.plan.compared, "{} {}", found.plan, whole.plan);
            assert!(!found.neighbors.is_empty() && found.neighbors.len() <= K);
        }
    }
}
