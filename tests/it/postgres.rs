//! A corpus in PostgreSQL: equal to the local store, whole under concurrent writers, and closed to
//! injections.
//!
//! `scripts/test_postgres` starts the servers. Without them each test returns at once.

mod articles;
mod equality;

use std::{
    io::{self, Write},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use articles::articles;
use equality::{assert_equal, queries};
use passim::{
    Article, Chunker, Error, ErrorKind, Filter, Mode, Query, Retriever, postgres::Corpus,
};
use passim_testkit::{FakeEmbedder, Seeded};

/// The URLs of three databases, separated by spaces.
const SERVERS: &str = "PASSIM_TEST_POSTGRES";

/// Returns the URLs of three databases; without them, notes on standard error that the test does not
/// run.
fn servers() -> Option<Vec<String>> {
    let Ok(urls) = std::env::var(SERVERS) else {
        _ = writeln!(io::stderr(), "NOT RUN: a test of PostgreSQL, {SERVERS} is not set");
        return None;
    };
    Some(urls.split_whitespace().map(str::to_owned).collect())
}

/// Returns a schema name of this process that no other test has.
fn unused_schema() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("it {} {}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn chunker() -> Chunker {
    Chunker::default().max_tokens(24)
}

/// Creates a corpus with the bundled model.
fn empty(shards: &[String]) -> Corpus {
    let builder = Corpus::builder().shards(shards.to_vec()).schema(unused_schema());
    builder.chunker(chunker()).create().unwrap()
}

/// A local and a sharded corpus that are changed alike.
struct Pair {
    local: Retriever,
    corpus: Corpus,
}

impl Pair {
    fn new(shards: &[String]) -> Self {
        let local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
        Self { local, corpus: empty(shards) }
    }

    fn add(&mut self, articles: &[Article]) {
        let local = self.local.add(articles.to_vec()).unwrap();
        let report = self.corpus.add(articles.to_vec()).unwrap();
        assert_eq!((report.articles, report.replaced), (local.articles, local.replaced));
        assert_eq!(report.empty, local.empty);
    }

    fn remove(&mut self, key: &str) {
        assert_eq!(self.corpus.remove(key).unwrap(), self.local.remove(key).unwrap(), "{key}");
    }

    /// Asserts that both hold the same articles and answer all queries alike.
    fn assert_equal(&self) {
        let keys = self.corpus.keys().unwrap();
        assert!(self.local.keys().map(|key| key.unwrap().to_owned()).eq(keys.iter().cloned()));
        for key in &keys {
            let stored = self.corpus.article(key).unwrap().unwrap();
            let local = self.local.article(key).unwrap().unwrap();
            assert_eq!(format!("{stored:?}"), format!("{local:?}"));
        }
        let size = self.corpus.stats().unwrap();
        assert_eq!(size.articles, self.local.articles() as u64);
        assert_eq!(size.passages, self.local.passages() as u64);
        self.assert_equal_answers();
        self.corpus.verify().unwrap();
    }
}

impl Pair {
    /// A query that is an error of one is the same error of the other.
    fn assert_equal_answers(&self) {
        let (mut valid, mut hits) = (Vec::new(), 0);
        for query in queries() {
            match (self.corpus.search(query.clone()), self.local.search(query.clone())) {
                (Ok(found), Ok(local)) => {
                    assert_equal(&found, &local, &query);
                    hits += found.len();
                    valid.push((query, local));
                }
                (found, local) => {
                    assert_eq!(found.unwrap_err().to_string(), local.unwrap_err().to_string());
                }
            }
        }
        assert!(valid.len() > 400 && hits > 4_000, "{} queries, {hits} hits", valid.len());
        let queries: Vec<Query> = valid.iter().map(|(query, _)| query.clone()).collect();
        let found = self.corpus.search_many(&queries).unwrap();
        for ((query, local), found) in valid.iter().zip(&found) {
            assert_equal(found, local, query);
        }
    }
}

fn a_corpus_equals_the_local_store_on(shards: &[String]) {
    let mut pair = Pair::new(shards);
    let articles = articles();
    pair.add(&articles[..9]);
    pair.add(&articles[9..]);
    pair.assert_equal();
    let replaced = [
        Article::new("de/3", "Die Straßenbahn fährt wieder. Der Fahrplan hängt aus."),
        Article::new("en/5", "").metadata("topic", "work"),
        Article::new("leer", "Nun steht hier etwas über den Deich.").metadata("number", "text"),
        Article::new("neu/1", "Neue Bohlen liegen im Torf. The planks are new."),
    ];
    pair.add(&replaced);
    for key in ["de/7", "twin/b", "md/setup", "nirgends", "kurz"] {
        pair.remove(key);
    }
    pair.assert_equal();
}

#[test]
fn a_corpus_on_one_shard_equals_the_local_store() {
    let Some(servers) = servers() else { return };
    a_corpus_equals_the_local_store_on(&servers[..1]);
}

#[test]
fn a_corpus_on_two_shards_equals_the_local_store() {
    let Some(servers) = servers() else { return };
    a_corpus_equals_the_local_store_on(&servers[..2]);
}

#[test]
fn a_corpus_on_three_shards_equals_the_local_store() {
    let Some(servers) = servers() else { return };
    a_corpus_equals_the_local_store_on(&servers);
}

#[test]
fn upsert_writes_only_what_changed() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..2]);
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    let mut upsert = |articles: &[Article]| {
        let report = corpus.upsert(articles.to_vec()).unwrap();
        let expected = local.upsert(articles.to_vec()).unwrap();
        let counts = (report.added, report.changed, report.unchanged, report.empty.len());
        let others = (expected.added, expected.changed, expected.unchanged, expected.empty.len());
        assert_eq!(counts, others);
        report
    };
    let mut articles = articles();
    let report = upsert(&articles);
    assert_eq!((report.added, report.changed, report.unchanged), (articles.len(), 0, 0));
    articles.truncate(20);
    articles[3].text.push_str(" Ein Satz mehr.");
    articles[5].metadata.insert("topic".to_owned(), "other".into());
    articles.push(Article::new("neu", "Ein neuer Artikel."));
    let report = upsert(&articles);
    assert_eq!((report.added, report.changed, report.unchanged), (1, 2, 18));
    let report = upsert(&articles);
    assert_eq!((report.added, report.changed, report.unchanged), (0, 0, 21));
    assert_eq!(report.embedded, 0);
    corpus.verify().unwrap();
}

