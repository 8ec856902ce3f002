//! Laws of an index whose model is behind a server: down, hanging, failing halfway.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{
    Article, Cancel, Error, HttpEmbedder, InterruptReason, Mode, Query, Retriever, Searcher,
};

use crate::{
    builder,
    server::{Answer, Server, embeddings},
};

fn articles() -> [Article; 3] {
    [
        Article::new("moor", "Moore speichern viel Wasser und Kohlenstoff."),
        Article::new("zug", "Der Nachtzug fährt um acht in Wien ab."),
        Article::new("brot", "Ein Sauerteig braucht Mehl, Wasser und Geduld."),
    ]
}

fn keys(hits: &passim::Hits) -> Vec<&str> {
    hits.iter().map(|hit| hit.article.as_str()).collect()
}

/// An embedder of the same model whose server does not run.
fn unreachable() -> HttpEmbedder {
    let server = Server::of_embeddings();
    builder(&server).build().unwrap()
}

#[test]
fn an_index_opens_and_finds_words_while_the_server_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of_embeddings();
    let embedder = builder(&server).build().unwrap();
    let mut retriever = Retriever::builder().embedder(embedder).create(folder.path()).unwrap();
    retriever.sync(articles()).unwrap();
    assert_eq!(keys(&retriever.search(Query::new("Nachtzug Wien").k(1)).unwrap()), ["zug"]);
    drop((retriever, server));

    let words = Query::new("Nachtzug").mode(Mode::Lexical);
    let retriever = Retriever::builder().embedder(unreachable()).open(folder.path()).unwrap();
    assert_eq!(keys(&retriever.search(&words).unwrap()), ["zug"]);
    let searcher: Searcher =
        Retriever::builder().embedder(unreachable()).open_searcher(folder.path()).unwrap();
    assert_eq!(keys(&searcher.search(&words).unwrap()), ["zug"]);
    let error = searcher.search("Nachtzug").unwrap_err();
    assert!(matches!(error, Error::ModelServer { .. }), "{error}");

    let other = HttpEmbedder::builder("http://127.0.0.1:9", "other-model", 16).build().unwrap();
    let error = Retriever::builder().embedder(other).open_searcher(folder.path()).unwrap_err();
    assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
}

#[test]
fn a_query_ends_in_time_while_the_server_hangs() {
    let hangs = Arc::new(AtomicBool::new(false));
    let is_hanging = Arc::clone(&hangs);
    let server = Server::start(move |_, request| {
        if is_hanging.load(Ordering::Relaxed) { Answer::Hang } else { embeddings(request) }
    });
    let embedder = builder(&server).timeout(Duration::from_mins(5)).build().unwrap();
    let mut retriever = Retriever::builder().embedder(embedder).in_memory().unwrap();
    retriever.add(articles()).unwrap();
    hangs.store(true, Ordering::Relaxed);

    let start = Instant::now();
    let limited = Query::new("Nachtzug").time_limit(Duration::from_millis(100));
    let hits = retriever.search(&limited).unwrap();
    assert_eq!(hits.plan().interrupted, Some(InterruptReason::TimedOut));
    let many = retriever.search_many(&[limited.clone(), limited]).unwrap();
    assert!(many.iter().all(|hits| hits.plan().interrupted == Some(InterruptReason::TimedOut)));
    let cancel = Cancel::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            cancel.cancel();
        });
        let hits = retriever.search(Query::new("Nachtzug").cancel(&cancel)).unwrap();
        assert_eq!(hits.plan().interrupted, Some(InterruptReason::Cancelled));
    });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_failed_sync_embeds_no_passage_twice() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let server = Server::start(move |number, request| {
        if number >= 2 && down.load(Ordering::Relaxed) {
            Answer::Status(503, String::new(), String::new())
        } else {
            embeddings(request)
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let embedder = builder(&server).retries(0).batch_texts(1).build().unwrap();
        let builder = Retriever::builder().embedder(embedder).embed_threads(1);
        builder.embedding_cache(1 << 20).open_or_create(folder.path()).unwrap()
    };
    let error = open().sync(articles()).unwrap_err();
    assert!(matches!(error, Error::ModelServerStatus { status: 503, .. }), "{error}");
    assert_eq!(server.received().len(), 3);
    is_down.store(false, Ordering::Relaxed);

    let mut retriever = open();
    let report = retriever.sync(articles()).unwrap();
    assert_eq!((report.added, retriever.articles()), (3, 3));
    let texts: Vec<_> = server.received().iter().map(|request| request.texts("input")).collect();
    assert_eq!(texts.len(), 4, "two passages came from the cache: {texts:?}");
    assert_eq!(texts[3], texts[2]);
}
