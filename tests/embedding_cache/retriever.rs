//! Laws of a retriever with a cache: which texts it embeds.

use std::{collections::BTreeSet, fs, path::Path};

use passim::{Article, Chunker, EmbeddingCache, Error, Retriever, RetrieverBuilder, Searcher};

use crate::model::RecordingModel;

const FILE: &str = "embeddings.cache";

fn articles(range: std::ops::Range<usize>) -> Vec<Article> {
    let sentence = |at: usize, part| format!("Der Zug {at} hält in Ort {part}. ");
    let text = |at| (0..6).map(|part| sentence(at, part)).collect::<String>();
    range.map(|at| Article::new(format!("zug {at}"), text(at))).collect()
}

fn plain(model: &RecordingModel) -> RetrieverBuilder {
    let chunker = Chunker::default().max_tokens(12).context(false);
    Retriever::builder().embedder(model.clone()).verify_model(false).chunker(chunker)
}

fn builder(model: &RecordingModel) -> RetrieverBuilder {
    plain(model).embedding_cache(1 << 20)
}

/// Returns the hits of a question, with the bits of their scores.
fn hits(searcher: &Searcher) -> Vec<(String, String, u32)> {
    let hits = searcher.search("Wo hält Zug 3 in Ort 2?").unwrap();
    let hit = |hit: &passim::Hit| (hit.article.clone(), hit.text.clone(), hit.score.to_bits());
    hits.iter().map(hit).collect()
}

/// Returns the hits of an index of `articles` without a cache.
fn hits_without(model: &RecordingModel, articles: Vec<Article>) -> Vec<(String, String, u32)> {
    let mut retriever = plain(model).in_memory().unwrap();
    retriever.add(articles).unwrap();
    retriever.commit().unwrap();
    let hits = hits(&retriever.searcher());
    model.take_seen();
    hits
}

/// Adds articles `0..8` and commits. Checks that no text is embedded and that the hits are correct.
fn adds_without_embedding(model: &RecordingModel, mut retriever: Retriever) {
    let want = hits_without(model, articles(0..8));
    let report = retriever.add(articles(0..8)).unwrap();
    assert_eq!(report.embedding.texts, retriever.passages());
    assert_eq!((report.embedding.cached, report.embedding.tokens), (report.embedding.texts, 0));
    assert_eq!(model.take_seen(), Vec::<String>::new());
    retriever.commit().unwrap();
    assert_eq!(hits(&retriever.searcher()), want);
    _ = retriever.verify().unwrap();
    model.take_seen();
}

#[test]
fn no_text_is_embedded_twice_in_memory() {
    let model = RecordingModel::new(1, 16);
    let mut retriever = builder(&model).in_memory().unwrap();
    retriever.add(articles(0..8)).unwrap();
    assert_eq!(model.take_seen().len(), retriever.passages());
    retriever.rollback();
    retriever.add(articles(0..8)).unwrap();
    for article in articles(0..8) {
        retriever.remove(&article.key).unwrap();
    }
    assert_eq!(model.take_seen(), Vec::<String>::new());
    adds_without_embedding(&model, retriever);
}

