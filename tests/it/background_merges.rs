//! Laws of background merges: writers do not wait for them, and they change no article.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use passim::{
    Article, CommitSchedule, Error, Hits, HnswParams, IndexChoice, Mode, Phase, Query, Retriever,
    RetrieverBuilder, Route, ScanReason, Searcher,
};
use passim_testkit::{
    FakeEmbedder, Seeded,
    index_model::{IndexState, builder},
};

const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 16 });
const DIM: usize = 8;

/// Holds a merge while it builds a graph.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    is_closed: bool,
    has_arrived: bool,
}

impl Gate {
    fn closed() -> Self {
        let gate = Self::default();
        gate.set(|state| *state = GateState { is_closed: true, has_arrived: false });
        gate
    }

    fn set(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn open(&self) {
        self.set(|state| state.is_closed = false);
    }

    /// Waits until a merge is at the gate.
    fn wait_for_merge(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| !state.has_arrived).unwrap());
    }

    fn pass(&self) {
        self.set(|state| state.has_arrived = true);
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.is_closed).unwrap());
    }

    /// Opens the gate soon, while the caller waits for the merge to end.
    fn open_soon(&self) {
        let gate = self.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            gate.open();
        });
    }
}

fn plain() -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::new(DIM)).index(GRAPH)
}

/// A builder whose merges wait at `gate`.
fn gated(gate: &Gate) -> RetrieverBuilder {
    let gate = gate.clone();
    plain().progress(move |progress| {
        if progress.phase == Phase::BuildGraph {
            gate.pass();
        }
    })
}

fn articles(keys: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
    keys.map(|key| Article::new(format!("{key:03}"), format!("Der Zug {key} hält in Wien.")))
}

/// A retriever in `folder` with 40 committed articles, whose merge waits at `gate`.
fn merging(folder: &Path, gate: &Gate) -> Retriever {
    let mut retriever = gated(gate).open_or_create(folder).unwrap();
    retriever.add(articles(0..40)).unwrap();
    assert_eq!(retriever.commit().unwrap(), 1);
    gate.wait_for_merge();
    retriever
}

fn exact(searcher: &Searcher) -> Hits {
    searcher.search(Query::new("Der Zug 7 hält").mode(Mode::Dense).k(100).exact()).unwrap()
}

fn keys(retriever: &Retriever) -> Vec<String> {
    retriever.keys().map(|key| key.unwrap().to_owned()).collect()
}

fn has_graph(retriever: &Retriever) -> bool {
    retriever.stats().segments.iter().all(|segment| segment.has_graph)
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_commit_is_searchable_before_its_graph() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let mut retriever = merging(folder.path(), &gate);
    let mut reader = plain().open_searcher(folder.path()).unwrap();
    let before = exact(&reader);
    assert_eq!((reader.generation(), before.len(), has_graph(&retriever)), (1, 40, false));
    let hits = retriever.search(Query::new("Wien").mode(Mode::Dense)).unwrap();
    assert_eq!(hits.plan().dense[0].route, Route::Scan(ScanReason::NoGraph));

    gate.open();
    retriever.wait_for_merges().unwrap();
    assert!(has_graph(&retriever));
    let hits = retriever.search(Query::new("Wien").mode(Mode::Dense)).unwrap();
    assert_ne!(hits.plan().dense[0].route, Route::Scan(ScanReason::NoGraph));
    // The merge is no new generation: it has the same articles.
    assert!(reader.reload().unwrap() && !reader.reload().unwrap());
    assert_eq!((reader.generation(), retriever.stats().generation), (1, 1));
    assert_eq!(exact(&reader), before);
    reader.excerpts(&before, 1).expect("hits of an earlier search stay valid");
    assert_eq!(retriever.commit().unwrap(), 1, "nothing is left to do");
    assert!(retriever.verify().unwrap().is_sound());
}

