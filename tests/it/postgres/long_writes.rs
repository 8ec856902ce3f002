//! Writes report their progress, and a cancel handle ends them.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use passim::{
    Article, Cancel, EmbeddedArticle, Error, Phase, Progress, Result, Retriever, postgres::Corpus,
};

use super::{articles::articles, chunker, interruptions::locking, servers, unused_schema};

#[test]
fn a_handle_ends_writes_that_wait() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let cancel = Cancel::new();
    let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let corpus = builder.chunker(chunker()).cancel(&cancel).create().unwrap();
    corpus.add(articles()).unwrap();
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    local.add(articles()).unwrap();
    let embedded: Result<Vec<EmbeddedArticle>> = local.iter_embedded().collect();
    let embedded = embedded.unwrap();
    let changed = || articles().into_iter().map(|article| article.metadata("changed", true));
    let writes: [(&str, &(dyn Fn() -> Result<()> + Sync)); 6] = [
        ("add", &|| corpus.add(articles()).map(drop)),
        ("upsert", &|| corpus.upsert(changed()).map(drop)),
        ("sync", &|| corpus.sync([]).map(drop)),
        ("remove", &|| articles().iter().try_for_each(|a| corpus.remove(&a.key).map(drop))),
        ("add_embedded", &|| corpus.add_embedded(embedded.clone()).map(drop)),
        ("maintain", &|| corpus.maintain().map(drop)),
    ];
    let before = corpus.keys().unwrap();
    for (name, write) in writes {
        let mut other = locking(&servers[0], &schema);
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                cancel.cancel();
            });
            let error = write().unwrap_err();
            assert!(matches!(error, Error::Cancelled), "{name}: {error}");
        });
        let took = start.elapsed();
        assert!((300..20_000).contains(&took.as_millis()), "{name}: {took:?}");
        // The articles of the other shard can have been written.
        other.batch_execute("ROLLBACK").unwrap();
        let error = write().unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{name}: {error}");
        cancel.reset();
        corpus.sync(articles()).unwrap();
        assert_eq!(corpus.keys().unwrap(), before, "{name}");
        corpus.verify().unwrap();
    }
}

#[test]
fn progress_counts_the_passages_of_a_sync() {
    let Some(servers) = servers() else { return };
    let reported: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let recorder = Arc::clone(&reported);
    let builder = Corpus::builder().shards(servers[..1].to_vec()).schema(unused_schema());
    let builder = builder.progress(move |progress| recorder.lock().unwrap().push(progress));
    let corpus = builder.create().unwrap();
    // More than one batch of articles.
    let articles =
        (0..3_000).map(|number| Article::new(format!("{number}"), format!("Tor {number}")));
    let report = corpus.sync(articles).unwrap();
    let reported = reported.lock().unwrap();
    let (taken, reported): (Vec<Progress>, Vec<Progress>) =
        reported.iter().partition(|progress| progress.phase == Phase::Read);
    assert!(taken.iter().all(|progress| progress.total == 3_000));
    assert_eq!((taken[0].done, taken.last().unwrap().done), (0, 3_000));
    assert!(reported.iter().all(|progress| progress.phase == Phase::Embed));
    assert!(reported.is_sorted_by_key(|progress| progress.done));
    assert!(reported.is_sorted_by_key(|progress| progress.total));
    let last = reported.last().unwrap();
    assert_eq!((last.done, last.total), (report.embedded, 3_000));
    assert!(reported[0].total < 3_000, "{:?}", reported[0]);
}
