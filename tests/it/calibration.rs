//! Laws of calibration: a requested recall holds, or every vector is compared.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use std::{collections::HashMap, sync::Arc};

use passim::{
    Article, Calibration, Cancel, Error, ExactIndex, Hits, HnswIndex, HnswParams, IndexChoice,
    Mode, Neighbors, Query, Retriever, Route, RowSet, ScanReason, SearchEffort, SearchParams,
    Searcher, Shortfall, VectorIndex, Vectors,
};
use passim_testkit::{FakeEmbedder, corpus, vectors::spread};

const DIM: usize = 24;
/// Few links over vectors in every direction: the graph misses many neighbors.
const POOR: HnswParams = HnswParams { m: 6, ef_construction: 24 };

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
    for (target, k) in [(0.9, 1), (0.97, 10)] {
        let mut true_recall: HashMap<usize, f64> = HashMap::new();
        let mut broken = Vec::new();
        for (seed, calibration) in &calibrations {
            let ef = calibration.ef_search(target, k).expect("120 queries prove 0.97");
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

/// A corpus of short texts; the graph of every segment misses many neighbors.
fn poor_corpus() -> Retriever {
    let index = IndexChoice::Hnsw(POOR);
    Retriever::builder().embedder(FakeEmbedder::new(DIM)).index(index).in_memory().unwrap()
}

fn articles(seed: u64, len: usize) -> impl Iterator<Item = Article> {
    let texts = corpus::texts(seed, len, 20).into_iter().enumerate();
    texts.map(move |(at, text)| Article::new(format!("{seed}/{at}"), text))
}

fn questions(seed: u64, len: usize) -> Vec<String> {
    corpus::texts(seed, len, 8)
}

fn by_recall(searcher: &Searcher, question: &str, target: f32) -> Hits {
    searcher.search(Query::new(question).mode(Mode::Dense).recall(target)).unwrap()
}

fn overall_recall(searcher: &Searcher, target: f32) -> f64 {
    let questions = questions(99, 300);
    let shares = questions.iter().map(|question| {
        let exact = searcher.search(Query::new(question).mode(Mode::Dense).exact()).unwrap();
        let last = exact.last().expect("a corpus with passages").score;
        let hits = by_recall(searcher, question, target);
        assert_eq!(hits.len(), exact.len());
        hits.iter().filter(|hit| hit.score >= last).count() as f64 / exact.len() as f64
    });
    shares.sum::<f64>() / questions.len() as f64
}

fn routes(hits: &Hits) -> Vec<Route> {
    hits.plan().dense.iter().map(|plan| plan.route).collect()
}

#[test]
fn growing_corpus_stays_calibrated() {
    let mut retriever = poor_corpus();
    retriever.add(articles(20, 5_000)).unwrap();
    retriever.commit().unwrap();
    let before = retriever.searcher();
    let report = retriever.calibrate(0.9, &questions(21, 250)).unwrap();
    retriever.commit().unwrap();
    assert!(report.is_reached(), "{report:?}");
    assert_eq!((report.questions, report.k, report.graphs.len()), (250, 10, 1));
    let first = report.graphs[0].outcome.unwrap().ef_search;
    let searcher = retriever.searcher();
    assert_eq!(routes(&by_recall(&searcher, "Strom", 0.9)), [Route::Graph { ef_search: first }]);
    assert!(overall_recall(&searcher, 0.9) >= 0.9);

    retriever.add(articles(22, 300)).unwrap();
    retriever.commit().unwrap();
    let grown = retriever.calibration().unwrap();
    assert_eq!(grown.graphs.len(), 2, "{grown:?}");
    assert_eq!(grown.graphs[0], report.graphs[0], "what did not change is not measured again");
    let want: Vec<Route> = grown
        .graphs
        .iter()
        .map(|graph| Route::Graph { ef_search: graph.outcome.unwrap().ef_search })
        .collect();
    assert_eq!(routes(&by_recall(&retriever.searcher(), "Strom", 0.9)), want);
    assert!(overall_recall(&retriever.searcher(), 0.9) >= 0.9);

    let unaware = before.search(Query::new("Strom").recall(0.9));
    assert!(matches!(unaware, Err(Error::NotCalibrated)), "a snapshot stays as it was");
    assert_eq!(routes(&by_recall(&searcher, "Strom", 0.9)), [Route::Graph { ef_search: first }]);
}

#[test]
fn removals_and_resealing_keep_the_recall() {
    let mut retriever = poor_corpus();
    retriever.add(articles(30, 2_000)).unwrap();
    retriever.commit().unwrap();
    retriever.calibrate(0.9, &questions(31, 250)).unwrap();
    for at in (0..2_000).step_by(4) {
        assert!(retriever.remove(&format!("30/{at}")).unwrap());
    }
    retriever.commit().unwrap();
    assert!(overall_recall(&retriever.searcher(), 0.9) >= 0.9);
    let report = retriever.calibrate(0.9, &questions(31, 250)).unwrap();
    assert_eq!(report.graphs[0].passages, retriever.passages());
    retriever.commit().unwrap();
    assert!(overall_recall(&retriever.searcher(), 0.9) >= 0.9);

    for at in (1..2_000).step_by(4) {
        assert!(retriever.remove(&format!("30/{at}")).unwrap());
    }
    retriever.add([Article::new("neu", "Der Strom kommt aus der Mühle.")]).unwrap();
    retriever.commit().unwrap();
    assert_eq!(retriever.stats().segments[0].removed, 0, "sealed anew");
    let passages: usize =
        retriever.calibration().unwrap().graphs.iter().map(|one| one.passages).sum();
    assert_eq!(passages, retriever.passages());
    assert!(overall_recall(&retriever.searcher(), 0.9) >= 0.9);
}

/// The first graph is calibrated with the stored questions.
#[test]
fn empty_corpus_can_be_calibrated() {
    let mut retriever = poor_corpus();
    let report = retriever.calibrate(0.9, &questions(40, 250)).unwrap();
    assert!(report.is_reached() && report.graphs.is_empty());
    retriever.add(articles(41, 1_500)).unwrap();
    retriever.commit().unwrap();
    let report = retriever.calibration().unwrap();
    assert!(report.is_reached() && report.graphs.len() == 1, "{report:?}");
    let hits = by_recall(&retriever.searcher(), "Strom", 0.9);
    assert!(matches!(hits.plan().dense[0].route, Route::Graph { .. }));
}

#[test]
fn corpus_compares_all_if_the_recall_is_out_of_reach() {
    let mut retriever = poor_corpus();
    retriever.add(articles(50, 1_000)).unwrap();
    retriever.commit().unwrap();
    for (target, questions) in [(0.98, questions(51, 3)), (1.0, questions(51, 200))] {
        let report = retriever.calibrate(target, &questions).unwrap();
        assert!(!report.is_reached());
        assert!(report.graphs[0].outcome.is_err() && !report.graphs[0].ladder.is_empty());
        retriever.commit().unwrap();
        let hits = by_recall(&retriever.searcher(), "Strom", target);
        assert_eq!(routes(&hits), [Route::Scan(ScanReason::RecallOutOfReach)]);
        let exact = Query::new("Strom").mode(Mode::Dense).exact();
        assert_eq!(hits.to_vec(), retriever.search(exact).unwrap().to_vec());
    }
    let deep = Query::new("Strom").k(Retriever::CALIBRATED_K + 1).recall(0.5);
    let hits = retriever.search(deep).unwrap();
    assert_eq!(routes(&hits), [Route::Scan(ScanReason::RecallOutOfReach)]);
    let deep = Query::new("Strom").k(Retriever::CALIBRATED_K).recall(0.5);
    assert!(matches!(retriever.search(deep).unwrap().plan().dense[0].route, Route::Graph { .. }));
}

#[test]
fn corpus_without_a_graph_reaches_any_recall() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let exact = retriever.search(Query::new("Was speichern Moore?").exact()).unwrap();
    let at_once = retriever.search(Query::new("Was speichern Moore?").recall(1.0)).unwrap();
    assert_eq!(routes(&at_once), [Route::Scan(ScanReason::NoGraph)]);
    let report = retriever.calibrate(1.0, &["Was ist ein Moor?"]).unwrap();
    assert!(report.is_reached() && report.graphs.is_empty());
    let hits = retriever.search(Query::new("Was speichern Moore?").recall(1.0)).unwrap();
    assert_eq!((hits.to_vec(), at_once.to_vec()), (exact.to_vec(), exact.to_vec()));
}

#[test]
fn invalid_calibrations_change_nothing() {
    let mut retriever = poor_corpus();
    retriever.add(articles(60, 300)).unwrap();
    retriever.commit().unwrap();
    for target in [0.0, 1.5, f32::NAN] {
        let refused = retriever.calibrate(target, &["Strom"]);
        assert!(matches!(refused, Err(Error::Fraction { name: "target_recall", .. })));
        let refused = retriever.search(Query::new("Strom").recall(target));
        assert!(matches!(refused, Err(Error::Fraction { name: "recall", .. })));
    }
    let none: [&str; 0] = [];
    let refused = retriever.calibrate(0.9, &none);
    assert!(matches!(refused, Err(Error::Setting { name: "questions", got: 0, .. })));
    assert!(matches!(retriever.calibrate(0.9, &["Strom", " "]), Err(Error::EmptyQuery)));
    assert_eq!(retriever.calibration(), None);
    let refused = retriever.search(Query::new("Strom").recall(0.9));
    assert!(matches!(refused, Err(Error::NotCalibrated)));
    let many = retriever.search_many(&[Query::new("Strom").recall(0.9)]);
    assert!(matches!(many, Err(Error::NotCalibrated)));
}

#[test]
fn calibrating_can_be_cancelled() {
    let cancel = Cancel::new();
    let at_the_end = cancel.clone();
    let mut retriever = Retriever::builder()
        .embedder(FakeEmbedder::new(DIM))
        .index(IndexChoice::Hnsw(POOR))
        .cancel(&cancel)
        .progress(move |progress| {
            if progress.total == 200 && progress.done == 200 {
                at_the_end.cancel();
            }
        })
        .in_memory()
        .unwrap();
    retriever.add(articles(70, 500)).unwrap();
    retriever.commit().unwrap();
    assert!(matches!(retriever.calibrate(0.9, &questions(71, 200)), Err(Error::Cancelled)));
    assert_eq!(retriever.calibration(), None);
    cancel.reset();
    assert!(retriever.calibrate(0.9, &questions(71, 150)).unwrap().is_reached());
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