#[test]
fn concurrent_writers_leave_statistics_equal_to_a_recount() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..2]);
    let all = articles();
    thread::scope(|scope| {
        for writer in 0..4 {
            let (corpus, all) = (corpus.clone(), &all);
            scope.spawn(move || {
                let mut seeded = Seeded(writer + 1);
                for step in 0..12 {
                    let mut article = || {
                        let mut article = all[seeded.below(all.len())].clone();
                        article.text.push_str(["", " Wasser.", " Water."][seeded.below(3)]);
                        article
                    };
                    let articles: Vec<Article> = (0..8).map(|_| article()).collect();
                    match step % 3 {
                        0 => _ = corpus.add(articles).unwrap(),
                        1 => _ = corpus.upsert(articles).unwrap(),
                        _ => _ = corpus.remove(&articles[0].key).unwrap(),
                    }
                    corpus.search("Wasser und Torf").unwrap();
                }
            });
        }
    });
    corpus.verify().unwrap();
    let size = corpus.stats().unwrap();
    assert_eq!(size.articles, corpus.keys().unwrap().len() as u64);
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    let keys = corpus.keys().unwrap();
    local.add(keys.iter().map(|key| corpus.article(key).unwrap().unwrap())).unwrap();
    for query in queries() {
        assert_equal(
            &corpus.search(query.clone()).unwrap(),
            &local.search(query.clone()).unwrap(),
            &query,
        );
    }
}

#[test]
fn texts_of_users_are_never_part_of_a_statement() {
    let Some(servers) = servers() else { return };
    let hostile = [
        "'; DROP TABLE passages; --",
        "\"; DROP SCHEMA public CASCADE; --",
        "$1 {s} {rows} {keys} {condition}",
        "\\'; SELECT pg_sleep(9); --",
        "a' OR '1'='1",
    ];
    for text in hostile {
        let schema = format!("{} {text}", std::process::id());
        let builder = || Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
        let corpus = builder().create().unwrap();
        let article = Article::new(text, format!("Deich und Torf {text}"))
            .title(text)
            .metadata(text, text)
            .metadata("other", text);
        corpus.add([article.clone(), Article::new("plain", "Deich und Torf")]).unwrap();
        for filter in [
            Filter::equals(text, text),
            Filter::prefix(text, text),
            Filter::range("other", text..=text),
            Filter::any_of("other", [text, "x"]),
            Filter::exists(text),
            Filter::key(text),
            Filter::key_prefix(text),
        ] {
            let hits = corpus.search(Query::new(text).filter(filter.clone())).unwrap();
            assert_eq!(hits.len(), 1, "{filter}");
            assert_eq!(hits[0].article, text);
        }
        assert_eq!(corpus.article(text).unwrap(), Some(article));
        let reopened = builder().open().unwrap();
        assert!(reopened.remove(text).unwrap());
        assert_eq!(reopened.keys().unwrap(), ["plain"]);
        reopened.verify().unwrap();
    }
}

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
    let update = format!("UPDATE \"{schema}\".settings SET schema_version = 2");
    client.batch_execute(&update).unwrap();
    let error = builder().embedder(FakeEmbedder::new(8)).open().unwrap_err();
    assert!(matches!(error, Error::Version { got: 2, .. }), "{error}");
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

#[test]
fn many_clients_share_few_connections() {
    let Some(servers) = servers() else { return };
    let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(unused_schema());
    let corpus = builder.connections(2).chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let expected = corpus.search("Wer repariert die Uhr?").unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(corpus.search("Wer repariert die Uhr?").unwrap(), expected);
                }
            });
        }
    });
}
