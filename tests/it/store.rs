//! Laws of an index in a folder: commits, readers, locks, repair, merges.

use std::{collections::BTreeMap, fs, path::Path};

use passim::{Article, Embedder, Error, HnswParams, IndexChoice, Query, Retriever, Searcher};
use passim_testkit::{FakeEmbedder, corpus};

pub const QUESTIONS: [&str; 3] =
    ["Was speichern Moore?", "Why might Meta stop releasing open models?", "Strom und Wärme"];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn by_key(articles: impl IntoIterator<Item = Article>) -> BTreeMap<String, Article> {
    articles.into_iter().map(|article| (article.key.clone(), article)).collect()
}

pub fn contents(retriever: &Retriever) -> BTreeMap<String, Article> {
    let keys: Vec<String> = retriever.keys().map(|key| key.unwrap().to_owned()).collect();
    by_key(keys.iter().map(|key| retriever.article(key).unwrap().unwrap()))
}

#[test]
fn a_reopened_index_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    for index in [IndexChoice::Exact, IndexChoice::Hnsw(HnswParams { m: 8, ef_construction: 40 })] {
        let path = folder.path().join(format!("{index:?}").replace(' ', ""));
        let mut retriever =
            Retriever::builder().index(index).merge_threads(0).create(&path).unwrap();
        retriever.add(corpus::samples()).unwrap();
        retriever.commit().unwrap();
        retriever.remove("moorschutz.md").unwrap();
        retriever
            .add([Article::new("leer", ""), Article::new("neu", "Ganz neu.").title("Neu")])
            .unwrap();
        retriever.calibrate(0.5, &QUESTIONS).unwrap();
        assert_eq!(retriever.commit().unwrap(), 2);
        let answers = |searcher: &Searcher| {
            let questions = QUESTIONS.iter().map(|one| Query::new(*one).recall(0.1));
            searcher.search_many(&questions.collect::<Vec<_>>()).unwrap()
        };
        let before = answers(&retriever.searcher());
        assert_eq!(before, answers(&Searcher::open(&path).unwrap()));
        let stats = retriever.stats();
        let all = contents(&retriever);
        assert!(stats.segments.iter().all(|one| one.has_graph == (index != IndexChoice::Exact)));
        let calibration = retriever.calibration();
        drop(retriever);

        let retriever = Retriever::open(&path).unwrap();
        assert_eq!(before, answers(&retriever.searcher()));
        assert_eq!((stats, all), (retriever.stats(), contents(&retriever)));
        assert_eq!(calibration, retriever.calibration());
        let report = retriever.verify().unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(
            report.files,
            names(&path).len() - 1,
            "all files except the lock: {:?}",
            names(&path)
        );
    }
}

#[test]
fn uncommitted_changes_are_lost_when_the_index_closes() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = Retriever::create(folder.path()).unwrap();
    retriever.add([Article::new("a", "Der Zug fährt nach Paris.")]).unwrap();
    retriever.commit().unwrap();
    retriever.add([Article::new("b", "Das Schiff fährt nach Oslo.")]).unwrap();
    retriever.remove("a").unwrap();
    assert_eq!(retriever.search("Reise").unwrap()[0].article, "b");
    assert_eq!(retriever.searcher().search("Reise").unwrap()[0].article, "a");
    drop(retriever);
    let retriever = Retriever::open(folder.path()).unwrap();
    assert_eq!(retriever.search("Reise").unwrap()[0].article, "a");
    assert_eq!(retriever.articles(), 1);
}

#[test]
fn a_searcher_sees_a_commit_after_reload() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = Retriever::create(folder.path()).unwrap();
    let mut readers = [retriever.searcher(), Searcher::open(folder.path()).unwrap()];
    for commit in 1..40 {
        let text = format!("Meldung Nummer {commit} vom Morgen.");
        retriever.add([Article::new(commit.to_string(), text)]).unwrap();
        if commit % 7 == 0 {
            retriever.remove(&(commit - 3).to_string()).unwrap();
            retriever.compact().unwrap();
        } else {
            retriever.commit().unwrap();
        }
        for reader in &mut readers {
            let before = reader.articles();
            assert_eq!(reader.search("Meldung").unwrap().len(), before.min(10));
            assert_eq!(reader.generation(), commit - 1);
            assert!(reader.reload().unwrap());
            assert_eq!((reader.generation(), reader.articles()), (commit, retriever.articles()));
            assert!(!reader.reload().unwrap());
        }
    }
    let named = retriever.stats().segments.len();
    assert!(names(folder.path()).len() <= 2 * named + 2, "{:?}", names(folder.path()));
}

