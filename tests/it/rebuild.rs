//! Laws of rebuilding an index with another model, and of reading its articles.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use passim::{
    Article, Cancel, Chunker, Date, Error, Language, Markup, Query, Result, Retriever, Role,
    Searcher, Timestamp, Value,
};
use passim_testkit::{EmbedLog, FakeEmbedder, Seeded, corpus};
use tempfile::TempDir;

fn old_model() -> FakeEmbedder {
    FakeEmbedder::new(8)
}

fn new_model() -> FakeEmbedder {
    FakeEmbedder::new(24).seed(5).named("another model", 77)
}

/// Articles with everything that an article can hold.
fn articles() -> Vec<Article> {
    let day: Date = "2024-02-29".parse().unwrap();
    let instant: Timestamp = "2024-06-03T10:30:00.25Z".parse().unwrap();
    let mut articles = vec![
        Article::new("leer", "").title("Ohne Text").metadata("n", 1),
        Article::new("leer.md", " \n").markup(Markup::Markdown),
        Article::new("über/ä", "  Zwei Zeilen.\r\n\n\tUnd Raum. \n").language(Language::German),
        Article::new("a.md", "# Kopf\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n# Code\n```\n")
            .markup(Markup::Markdown)
            .title(" Titel ")
            .metadata("day", day)
            .metadata("at", instant)
            .metadata("big", u64::MAX)
            .metadata("f", -0.5)
            .metadata("yes", true)
            .metadata("list", Value::List(vec![1.into(), "zwei".into(), day.into()])),
        Article::new("fr", "Le chat dort.").language("fr".parse().unwrap()),
        Article::new("auto", "The bridge is repaired in the summer of the year."),
    ];
    articles.extend(corpus::articles(3, 40, 60));
    articles
}

/// An index of [`articles`] in several segments, from which an article was removed.
fn index() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let builder = Retriever::builder().embedder(old_model());
    let mut retriever =
        builder.chunker(Chunker::default().max_tokens(20)).create(folder.path()).unwrap();
    let articles = articles();
    for part in articles.chunks(17) {
        retriever.add(part.iter().cloned()).unwrap();
        retriever.commit().unwrap();
    }
    retriever.add([Article::new("zuviel", "Das ist zu viel.")]).unwrap();
    retriever.commit().unwrap();
    retriever.remove("zuviel").unwrap();
    retriever.commit().unwrap();
    folder
}

/// The articles in the order of `keys`.
fn sorted() -> Vec<Article> {
    let mut articles = articles();
    articles.sort_by(|a, b| a.key.cmp(&b.key));
    articles
}

fn read_all(searcher: &Searcher) -> Vec<Article> {
    searcher.iter_articles().collect::<Result<_>>().unwrap()
}

/// Article and byte range of every passage, in order.
fn passages(searcher: &Searcher) -> Vec<(String, usize, usize)> {
    let hits = searcher.search(Query::from_vector(vec![1.0; searcher.embedder().dim()]).k(10_000));
    let place = |hit: &passim::Hit| (hit.article.clone(), hit.range.start, hit.range.end);
    let mut places: Vec<_> = hits.unwrap().iter().map(place).collect();
    places.sort();
    places
}

