//! Laws of a shared retriever: readers see whole commits, and no failure of a commit is lost.

use std::{
    fs,
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{
    Article, CommitSchedule, EmbeddedArticle, Error, HnswParams, IndexChoice, Phase, Query,
    Retriever, RetrieverBuilder, Searcher, SharedRetriever,
};
use passim_testkit::{FakeEmbedder, corpus};

/// Limit of all waits: a test fails after it.
const LONG: Duration = Duration::from_mins(1);
const WRITERS: usize = 4;
const ARTICLES: usize = 3;

fn builder() -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::new(16))
}

fn on_demand(retriever: Retriever) -> SharedRetriever {
    retriever.into_shared(CommitSchedule::on_demand()).unwrap()
}

fn every(retriever: Retriever, millis: u64) -> SharedRetriever {
    let schedule = CommitSchedule::on_demand().every(Duration::from_millis(millis));
    retriever.into_shared(schedule).unwrap()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// An article of several passages, each of which has the number of the version.
fn version(writer: usize, article: usize, version: u64) -> Article {
    let paragraph = format!("Fassung {version} beschreibt das Moor. ").repeat(30);
    Article::new(format!("{writer}/{article}"), [paragraph.as_str(); 4].join("\n\n"))
}

fn versions(writer: usize, number: u64) -> impl Iterator<Item = Article> {
    (0..ARTICLES).map(move |article| version(writer, article, number))
}

/// The version of a text; all of the text must be of it.
fn version_of(text: &str) -> u64 {
    let numbers = text.split("Fassung ").skip(1);
    let mut numbers = numbers.map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
    let first = numbers.next().expect("a text of a version");
    assert!(numbers.all(|number: u64| number == first), "two versions in {text}");
    first
}

/// Checks that the hits of each writer's articles are whole, and of one version for each writer.
/// Returns the versions.
fn found_versions(searcher: &Searcher) -> Vec<u64> {
    let hits = searcher.search(Query::new("Fassung Moor").k(1_000)).unwrap();
    assert_eq!(hits.len(), searcher.passages());
    let of_writer = |writer: usize| {
        let is_own = |article: &str| article.starts_with(&format!("{writer}/"));
        let own = hits.iter().filter(|hit| is_own(&hit.article));
        let mut versions: Vec<u64> = own.map(|hit| version_of(&hit.text)).collect();
        versions.dedup();
        assert!(versions.len() <= 1, "writer {writer}: {versions:?}");
        versions.first().copied().unwrap_or_default()
    };
    (0..WRITERS).map(of_writer).collect()
}

#[test]
fn readers_see_the_last_commit_alone() {
    const ROUNDS: u64 = 8;
    let temp = tempfile::tempdir().unwrap();
    let shared = on_demand(builder().create(temp.path().join("index")).unwrap());
    let written = Barrier::new(WRITERS + 1);
    let committed = Barrier::new(WRITERS + 1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let shared = shared.clone();
            let written = &written;
            let committed = &committed;
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    shared.add(versions(writer, round)).unwrap();
                    written.wait();
                    committed.wait();
                }
            });
        }
        for _ in 0..WRITERS {
            let shared = shared.clone();
            let done = &done;
            scope.spawn(move || {
                let mut last = 0;
                while last < ROUNDS && !done.load(Relaxed) {
                    let searcher = shared.searcher();
                    let generation = searcher.generation();
                    // Round and generation agree, so an uncommitted article is a newer version.
                    assert_eq!(found_versions(&searcher), [generation; WRITERS]);
                    assert!(generation >= last, "{generation} after {last}");
                    last = generation;
                    for key in shared.keys().unwrap() {
                        let article = shared.article(&key).unwrap().unwrap();
                        assert!(version_of(&article.text) >= generation);
                    }
                }
            });
        }
        for round in 1..=ROUNDS {
            written.wait();
            assert_eq!(shared.commit().unwrap(), round);
            committed.wait();
        }
        done.store(true, Relaxed);
    });
    assert_eq!(found_versions(&shared.searcher()), [ROUNDS; WRITERS]);
    assert!(shared.verify().unwrap().is_sound());
}