#[test]
fn an_unchanged_retriever_searches_the_last_merge() {
    let mut retriever = plain().in_memory().unwrap();
    retriever.add(articles(0..40)).unwrap();
    retriever.commit().unwrap();
    let mut searcher = retriever.searcher();
    while !has_graph(&retriever) {
        thread::sleep(Duration::from_millis(1));
    }
    let hits = retriever.search(Query::new("Wien").mode(Mode::Dense)).unwrap();
    assert_ne!(hits.plan().dense[0].route, Route::Scan(ScanReason::NoGraph));
    searcher.reload().unwrap();
    assert_eq!(searcher.generation(), 1);
}

#[test]
fn changes_during_a_merge_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let mut retriever = merging(folder.path(), &gate);
    assert!(retriever.remove("003").unwrap());
    let replaced = Article::new("005", "Neu ist der Text.");
    retriever.add([replaced.clone()]).unwrap();
    assert_eq!(retriever.commit().unwrap(), 2, "a commit does not wait");
    assert!(retriever.remove("006").unwrap());
    retriever.add(articles(90..91)).unwrap();

    gate.open();
    retriever.wait_for_merges().unwrap();
    assert_eq!((retriever.articles(), retriever.searcher().articles()), (39, 39));
    assert_eq!(retriever.article("005").unwrap(), Some(replaced));
    for (key, committed, own) in
        [("003", false, false), ("006", true, false), ("007", true, true), ("090", false, true)]
    {
        assert_eq!(retriever.searcher().article(key).unwrap().is_some(), committed, "{key}");
        assert_eq!(retriever.article(key).unwrap().is_some(), own, "{key}");
    }
    let own = keys(&retriever);
    assert_eq!(retriever.commit().unwrap(), 3);
    retriever.wait_for_merges().unwrap();
    assert_eq!(keys(&retriever), own);
    assert!(retriever.verify().unwrap().is_sound());
    drop(retriever);
    assert_eq!(keys(&plain().open(folder.path()).unwrap()), own);
}

#[test]
fn all_articles_of_a_merge_can_be_removed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let mut retriever = merging(folder.path(), &gate);
    articles(0..40).for_each(|article| assert!(retriever.remove(&article.key).unwrap()));
    assert_eq!(retriever.commit().unwrap(), 2);
    gate.open();
    retriever.wait_for_merges().unwrap();
    assert_eq!((retriever.articles(), retriever.stats().segments.len()), (0, 0));
    assert_eq!(files(folder.path()), 2, "the manifest and the lock");
}

#[test]
fn a_rollback_during_a_merge_returns_to_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let mut retriever = merging(folder.path(), &gate);
    let committed = keys(&retriever);
    for is_merged in [false, true] {
        retriever.remove("001").unwrap();
        retriever.add(articles(50..60)).unwrap();
        if is_merged {
            gate.open();
            retriever.wait_for_merges().unwrap();
        }
        assert_ne!(keys(&retriever), committed);
        retriever.rollback();
        assert_eq!(keys(&retriever), committed);
    }
    assert!(has_graph(&retriever));
    assert_eq!(retriever.commit().unwrap(), 1);
}

#[test]
fn dropping_a_retriever_ends_a_merge_and_loses_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let retriever = merging(folder.path(), &gate);
    assert!(matches!(plain().open(folder.path()), Err(Error::Locked { .. })));
    gate.open_soon();
    drop(retriever);
    // The lock is released after the thread has ended.
    let mut retriever = plain().open(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 3, "one segment, the manifest and the lock");
    assert_eq!((retriever.articles(), has_graph(&retriever)), (40, false));
    retriever.wait_for_merges().unwrap();
    assert!(has_graph(&retriever), "the next retriever finishes the merge");
    assert!(retriever.verify().unwrap().is_sound());
}

