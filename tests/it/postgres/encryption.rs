//! Encrypted connections verify the server.

use std::time::{Duration, Instant};

use passim::{Cancel, Error, InterruptReason, Query, postgres::Corpus};

use super::{articles::articles, chunker, client, interruptions::locking, setting, unused_schema};

#[test]
fn an_encrypted_connection_verifies_the_server() {
    let Some(server) = setting("PASSIM_TEST_POSTGRES_TLS") else { return };
    let [plain, root] = &server[..] else { panic!("{server:?}") };
    let url = format!("{plain}?sslmode=require&application_name=encrypted");
    let schema = unused_schema();
    let builder = |url: &str| {
        Corpus::builder().shards([url]).schema(&schema).root_certificates(root).chunker(chunker())
    };
    let corpus = builder(&url).create().unwrap();
    corpus.add(articles()).unwrap();
    assert!(!corpus.search("Wer repariert die Turmuhr?").unwrap().is_empty());
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'encrypted'";
    let is_encrypted: Option<bool> = client(plain).query_one(encrypted, &[]).unwrap().get(0);
    assert_eq!(is_encrypted, Some(true));
    corpus.verify().unwrap();

    let unverified = |opened: passim::Result<Corpus>| {
        let start = Instant::now();
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Shard { shard: 0, .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(1), "it is not repeated");
        let source = std::error::Error::source(&error).unwrap();
        assert!(format!("{source:?}").contains("InvalidCertificate"), "{source:?}");
    };
    // The root is not one of the operating system.
    unverified(Corpus::builder().shards([&url]).schema(&schema).open());
    // The certificate is that of an address, not of a name.
    unverified(builder(&url.replace("127.0.0.1", "localhost")).open());
}

#[test]
fn a_time_limit_ends_statements_of_an_encrypted_connection() {
    let Some(server) = setting("PASSIM_TEST_POSTGRES_TLS") else { return };
    let [plain, root] = &server[..] else { panic!("{server:?}") };
    let schema = unused_schema();
    let builder = Corpus::builder().shards([format!("{plain}?sslmode=require")]).schema(&schema);
    let corpus = builder.root_certificates(root).chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let mut other = locking(plain, &schema);
    let query = Query::new("Deich").time_limit(Duration::from_millis(200)).cancel(&Cancel::new());
    let hits = corpus.search(query).unwrap();
    assert_eq!(hits.plan().interrupted, Some(InterruptReason::TimedOut));
    other.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn missing_root_certificates_are_refused_before_a_connection() {
    let url = "postgresql://nobody@127.0.0.1:1/none?sslmode=require";
    for path in ["/none/root.crt", file!(), "Cargo.toml"] {
        let opened = Corpus::builder().shards([url]).root_certificates(path).open();
        assert!(matches!(opened, Err(Error::Certificates { .. })), "{path}");
    }
}
