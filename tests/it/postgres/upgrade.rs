//! Upgrades: tables and words of an earlier version become those of this one, and clients with other
//! rules are refused meanwhile.

use std::time::Duration;

use passim::{Article, Error, Retriever, postgres::Corpus};

use super::{Pair, articles::articles, chunker, servers, unused_schema};

/// Makes the tables those of the first version, and the words those of another analysis.
const OLD: &str = r"
ALTER TABLE {s}.passages DROP COLUMN text_hash, ADD COLUMN filter_values jsonb;
ALTER TABLE {s}.articles ADD COLUMN filter_values jsonb;
UPDATE {s}.articles a SET filter_values = coalesce((
    SELECT jsonb_object_agg(n.name, n.keys) FROM (
        SELECT name, jsonb_agg(value) || jsonb_agg(left(value, 1)) AS keys
        FROM {s}.article_values WHERE article = a.key GROUP BY name) n), '{}');
UPDATE {s}.passages p SET filter_values = (
    SELECT filter_values FROM {s}.articles WHERE key = p.article);
DROP TABLE {s}.article_values;
ALTER TABLE {s}.settings DROP COLUMN words_ready;
UPDATE {s}.settings SET schema_version = 1, analysis = 7, pieces = 8, chunker = '\x01';
UPDATE {s}.passages SET terms = '{1,2}', tfs = '{1,1}', len = 2, pieces = '', is_noise = true;
DELETE FROM {s}.term_df;
INSERT INTO {s}.term_df SELECT t, count(*) FROM {s}.passages, unnest(terms) t GROUP BY t;
UPDATE {s}.corpus_totals SET words = (SELECT 2 * count(*) FROM {s}.passages);";

fn execute(servers: &[String], schema: &str, statements: &str) {
    for server in servers {
        let mut client = postgres::Client::connect(server, postgres::NoTls).unwrap();
        client.batch_execute(&statements.replace("{s}", &format!("\"{schema}\""))).unwrap();
    }
}

#[test]
fn an_old_corpus_becomes_a_current_one() {
    let Some(servers) = servers() else { return };
    let servers = &servers[..2];
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers.to_vec()).schema(&schema);
    let before = builder().chunker(chunker()).create().unwrap();
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    before.add(articles()).unwrap();
    local.add(articles()).unwrap();
    execute(servers, &schema, OLD);
    let error = builder().open().unwrap_err();
    assert!(matches!(error, Error::CorpusVersion { got: 1, expected: 2, .. }), "{error}");

    let corpus = builder().upgrade().unwrap();
    let mut pair = Pair { local, corpus };
    pair.assert_equal();
    pair.corpus = builder().open().unwrap();
    pair.corpus.maintain().unwrap();
    pair.assert_equal();
    let mut changed = articles();
    for article in &mut changed {
        article.text.push_str("\n\nEin neuer Absatz über den Deich.");
    }
    pair.add(&changed);
    pair.assert_equal();
    pair.corpus = builder().upgrade().unwrap();
    pair.assert_equal();
}

#[test]
fn clients_with_other_rules_are_refused() {
    let Some(servers) = servers() else { return };
    let servers = &servers[..1];
    for (statement, setting) in [
        ("UPDATE {s}.settings SET analysis = 7", "another analysis of words"),
        ("UPDATE {s}.settings SET pieces = 7", "other pieces of the bundled model"),
        ("UPDATE {s}.settings SET words_ready = false", "several analyses of words"),
        ("UPDATE {s}.settings SET chunker = '\\x01'", "other rules of chunking"),
    ] {
        let schema = unused_schema();
        let builder = || Corpus::builder().shards(servers.to_vec()).schema(&schema);
        let corpus = builder().create().unwrap();
        corpus.add(articles()).unwrap();
        let aged = builder().statistics_age(Duration::from_hours(1)).open().unwrap();
        aged.search("Torf").unwrap();
        execute(servers, &schema, statement);
        let new = [Article::new("neu", "Torf.")];
        let refused = [
            corpus.search("Torf").map(drop).unwrap_err(),
            aged.search("Torf").map(drop).unwrap_err(),
            corpus.add(new).map(drop).unwrap_err(),
            corpus.remove("de/1").map(drop).unwrap_err(),
            builder().open().map(drop).unwrap_err(),
        ];
        for error in refused {
            assert!(
                matches!(error, Error::CorpusSettings { setting: found, .. } if found == setting),
                "{error}"
            );
        }
        let upgraded = builder().upgrade().unwrap();
        upgraded.verify().unwrap();
        assert_eq!(corpus.search("Torf").unwrap(), upgraded.search("Torf").unwrap());
    }
}

#[test]
fn an_interrupted_upgrade_must_be_repeated() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
    builder().create().unwrap().add(articles()).unwrap();
    execute(&servers[..1], &schema, "UPDATE {s}.settings SET words_ready = false");
    let error = builder().open().unwrap_err();
    assert!(matches!(error, Error::CorpusSettings { .. }), "{error}");
    builder().upgrade().unwrap().verify().unwrap();
    builder().open().unwrap();
}

#[test]
fn a_corpus_that_is_not_there_or_newer_is_not_upgraded() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
    let error = builder().upgrade().unwrap_err();
    assert!(matches!(error, Error::NoCorpus { .. }), "{error}");
    builder().create().unwrap();
    execute(&servers[..1], &schema, "UPDATE {s}.settings SET schema_version = 9");
    let error = builder().upgrade().unwrap_err();
    assert!(matches!(error, Error::CorpusVersion { got: 9, .. }), "{error}");
}

#[test]
fn one_client_maintains_at_a_time() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let corpus = Corpus::builder().shards(servers[..1].to_vec()).schema(&schema).create().unwrap();
    let mut client = postgres::Client::connect(&servers[0], postgres::NoTls).unwrap();
    let name = format!("passim maintain {schema}");
    let lock = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
    client.execute(lock, &[&name]).unwrap();
    let error = corpus.maintain().unwrap_err();
    assert!(matches!(error, Error::CorpusBusy { .. }), "{error}");
    drop(client);
    // The server notices the end of the session a moment later.
    let mut tries = (0..100).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        corpus.maintain()
    });
    tries.find(Result::is_ok).expect("the lock ends with its session").unwrap();
}