#[test]
fn compacting_replaces_a_running_merge() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let mut retriever = merging(folder.path(), &gate);
    retriever.remove("001").unwrap();
    retriever.add(articles(40..45)).unwrap();
    gate.open_soon();
    assert_eq!(retriever.compact().unwrap(), 2);
    let stats = retriever.stats();
    assert_eq!((stats.segments.len(), stats.articles, has_graph(&retriever)), (1, 44, true));
    assert_eq!(files(folder.path()), 3);
    retriever.wait_for_merges().unwrap();
    assert_eq!(retriever.stats(), stats, "nothing is left to merge");
}

#[test]
fn a_failed_merge_is_reported_once_and_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(true));
    let callback_fails = Arc::clone(&fails);
    let builder = plain().progress(move |progress| {
        let fails = callback_fails.load(Relaxed) && progress.phase == Phase::BuildGraph;
        assert!(!fails, "the callback fails");
    });
    let mut retriever = builder.create(folder.path()).unwrap();
    retriever.add(articles(0..40)).unwrap();
    retriever.commit().unwrap();
    let is_panic = |error: Error| match error {
        Error::BackgroundMerge(cause) => matches!(&*cause, Error::MergePanic(_)),
        _ => false,
    };
    assert!(is_panic(retriever.wait_for_merges().unwrap_err()));
    assert!(is_panic(retriever.wait_for_merges().unwrap_err()), "a call repeats the merge");

    retriever.add(articles(40..50)).unwrap();
    fails.store(false, Relaxed);
    assert_eq!(retriever.commit().unwrap(), 2, "the failure was reported");
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(retriever.articles(), 50);
    retriever.wait_for_merges().unwrap();
    assert!(has_graph(&retriever));
}

#[test]
fn a_commit_reports_a_failed_merge_before_it_does_anything() {
    let builder = plain().progress(|progress| {
        assert_ne!(progress.phase, Phase::BuildGraph, "the callback fails");
    });
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles(0..40)).unwrap();
    retriever.commit().unwrap();
    let mut generation = 1;
    let error = loop {
        retriever.add(articles(40..50)).unwrap();
        match retriever.commit() {
            Ok(committed) => generation = committed,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::BackgroundMerge(_)), "{error}");
    assert_eq!(retriever.searcher().generation(), generation);
    assert_eq!(retriever.commit().unwrap(), generation + 1, "the next call commits");
}

#[test]
fn without_background_merges_a_commit_builds_the_graph() {
    let mut retriever = plain().merge_threads(0).in_memory().unwrap();
    retriever.add(articles(0..40)).unwrap();
    retriever.commit().unwrap();
    assert!(has_graph(&retriever));
    retriever.wait_for_merges().unwrap();
}

#[test]
fn waiting_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let cancel = passim::Cancel::new();
    let mut retriever = gated(&gate).cancel(&cancel).create(folder.path()).unwrap();
    retriever.add(articles(0..40)).unwrap();
    retriever.commit().unwrap();
    gate.wait_for_merge();
    cancel.cancel();
    assert!(matches!(retriever.wait_for_merges(), Err(Error::Cancelled)));
    cancel.reset();
    gate.open();
    retriever.wait_for_merges().unwrap();
    assert!(has_graph(&retriever), "the merge went on");
}

#[test]
fn a_recall_before_the_calibration_compares_all() {
    let mut retriever = plain().in_memory().unwrap();
    retriever.add(articles(0..60)).unwrap();
    retriever.commit().unwrap();
    let query = || Query::new("Der Zug 9").mode(Mode::Dense).recall(0.9);
    let right = exact_keys(&retriever);
    // Whether the graph is published or not, the answer is the same.
    retriever.search(query()).unwrap();
    retriever.wait_for_merges().unwrap();
    let hits = retriever.search(query()).unwrap();
    assert_eq!(hits.plan().dense[0].route, Route::Scan(ScanReason::NotCalibrated));
    assert_eq!(hits.iter().map(|hit| hit.article.clone()).collect::<Vec<_>>(), right);

    let questions: Vec<String> = (0..60).map(|at| format!("Wo hält der Zug {at}?")).collect();
    let report = retriever.calibrate(0.5, &questions).unwrap();
    assert_eq!(report.graphs.len(), 1, "it waits for the graph");
    retriever.commit().unwrap();
    // A graph that is built later is calibrated before it is published.
    retriever.add(articles(100..300)).unwrap();
    retriever.commit().unwrap();
    retriever.wait_for_merges().unwrap();
    let later = retriever.calibration().unwrap();
    assert_eq!(later.graphs.iter().map(|graph| graph.passages).sum::<usize>(), 260);
}