#[test]
fn open_and_create_check_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where");
    assert!(matches!(Retriever::open(&path), Err(Error::NoIndex { .. })));
    assert!(matches!(Searcher::open(&path), Err(Error::NoIndex { .. })));
    assert!(!path.exists());
    let retriever = Retriever::open_or_create(&path).unwrap();
    assert!(matches!(Retriever::open(&path), Err(Error::Locked { .. })));
    assert!(matches!(Retriever::create(&path), Err(Error::Locked { .. })));
    assert_eq!(Searcher::open(&path).unwrap().articles(), 0);
    drop(retriever);
    assert!(matches!(Retriever::create(&path), Err(Error::IndexExists { .. })));
    Retriever::open_or_create(&path).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(matches!(Retriever::create(&file), Err(Error::Write { .. })));
    fs::remove_file(path.join("manifest.passim")).unwrap();
    fs::write(path.join("segment-3.passim"), "text").unwrap();
    assert!(matches!(Retriever::open_or_create(&path), Err(Error::Corrupt { .. })));
    assert!(path.join("segment-3.passim").exists());
}

#[test]
fn another_model_is_an_error_but_another_name_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let model = || FakeEmbedder::new(16);
    let builder = Retriever::builder().verify_model(true).embedder(model());
    drop(builder.create(folder.path()).unwrap());
    let open = |model: FakeEmbedder, verify| {
        Retriever::builder().verify_model(verify).embedder(model).open(folder.path())
    };
    let hash = Embedder::identity(&model()).hash;
    assert!(open(model().named("another name", hash), true).is_ok());
    let refused = open(model().named("another name", hash ^ 1), true).unwrap_err();
    assert!(matches!(refused, Error::ModelMismatch { .. }));
    assert!(refused.to_string().contains("another name"), "{refused}");
    let drifted = open(model().seed(2), true).unwrap_err();
    assert!(matches!(drifted, Error::ModelDrift { .. }), "{drifted}");
    assert!(open(model().seed(2), false).is_ok(), "verification is off");
}

#[test]
fn an_index_without_stored_vectors_is_not_verifiable() {
    let folder = tempfile::tempdir().unwrap();
    drop(Retriever::create(folder.path()).unwrap());
    let verifying = || Retriever::builder().verify_model(true);
    let error = verifying().open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotVerifiable), "{error}");
    let error = verifying().open_searcher(folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotVerifiable), "{error}");
    assert!(Retriever::open(folder.path()).is_ok());
}

#[test]
fn compact_rebuilds_a_graph_with_other_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let index =
        |m| Retriever::builder().index(IndexChoice::Hnsw(HnswParams { m, ef_construction: 40 }));
    let mut retriever = index(4).merge_threads(0).create(folder.path()).unwrap();
    retriever.sync(corpus::samples()).unwrap();
    drop(retriever);
    let mut retriever = index(16).open(folder.path()).unwrap();
    assert_eq!(retriever.commit().unwrap(), 1, "a commit keeps the graph");
    let before = retriever.verify().unwrap().graphs[0].links;
    assert_eq!(retriever.compact().unwrap(), 2);
    assert!(retriever.verify().unwrap().graphs[0].links > before);
    assert_eq!(retriever.compact().unwrap(), 2, "nothing is left to do");
}

