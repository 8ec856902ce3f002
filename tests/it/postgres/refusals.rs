//! What is refused: articles that a database cannot hold, shards and settings of another corpus, and
//! conditions that it cannot evaluate.

use std::thread;

use passim::{
    Article, Chunker, Error, ErrorKind, Filter, Mode, Query, Retriever, postgres::Corpus,
};
use passim_testkit::FakeEmbedder;

use super::{Pair, articles::articles, chunker, client, empty, servers, unused_schema};

#[test]
fn zero_bytes_are_refused_or_found_nowhere() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..1]);
    corpus.add([Article::new("a", "Deich").metadata("m", "b")]).unwrap();
    let plain = || Article::new("k", "Text");
    for article in [
        Article::new("a\0b", "Text"),
        Article::new("k", "a\0b"),
        plain().title("\0"),
        plain().metadata("m", "\0"),
        plain().metadata("m\0", 1),
        plain().metadata("m", ["x", "y\0"]),
        Article::new("k".repeat(2_601), "Text"),
    ] {
        let error = corpus.add([article.clone()]).unwrap_err();
        assert!(matches!(error, Error::NotStorable { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = corpus.upsert([article]).unwrap_err();
        assert!(matches!(error, Error::NotStorable { .. }), "{error}");
    }
    assert_eq!(corpus.article("a\0").unwrap(), None);
    assert!(!corpus.remove("a\0").unwrap());
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    local.add([Article::new("a", "Deich").metadata("m", "b")]).unwrap();
    for filter in [
        Filter::equals("m", "b\0"),
        Filter::prefix("m", "\0"),
        Filter::equals("m\0", "b"),
        Filter::exists("\0"),
        Filter::key("a\0"),
        Filter::key_prefix("\0"),
        Filter::range("m", "a\0"..),
        Filter::range("m", "b\0"..),
        Filter::range("m", .."b\0"),
        Filter::range("m", ..="a\0"),
    ] {
        let query = Query::new("Deich\0").filter(filter.clone());
        let found = corpus.search(query.clone()).unwrap().len();
        assert_eq!(found, local.search(query).unwrap().len(), "{filter}");
    }
    corpus.add([Article::new("k".repeat(2_600), "Ein langer Schlüssel")]).unwrap();
    let report = corpus.add([Article::new("wort", "Torf ".repeat(33_000))]);
    assert!(report.is_ok(), "a chunker of 24 tokens splits the text");
    corpus.verify().unwrap();
}

#[test]
fn a_word_over_32767_times_in_a_passage_is_refused() {
    let Some(servers) = servers() else { return };
    let builder = Corpus::builder().shards(servers[..1].to_vec()).schema(unused_schema());
    let builder = builder.embedder(FakeEmbedder::new(8));
    let corpus = builder.chunker(Chunker::default().max_tokens(1 << 20)).create().unwrap();
    let error = corpus.add([Article::new("wort", "Torf ".repeat(32_768))]).unwrap_err();
    assert!(matches!(error, Error::NotStorable { .. }), "{error}");
    corpus.add([Article::new("wort", "Torf ".repeat(32_767))]).unwrap();
    corpus.verify().unwrap();
}

#[test]
fn shards_in_another_order_or_number_are_refused() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = |shards: &[&String]| {
        let shards = shards.iter().map(|url| (*url).clone());
        Corpus::builder().shards(shards).schema(&schema)
    };
    let [a, b, c] = &servers[..] else { panic!("three databases") };
    let missing = builder(&[a, b]).open().unwrap_err();
    assert!(
        matches!(missing, Error::NoCorpus { shard: 0, .. } | Error::NoCorpus { shard: 1, .. }),
        "{missing}"
    );
    builder(&[a, b]).create().unwrap();
    assert!(builder(&[a, b]).open().is_ok());
    assert!(builder(&[a, b]).open_or_create().is_ok());
    for shards in [&[b, a][..], &[a], &[b]] {
        let error = builder(shards).open().unwrap_err();
        assert!(matches!(error, Error::ShardOrder { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    let error = builder(&[a, b]).create().unwrap_err();
    assert!(matches!(error, Error::CorpusExists { shard: 0, .. }), "{error}");
    let error = builder(&[c, b]).create().unwrap_err();
    assert!(matches!(error, Error::CorpusExists { shard: 1, .. }), "{error}");
    let error = builder(&[c]).open().unwrap_err();
    assert!(matches!(error, Error::NoCorpus { .. }), "a failed creation leaves nothing: {error}");
    assert!(matches!(builder(&[]).open(), Err(Error::Setting { .. })));
}

#[test]
fn shards_of_several_corpora_are_refused() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let [a, b, c] = &servers[..] else { panic!("three databases") };
    let builder = |shards: [&String; 2]| {
        let shards = shards.into_iter().cloned();
        Corpus::builder().shards(shards).schema(&schema)
    };
    // The second corpus is created in the place of the first one on the shared server.
    builder([a, b]).create().unwrap();
    let mut client = postgres::Client::connect(a, postgres::NoTls).unwrap();
    client.batch_execute(&format!("ALTER SCHEMA \"{schema}\" RENAME TO \"{schema} old\"")).unwrap();
    builder([a, c]).create().unwrap();
    let error = builder([a, b]).open().unwrap_err();
    assert!(matches!(error, Error::CorpusSettings { setting: "other shards", .. }), "{error}");
}

#[test]
fn a_corpus_that_was_created_anew_is_refused() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let create = || {
        let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
        builder.chunker(chunker()).create().unwrap()
    };
    let old = create();
    old.add(articles()).unwrap();
    for url in &servers[..2] {
        client(url).batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE")).unwrap();
    }
    let new = create();
    let errors = [
        old.search("Torf").map(drop).unwrap_err(),
        old.add(articles()).map(drop).unwrap_err(),
        old.upsert(articles()).map(drop).unwrap_err(),
        old.remove("a").map(drop).unwrap_err(),
    ];
    for error in errors {
        let expected = matches!(error, Error::CorpusSettings { setting: "another identity", .. });
        assert!(expected, "{error}");
    }
    assert!(new.keys().unwrap().is_empty());
}

#[test]
fn other_settings_are_refused() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
    builder().embedder(FakeEmbedder::new(8)).chunker(chunker()).create().unwrap();
    let error = builder().open().unwrap_err();
    assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
    let other = Chunker::default().max_tokens(25);
    let error = builder().embedder(FakeEmbedder::new(8)).chunker(other).open().unwrap_err();
    assert!(matches!(error, Error::CorpusSettings { setting: "another chunker", .. }), "{error}");
    builder().embedder(FakeEmbedder::new(8)).open().unwrap();
    builder().embedder(FakeEmbedder::new(8)).chunker(chunker()).open().unwrap();
    let large = Corpus::builder().shards(servers[..1].to_vec()).schema(unused_schema());
    let error = large.embedder(FakeEmbedder::new(1_901)).create().unwrap_err();
    assert!(matches!(error, Error::TooLarge { got: 1_901, .. }), "{error}");
    let mut client = postgres::Client::connect(&servers[0], postgres::NoTls).unwrap();
    let update = format!("UPDATE \"{schema}\".settings SET schema_version = 3");
    client.batch_execute(&update).unwrap();
    let error = builder().embedder(FakeEmbedder::new(8)).open().unwrap_err();
    assert!(matches!(error, Error::CorpusVersion { got: 3, .. }), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_a_typed_error() {
    for (url, kind) in [
        ("postgresql://nobody@127.0.0.1:1/none", ErrorKind::Unavailable),
        ("postgresql://nobody@127.0.0.1:port/none", ErrorKind::InvalidInput),
    ] {
        let error = Corpus::open(url).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let secret = "geheim";
        let error = Corpus::open(url.replace("nobody", &format!("me:{secret}"))).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

#[test]
fn a_closure_is_refused_in_any_part_of_a_filter() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..1]);
    corpus.add([Article::new("a", "Deich")]).unwrap();
    let closure = || Filter::custom(|_, _| true);
    for filter in [closure(), !closure(), Filter::key("a").and(Filter::key("b").or(closure()))] {
        let error = corpus.search(Query::new("Deich").filter(filter)).unwrap_err();
        assert!(matches!(error, Error::Filter { .. }), "{error}");
    }
}

#[test]
fn types_of_values_are_those_of_the_local_store() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    pair.add(&articles());
    let filters = || {
        [
            Filter::equals("number", "3"),
            Filter::equals("topic", 3),
            Filter::range("published", 3..),
            Filter::prefix("share", "0"),
            Filter::equals("only", true),
            Filter::equals("unknown", true),
            Filter::equals("mixed", true),
            Filter::prefix("tags", "x"),
        ]
    };
    let outcome = |error: Option<Error>| error.map(|error| error.to_string());
    for filter in filters() {
        let query = Query::new("Deich").mode(Mode::Lexical).filter(filter);
        let found = outcome(pair.corpus.search(query.clone()).err());
        assert_eq!(found, outcome(pair.local.search(query).err()));
    }
    // Only live articles count.
    pair.remove("leer");
    let query = Query::new("Deich").filter(Filter::equals("only", true));
    assert!(pair.corpus.search(query).unwrap().is_empty());
}

#[cfg(not(feature = "postgres-tls"))]
#[test]
fn an_encrypted_connection_needs_its_feature() {
    let opened = Corpus::open("postgresql://nobody@127.0.0.1:1/none?sslmode=require");
    assert!(matches!(opened, Err(Error::Choice { name: "sslmode", .. })));
}

#[test]
fn settings_out_of_range_are_refused_before_a_connection() {
    let builder = || Corpus::builder().shards(["postgresql://nobody@127.0.0.1:1/none"]);
    let none = || builder().connections(0);
    for opened in [none().create(), none().open(), none().open_or_create()] {
        assert!(matches!(opened, Err(Error::Setting { name: "connections", .. })));
    }
    let opened = builder().retries(101).open();
    assert!(matches!(opened, Err(Error::Setting { name: "retries", .. })));
}

#[test]
fn two_urls_of_one_database_are_refused() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || {
        let shards = [servers[0].clone(), servers[0].clone()];
        Corpus::builder().shards(shards).schema(&schema)
    };
    for created in [builder().create(), builder().open_or_create()] {
        let error = created.unwrap_err();
        assert!(matches!(error, Error::CorpusBusy { shard: 1, .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    let error = builder().open().unwrap_err();
    assert!(matches!(error, Error::NoCorpus { .. }), "a failed creation leaves nothing: {error}");
}

#[test]
fn clients_that_create_one_corpus_at_once_open_it_or_are_told() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let opened: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| builder().open_or_create())).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(opened.iter().any(Result::is_ok));
    for error in opened.into_iter().filter_map(Result::err) {
        // A shard that is not committed yet has no corpus.
        let is_told = matches!(error, Error::CorpusBusy { .. } | Error::NoCorpus { .. });
        assert!(is_told, "{error}");
    }
    builder().open().unwrap().verify().unwrap();
}
