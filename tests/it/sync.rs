//! Laws of `sync`: it embeds only changed passages, resumes, and leaves merged segments.

use passim::{Article, Cancel, Chunker, Error, HnswParams, IndexChoice, Query, Retriever};
use passim_testkit::{EmbedLog, FakeEmbedder, corpus};

use crate::store::{QUESTIONS, by_key, contents};

#[test]
fn sync_embeds_only_changed_passages() {
    let log = EmbedLog::default();
    let model = || FakeEmbedder::new(32).logging(&log);
    let folder = tempfile::tempdir().unwrap();
    let open = |chunker: Chunker| {
        let builder = Retriever::builder().embedder(model()).verify_model(false);
        builder.chunker(chunker).open_or_create(folder.path()).unwrap()
    };
    let mut articles = corpus::samples();
    let mut retriever = open(Chunker::default());
    let first = retriever.sync(articles.clone()).unwrap();
    assert_eq!((first.added, first.changed, first.unchanged), (articles.len(), 0, 0));
    assert_eq!(first.embedded, retriever.passages());
    drop(retriever);

    log.lock().unwrap().clear();
    let mut retriever = open(Chunker::default());
    let again = retriever.sync(articles.clone()).unwrap();
    assert_eq!((again.unchanged, again.embedded), (articles.len(), 0));
    assert_eq!(retriever.stats().generation, 1, "there was nothing to commit");
    assert!(log.lock().unwrap().is_empty());

    let removed = articles.remove(3);
    articles[0].text.push_str("\n\nEin Nachtrag, der am Abend dazukam.\n");
    articles[1] = articles[1].clone().metadata("seen", true);
    articles.push(Article::new("neu", "Der neue Tunnel ist offen."));
    let changed = retriever.sync(articles.clone()).unwrap();
    assert_eq!((changed.added, changed.changed, changed.removed), (1, 2, 1));
    assert_eq!(changed.unchanged, articles.len() - 3);
    assert!(changed.embedded <= 3 && changed.reused >= 2, "{changed:?}");
    assert_eq!(log.lock().unwrap().len(), changed.embedded);
    assert!(retriever.article(&removed.key).unwrap().is_none());
    assert_eq!(contents(&retriever), by_key(articles.clone()));
    drop(retriever);

    // With other chunks, passages of unchanged text keep their vectors.
    log.lock().unwrap().clear();
    let mut retriever = open(Chunker::default().max_tokens(150));
    let rechunked = retriever.sync(articles.clone()).unwrap();
    assert_eq!((rechunked.changed, rechunked.unchanged), (articles.len(), 0));
    assert!(rechunked.reused > 0 && rechunked.embedded > 0, "{rechunked:?}");
    assert_eq!(log.lock().unwrap().len(), rechunked.embedded);
    let fresh = Retriever::builder().embedder(model());
    let fresh = fresh.chunker(Chunker::default().max_tokens(150));
    let mut fresh = fresh.in_memory().unwrap();
    fresh.add(articles.clone()).unwrap();
    for question in QUESTIONS {
        let expected = fresh.search(Query::new(question).k(1_000)).unwrap();
        let similarities =
            |hits: &[passim::Hit]| hits.iter().map(|hit| hit.similarity).collect::<Vec<_>>();
        let got = retriever.search(Query::new(question).k(1_000)).unwrap();
        assert_eq!(similarities(&got), similarities(&expected));
    }
    drop(retriever);

    // The index keeps the chunker of its last writer.
    let builder = Retriever::builder().embedder(model());
    let mut retriever = builder.open(folder.path()).unwrap();
    assert_eq!(retriever.sync(articles.clone()).unwrap().unchanged, articles.len());
}

#[test]
fn a_cancelled_sync_resumes_at_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let articles = || corpus::articles(3, 600, 40);
    let cancel = Cancel::new();
    let cancel_at_half = cancel.clone();
    let mut retriever = Retriever::builder()
        .checkpoint(100)
        .cancel(&cancel)
        .progress(move |progress| {
            if progress.done > 300 {
                cancel_at_half.cancel();
            }
        })
        .create(folder.path())
        .unwrap();
    assert!(matches!(retriever.sync(articles()), Err(Error::Cancelled)));
    drop(retriever);
    let mut retriever = Retriever::builder().merge_threads(0).open(folder.path()).unwrap();
    let kept = retriever.articles();
    assert!((200..600).contains(&kept), "{kept}");
    let rest = retriever.sync(articles()).unwrap();
    assert_eq!((rest.unchanged, rest.added), (kept, 600 - kept));
    assert_eq!(contents(&retriever), by_key(articles()));
    assert_eq!(retriever.stats().segments.len(), 1, "checkpoints are merged at the end");
}

/// Also if the last batch was a checkpoint.
#[test]
fn sync_leaves_nothing_for_the_next_commit() {
    let index = IndexChoice::Hnsw(HnswParams { m: 8, ef_construction: 40 });
    for len in [40, 256, 512, 5_000] {
        let folder = tempfile::tempdir().unwrap();
        let builder = Retriever::builder().index(index).checkpoint(20).merge_threads(0);
        let mut retriever = builder.create(folder.path()).unwrap();
        retriever.sync(corpus::articles(4, len, 30)).unwrap();
        let stats = retriever.stats();
        assert!(stats.segments.len() == 1 && stats.segments[0].has_graph, "{len}: {stats:?}");
        assert_eq!(retriever.commit().unwrap(), stats.generation, "nothing is left to do");
    }
}
