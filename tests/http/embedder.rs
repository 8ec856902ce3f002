//! Laws of `HttpEmbedder`: what it sends, and what it makes of every kind of failure.

use std::{
    error::Error as _,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use passim::{
    Cancel, EmbedStage, Embedder, EmbeddingCache, Error, ErrorKind, HttpEmbedder, Interrupt, Role,
    Vectors,
};
use serde_json::json;

use crate::{
    KEY, builder, embed, hides_key, log_capture,
    server::{Answer, DIM, Received, Server, embeddings, vector},
};

const TEXTS: [&str; 5] = ["der Zug", "ein langer Satz vom Moor", "", "the bog", "Brot und Salz"];

fn expected(prefix: &str, texts: &[&str]) -> Vectors {
    let sent = |text: &&str| match format!("{prefix}{text}") {
        empty if empty.is_empty() => " ".to_owned(),
        text => text,
    };
    let values = texts.iter().flat_map(|text| vector(&sent(text)));
    Vectors::normalized(DIM, values.collect()).unwrap()
}

#[test]
fn vectors_are_those_of_the_texts_in_their_order() {
    let server = Server::of_embeddings();
    let embedder = builder(&server).batch_texts(2).build().unwrap();
    assert!(server.received().is_empty(), "building sends nothing");
    assert_eq!(embed(&embedder, &TEXTS).unwrap(), expected("", &TEXTS));
    let requests = server.received();
    assert_eq!(requests.len(), 3);
    let first = &requests[0];
    assert_eq!(first.path, "/v1/embeddings");
    assert_eq!(first.body["model"], "test-model");
    assert_eq!(first.body["encoding_format"], "float");
    assert_eq!(first.texts("input"), TEXTS[..2]);
    assert!(first.head.contains(&format!("authorization: Bearer {KEY}")), "{}", first.head);
    assert!(embed(&embedder, &[]).unwrap().is_empty());
    assert_eq!(server.received().len(), 3, "no texts need no request");
}

#[test]
fn each_role_has_its_prefix_and_parameters() {
    let server = Server::of_embeddings();
    let embedder = builder(&server)
        .query_prefix("query: ")
        .parameter("dimensions", 16)
        .query_parameter("input_type", "query")
        .build()
        .unwrap();
    let query = embedder.embed(Role::Query, &["Moor"], Interrupt::none()).unwrap();
    assert_eq!(query, expected("query: ", &["Moor"]));
    assert_eq!(embed(&embedder, &["Moor"]).unwrap(), expected("", &["Moor"]));
    let bodies: Vec<_> = server.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[0]["input_type"], "query");
    assert_eq!(bodies[1].get("input_type"), None);
    assert_eq!((&bodies[0]["dimensions"], &bodies[1]["dimensions"]), (&json!(16), &json!(16)));
}

#[test]
fn a_request_keeps_to_the_number_of_tokens() {
    let server = Server::of_embeddings();
    let words = |text: &str| Ok(text.split_whitespace().count());
    let embedder = builder(&server).batch_tokens(4).token_counter(words).build().unwrap();
    embed(&embedder, &["a b c", "d", "e", "f g h i j k"]).unwrap();
    let sizes: Vec<_> = server.received().iter().map(|request| request.texts("input")).collect();
    assert_eq!(sizes, [vec!["a b c", "d"], vec!["e"], vec!["f g h i j k"]]);
}