fn exact_keys(retriever: &Retriever) -> Vec<String> {
    let query = Query::new("Der Zug 9").mode(Mode::Dense).exact();
    retriever.search(query).unwrap().iter().map(|hit| hit.article.clone()).collect()
}

#[test]
fn a_calibration_during_a_merge_holds_for_the_merged_graph() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = plain().create(folder.path()).unwrap();
    retriever.calibrate(0.5, &["Wo?"]).unwrap();
    retriever.add(articles(0..40)).unwrap();
    // Uncommitted, so the merge of the next commit is calibrated with these questions.
    retriever.calibrate(0.5, &["Wo?", "Wann?"]).unwrap();
    retriever.commit().unwrap();
    retriever.wait_for_merges().unwrap();
    let report = retriever.calibration().unwrap();
    assert_eq!((report.questions, report.graphs.len()), (2, 1));
    drop(retriever);
    assert_eq!(plain().open(folder.path()).unwrap().calibration(), Some(report));
}

#[test]
fn a_merge_calibrates_all_graphs_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = plain().create(folder.path()).unwrap();
    retriever.add(articles(0..2_000)).unwrap();
    retriever.commit().unwrap();
    retriever.wait_for_merges().unwrap();
    let questions: Vec<String> = (0..60).map(|at| format!("Wo hält der Zug {at}?")).collect();
    assert_eq!(retriever.calibrate(0.5, &questions).unwrap().graphs.len(), 1);
    retriever.commit().unwrap();
    retriever.add(articles(2_000..2_030)).unwrap();
    retriever.commit().unwrap();
    // An uncommitted change keeps its segment, but gets the new calibration.
    assert!(retriever.remove("007").unwrap());
    retriever.wait_for_merges().unwrap();
    let later = retriever.calibration().unwrap();
    assert_eq!(later.graphs.len(), 2, "{later:?}");
    assert_eq!(later.graphs[0].ladder, later.graphs[1].ladder);
    retriever.commit().unwrap();
    drop(retriever);
    assert_eq!(plain().open(folder.path()).unwrap().calibration(), Some(later));
}

#[test]
fn writes_of_a_shared_retriever_do_not_wait_for_merges() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let retriever = merging(folder.path(), &gate);
    let shared = retriever.into_shared(CommitSchedule::on_demand()).unwrap();
    shared.add(articles(40..45)).unwrap();
    shared.remove("001").unwrap();
    assert_eq!(shared.commit().unwrap(), 2);
    assert_eq!(shared.stats().articles, 44);
    assert!(!shared.stats().segments[0].has_graph, "the merge has not ended");

    let waiting = shared.clone();
    let waiter = thread::spawn(move || waiting.wait_for_merges());
    shared.add(articles(45..46)).unwrap();
    gate.open();
    waiter.join().unwrap().unwrap();
    shared.commit().unwrap();
    shared.wait_for_merges().unwrap();
    assert!(shared.stats().segments.iter().all(|segment| segment.has_graph));
    assert_eq!(shared.stats().articles, 45);
    shared.close().unwrap();
    assert!(matches!(shared.wait_for_merges(), Err(Error::Closed)));
    assert_eq!(plain().open(folder.path()).unwrap().articles(), 45);
}