fn open(folder: &Path, model: FakeEmbedder) -> Result<Searcher> {
    Retriever::builder().embedder(model).open_searcher(folder)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn articles_are_read_in_the_order_of_their_keys() {
    let folder = index();
    let searcher = open(folder.path(), old_model()).unwrap();
    let articles = read_all(&searcher);
    assert_eq!(articles, sorted());
    let keys: Vec<&str> = searcher.keys().collect::<Result<_>>().unwrap();
    assert!(keys.iter().eq(articles.iter().map(|article| &article.key)));
}

#[test]
fn a_rebuilt_index_has_the_same_articles_and_new_vectors() {
    let folder = index();
    let mut searcher = open(folder.path(), old_model()).unwrap();
    let before = passages(&searcher);
    let question = sorted()[5].text.clone();
    let old_hits = searcher.search(question.as_str()).unwrap();

    let rebuilt = Retriever::rebuild(folder.path(), new_model()).unwrap();
    assert_eq!(rebuilt.embedder().dim(), 24);
    assert_eq!(read_all(&rebuilt.searcher()), sorted());
    // The chunker of the index is kept.
    assert_eq!(passages(&rebuilt.searcher()), before);
    assert!(rebuilt.verify().unwrap().is_sound());
    let hits = rebuilt.search(question.as_str()).unwrap();
    drop(rebuilt);

    // A rebuilt index is one that was built with the new model.
    let mut fresh = Retriever::builder()
        .embedder(new_model())
        .chunker(Chunker::default().max_tokens(20))
        .in_memory()
        .unwrap();
    fresh.add(articles()).unwrap();
    assert_eq!(hits, fresh.search(question.as_str()).unwrap());

    // An open searcher keeps the old index.
    assert_eq!(searcher.search(question.as_str()).unwrap(), old_hits);
    let error = searcher.reload().unwrap_err();
    assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
    assert_eq!(searcher.search(question.as_str()).unwrap(), old_hits);
    assert!(matches!(open(folder.path(), old_model()), Err(Error::ModelMismatch { .. })));
    assert_eq!(open(folder.path(), new_model()).unwrap().search(question).unwrap(), hits);
}

#[test]
fn settings_of_the_builder_apply_to_a_rebuild() {
    let folder = index();
    let builder = || Retriever::builder().embedder(new_model()).verify_model(true);
    let mut rebuilt =
        builder().chunker(Chunker::default().max_tokens(9)).rebuild(folder.path()).unwrap();
    let more = passages(&rebuilt.searcher()).len();
    assert!(more > passages(&open(index().path(), old_model()).unwrap()).len());
    rebuilt.add([Article::new("neu", "Ein neuer Text.")]).unwrap();
    rebuilt.commit().unwrap();
    drop(rebuilt);
    let reopened = builder().open(folder.path()).unwrap();
    assert_eq!(reopened.articles(), articles().len() + 1);
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_index() {
    let folder = index();
    let files = names(folder.path());
    let reader = open(folder.path(), old_model()).unwrap();
    let refusing = new_model().refusing(Role::Passage);
    assert!(Retriever::rebuild(folder.path(), refusing).is_err());
    assert_eq!(names(folder.path()), files);

    let cancel = Cancel::new();
    let cancel_soon = cancel.clone();
    let builder = Retriever::builder().embedder(new_model()).cancel(&cancel).checkpoint(1);
    let outcome = builder.progress(move |_| cancel_soon.cancel()).rebuild(folder.path());
    assert!(matches!(outcome, Err(Error::Cancelled)));
    assert_eq!(names(folder.path()), files);
    assert_eq!(read_all(&open(folder.path(), old_model()).unwrap()), sorted());
    assert_eq!(passages(&reader), passages(&open(folder.path(), old_model()).unwrap()));

    let rebuilt = Retriever::rebuild(folder.path(), new_model()).unwrap();
    assert_eq!(read_all(&rebuilt.searcher()), sorted());
}

#[test]
fn a_rebuild_takes_the_lock_of_the_writer() {
    let folder = index();
    let writer = Retriever::builder().embedder(old_model()).open(folder.path()).unwrap();
    let outcome = Retriever::rebuild(folder.path(), new_model());
    assert!(matches!(outcome, Err(Error::Locked { .. })));
    drop(writer);
    let rebuilt = Retriever::rebuild(folder.path(), new_model()).unwrap();
    let outcome = Retriever::builder().embedder(new_model()).open(folder.path());
    assert!(matches!(outcome, Err(Error::Locked { .. })));
    drop(rebuilt);
    let empty = tempfile::tempdir().unwrap();
    let outcome = Retriever::rebuild(empty.path(), new_model());
    assert!(matches!(outcome, Err(Error::NoIndex { .. })));
    assert!(names(empty.path()).is_empty());
}

#[test]
fn an_empty_index_gets_the_new_model() {
    let folder = tempfile::tempdir().unwrap();
    drop(Retriever::builder().embedder(old_model()).create(folder.path()).unwrap());
    let rebuilt = Retriever::rebuild(folder.path(), new_model()).unwrap();
    assert_eq!((rebuilt.articles(), rebuilt.passages()), (0, 0));
    drop(rebuilt);
    assert!(open(folder.path(), new_model()).is_ok());
}

#[test]
fn a_rebuild_uses_cached_vectors_of_its_model_alone() {
    let folder = index();
    let cached = |model| Retriever::builder().embedder(model).embedding_cache(1 << 20);
    // The cache holds the vectors of the old model.
    drop(cached(old_model()).rebuild(folder.path()).unwrap());
    let log = EmbedLog::default();
    let embedded = |log: &EmbedLog| log.lock().unwrap().drain(..).count();

    let rebuilt = cached(new_model().logging(&log)).rebuild(folder.path()).unwrap();
    let distinct = embedded(&log);
    assert!(distinct > 40 && distinct <= rebuilt.passages(), "{distinct}");
    drop(rebuilt);
    drop(cached(new_model().logging(&log)).rebuild(folder.path()).unwrap());
    assert_eq!(embedded(&log), 0, "every vector is in the cache");
}

#[test]
fn a_rebuild_of_many_checkpoints_leaves_the_files_of_one_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = Retriever::builder().embedder(old_model()).create(folder.path()).unwrap();
    let mut seeded = Seeded(4);
    let article = |at: usize| {
        Article::new(format!("{at:05}"), format!("Wort{} Text {at}.", seeded.below(90)))
    };
    let given: Vec<Article> = (0..5_000).map(article).collect();
    retriever.add(given.clone()).unwrap();
    retriever.commit().unwrap();
    drop(retriever);

    let most_bytes = Arc::new(Mutex::new(0));
    let recorded = Arc::clone(&most_bytes);
    let watched = folder.path().to_owned();
    let builder = Retriever::builder().embedder(new_model()).checkpoint(200);
    let rebuilt = builder.progress(move |_| {
        let bytes = bytes_of(&watched);
        let mut most = recorded.lock().unwrap();
        *most = bytes.max(*most);
    });
    let rebuilt = rebuilt.rebuild(folder.path()).unwrap();
    assert_eq!(read_all(&rebuilt.searcher()), given);
    let report = rebuilt.verify().unwrap();
    assert!(report.is_sound());
    assert_eq!(names(folder.path()).len(), report.files + 1);
    let index = bytes_of(folder.path());
    let most = *most_bytes.lock().unwrap();
    assert!((index..3 * index).contains(&most), "{most} of {index}");
}

/// Length of all files in `folder`.
fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}