#[test]
fn the_identity_is_of_the_model_not_of_the_server() {
    let hash = |change: fn(passim::HttpEmbedderBuilder) -> passim::HttpEmbedderBuilder| {
        let builder = HttpEmbedder::builder("http://127.0.0.1:9/v1", "m", 8);
        change(builder).build().unwrap().identity().hash
    };
    let plain = hash(|builder| builder);
    assert_eq!(plain, hash(|builder| builder.api_key("other").retries(9).batch_texts(1)));
    let elsewhere = HttpEmbedder::builder("https://example.org", "m", 8).build().unwrap();
    assert_eq!(elsewhere.identity().hash, plain);
    assert_eq!(elsewhere.identity().name, "m");
    let others = [
        HttpEmbedder::builder("http://127.0.0.1:9/v1", "n", 8).build().unwrap().identity().hash,
        HttpEmbedder::builder("http://127.0.0.1:9/v1", "m", 9).build().unwrap().identity().hash,
        hash(|builder| builder.query_prefix("q")),
        hash(|builder| builder.passage_prefix("q")),
        hash(|builder| builder.parameter("dimensions", 8)),
        hash(|builder| builder.query_parameter("dimensions", 8)),
    ];
    for (at, other) in others.iter().enumerate() {
        assert_ne!(*other, plain, "{at}");
        assert!(!others[..at].contains(other), "{at}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let builder = || HttpEmbedder::builder("http://127.0.0.1:9/v1", "m", 8);
    for (name, wrong) in [
        ("dim", HttpEmbedder::builder("http://127.0.0.1:9/v1", "m", 0)),
        ("batch_tokens", builder().batch_tokens(0)),
        ("batch_texts", builder().batch_texts(0)),
        ("max_tokens", builder().max_tokens(0)),
        ("connections", builder().connections(0)),
        ("requests_per_minute", builder().requests_per_minute(0)),
        ("tokens_per_minute", builder().tokens_per_minute(0)),
        ("timeout", builder().timeout(Duration::ZERO)),
    ] {
        let error = wrong.build().unwrap_err();
        assert!(matches!(error, Error::Setting { name: got, .. } if got == name), "{error}");
    }
    for (name, wrong) in [
        ("api_key", builder().api_key("")),
        ("api_key", builder().api_key("zwei Worte\n")),
        ("parameter", builder().parameter("input", "x")),
        ("model", HttpEmbedder::builder("http://127.0.0.1:9/v1", " ", 8)),
    ] {
        let error = wrong.build().unwrap_err();
        assert!(matches!(error, Error::Choice { name: got, .. } if got == name), "{error}");
        assert!(!error.to_string().contains("Worte"));
    }
    let error = builder().root_certificates("/nowhere/root.pem").build().unwrap_err();
    assert!(matches!(error, Error::Certificates { .. }), "{error}");
}

#[test]
fn a_refused_connection_is_repeated_and_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let embedder = HttpEmbedder::builder(format!("http://127.0.0.1:{port}/v1"), "m", 8)
        .api_key(KEY)
        .retries(2)
        .retry_wait(Duration::from_millis(1))
        .build()
        .unwrap();
    let error = embed(&embedder, &["x"]).unwrap_err();
    assert!(matches!(error, Error::ModelServer { attempts: 3, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("http://127.0.0.1:{port}")), "{error}");
    hides_key(&error);
}

#[test]
fn a_refused_key_is_not_repeated_and_not_shown() {
    log_capture::start();
    let refusal = json!({ "error": { "message": format!("Incorrect API key: {KEY}") } });
    let server = Server::start(move |_, _| Answer::Status(401, String::new(), refusal.to_string()));
    let embedder = builder(&server).build().unwrap();
    let error = embed(&embedder, &["x"]).unwrap_err();
    let Error::ModelServerStatus { status: 401, attempts: 1, remedy, message, .. } = &error else {
        panic!("{error}");
    };
    assert!(remedy.contains("api_key"), "{remedy}");
    assert_eq!(message, "Incorrect API key: [key]");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    hides_key(&error);
    assert!(!format!("{embedder:?} {:?}", builder(&server)).contains(KEY));
    let records = log_capture::records();
    assert!(records.contains("POST"), "{records}");
    assert!(!records.contains(KEY), "{records}");
}

/// Answers the first request by `first`, all others well.
fn first_then_good(first: impl Fn() -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |number, request| if number == 0 { first() } else { embeddings(request) })
}

fn status(status: u16, headers: &str) -> Answer {
    Answer::Status(status, headers.to_owned(), "{}".to_owned())
}

#[test]
fn a_busy_or_failing_server_is_asked_again() {
    let truncated = || {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"data\":[".to_vec();
        Answer::Bytes(bytes)
    };
    for server in [
        first_then_good(|| status(429, "")),
        first_then_good(|| status(500, "")),
        first_then_good(|| status(503, "retry-after: 0\r\n")),
        first_then_good(truncated),
        first_then_good(|| Answer::Bytes(Vec::new())),
        first_then_good(|| Answer::Bytes(b"no HTTP at all\r\n\r\n".to_vec())),
    ] {
        let embedder = builder(&server).build().unwrap();
        assert_eq!(embed(&embedder, &TEXTS).unwrap(), expected("", &TEXTS));
        assert_eq!(server.received().len(), 2);
    }
    let server = Server::start(move |_, _| truncated());
    let error = embed(&builder(&server).build().unwrap(), &["x"]).unwrap_err();
    assert!(matches!(error, Error::ModelServer { attempts: 2, .. }), "{error}");
    let server = Server::start(|_, _| status(503, ""));
    let error = embed(&builder(&server).build().unwrap(), &["x"]).unwrap_err();
    let is_status = matches!(error, Error::ModelServerStatus { status: 503, attempts: 2, .. });
    assert!(is_status, "{error}");
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let server = first_then_good(|| status(429, "Retry-After: 1\r\n"));
    let embedder = builder(&server).build().unwrap();
    let start = Instant::now();
    embed(&embedder, &["x"]).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));

    let server = first_then_good(|| status(429, "Retry-After: 3600\r\n"));
    let error = embed(&builder(&server).build().unwrap(), &["x"]).unwrap_err();
    let Error::ModelServerStatus { attempts: 1, retry_after, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(retry_after, Some(Duration::from_hours(1)));
}