#[test]
fn no_text_is_embedded_twice_across_runs() {
    let model = RecordingModel::new(1, 16);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut retriever = builder(&model).create(path).unwrap();
    retriever.add(articles(0..8)).unwrap();
    assert!(!model.take_seen().is_empty());
    // To drop without a commit is like a crash before it.
    drop(retriever);
    adds_without_embedding(&model, builder(&model).open(path).unwrap());
    let mut retriever = builder(&model).open(path).unwrap();
    let report = retriever.sync(Vec::new()).unwrap();
    assert_eq!((report.removed, retriever.articles()), (8, 0));
    drop(retriever);
    adds_without_embedding(&model, builder(&model).open(path).unwrap());

    // A new index in the same folder uses the cache as well.
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        if entry.file_name() != FILE {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    adds_without_embedding(&model, builder(&model).create(path).unwrap());
}

#[test]
fn a_failed_run_keeps_its_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let model = RecordingModel::new(1, 16);
    let cancel = passim::Cancel::new();
    let handle = cancel.clone();
    let mut retriever = builder(&model)
        .verify_model(true)
        .embed_threads(1)
        .cancel(&cancel)
        .progress(move |progress| {
            if progress.done > 700 {
                handle.cancel();
            }
        })
        .create(folder.path())
        .unwrap();
    // The texts that verify the model are never cached.
    assert_eq!(model.take_seen().len(), 3);
    let error = retriever.add(articles(0..300)).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    drop(retriever);
    let before = model.take_seen();
    assert!(before.len() > 700);
    let mut retriever = builder(&model).open(folder.path()).unwrap();
    let report = retriever.sync(articles(0..300)).unwrap();
    let after = model.take_seen();
    assert_eq!((report.cached, report.embedded), (before.len(), after.len()));
    let all: BTreeSet<&String> = before.iter().chain(&after).collect();
    assert_eq!(all.len(), retriever.passages());
    assert_eq!(before.len() + after.len(), all.len(), "no text is embedded twice");
}

#[test]
fn a_text_is_embedded_once_for_all_articles_and_chunkers() {
    let model = RecordingModel::new(1, 16);
    let mut retriever = builder(&model).in_memory().unwrap();
    let named = |key: &str| Article::new(key, articles(0..1)[0].text.clone());
    let report = retriever.add([named("a"), named("b")]).unwrap();
    let embedding = report.embedding;
    assert_eq!((embedding.texts, embedding.repeated, embedding.cached), (12, 6, 0));
    assert_eq!(model.take_seen().len(), 6);
    let report = retriever.add([named("c")]).unwrap();
    assert_eq!((report.embedding.cached, report.embedding.repeated), (6, 0));
    assert_eq!(model.take_seen().len(), 0);

    let folder = tempfile::tempdir().unwrap();
    let cut = |tokens| {
        let chunker = Chunker::default().max_tokens(tokens).context(false);
        let mut retriever = builder(&model).chunker(chunker).open_or_create(folder.path()).unwrap();
        model.take_seen();
        let report = retriever.sync(articles(0..5)).unwrap();
        assert_eq!(model.take_seen().len(), report.embedded);
        report
    };
    let first = cut(12);
    assert!(first.embedded > 10 && first.cached == 0, "{first:?}");
    let other = cut(24);
    assert!(other.embedded > 5, "{other:?}");
    let back = cut(12);
    assert_eq!((back.embedded, back.cached + back.reused), (0, first.embedded), "{back:?}");
}

#[test]
fn questions_are_cached_in_memory_alone() {
    let model = RecordingModel::new(1, 16);
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = builder(&model).create(folder.path()).unwrap();
    retriever.add(articles(0..8)).unwrap();
    retriever.commit().unwrap();
    model.take_seen();
    let length = || fs::metadata(folder.path().join(FILE)).unwrap().len();
    let before = length();
    let searcher = retriever.searcher();
    let want = hits_without(&model, articles(0..8));
    for _ in 0..3 {
        assert_eq!(hits(&searcher), want);
        assert_eq!(hits(&searcher.clone()), want);
        retriever.search("Wo hält Zug 3 in Ort 2?").unwrap();
    }
    assert_eq!(model.take_seen(), ["Wo hält Zug 3 in Ort 2?"]);
    let many = ["Wo hält Zug 3 in Ort 2?", "Wer?", "Wer?", "Wie?"];
    searcher.search_many(&many).unwrap();
    assert_eq!(model.take_seen(), ["Wer?", "Wie?"]);
    assert_eq!(length(), before);

    let reader = builder(&model).open_searcher(folder.path()).unwrap();
    for _ in 0..3 {
        assert_eq!(hits(&reader), want);
    }
    assert_eq!(model.take_seen().len(), 1);
    // A searcher does not keep the file open.
    drop(retriever);
    let mut retriever = builder(&model).open(folder.path()).unwrap();
    assert_eq!(length(), before);
    // A question with the text of a passage is embedded: its role differs.
    let passage = articles(3..4)[0].text.split_once(". ").unwrap().0.to_owned() + ".";
    searcher.search(passage.as_str()).unwrap();
    assert_eq!(model.take_seen(), [passage]);
    // The writer embeds the questions of a calibration, so they are cached in the file.
    retriever.calibrate(0.9, &["Wo hält Zug 1?"]).unwrap();
    assert!(length() > before);
}