/// Writers, commits, merges and rollbacks of many threads: each commit has whole articles, and nothing
/// is lost.
#[test]
fn changes_beside_commits_belong_to_the_next_one() {
    const WRITERS: usize = 3;
    const ROUNDS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let retriever = plain().create(folder.path()).unwrap();
    let schedule = CommitSchedule::on_demand().every(Duration::from_millis(3));
    let shared = retriever.into_shared(schedule).unwrap();
    let text = |writer: usize, round: usize| format!("Fassung {round} von {writer}.");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let shared = &shared;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // The last of these versions of one key counts; each other key is removed again.
                    let article = Article::new(writer.to_string(), text(writer, round));
                    let other = Article::new(format!("{writer}/{round}"), text(writer, round));
                    shared.add([article, other]).unwrap();
                    if round % 2 == 0 {
                        assert!(shared.remove(&format!("{writer}/{round}")).unwrap());
                    }
                    if round % 7 == writer {
                        shared.commit().unwrap();
                    }
                    if round == ROUNDS / 2 && writer == 0 {
                        shared.compact().unwrap();
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
    });
    shared.wait_for_merges().unwrap();
    shared.close().unwrap();
    let retriever = plain().open(folder.path()).unwrap();
    assert_eq!(retriever.articles(), WRITERS + WRITERS * ROUNDS / 2);
    for writer in 0..WRITERS {
        let article = retriever.article(&writer.to_string()).unwrap().unwrap();
        assert_eq!(article.text, text(writer, ROUNDS - 1));
        for round in 0..ROUNDS {
            let kept = retriever.article(&format!("{writer}/{round}")).unwrap();
            assert_eq!(kept.is_some(), round % 2 == 1, "{writer}/{round}");
        }
    }
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(files(folder.path()), retriever.verify().unwrap().files + 1);
}

#[test]
fn closing_a_shared_retriever_ends_a_merge() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let retriever = merging(folder.path(), &gate);
    let shared = retriever.into_shared(CommitSchedule::default()).unwrap();
    shared.add(articles(40..45)).unwrap();
    gate.open_soon();
    assert_eq!(shared.close().unwrap(), 2);
    let mut retriever = plain().open(folder.path()).unwrap();
    assert_eq!(retriever.articles(), 45);
    retriever.wait_for_merges().unwrap();
    assert!(has_graph(&retriever));
}

/// Random edits, commits, rollbacks and reopening beside merges leave the content of a model.
#[test]
fn merges_beside_random_changes_change_nothing() {
    const SEED: u64 = 77;
    let folder = tempfile::tempdir().unwrap();
    let mut random = Seeded(SEED);
    let mut state = IndexState::default();
    let mut retriever = builder().create(folder.path()).unwrap();
    let mut reader = builder().open_searcher(folder.path()).unwrap();
    for _ in 0..250 {
        let edits: Vec<_> = (0..random.below(4)).map(|_| state.edit(&mut random)).collect();
        for edit in &edits {
            edit.make(&mut retriever).unwrap();
            thread::sleep(Duration::from_micros(random.below(2_000) as u64));
        }
        state.with(&edits).check_uncommitted(&retriever).unwrap();
        retriever.rollback();
        state.check_uncommitted(&retriever).unwrap();
        match random.below(12) {
            0 => retriever.wait_for_merges().unwrap(),
            1 => {
                drop(retriever);
                retriever = builder().open(folder.path()).unwrap();
            }
            _ => {}
        }
        let round = state.round(SEED);
        round.edit(&mut retriever).unwrap();
        round.commit(&mut retriever).unwrap();
        state = state.after(&round);
        state.check(&retriever.searcher(), &mut random).unwrap();
        reader.reload().unwrap();
        state.check(&reader, &mut random).unwrap();
    }
    retriever.wait_for_merges().unwrap();
    state.check(&retriever.searcher(), &mut random).unwrap();
    assert!(has_graph(&retriever) && retriever.verify().unwrap().is_sound());
    drop(retriever);
    let retriever = builder().open(folder.path()).unwrap();
    state.check(&retriever.searcher(), &mut random).unwrap();
    assert_eq!(files(folder.path()), retriever.verify().unwrap().files + 1);
}