#[test]
fn busy_writers_do_not_hold_up_commits_or_readers() {
    let temp = tempfile::tempdir().unwrap();
    let shared = every(builder().create(temp.path().join("index")).unwrap(), 5);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let shared = shared.clone();
            let done = &done;
            scope.spawn(move || {
                let mut number = 0;
                while !done.load(Relaxed) {
                    number += 1;
                    shared.add(versions(writer, number)).unwrap();
                }
                number
            });
        }
        for reader in 0..WRITERS {
            let shared = shared.clone();
            let done = &done;
            let temp = &temp;
            scope.spawn(move || {
                let mut last = vec![0; WRITERS];
                for round in 0.. {
                    if done.load(Relaxed) {
                        break;
                    }
                    let found = found_versions(&shared.searcher());
                    let grows = found.iter().zip(&last).all(|(found, last)| found >= last);
                    assert!(grows, "{found:?} after {last:?}");
                    last = found;
                    assert!(shared.verify().unwrap().is_sound());
                    let copy = temp.path().join(format!("copy {reader} {round}"));
                    shared.backup(&copy).unwrap();
                    found_versions(&builder().open_searcher(&copy).unwrap());
                    fs::remove_dir_all(copy).unwrap();
                }
            });
        }
        let started = Instant::now();
        while shared.generation() < 10 && started.elapsed() < LONG {
            thread::sleep(Duration::from_millis(1));
        }
        done.store(true, Relaxed);
    });
    assert!(shared.generation() >= 10, "{}", shared.generation());
}

#[test]
fn a_change_is_committed_after_the_interval() {
    let started = Instant::now();
    let shared = every(builder().in_memory().unwrap(), 60);
    shared.add([Article::new("a", "Moore wachsen.")]).unwrap();
    assert!(shared.article("a").unwrap().is_none() || started.elapsed().as_millis() >= 60);
    wait_until("the interval is over", || shared.generation() == 1);
    assert!(started.elapsed() >= Duration::from_millis(60), "{:?}", started.elapsed());
    assert!(shared.article("a").unwrap().is_some());
    // Without a change there is nothing to commit.
    thread::sleep(Duration::from_millis(150));
    assert_eq!(shared.generation(), 1);
    assert!(shared.remove("a").unwrap());
    wait_until("a removal is a change", || shared.generation() == 2);
}

#[test]
fn many_changed_passages_are_committed_at_once() {
    let schedule = CommitSchedule::on_demand().after_passages(3);
    let shared = builder().in_memory().unwrap().into_shared(schedule).unwrap();
    let add = |key: &str| shared.add([Article::new(key, "Moore wachsen.")]).unwrap();
    add("a");
    add("b");
    thread::sleep(Duration::from_millis(50));
    assert_eq!(shared.generation(), 0);
    add("c");
    wait_until("three passages are new", || shared.generation() == 1);
    // One passage is replaced, and one is removed.
    add("a");
    shared.remove("b").unwrap();
    wait_until("three passages have changed", || shared.generation() == 2);
    assert_eq!(shared.keys().unwrap(), ["a", "c"]);
}

/// A corpus whose folder is away, so that commits fail.
struct AbsentFolder<'f> {
    folder: &'f Path,
    away: std::path::PathBuf,
}

impl<'f> AbsentFolder<'f> {
    fn of(folder: &'f Path) -> Self {
        let away = folder.with_extension("away");
        fs::rename(folder, &away).unwrap();
        Self { folder, away }
    }

    fn restore(self) {
        fs::rename(self.away, self.folder).unwrap();
    }
}

/// Waits until a write fails, and returns its error.
fn failing_write(shared: &SharedRetriever) -> Error {
    let mut failure = None;
    wait_until("a commit fails", || {
        failure = shared.remove("no such article").err();
        failure.is_some()
    });
    failure.unwrap()
}

fn is_failed_write(error: &Error) -> bool {
    matches!(error, Error::BackgroundCommit(cause) if matches!(**cause, Error::Write { .. }))
}