#[test]
fn without_the_setting_no_cache_file_is_touched() {
    let model = RecordingModel::new(1, 16);
    let folder = tempfile::tempdir().unwrap();
    let names = || -> BTreeSet<String> {
        let names = fs::read_dir(folder.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut retriever = plain(&model).create(folder.path()).unwrap();
    retriever.sync(articles(0..4)).unwrap();
    assert!(!names().contains(FILE));
    drop(retriever);
    builder(&model).open(folder.path()).unwrap().sync(articles(0..6)).unwrap();
    let path = folder.path().join(FILE);
    let bytes = fs::read(&path).unwrap();
    // An interrupted rewrite leaves this file.
    fs::write(folder.path().join("embeddings.cache.new"), &bytes).unwrap();
    let mut retriever = plain(&model).open(folder.path()).unwrap();
    retriever.sync(articles(2..9)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(!names().contains("embeddings.cache.new"));
    _ = retriever.verify().unwrap();
    drop(retriever);
    fs::remove_file(&path).unwrap();
    adds_without_a_cache(folder.path(), &model);
}

fn adds_without_a_cache(path: &Path, model: &RecordingModel) {
    model.take_seen();
    let mut retriever = builder(model).open(path).unwrap();
    retriever.add(articles(20..22)).unwrap();
    assert_eq!(model.take_seen().len(), 12);
}

#[test]
fn a_damaged_or_foreign_cache_leaves_the_index_intact() {
    let model = RecordingModel::new(1, 16);
    let folder = tempfile::tempdir().unwrap();
    builder(&model).create(folder.path()).unwrap().sync(articles(0..8)).unwrap();
    let path = folder.path().join(FILE);
    let want = hits_without(&model, articles(0..8));
    let whole = fs::read(&path).unwrap();
    for at in (24..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let mut retriever = builder(&model).open(folder.path()).unwrap();
        retriever.sync(Vec::new()).unwrap();
        let report = retriever.sync(articles(0..8)).unwrap();
        assert_eq!(report.cached + report.embedded, retriever.passages());
        assert!(report.embedded > 0, "byte {at}");
        assert_eq!(hits(&retriever.searcher()), want, "byte {at}");
    }
    fs::write(&path, "notes of mine").unwrap();
    let error = builder(&model).open(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { origin, .. } if origin.ends_with(FILE)), "{error}");
    let retriever = plain(&model).open(folder.path()).unwrap();
    assert_eq!(hits(&retriever.searcher()), want);
    assert_eq!(fs::read(&path).unwrap(), b"notes of mine");
}

#[test]
fn retrievers_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let file = EmbeddingCache::open(folder.path().join("vectors"), 1 << 20).unwrap();
    for cache in [EmbeddingCache::in_memory(1 << 20), file] {
        let models = [RecordingModel::new(1, 16), RecordingModel::new(2, 16)];
        for model in &models {
            let index = folder.path().join(format!("{:p}", &raw const *model));
            let mut first =
                plain(model).shared_embedding_cache(&cache).open_or_create(index).unwrap();
            model.take_seen();
            first.add(articles(0..8)).unwrap();
            assert_eq!(model.take_seen().len(), first.passages());
            let second = plain(model).shared_embedding_cache(&cache).in_memory().unwrap();
            adds_without_embedding(model, second);
            first.search("Wo?").unwrap();
            let third = plain(model).shared_embedding_cache(&cache).in_memory().unwrap();
            third.search("Wo?").unwrap();
            assert_eq!(model.take_seen(), ["Wo?"]);
        }
        let mut folders = fs::read_dir(folder.path()).unwrap();
        assert!(folders.all(|entry| !entry.unwrap().path().join(FILE).exists()));
    }
}
