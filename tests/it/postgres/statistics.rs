//! Statistics of an age, and the work of shards in plans.

use std::time::Duration;

use passim::{Article, Cancel, Error, Mode, Query, postgres::Corpus};

use super::{articles::articles, chunker, servers, unused_schema};

fn statements(hits: &passim::Hits) -> usize {
    hits.plan().shards.iter().map(|shard| shard.statements).sum()
}

#[test]
fn statistics_of_an_age_are_shared_by_searches() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let exact = builder().chunker(chunker()).create().unwrap();
    exact.add(articles()).unwrap();
    let aged = builder().statistics_age(Duration::from_hours(1)).open().unwrap();
    let query = || Query::new("Wer repariert die Turmuhr?").k(5);
    let first = aged.search(query()).unwrap();
    assert_eq!(first, exact.search(query()).unwrap());
    assert_eq!(aged.search(query()).unwrap(), first);
    let known = [0, 1].map(|_| aged.search("Torf").unwrap());
    assert_eq!(known[0], known[1]);
    let [first, second] = known.each_ref().map(statements);
    assert!(second + 2 <= first, "{} {}", known[0].plan(), known[1].plan());
    let other = aged.search("Where was the wooden bridge found?").unwrap();
    assert_eq!(other, exact.search("Where was the wooden bridge found?").unwrap());

    // A word that no passage had is found as soon as one has it.
    let new = || Query::new("Zzyzx").mode(Mode::Lexical);
    assert!(aged.search(new()).unwrap().is_empty());
    // Words of later articles are found, by the scores of the statistics before.
    exact.add([Article::new("neu", "Die Turmuhr steht still. Zzyzx.")]).unwrap();
    let found = aged.search(query()).unwrap();
    assert!(found.iter().any(|hit| hit.article == "neu"), "{}", found.plan());
    assert_eq!(aged.search(new()).unwrap().len(), 1);
    assert_ne!(found, exact.search(query()).unwrap());
    assert_eq!(aged.search(query().partial()).unwrap(), exact.search(query()).unwrap());
    aged.add([Article::new("eigen", "Die Turmuhr geht nach.")]).unwrap();
    assert_eq!(aged.search(query()).unwrap(), exact.search(query()).unwrap());
    let brief = builder().statistics_age(Duration::from_nanos(1)).open().unwrap();
    assert_eq!(brief.search(query()).unwrap(), exact.search(query()).unwrap());
}

#[test]
fn statistics_are_read_anew_after_maintenance_and_failures() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards(servers[..1].to_vec()).schema(&schema);
    let other = builder().chunker(chunker()).create().unwrap();
    let cancel = Cancel::new();
    let aged = builder().statistics_age(Duration::from_hours(1)).cancel(&cancel).open().unwrap();
    // With statistics of an empty shard a search does not look at it.
    let found = |word: &str| aged.search(Query::new(word).mode(Mode::Lexical)).unwrap().len();
    let is_found_after = |word: &str, write: &dyn Fn()| {
        other.sync([]).unwrap();
        aged.remove("nichts").unwrap();
        assert_eq!(found(word), 0);
        other.add([Article::new(word, format!("Im Moor: {word}."))]).unwrap();
        assert_eq!(found(word), 0, "the statistics were shared");
        write();
        found(word) == 1
    };
    assert!(is_found_after("Wollgras", &|| assert_eq!(aged.maintain().unwrap().graphs_built, 0)));
    assert!(is_found_after("Sonnentau", &|| {
        cancel.cancel();
        let error = aged.remove("nichts").unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        cancel.reset();
    }));
}

#[test]
fn plans_name_the_work_of_each_shard() {
    let Some(servers) = servers() else { return };
    let builder = Corpus::builder().shards(servers.clone()).schema(unused_schema());
    let corpus = builder.chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let hits = corpus.search("Wer repariert die Turmuhr?").unwrap();
    let shards = &hits.plan().shards;
    assert!(shards.iter().map(|plan| plan.shard).eq(0..3), "{shards:?}");
    assert!(shards.iter().all(|plan| plan.statements > 3 && !plan.time.is_zero()), "{shards:?}");
    assert!(hits.plan().to_string().contains("\n  shard 2: "), "{}", hits.plan());
}
