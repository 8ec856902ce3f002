//! Counts are those of the local store.

use std::time::Duration;

use passim::{Cancel, Error, Filter, Mode, Query};

use super::{Pair, articles::articles, equality::filters, servers};

#[test]
fn counts_are_those_of_the_local_store() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers);
    pair.add(&articles());
    pair.remove("de/11");
    let names = [
        "topic",
        "number",
        "share",
        "large",
        "published",
        "seen",
        "days",
        "tags",
        "mixed",
        "none",
        "a\0",
    ];
    let mut counted = 0;
    for filter in filters() {
        for query in [
            Query::new("").filter(filter.clone()),
            Query::new("Wo wurde die Brücke gefunden?").mode(Mode::Lexical).filter(filter.clone()),
            Query::new("").require("Torf").exclude_phrase("im Moor").filter(filter),
        ] {
            match (pair.corpus.count_matches(&query), pair.local.count_matches(&query)) {
                (Ok(found), Ok(local)) => assert_eq!(found, local, "{query:?}"),
                (found, local) => {
                    assert_eq!(found.unwrap_err().to_string(), local.unwrap_err().to_string());
                    continue;
                }
            }
            for (name, limit) in names.into_iter().zip([3, 0, 1000].into_iter().cycle()) {
                let found = pair.corpus.count_values(&query, name, limit).unwrap();
                assert_eq!(found, pair.local.count_values(&query, name, limit).unwrap(), "{name}");
                counted += found.values.len();
            }
        }
    }
    assert!(counted > 300, "{counted}");
}

#[test]
fn counts_refuse_closures_and_end_by_interrupts() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..1]);
    pair.add(&articles());
    let closure = Query::new("").filter(Filter::custom(|_, _| true));
    assert!(matches!(pair.corpus.count_matches(&closure), Err(Error::Filter { .. })));
    assert!(matches!(pair.corpus.count_values(&closure, "topic", 3), Err(Error::Filter { .. })));
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = Query::new("").cancel(&cancel);
    assert!(matches!(pair.corpus.count_matches(cancelled), Err(Error::Cancelled)));
    let late = Query::new("").time_limit(Duration::ZERO);
    assert!(matches!(pair.corpus.count_values(late, "topic", 3), Err(Error::TimedOut)));
}