#[test]
fn a_failed_background_commit_stops_writes_until_it_heals() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let shared = every(builder().create(&folder).unwrap(), 5);
    shared.add([Article::new("a", "Moore wachsen.")]).unwrap();
    assert_eq!(shared.commit().unwrap(), 1);

    let absent = AbsentFolder::of(&folder);
    shared.add([Article::new("b", "Der Zug fährt.")]).unwrap();
    let error = failing_write(&shared);
    assert!(is_failed_write(&error), "{error:?}");
    let refused = [Article::new("c", "Brot braucht Zeit.")];
    assert!(is_failed_write(&shared.add(refused.clone()).unwrap_err()));
    assert!(matches!(shared.commit(), Err(Error::Write { .. })), "the error of this commit");
    assert_eq!(shared.search("Moor").unwrap()[0].article, "a", "reads go on");
    assert_eq!((shared.generation(), shared.keys().unwrap()), (1, vec!["a".to_owned()]));

    absent.restore();
    wait_until("the commit is repeated", || shared.generation() == 2);
    wait_until("writes run again", || shared.add(refused.clone()).is_ok());
    shared.close().unwrap();
    let reopened = builder().open(&folder).unwrap();
    assert_eq!(reopened.keys().collect::<passim::Result<Vec<_>>>().unwrap(), ["a", "b", "c"]);
}

#[test]
fn commit_and_rollback_end_the_state_of_failure() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let schedule = CommitSchedule::on_demand().after_passages(1);
    let shared = builder().create(&folder).unwrap().into_shared(schedule).unwrap();
    let add = |key: &str| shared.add([Article::new(key, "Moore wachsen.")]).map(drop);

    let absent = AbsentFolder::of(&folder);
    add("a").unwrap();
    assert!(is_failed_write(&failing_write(&shared)));
    absent.restore();
    assert_eq!(shared.commit().unwrap(), 1);
    add("b").unwrap();
    wait_until("commits run again", || shared.generation() == 2);

    let absent = AbsentFolder::of(&folder);
    add("c").unwrap();
    assert!(is_failed_write(&failing_write(&shared)));
    shared.rollback().unwrap();
    absent.restore();
    add("d").unwrap();
    wait_until("commits run again", || shared.generation() == 3);
    assert_eq!(shared.keys().unwrap(), ["a", "b", "d"]);
}

#[test]
fn a_panic_of_the_progress_callback_is_an_error() {
    let panics = |phase| assert_ne!(phase, Phase::BuildGraph, "a panic of the test");
    let retriever = builder()
        .index(IndexChoice::Hnsw(HnswParams::default()))
        .merge_threads(0)
        .progress(move |progress| panics(progress.phase))
        .in_memory()
        .unwrap();
    let shared = every(retriever, 0);
    shared.add(corpus::articles(1, 20, 10)).unwrap();
    let error = failing_write(&shared);
    let is_panic = matches!(&error, Error::BackgroundCommit(cause) if matches!(**cause, Error::CommitPanic(_)));
    assert!(is_panic, "{error:?}");
    let cause = std::error::Error::source(&error).unwrap();
    let cause = std::error::Error::source(cause).unwrap().to_string();
    assert!(cause.contains("a panic of the test"), "{cause}");
    assert!(matches!(shared.close(), Err(Error::CommitPanic(_))));
    shared.rollback().unwrap();
    assert_eq!(shared.close().unwrap(), 0);
}

#[test]
fn close_commits_and_releases_the_lock() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let shared = every(builder().create(&folder).unwrap(), 3_600_000);
    let clone = shared.clone();
    clone.add([Article::new("a", "Moore wachsen.")]).unwrap();
    assert!(matches!(builder().open(&folder), Err(Error::Locked { .. })));
    assert_eq!(shared.close().unwrap(), 1);

    let mut retriever = builder().open(&folder).unwrap();
    assert_eq!(retriever.articles(), 1);
    let article = [Article::new("b", "Der Zug fährt.")];
    assert!(matches!(clone.add(article.clone()), Err(Error::Closed)));
    assert!(matches!(clone.sync(article.clone()), Err(Error::Closed)));
    assert!(matches!(clone.remove("a"), Err(Error::Closed)));
    assert!(matches!(clone.commit(), Err(Error::Closed)));
    assert!(matches!(clone.rollback(), Err(Error::Closed)));
    retriever.add(article).unwrap();
    retriever.commit().unwrap();
    assert_eq!(clone.search("Moor").unwrap()[0].article, "a");
    assert_eq!((clone.keys().unwrap().len(), clone.close().unwrap()), (1, 1));
}

#[test]
fn close_returns_the_error_of_the_last_commit() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let shared = on_demand(builder().create(&folder).unwrap());
    let absent = AbsentFolder::of(&folder);
    shared.add([Article::new("a", "Moore wachsen.")]).unwrap();
    assert!(matches!(shared.close(), Err(Error::Write { .. })));
    absent.restore();
    shared.add([Article::new("b", "Der Zug fährt.")]).unwrap();
    assert_eq!(shared.close().unwrap(), 1);
    assert_eq!(builder().open(&folder).unwrap().articles(), 2);
}

