//! Laws of `HttpReranker`.

use std::time::{Duration, Instant};

use passim::{
    Article, Error, ErrorKind, HttpReranker, Interrupt, InterruptReason, Query, Reranker, Result,
    Retriever,
};
use serde_json::json;

use crate::{
    KEY, hides_key,
    server::{Answer, Received, Server, scores},
};

fn reranker(server: &Server) -> HttpReranker {
    HttpReranker::builder(server.url(), "test-reranker")
        .api_key(KEY)
        .batch_texts(2)
        .retries(0)
        .build()
        .unwrap()
}

fn score(server: &Server, passages: &[&str]) -> Result<Vec<f32>> {
    reranker(server).score("Frage", passages, Interrupt::none())
}

#[test]
fn scores_are_those_of_the_passages_in_their_order() {
    let server = Server::start(|_, request| scores(request));
    assert_eq!(score(&server, &["a", "bbb", "cc"]).unwrap(), [1.0, 3.0, 2.0]);
    let requests = server.received();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].path, "/v1/rerank");
    assert_eq!(requests[0].body["model"], "test-reranker");
    assert_eq!(
        (&requests[0].body["query"], &requests[0].body["top_n"]),
        (&json!("Frage"), &json!(2))
    );
    assert!(requests[0].head.contains(KEY));
    assert!(!format!("{:?}", reranker(&server)).contains(KEY));
    assert_eq!(score(&server, &[]).unwrap(), [0.0; 0]);
}

#[test]
fn incomplete_and_invalid_scores_are_refused() {
    let results = |results: serde_json::Value| {
        move |_: usize, _: &Received| Answer::Json(json!({ "results": results }))
    };
    for wrong in [
        json!([]),
        json!([{ "index": 0, "relevance_score": 1.0 }]),
        json!([{ "index": 0, "relevance_score": 1.0 }, { "index": 0, "relevance_score": 1.0 }]),
        json!([{ "index": 0, "relevance_score": 1.0 }, { "index": 5, "relevance_score": 1.0 }]),
        json!([{ "index": 0, "relevance_score": 1e300 }, { "index": 1, "relevance_score": 1.0 }]),
        json!([{ "index": 0, "relevance_score": null }, { "index": 1, "relevance_score": 1.0 }]),
        json!([{ "index": 0, "score": 1.0 }, { "index": 1, "score": 1.0 }]),
    ] {
        let server = Server::start(results(wrong.clone()));
        let error = score(&server, &["a", "b"]).unwrap_err();
        assert!(matches!(error, Error::ModelServerAnswer { .. }), "{wrong}: {error}");
        assert_eq!(error.kind(), ErrorKind::Bug);
    }
}

#[test]
fn a_refusal_is_reported_without_the_key() {
    let server = Server::start(|_, _| Answer::Status(403, String::new(), format!("no: {KEY}")));
    let error = score(&server, &["a"]).unwrap_err();
    assert!(matches!(error, Error::ModelServerStatus { status: 403, .. }), "{error}");
    hides_key(&error);
}

#[test]
fn a_hanging_reranker_leaves_the_order_of_the_search() {
    let server = Server::start(|_, _| Answer::Hang);
    let mut retriever = Retriever::builder().reranker(reranker(&server)).in_memory().unwrap();
    retriever
        .add([
            Article::new("moor", "Moore speichern viel Wasser."),
            Article::new("zug", "Der Nachtzug fährt um acht ab."),
        ])
        .unwrap();
    let query = Query::new("Wann fährt der Nachtzug?");
    let plain = retriever.search(query.clone()).unwrap();
    let start = Instant::now();
    let hits = retriever.search(query.rerank(2).time_limit(Duration::from_millis(300))).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(hits.plan().interrupted, Some(InterruptReason::TimedOut));
    let keys = |hits: &passim::Hits| hits.iter().map(|hit| hit.article.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&hits), keys(&plain));
}
