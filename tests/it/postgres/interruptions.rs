//! Time limits and cancel handles end statements, and searches return what they have.

use std::{
    thread,
    time::{Duration, Instant},
};

use passim::{Cancel, Filter, Hit, Hits, InterruptReason, Mode, Query, postgres::Corpus};

use super::{articles::articles, chunker, client, servers, unused_schema};

/// Returns a session that keeps the passages locked. The server ends it after a minute, so that a
/// search which waits for it fails the test.
pub(super) fn locking(url: &str, schema: &str) -> postgres::Client {
    let mut session = client(url);
    let lock = format!(
        "SET idle_in_transaction_session_timeout = '1min'; BEGIN; \
         LOCK TABLE \"{schema}\".passages IN ACCESS EXCLUSIVE MODE"
    );
    session.batch_execute(&lock).unwrap();
    session
}

/// Runs `search` while another session keeps the passages of the first shard locked.
fn while_locked(url: &str, schema: &str, search: impl FnOnce() -> Hits) -> Hits {
    let mut other = locking(url, schema);
    let start = Instant::now();
    let hits = search();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass";
    let table = format!("\"{schema}\".passages");
    let waiting: i64 = other.query_one(waiting, &[&table]).unwrap().get(0);
    assert_eq!(waiting, 0, "a statement was not cancelled");
    other.batch_execute("ROLLBACK").unwrap();
    hits
}

#[test]
fn a_time_limit_or_a_handle_ends_running_statements() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let corpus = builder.chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let question = || Query::new("Wer repariert die Turmuhr am Deich?").k(1_000);
    let filter = Filter::key_prefix("de/");
    for query in [
        question(),
        question().mode(Mode::Dense),
        question().mode(Mode::Lexical),
        question().filter(filter.clone()),
    ] {
        let whole = corpus.search(query.clone()).unwrap();
        assert!(whole.is_complete());
        let limited = query.clone().time_limit(Duration::from_millis(300));
        let hits = while_locked(&servers[0], &schema, || corpus.search(limited).unwrap());
        assert_eq!(hits.plan().interrupted, Some(InterruptReason::TimedOut));
        assert_partial(&hits, &whole, query.filter.is_none());
        let cancel = Cancel::new();
        let cancelled = query.clone().cancel(&cancel);
        let hits = while_locked(&servers[0], &schema, || {
            thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(300));
                    cancel.cancel();
                });
                corpus.search(cancelled).unwrap()
            })
        });
        assert_eq!(hits.plan().interrupted, Some(InterruptReason::Cancelled));
        assert_partial(&hits, &whole, query.filter.is_none());
        // A limit that is not reached changes nothing.
        let unhurried = query.time_limit(Duration::from_mins(1)).cancel(&Cancel::new());
        let hits = corpus.search(unhurried).unwrap();
        assert!(hits.is_complete());
        assert_eq!(hits, whole);
    }
}

/// Asserts that `hits` are some of those that `whole` found, and none if a condition on passages was
/// interrupted before any could be found.
fn assert_partial(hits: &Hits, whole: &Hits, finds_some: bool) {
    assert!(!hits.is_complete());
    assert!(hits.len() < whole.len());
    assert_eq!(!hits.is_empty(), finds_some, "{}", hits.plan());
    for hit in hits {
        let is_same = |other: &Hit| (&other.article, &other.range) == (&hit.article, &hit.range);
        assert!(whole.iter().any(is_same));
    }
}

#[test]
fn a_time_limit_bounds_the_wait_for_a_connection() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
    let corpus = builder.connections(1).chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let mut other = locking(&servers[0], &schema);
    let cancel = Cancel::new();
    thread::scope(|scope| {
        scope.spawn(|| corpus.search(Query::new("Deich").cancel(&cancel)).unwrap());
        thread::sleep(Duration::from_millis(200));
        let start = Instant::now();
        let limited = Query::new("Deich").time_limit(Duration::from_millis(200));
        let hits = corpus.search(limited).unwrap();
        assert_eq!(hits.plan().interrupted, Some(InterruptReason::TimedOut));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        cancel.cancel();
    });
    other.batch_execute("ROLLBACK").unwrap();
    assert!(corpus.search("Deich").unwrap().is_complete());
}
