//! Laws of a calibrated graph: a requested recall holds, or every vector is compared.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use std::{collections::HashMap, sync::Arc};

use passim::{
    Calibration, Error, ExactIndex, HnswIndex, HnswParams, Neighbors, Route, RowSet, ScanReason,
    SearchEffort, SearchParams, Shortfall, VectorIndex, Vectors,
};
use passim_testkit::vectors::spread;

/// Values of a vector.
pub const DIM: usize = 24;
/// Few links over vectors in every direction: the graph misses many neighbors.
pub const POOR: HnswParams = HnswParams { m: 6, ef_construction: 24 };

fn poor_index() -> HnswIndex {
    HnswIndex::build(Arc::new(spread(1, DIM, 3_000)), POOR).unwrap()
}

fn with(k: usize, effort: SearchEffort) -> SearchParams<'static> {
    SearchParams { k, effort, ..SearchParams::default() }
}

fn search(index: &dyn VectorIndex, query: &[f32], params: &SearchParams) -> Neighbors {
    index.search(query, params).unwrap()
}

/// Mean recall@k on `queries`; a neighbor as similar as the last exact one counts as found.
fn recall(index: &HnswIndex, queries: &Vectors, params: &SearchParams) -> f64 {
    let shares = queries.rows().map(|query| {
        let want = search(index, query, &SearchParams { effort: SearchEffort::Exact, ..*params });
        let last = want.neighbors.last().expect("an index with vectors").similarity;
        let got = search(index, query, params).neighbors;
        let found = got.iter().filter(|neighbor| neighbor.similarity >= last).count();
        found as f64 / want.neighbors.len() as f64
    });
    shares.sum::<f64>() / queries.len() as f64
}

/// If a guarantee fails with a probability of 5 %, more than three of twenty fail with one of
/// 1.6 %. If the mean replaced its lower bound, about nine and four of twenty would fail.
#[test]
fn chosen_ef_holds_its_recall_on_fresh_queries() {
    let mut index = poor_index();
    let fresh = spread(2, DIM, 3_000);
    let calibrations: Vec<(u64, Calibration)> = (100..120)
        .map(|seed| (seed, index.calibrate(10, &spread(seed, DIM, 120)).unwrap()))
        .collect();
    // These targets lie between the recalls of two steps of `ef_search`, so not all calibrations choose alike.
    for (target, k) in [(0.9, 1), (0.96, 10)] {
        let mut true_recall: HashMap<usize, f64> = HashMap::new();
        let mut broken = Vec::new();
        for (seed, calibration) in &calibrations {
            let ef = calibration.ef_search(target, k).expect("120 queries prove 0.96");
            let measure = || recall(&index, &fresh, &with(k, SearchEffort::Ef(ef)));
            let recall = *true_recall.entry(ef).or_insert_with(measure);
            if recall < f64::from(target) {
                broken.push((seed, ef, recall));
            }
        }
        assert!(broken.len() <= 3, "recall@{k} {target}: {broken:?}");
        assert!(true_recall.len() > 1, "all calibrations choose alike: {true_recall:?}");
    }
}

#[test]
fn higher_targets_take_a_larger_ef() {
    let calibration = poor_index().calibrate(10, &spread(3, DIM, 400)).unwrap();
    let targets = [0.3, 0.6, 0.8, 0.9, 0.95, 0.98];
    let chosen = targets.map(|target| calibration.ef_search(target, 10).unwrap());
    assert!(chosen.is_sorted(), "{chosen:?}");
    assert!(chosen[5] >= 4 * chosen[0], "{chosen:?}");

    let steps = calibration.steps(10);
    assert!(steps.iter().all(|step| step.lower_bound < step.recall), "{steps:?}");
    let fell = steps.windows(2).find(|pair| pair[1].recall < pair[0].recall - 0.005);
    assert_eq!(fell, None, "more candidates find no less");
    assert!(steps.last().unwrap().recall > 0.999, "{steps:?}");
}

