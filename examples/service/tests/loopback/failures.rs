//! Answers to invalid requests, and of a service that has too much to do.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::json;

use crate::support::RunningService;

const JSON: &str = "application/json";

#[test]
fn an_invalid_request_names_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let service = RunningService::start(folder.path(), &["--max-body-bytes", "1000"]);
    let client = &service.client;
    let article =
        r#"{"articles": [{"key": "a", "text": "Ein Moor.", "metadata": {"year": 2024}}]}"#;
    assert_eq!(client.post_text("/articles", "text/plain", article).0, 415);
    client.post("/articles", &serde_json::from_str(article).unwrap());
    client.commit();
    let long = format!(r#"{{"question": "{}"}}"#, "Moor ".repeat(200));
    let typed = r#"{"question": "Moor", "filter": {"equals": {"name": "year", "value": "neu"}}}"#;
    for (path, body, status, fault) in [
        ("/search", r#"{"question": "Moor""#, 400, "EOF while parsing"),
        ("/search", r#"{"question": "Moor", "limit": 3}"#, 422, "unknown field `limit`"),
        ("/search", r#"{"question": 3}"#, 422, "expected a string"),
        ("/search", r#"{"question": " "}"#, 400, "the query is empty"),
        ("/search", r#"{"question": "Moor", "k": 0}"#, 400, "setting `k` is 0"),
        ("/search", r#"{"question": "Moor", "k": 1001}"#, 400, "at most 1000"),
        ("/search", r#"{"question": "Moor", "filter": {"year": 2024}}"#, 422, "unknown variant"),
        ("/search", typed, 400, "the filter compares `year` with texts"),
        ("/context", &long, 413, "length limit exceeded"),
        ("/articles", r#"{"articles": [{"key": "", "text": "Moor"}]}"#, 400, "empty key"),
        ("/articles", r#"{"articles": [{"key": "a"}]}"#, 422, "missing field `text`"),
    ] {
        let (got, error) = client.post_text(path, JSON, body);
        assert_eq!(got, status, "{path} {body}: {error}");
        assert!(error.contains(fault), "{path} {body}: {error}");
    }
    assert_eq!(client.get("/search").0, 405);
    assert_eq!(client.get("/elsewhere").0, 404);
    let answer = client.post("/search", &json!({ "question": "Moor" }));
    assert_eq!(answer["hits"][0]["article"], "a", "the service goes on");
    service.stop();
}

#[test]
fn a_full_service_refuses_at_once_but_lives() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ["--max-requests", "1", "--request-seconds", "2"];
    let service = RunningService::start(folder.path(), &limits);
    // A request whose body does not come.
    let mut slow = TcpStream::connect(service.address).unwrap();
    let head = "POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 20\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    while !service.client.get("/metrics").1.contains("passim_requests_in_progress 1") {}
    let (status, error) = service.client.post_text("/search", JSON, r#"{"question": "Moor"}"#);
    assert_eq!((status, error.contains("too many requests")), (503, true), "{error}");
    assert_eq!(service.client.get("/health").0, 200);
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("took too long"), "{answer}");
    service.client.post("/search", &json!({ "question": "Moor" }));
    service.stop();
}