#[test]
fn dropping_the_last_clone_commits_and_releases_the_lock() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let mut retriever = builder().create(&folder).unwrap();
    retriever.add([Article::new("a", "Moore wachsen.")]).unwrap();
    let shared = every(retriever, 3_600_000);
    let clone = shared.clone();
    shared.add([Article::new("b", "Der Zug fährt.")]).unwrap();
    drop(shared);
    assert_eq!(clone.generation(), 0);
    drop(clone);
    assert_eq!(builder().open(&folder).unwrap().articles(), 2);
}

#[test]
fn each_call_is_that_of_a_retriever() {
    let temp = tempfile::tempdir().unwrap();
    let shared = on_demand(builder().create(temp.path().join("index")).unwrap());
    let mut retriever = builder().create(temp.path().join("other")).unwrap();
    let samples = corpus::samples();
    assert_eq!(shared.add(samples.clone()).unwrap().articles, samples.len());
    retriever.add(samples.clone()).unwrap();
    assert_eq!(shared.upsert(samples[..3].to_vec()).unwrap().unchanged, 3);
    let unknown = Article::new("", "Ein Artikel ohne Schlüssel.");
    let refused = shared.add([samples[0].clone().title("neu"), unknown]);
    assert!(matches!(refused, Err(Error::EmptyKey { position: 1 })));
    assert!(shared.remove(&samples[5].key).unwrap() && !shared.remove("nichts").unwrap());
    retriever.remove(&samples[5].key).unwrap();
    assert_eq!((shared.commit().unwrap(), retriever.commit().unwrap()), (1, 1));

    let questions = ["Moor", "Was kostet der Zug?"];
    assert_eq!(shared.search_many(&questions).unwrap(), retriever.search_many(&questions).unwrap());
    let hits = shared.search(questions[0]).unwrap();
    assert_eq!(hits, retriever.search(questions[0]).unwrap());
    let key = hits[0].article.as_str();
    assert_eq!(shared.related(key, 3).unwrap(), retriever.related(key, 3).unwrap());
    let highlights = retriever.highlights(questions[0], &hits[0]).unwrap();
    assert_eq!(shared.highlights(questions[0], &hits[0]).unwrap(), highlights);
    assert_eq!(shared.excerpts(&hits, 1).unwrap(), retriever.excerpts(&hits, 1).unwrap());
    assert_eq!(shared.context(&hits, 500).unwrap(), retriever.context(&hits, 500).unwrap());
    assert_eq!(shared.article(key).unwrap(), retriever.article(key).unwrap());
    assert_eq!(shared.stats(), retriever.stats());
    assert_eq!(shared.verify().unwrap(), retriever.verify().unwrap());
    assert_eq!(shared.chunker(), retriever.chunker());

    let embedded: Vec<EmbeddedArticle> =
        retriever.searcher().iter_embedded().collect::<passim::Result<_>>().unwrap();
    assert_eq!(shared.add_embedded(embedded.clone()).unwrap().articles, samples.len() - 1);
    assert_eq!(shared.upsert_embedded(embedded).unwrap().unchanged, samples.len() - 1);
    assert!(shared.calibrate(0.9, &questions).unwrap().is_reached());
    shared.search(Query::new("Moor").recall(0.9)).unwrap();
    let report = shared.sync(samples[..4].to_vec()).unwrap();
    assert_eq!(report.removed, samples.len() - 5);
    shared.compact().unwrap();
    assert_eq!(shared.stats().segments.len(), 1);
    let backup = shared.backup(temp.path().join("copy")).unwrap();
    assert_eq!(backup.generation, shared.generation());
}

#[test]
fn invalid_schedules_are_refused() {
    let schedule = CommitSchedule::default().after_passages(0);
    let error = builder().in_memory().unwrap().into_shared(schedule).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "after_passages", .. }), "{error}");
    let endless = CommitSchedule::on_demand().every(Duration::MAX);
    let shared = builder().in_memory().unwrap().into_shared(endless).unwrap();
    shared.add([Article::new("a", "Moore wachsen.")]).unwrap();
    assert_eq!((shared.generation(), shared.close().unwrap()), (0, 1));
    assert!(matches!(shared.backup("nowhere"), Err(Error::NotInFolder)));
}