#[test]
fn search_by_recall_equals_the_search_by_its_ef() {
    let mut index = poor_index();
    let calibration = index.calibrate(20, &spread(4, DIM, 400)).unwrap();
    for query in spread(5, DIM, 20).rows() {
        for (k, target) in [(1, 0.5), (7, 0.9), (20, 0.98)] {
            let ef_search = calibration.ef_search(target, k).unwrap();
            let found = search(&index, query, &with(k, SearchEffort::Recall(target)));
            assert_eq!(found, search(&index, query, &with(k, SearchEffort::Ef(ef_search))));
            let ef_search = ef_search.max(k);
            assert_eq!(found.plan.route, Route::Graph { ef_search });
        }
        assert_compares_all(&index, query, &with(21, SearchEffort::Recall(0.5)));
        assert_compares_all(&index, query, &with(10, SearchEffort::Recall(1.0)));
    }
    let why = calibration.reach(0.5, 21);
    assert_eq!(why, Err(Shortfall::Depth { k: 21, calibrated: 20 }));
    assert_eq!(calibration.reach(1.0, 10), Err(Shortfall::Certainty));
}

fn assert_compares_all(index: &HnswIndex, query: &[f32], params: &SearchParams) {
    let found = search(index, query, params);
    assert_eq!(found.plan.route, Route::Scan(ScanReason::RecallOutOfReach));
    let exact = search(index, query, &SearchParams { effort: SearchEffort::Exact, ..*params });
    assert_eq!(found.neighbors, exact.neighbors);
}

#[test]
fn row_sets_keep_the_recall_or_are_exact() {
    let mut index = poor_index();
    let calibration = index.calibrate(10, &spread(10, DIM, 300)).unwrap();
    let fresh = spread(11, DIM, 300);
    // A graph search that finds nine of ten allowed rows costs less than a scan of half of the rows.
    for every in [1, 2, 3, 9, 150] {
        let mut allowed = RowSet::none(3_000);
        (0..3_000).step_by(every).for_each(|row| _ = allowed.insert(row));
        let params =
            SearchParams { allowed: Some(&allowed), ..with(10, SearchEffort::Recall(0.9)) };
        let found = recall(&index, &fresh, &params);
        assert!(found >= 0.9, "every {every}: {found}");
        let routes = fresh.rows().map(|query| search(&index, query, &params).plan.route);
        let routes: Vec<Route> = routes.collect();
        let share = allowed.len() as f64 / 3_000.0;
        match calibration.reach_filtered(share, 0.9, 10) {
            Ok(step) if every <= 2 => {
                assert!(routes.contains(&Route::Graph { ef_search: step.ef_search }));
            }
            Ok(_) => assert_eq!(routes, [Route::Scan(ScanReason::FewAllowed); 300]),
            Err(shortfall) => {
                assert_eq!((shortfall, every), (Shortfall::FilterNotMeasured { share }, 150));
                assert_eq!(routes, [Route::Scan(ScanReason::FilterNotMeasured); 300]);
            }
        }
    }
}

#[test]
fn too_few_queries_prove_nothing() {
    let mut index = poor_index();
    let calibration = index.calibrate(10, &spread(6, DIM, 3)).unwrap();
    assert_eq!((calibration.k, calibration.queries), (10, 3));
    let why = calibration.reach(0.98, 10).unwrap_err();
    assert_eq!(why, Shortfall::TooFewQueries { queries: 3, needed: 133 });
    assert!(why.to_string().contains("calibrate with 133 or more"), "{why}");
    assert_compares_all(&index, &[1.0; DIM], &with(10, SearchEffort::Recall(0.98)));

    let enough = index.calibrate(10, &spread(6, DIM, 400)).unwrap();
    assert!(enough.ef_search(0.98, 10).is_some(), "a new calibration replaces the old");
    let found = search(&index, &[1.0; DIM], &with(10, SearchEffort::Recall(0.98)));
    assert!(matches!(found.plan.route, Route::Graph { .. }));
}

/// The calibration of the search takes precedence over that of the index.
#[test]
fn search_uses_the_calibration_of_its_parameters() {
    let mut measured = poor_index();
    let calibration = measured.calibrate(10, &spread(7, DIM, 400)).unwrap();
    let shared = poor_index();
    let params =
        SearchParams { calibration: Some(&calibration), ..with(10, SearchEffort::Recall(0.9)) };
    let ef_search = calibration.ef_search(0.9, 10).unwrap();
    let found = search(&shared, &[1.0; DIM], &params);
    assert_eq!(found.plan.route, Route::Graph { ef_search });
}