#[test]
fn a_refused_request_is_not_repeated() {
    for (code, kind) in [
        (400, ErrorKind::InvalidInput),
        (404, ErrorKind::NotFound),
        (413, ErrorKind::InvalidInput),
        (501, ErrorKind::Unavailable),
        (302, ErrorKind::InvalidInput),
    ] {
        let server = Server::start(move |_, _| status(code, "location: http://127.0.0.1:9/\r\n"));
        let error = embed(&builder(&server).build().unwrap(), &["x"]).unwrap_err();
        let is_status =
            matches!(error, Error::ModelServerStatus { status, attempts: 1, .. } if status == code);
        assert!(is_status, "{error}");
        assert_eq!((error.kind(), server.received().len()), (kind, 1), "{code}");
    }
}

/// The error for two texts whose answer is `answer`, after one request.
fn error_of(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Error {
    let server = Server::start(move |_, request| answer(request));
    let error = embed(&builder(&server).build().unwrap(), &["x", "y"]).unwrap_err();
    assert_eq!(server.received().len(), 1, "{error}");
    assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
    error
}

fn data(vectors: &[(usize, serde_json::Value)]) -> Answer {
    let vector = |(index, embedding): &(usize, serde_json::Value)| json!({ "index": index, "embedding": embedding });
    Answer::Json(json!({ "data": vectors.iter().map(vector).collect::<Vec<_>>() }))
}

#[test]
fn other_json_is_refused_with_its_beginning() {
    for (body, begins) in [
        ("<html>Willkommen</html>".to_owned(), "<html>"),
        ("{\"embedding\":[1,2]}".to_owned(), "embedding"),
        (format!("{{\"data\":\"{KEY}\"}}"), "[key]"),
        (format!("{}{KEY}", "x".repeat(295)), "[key]"),
        (String::new(), ""),
    ] {
        let error = error_of(move |_| Answer::Status(200, String::new(), body.clone()));
        assert!(matches!(error, Error::ModelServerAnswer { .. }), "{error}");
        assert!(error.source().unwrap().to_string().contains(begins), "{:?}", error.source());
        hides_key(&error);
    }
}

#[test]
fn wrong_numbers_of_vectors_and_values_are_refused() {
    let one = json!(vec![1.0; DIM]);
    let first = one.clone();
    let error = error_of(move |_| data(&[(0, first.clone())]));
    assert!(matches!(error, Error::VectorCount { expected: 2, got: 1 }), "{error}");
    let first = one.clone();
    let error = error_of(move |_| data(&[(0, first.clone()), (1, json!([1.0, 2.0]))]));
    assert!(matches!(error, Error::ModelDimension { expected: DIM, got: 2 }), "{error}");
    for positions in [[0, 0], [1, 2], [7, 1]] {
        let one = one.clone();
        let error = error_of(move |_| data(&positions.map(|at| (at, one.clone()))));
        assert!(matches!(error, Error::ModelServerAnswer { .. }), "{error}");
    }
}

#[test]
fn vectors_without_direction_are_refused() {
    let with = |value: serde_json::Value| json!(vec![value; DIM]);
    for (wrong, is_number) in
        [(json!(0.0), true), (json!(1e39), false), (json!(null), false), (json!("NaN"), false)]
    {
        let vector = with(wrong);
        let error = error_of(move |_| data(&[(0, with(json!(1.0))), (1, vector.clone())]));
        assert!(matches!(error, Error::ModelServerAnswer { .. }), "{error}");
        let cause = error.source().unwrap().to_string();
        assert_eq!(cause.starts_with("vector 1 has no direction"), is_number, "{cause}");
    }
}

#[test]
fn an_answer_that_is_far_too_long_is_not_read() {
    let error = error_of(|_| Answer::Endless);
    assert!(matches!(error, Error::ModelServerAnswer { .. }), "{error}");
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let error = error_of(|_| Answer::Bytes(head.to_vec()));
    assert!(matches!(error, Error::ModelServerAnswer { .. }), "{error}");
}

#[test]
fn a_hanging_call_ends_with_its_interrupt() {
    let server = Server::start(|_, _| Answer::Hang);
    let embedder = builder(&server).timeout(Duration::from_mins(5)).build().unwrap();
    let embed = |interrupt| embedder.embed(Role::Query, &["x"], interrupt).unwrap_err();
    let start = Instant::now();
    let deadline = Some(start + Duration::from_millis(100));
    assert!(matches!(embed(Interrupt::new(deadline, None)), Error::TimedOut));
    let cancel = Cancel::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            cancel.cancel();
        });
        assert!(matches!(embed(Interrupt::new(None, Some(&cancel))), Error::Cancelled));
    });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_hanging_request_ends_with_its_timeout() {
    let server = Server::start(|_, _| Answer::Hang);
    let embedder = builder(&server).timeout(Duration::from_millis(50)).build().unwrap();
    let error = embed(&embedder, &["x"]).unwrap_err();
    assert!(matches!(error, Error::ModelServer { attempts: 2, .. }), "{error}");
    assert!(error.to_string().contains("timeout"), "{error}");
}

