//! Laws of a calibrated corpus: a requested recall holds, or every vector is compared.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use passim::{
    Article, Cancel, Error, Filter, Hits, IndexChoice, Mode, Query, Retriever, Route, ScanReason,
    Searcher,
};
use passim_testkit::{FakeEmbedder, corpus};

use crate::calibration::{DIM, POOR};

/// A corpus of short texts; the graph of every segment misses many neighbors.
fn poor_corpus() -> Retriever {
    let index = IndexChoice::Hnsw(POOR);
    let builder = Retriever::builder().embedder(FakeEmbedder::new(DIM)).index(index);
    builder.merge_threads(0).in_memory().unwrap()
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
    assert_eq!(grown.graphs[0].ladder, grown.graphs[1].ladder, "both are measured together");
    assert_ne!(grown.graphs[0].ladder, report.graphs[0].ladder);
    let want: Vec<Route> = grown
        .graphs
        .iter()
        .map(|graph| Route::Graph { ef_search: graph.outcome.unwrap().ef_search })
        .collect();
    assert_eq!(routes(&by_recall(&retriever.searcher(), "Strom", 0.9)), want);
    assert!(overall_recall(&retriever.searcher(), 0.9) >= 0.9);

    let unaware = routes(&by_recall(&before, "Strom", 0.9));
    assert_eq!(unaware, [Route::Scan(ScanReason::NotCalibrated)], "a snapshot does not change");
    assert_eq!(routes(&by_recall(&searcher, "Strom", 0.9)), [Route::Graph { ef_search: first }]);
}

/// The recall of each of many graphs may reach the target while that of their merged result misses
/// it: a question has few neighbors in each.
#[test]
fn the_recall_is_that_of_the_merged_result() {
    let mut retriever = poor_corpus();
    for seed in 0..6 {
        retriever.add(articles(80 + seed, 1_500 >> seed)).unwrap();
        retriever.commit().unwrap();
    }
    let asked = questions(79, 300);
    let report = retriever.calibrate(0.9, &asked).unwrap();
    assert!(report.graphs.len() > 1, "{report:?}");
    retriever.commit().unwrap();
    let step = report.graphs[0].outcome.unwrap();
    let searcher = retriever.searcher();
    let shares = asked.iter().map(|question| {
        let query = || Query::new(question).mode(Mode::Dense);
        let exact = searcher.search(query().exact()).unwrap();
        let last = exact.last().unwrap().score;
        let hits = searcher.search(query().ef_search(step.ef_search)).unwrap();
        hits.iter().filter(|hit| hit.score >= last).count() as f64 / exact.len() as f64
    });
    let measured = shares.sum::<f64>() / asked.len() as f64;
    assert!((measured - step.recall).abs() < 1e-9, "{measured} is not {}", step.recall);
    assert!(overall_recall(&searcher, 0.9) >= 0.9);
}

#[test]
fn filters_keep_the_recall_or_are_exact() {
    let mut retriever = poor_corpus();
    let numbered = articles(90, 5_000).zip(0..);
    retriever.add(numbered.map(|(article, number)| article.metadata("n", number))).unwrap();
    retriever.commit().unwrap();
    retriever.calibrate(0.9, &questions(91, 250)).unwrap();
    let asked = questions(92, 100);
    for (allowed, has_proof) in [(5_000, true), (3_000, true), (600, true), (40, false)] {
        let mut shares = Vec::new();
        for question in &asked {
            let filter = Filter::range("n", ..allowed);
            let query = || Query::new(question).mode(Mode::Dense).filter(filter.clone());
            let exact = retriever.search(query().exact()).unwrap();
            let hits = retriever.search(query().recall(0.9)).unwrap();
            let is_unproven = routes(&hits) == [Route::Scan(ScanReason::FilterNotMeasured)];
            assert_eq!(is_unproven, !has_proof, "{allowed}: {:?}", routes(&hits));
            let last = exact.last().unwrap().score;
            let found = hits.iter().filter(|hit| hit.score >= last).count();
            shares.push(found as f64 / exact.len() as f64);
        }
        let recall = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!(recall >= if has_proof { 0.9 } else { 1.0 }, "{allowed} allowed: {recall}");
    }
    let half = Query::new(&asked[0]).mode(Mode::Dense).filter(Filter::range("n", ..3_000));
    let hits = retriever.search(half.recall(0.9)).unwrap();
    assert!(matches!(routes(&hits)[..], [Route::Graph { .. }]), "{:?}", routes(&hits));
}

/// The neighbors of a question move into the segments that such a filter allows.
#[test]
fn a_filter_of_some_segments_is_exact() {
    let mut retriever = poor_corpus();
    for (seed, len) in [(95_u64, 5_000), (96, 300)] {
        let articles = articles(seed, len);
        retriever
            .add(articles.map(|article| article.metadata("seed", seed.cast_signed())))
            .unwrap();
        retriever.commit().unwrap();
    }
    retriever.calibrate(0.9, &questions(97, 250)).unwrap();
    let query = |seed: u64| {
        let seed = i64::try_from(seed).unwrap();
        Query::new("Strom").mode(Mode::Dense).recall(0.9).filter(Filter::equals("seed", seed))
    };
    let unproven = Route::Scan(ScanReason::FilterNotMeasured);
    assert_eq!(routes(&retriever.search(query(96)).unwrap()), [unproven; 2]);
    let [most, none] = routes(&retriever.search(query(95)).unwrap())[..] else { panic!("two") };
    assert!(matches!(most, Route::Graph { .. }), "a share of 1 beside one of .94: {most:?}");
    assert_eq!(none, unproven);
}

#[test]
fn removals_and_merges_keep_the_recall() {
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
    assert_eq!(retriever.stats().segments[0].removed, 0, "rewritten without removed articles");
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
    let deep = |k| Query::new("Strom").mode(Mode::Dense).k(k).recall(0.5);
    let hits = retriever.search(deep(Retriever::CALIBRATED_K + 1)).unwrap();
    assert_eq!(routes(&hits), [Route::Scan(ScanReason::RecallOutOfReach)]);
    let hits = retriever.search(deep(Retriever::CALIBRATED_K)).unwrap();
    assert!(matches!(hits.plan().dense[0].route, Route::Graph { .. }));
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
    let hits = by_recall(&retriever.searcher(), "Strom", 0.9);
    assert_eq!(routes(&hits), [Route::Scan(ScanReason::NotCalibrated)]);
}

#[test]
fn calibrating_can_be_cancelled() {
    let cancel = Cancel::new();
    let cancel_at_the_end = cancel.clone();
    let mut retriever = Retriever::builder()
        .embedder(FakeEmbedder::new(DIM))
        .index(IndexChoice::Hnsw(POOR))
        .cancel(&cancel)
        .progress(move |progress| {
            if progress.total == 200 && progress.done == 200 {
                cancel_at_the_end.cancel();
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