#[test]
fn small_indexes_can_be_calibrated() {
    for rows in [0, 1, 5, 40] {
        let vectors = Arc::new(spread(8, DIM, rows));
        let mut index = HnswIndex::build(Arc::clone(&vectors), POOR).unwrap();
        let calibration = index.calibrate(10, &spread(9, DIM, 150)).unwrap();
        assert!(calibration.ef_search(0.98, 10).is_some(), "{rows} rows: {calibration:?}");
        assert!(calibration.ef_search(0.98, 1).is_some(), "{rows} rows: {calibration:?}");
        let found = search(&index, &[1.0; DIM], &with(10, SearchEffort::Recall(0.98)));
        assert_eq!(found.neighbors.len(), rows.min(10));
    }
}

#[test]
fn invalid_input_keeps_the_calibration() {
    let mut index = poor_index();
    let uncalibrated = index.search(&[1.0; DIM], &with(10, SearchEffort::Recall(0.9)));
    assert!(matches!(uncalibrated, Err(Error::NotCalibrated)));
    let queries = spread(10, DIM, 100);
    let kept = index.calibrate(10, &queries).unwrap();

    let none = index.calibrate(10, &Vectors::empty(DIM));
    assert!(matches!(none, Err(Error::Setting { name: "queries", got: 0, .. })));
    let no_k = index.calibrate(0, &queries);
    assert!(matches!(no_k, Err(Error::Setting { name: "k", got: 0, .. })));
    let other = index.calibrate(10, &spread(10, DIM + 1, 100));
    assert!(matches!(other, Err(Error::Dimension { expected: DIM, .. })));

    let exact = ExactIndex::new(Arc::new(spread(1, DIM, 50))).unwrap();
    for target in [0.0, -0.5, 1.000_1, f32::NAN, f32::INFINITY] {
        for index in [&index as &dyn VectorIndex, &exact] {
            let error =
                index.search(&[1.0; DIM], &with(10, SearchEffort::Recall(target))).unwrap_err();
            assert!(matches!(error, Error::Fraction { name: "recall", .. }), "{error}");
            assert!(error.to_string().contains("greater than 0, at most 1"), "{error}");
        }
        assert_eq!(kept.ef_search(target, 10).is_some(), target <= 0.0, "{target}");
    }
    let found = search(&index, &[1.0; DIM], &with(10, SearchEffort::Recall(0.9)));
    let ef_search = kept.ef_search(0.9, 10).unwrap();
    assert_eq!(found.plan.route, Route::Graph { ef_search });

    let found = search(&exact, &[1.0; DIM], &with(10, SearchEffort::Recall(1.0)));
    assert_eq!(found.plan.route, Route::Scan(ScanReason::NoGraph));
}

/// Rows that are not allowed do not count as missed.
#[test]
fn filtered_search_by_recall_finds_allowed_rows() {
    let mut index = poor_index();
    index.calibrate(10, &spread(11, DIM, 400)).unwrap();
    let mut allowed = RowSet::all(3_000);
    (0..3_000).step_by(3).for_each(|row| _ = allowed.remove(row));
    let params = SearchParams { allowed: Some(&allowed), ..with(10, SearchEffort::Recall(0.9)) };
    let fresh = spread(12, DIM, 500);
    let found = fresh.rows().map(|query| search(&index, query, &params));
    assert!(found.flat_map(|found| found.neighbors).all(|one| allowed.contains(one.row)));
    assert!(recall(&index, &fresh, &params) >= 0.9);
}

#[test]
fn calibration_serializes_to_json() {
    let calibration: Calibration = poor_index().calibrate(2, &spread(13, DIM, 50)).unwrap();
    let json = serde_json::to_value(&calibration).unwrap();
    assert_eq!((&json["k"], &json["queries"]), (&2.into(), &50.into()));
    let first = &json["steps"][0];
    assert_eq!((&first["ef_search"], first["recall"].as_array().unwrap().len()), (&16.into(), 2));
    let step = serde_json::to_value(calibration.steps(1)[0]).unwrap();
    assert_eq!(step["recall"], first["recall"][0]);
}