#[test]
fn requests_keep_to_the_rate() {
    let server = Server::of_embeddings();
    let embedder = builder(&server).batch_texts(1).requests_per_minute(600).build().unwrap();
    let start = Instant::now();
    embed(&embedder, &["a", "b", "c", "d"]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[test]
fn a_failed_batch_loses_no_other_batch() {
    let server = Server::start(|_, request| {
        let is_refused = request.texts("input").iter().any(|text| text == "Gift");
        if is_refused { status(400, "") } else { embeddings(request) }
    });
    let embedder = builder(&server).batch_texts(2).build().unwrap();
    let cache = EmbeddingCache::in_memory(1 << 20);
    let stage = || EmbedStage::new(&embedder).embed_threads(1).cache(&cache);
    // The longest texts are embedded first.
    let texts = ["eins zwei drei vier", "eins zwei drei", "eins zwei", "Gift", "", " "];
    let error = stage().run(Role::Passage, &texts).unwrap_err();
    assert!(matches!(error, Error::ModelServerStatus { status: 400, .. }), "{error}");
    assert_eq!(cache.len(), 2);
    let before = server.received().len();
    let (vectors, report) = stage().run(Role::Passage, &texts[..3]).unwrap();
    assert_eq!((vectors, report.cached), (expected("", &texts[..3]), 2));
    assert_eq!(server.received()[before].texts("input"), ["eins zwei"]);
    assert_eq!(server.received().len(), before + 1);
}