#[test]
fn reload_follows_another_writer_and_a_new_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let with = |text: &str| {
        let mut retriever = Retriever::open_or_create(&path).unwrap();
        retriever.upsert([Article::new("a", text)]).unwrap();
        retriever.commit().unwrap();
        retriever
    };
    let mut searchers = [with("Der Zug fährt.").searcher(), Searcher::open(&path).unwrap()];
    with("Das Schiff fährt.");
    for searcher in &mut searchers {
        assert!(searcher.reload().unwrap());
        assert_eq!(searcher.search("Reise").unwrap()[0].text, "Das Schiff fährt.");
    }
    fs::remove_dir_all(&path).unwrap();
    with("Der Ballon fährt.");
    with("Der Schlitten fährt.");
    for searcher in &mut searchers {
        assert_eq!(searcher.generation(), 2);
        assert!(searcher.reload().unwrap());
        assert_eq!(searcher.generation(), 2, "the generation of the new index");
        assert_eq!(searcher.search("Reise").unwrap()[0].text, "Der Schlitten fährt.");
    }
}

/// File locks fail on some file systems; then a second writer fails at its commit.
#[test]
fn a_second_writer_without_a_lock_cannot_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Retriever::create(folder.path()).unwrap();
    fs::remove_file(folder.path().join("lock")).unwrap();
    let mut second = Retriever::open(folder.path()).unwrap();
    for (retriever, key) in [(&mut first, "a"), (&mut second, "b")] {
        retriever.add([Article::new(key, "Der Zug fährt.")]).unwrap();
    }
    first.commit().unwrap();
    assert!(matches!(second.commit(), Err(Error::Locked { .. } | Error::Write { .. })));
    drop((first, second));
    let retriever = Retriever::open(folder.path()).unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(contents(&retriever).into_keys().collect::<Vec<_>>(), ["a"]);
}

/// Reading an article with a damaged text is an error.
#[test]
fn a_damaged_article_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = Retriever::create(folder.path()).unwrap();
    retriever
        .add([Article::new("a", "Der Zug fährt."), Article::new("b", "Das Boot liegt.")])
        .unwrap();
    retriever.commit().unwrap();
    drop(retriever);
    let file = folder.path().join("segment-1.passim");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(7).position(|window| window == b"Der Zug").unwrap();
    bytes[at] = b'W';
    fs::write(&file, bytes).unwrap();
    let mut retriever = Retriever::open(folder.path()).unwrap();
    let error = retriever.article("a").unwrap_err();
    assert!(error.to_string().contains("article `a` in "), "{error}");
    assert!(matches!(retriever.verify(), Err(Error::Corrupt { .. })));
    assert_eq!(retriever.article("b").unwrap().unwrap().text, "Das Boot liegt.");
    let report = retriever.upsert([Article::new("a", "Der Zug steht.")]).unwrap();
    assert_eq!((report.changed, report.reused), (1, 0));
    retriever.compact().unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(retriever.article("a").unwrap().unwrap().text, "Der Zug steht.");
}

#[test]
fn commits_of_articles_without_text_are_merged() {
    let mut retriever = Retriever::builder().merge_threads(0).in_memory().unwrap();
    for at in 0..50 {
        retriever.add([Article::new(at.to_string(), " ")]).unwrap();
        retriever.commit().unwrap();
        assert!(retriever.stats().segments.len() <= 3);
    }
    assert_eq!(retriever.articles(), 50);
}

#[test]
fn many_commits_leave_few_segments() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Retriever::builder().merge_threads(0);
    let mut retriever = builder.create(folder.path()).unwrap();
    let texts = corpus::texts(9, 300, 30);
    for (at, texts) in texts.chunks(3).enumerate() {
        let articles = texts.iter().enumerate();
        let articles = articles.map(|(of, text)| Article::new(format!("{at}/{of}"), text.as_str()));
        retriever.add(articles).unwrap();
        retriever.commit().unwrap();
        assert!(retriever.stats().segments.len() <= 4, "{:?}", retriever.stats());
    }
    for at in 0..90 {
        for of in 0..3 {
            assert!(retriever.remove(&format!("{at}/{of}")).unwrap());
        }
    }
    let before = retriever.stats().bytes_on_disk;
    retriever.commit().unwrap();
    let stats = retriever.stats();
    assert!(
        stats.segments.iter().all(|one| one.removed * 3 <= one.articles + one.removed),
        "{stats:?}"
    );
    assert!(stats.bytes_on_disk * 3 < before, "removed articles take no space");
    assert_eq!(retriever.articles(), 30);
    for at in 90..100 {
        assert!(retriever.article(&format!("{at}/0")).unwrap().is_some());
    }
}
