//! The laws of a view, asserted for corpora on real servers.
//!
//! `scripts/test_postgres` starts the servers; without them the tests say so and pass.

use std::time::{Duration, Instant};

use super::{
    Corpus,
    connection::{Access, Params, RootCertificates, ShardAddress},
    shard_snapshots::BEGIN,
};
use crate::{
    Error, Interrupt,
    search::{
        query_models::ViewRequest,
        view_laws::{check, chunker, corpus, embedder},
    },
};

/// The URLs of the servers, separated by spaces.
const SERVERS: &str = "PASSIM_TEST_POSTGRES";

/// Returns the URLs of the databases; `None` without servers.
fn servers() -> Option<Vec<String>> {
    let urls = std::env::var(SERVERS).ok()?;
    Some(urls.split_whitespace().map(str::to_owned).collect())
}

/// Creates a corpus on these shards, in schemas of its own.
fn empty(schema: &str, shards: Vec<String>) -> Corpus {
    let schema = format!("{schema} {}", std::process::id());
    let builder = Corpus::builder().shards(shards).schema(schema);
    builder.embedder(embedder()).chunker(chunker()).create().unwrap()
}

#[test]
fn a_postgres_view_obeys_the_laws() {
    let Some(servers) = servers() else { return };
    for shards in (1..=servers.len()).map(|number| servers[..number].to_vec()) {
        let corpus_on_servers = empty(&format!("laws {}", shards.len()), shards);
        let articles = corpus();
        corpus_on_servers.add(articles.clone()).unwrap();
        corpus_on_servers.with_view(ViewRequest::default(), |view| check(view, &articles)).unwrap();
        corpus_on_servers.verify().unwrap();
    }
}

#[test]
fn an_interrupted_statement_leaves_its_transaction_usable() {
    let Some(servers) = servers() else { return };
    let address = ShardAddress::new(&servers[0], 0, &RootCertificates::default()).unwrap();
    let mut connection = address.connect(Access::Read, Interrupt::none()).unwrap();
    connection.begin(BEGIN).unwrap();
    let none = Params::default();
    for _ in 0..3 {
        let start = Instant::now();
        let deadline = start + Duration::from_millis(100);
        let interrupt = Interrupt::new(Some(deadline), None);
        let slept = connection.interruptible(interrupt, |connection| {
            connection.query("SELECT pg_sleep(60)", &Params::default())
        });
        assert!(matches!(slept, Err(Error::TimedOut)));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(connection.query_value("SELECT 7", &none).unwrap(), Some(7));
    }
    // A request that arrives late ends a statement, which is run again.
    let mut attempts = 0;
    let completed = connection.completed(|connection| {
        attempts += 1;
        if attempts == 1 {
            connection.run("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")?;
        }
        connection.query_value("SELECT 9", &none)
    });
    assert_eq!((completed.unwrap(), attempts), (Some(9), 2));
    let later = Interrupt::new(Some(Instant::now() + Duration::from_mins(1)), None);
    let answered =
        connection.interruptible(later, |connection| connection.query_value("SELECT 8", &none));
    assert_eq!(answered.unwrap(), Some(8));
    // A request to cancel may still be under way, so no other call gets the connection.
    assert!(!connection.reset());
}
