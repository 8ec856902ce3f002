//! A corpus in PostgreSQL: equal to the local store, whole under concurrent writers, and closed to
//! injections.
//!
//! `scripts/test_postgres` starts the servers. Without them each test returns at once.

mod articles;
mod copying;
mod counting;
#[cfg(feature = "postgres-tls")]
mod encryption;
mod equality;
mod follow_ups;
mod graph;
mod interruptions;
mod long_writes;
pub(crate) mod outages;
mod refusals;
mod repetitions;
mod rights;
mod selecting;
mod standby;
mod statistics;
mod upgrade;

use std::{
    io::{self, Write},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use articles::articles;
use equality::{assert_equal, queries};
use passim::{
    Article, Chunker, Error, ErrorKind, Filter, Mode, Query, Retriever, postgres::Corpus,
};
use passim_testkit::Seeded;

/// The URLs of three databases, separated by spaces.
const SERVERS: &str = "PASSIM_TEST_POSTGRES";

/// Returns the URLs of three databases; without them, notes on standard error that the test does not
/// run.
fn servers() -> Option<Vec<String>> {
    setting(SERVERS)
}

/// Returns the parts of a variable that `scripts/test_postgres` sets; without it, notes on standard
/// error that the test does not run.
fn setting(name: &str) -> Option<Vec<String>> {
    let Ok(parts) = std::env::var(name) else {
        _ = writeln!(io::stderr(), "NOT RUN: a test of PostgreSQL, {name} is not set");
        return None;
    };
    Some(parts.split_whitespace().map(str::to_owned).collect())
}

/// Kills, starts or promotes the server of this number.
fn control(action: &str, number: &str) {
    let program = std::env::var("PASSIM_TEST_POSTGRES_CONTROL").unwrap();
    let status = Command::new(program).args([action, number]).status().unwrap();
    assert!(status.success(), "{action} {number}");
}

/// Connects to a server as its superuser.
fn client(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
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
fn a_failed_call_is_completed_by_repeating_it() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let corpus = builder.chunker(chunker()).create().unwrap();
    let articles = articles();
    corpus.add(articles[..10].to_vec()).unwrap();
    let mut client = postgres::Client::connect(&servers[0], postgres::NoTls).unwrap();
    let passages = format!("\"{schema}\".passages");
    let constraint =
        format!("ALTER TABLE {passages} ADD CONSTRAINT broken CHECK (no < 0) NOT VALID");
    client.batch_execute(&constraint).unwrap();
    let before = corpus.stats().unwrap();
    for _ in 0..2 {
        let error = corpus.add(articles.clone()).unwrap_err();
        assert!(matches!(error, Error::Shard { shard: 0, .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(corpus.stats().unwrap().shards[0].articles, before.shards[0].articles);
        corpus.verify().unwrap();
    }
    client.batch_execute(&format!("ALTER TABLE {passages} DROP CONSTRAINT broken")).unwrap();
    corpus.add(articles.clone()).unwrap();
    assert_eq!(corpus.stats().unwrap().articles, articles.len() as u64);
    corpus.verify().unwrap();
}

#[test]
fn verify_finds_statistics_that_are_no_recount() {
    let Some(servers) = servers() else { return };
    for change in [
        "UPDATE {s}.term_df SET df = df + 1 WHERE term = (SELECT max(term) FROM {s}.term_df)",
        "UPDATE {s}.corpus_totals SET words = words + 1",
        "UPDATE {s}.corpus_totals SET sums[7] = sums[7] + 1",
        "DELETE FROM {s}.passages WHERE no = 1",
        "DELETE FROM {s}.article_values WHERE value = (SELECT max(value) FROM {s}.article_values)",
        "UPDATE {s}.passages SET terms[1] = terms[1] + 1, language = 'en' WHERE no = 0",
    ] {
        let schema = unused_schema();
        let builder = Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
        let corpus = builder.chunker(chunker()).create().unwrap();
        corpus.add(articles()).unwrap();
        corpus.verify().unwrap();
        let mut client = postgres::Client::connect(&servers[0], postgres::NoTls).unwrap();
        client.batch_execute(&change.replace("{s}", &format!("\"{schema}\""))).unwrap();
        let error = corpus.verify().unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{change}: {error}");
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
fn passages_with_common_words_alone_are_not_read() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    pair.add(&articles());
    for question in ["Wer repariert die Turmuhr?", "Where was the wooden bridge found?"] {
        let scored = |k| {
            let hits = pair.corpus.search(Query::new(question).mode(Mode::Lexical).k(k)).unwrap();
            hits.plan().lexical.iter().map(|plan| plan.scored).sum::<usize>()
        };
        assert!(scored(1) * 2 < scored(1_000), "{question}: {} {}", scored(1), scored(1_000));
    }
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
