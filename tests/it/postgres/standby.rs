//! Reads go on from a standby while the primary server is down, and writes after the promotion.

use std::{
    thread,
    time::{Duration, Instant},
};

use passim::{Article, Error, ErrorKind, Query, postgres::Corpus};

use super::{articles::articles, chunker, control, setting, unused_schema};

/// Waits until the standby has `articles` articles.
fn wait_for_standby(standby: &Corpus, articles: u64) {
    let start = Instant::now();
    while standby.stats().unwrap().articles != articles {
        assert!(start.elapsed() < Duration::from_mins(1), "the standby lags");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_standby_answers_and_is_promoted() {
    let Some(servers) = setting("PASSIM_TEST_POSTGRES_STANDBY") else { return };
    let [primary, primary_url, standby, standby_url] = &servers[..] else { panic!("{servers:?}") };
    let host = |url: &str| url.split(['@', '/']).nth(3).unwrap().to_owned();
    let hosts = format!("{},{}", host(primary_url), host(standby_url));
    let url = format!("postgresql://passim@{hosts}/postgres");
    let schema = unused_schema();
    let builder = |url: &str| Corpus::builder().shards([url]).schema(&schema);
    let corpus = builder(&url).chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let count = articles().len() as u64;
    // A URL of one host sends all calls to it, so writes to a standby fail.
    let alone = thread::scope(|_| {
        loop {
            match builder(standby_url).retries(1).open() {
                Err(Error::NoCorpus { .. }) => thread::sleep(Duration::from_millis(20)),
                opened => break opened.unwrap(),
            }
        }
    });
    wait_for_standby(&alone, count);
    let error = alone.add(articles()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // Reads can be those of the standby while writes are those of the primary.
    let split = builder(&format!("{url}?target_session_attrs=read-only")).open().unwrap();
    split.add([Article::new("neu", "Ein neuer Artikel über den Deich.")]).unwrap();
    wait_for_standby(&split, count + 1);
    let query = || Query::new("Wer repariert die Turmuhr am Deich?");
    let expected = corpus.search(query()).unwrap();
    assert_eq!(split.search(query()).unwrap(), expected);
    assert_eq!(split.upsert([articles()[0].clone()]).unwrap().unchanged, 1);

    control("kill", primary);
    assert_eq!(corpus.search(query()).unwrap(), expected);
    assert_eq!(corpus.keys().unwrap().len() as u64, count + 1);
    assert_eq!(corpus.article("de/3").unwrap().unwrap().key, "de/3");
    assert_eq!(corpus.stats().unwrap().articles, count + 1);
    let opened = builder(&url).retries(1).open().unwrap();
    assert_eq!(opened.search(query()).unwrap(), expected);
    let error = opened.add([Article::new("x", "Text")]).unwrap_err();
    assert!(matches!(error, Error::Shard { shard: 0, .. }), "{error}");

    // A write that waits for the promotion succeeds.
    thread::scope(|scope| {
        let waiting = builder(standby_url).retries(12).open().unwrap();
        let write = scope.spawn(|| corpus.add([Article::new("danach", "Nach dem Ausfall.")]));
        let alone = scope.spawn(move || waiting.add([Article::new("allein", "Ein Server.")]));
        thread::sleep(Duration::from_millis(300));
        control("promote", standby);
        assert_eq!(write.join().unwrap().unwrap().articles, 1);
        assert_eq!(alone.join().unwrap().unwrap().articles, 1);
    });
    assert!(corpus.remove("neu").unwrap());
    assert_eq!(corpus.keys().unwrap().len() as u64, count + 2);
    corpus.verify().unwrap();
}
