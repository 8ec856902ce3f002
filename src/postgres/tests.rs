//! The laws of a view, asserted for corpora on real servers.
//!
//! `scripts/test_postgres` starts the servers; without them the tests say so and pass.

use super::Corpus;
use crate::search::{
    query_models::ViewRequest,
    view_laws::{check, chunker, corpus, embedder},
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
    for shards in [servers[..1].to_vec(), servers.clone()] {
        let corpus_on_servers = empty(&format!("laws {}", shards.len()), shards);
        let articles = corpus();
        corpus_on_servers.add(articles.clone()).unwrap();
        corpus_on_servers.with_view(ViewRequest::default(), |view| check(view, &articles)).unwrap();
        corpus_on_servers.verify().unwrap();
    }
}
