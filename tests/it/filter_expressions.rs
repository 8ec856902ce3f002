//! Laws of filters: an expression passes the articles that it is true of, however the corpus was
//! built.

use std::{
    collections::BTreeSet,
    fs,
    ops::Bound,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use passim::{
    Article, ArticleHead, Date, Error, Filter, IndexChoice, Mode, Query, Retriever, Timestamp,
    Value,
};
use passim_testkit::FakeEmbedder;
use proptest::prelude::*;

use crate::filter_oracle::{OracleFilter, article, items, kind, oracle_filter};

fn retriever() -> Retriever {
    let builder = Retriever::builder().embedder(FakeEmbedder::new(4));
    builder.index(IndexChoice::Exact).in_memory().unwrap()
}

/// A query that returns every passage.
fn query() -> Query {
    Query::new("Satz").mode(Mode::Dense).exact().k(10_000)
}

/// The heads of all live articles with passages, with their number of passages.
fn heads(retriever: &Retriever) -> Vec<(ArticleHead, usize)> {
    let seen = Arc::new(Mutex::new(Vec::<(ArticleHead, usize)>::new()));
    let seen_by_closure = Arc::clone(&seen);
    let record = Filter::custom(move |head, _| {
        let mut seen = seen_by_closure.lock().unwrap();
        match seen.iter_mut().find(|(known, _)| known.key == head.key) {
            Some((_, passages)) => *passages += 1,
            None => seen.push((head.clone(), 1)),
        }
        true
    });
    retriever.search(query().filter(record)).unwrap();
    let seen = seen.lock().unwrap();
    let passages: usize = seen.iter().map(|(_, passages)| passages).sum();
    assert_eq!(passages, retriever.passages(), "a closure receives every live passage");
    seen.clone()
}

/// The kinds of values that live articles have, by metadata name.
fn kinds(retriever: &Retriever) -> BTreeSet<(String, u8)> {
    let keys = retriever.keys().map(|key| key.unwrap());
    let articles = keys.map(|key| retriever.article(key).unwrap().unwrap());
    let values = articles.flat_map(|article| article.metadata);
    let kinds = |(name, value): (String, Value)| -> Vec<(String, u8)> {
        items(&value).iter().map(|item| (name.clone(), kind(item))).collect()
    };
    values.flat_map(kinds).collect()
}

/// Asserts that a search with `oracle` returns the passages of the articles that it is true of.
fn assert_filters_by(retriever: &Retriever, oracle: &OracleFilter) {
    let hits = retriever.search(query().filter(oracle.filter()));
    let keys = retriever.keys_where(&oracle.filter());
    let kinds = kinds(retriever);
    let is_unlike_stored = |(name, compared): &(&str, u8)| {
        let mut stored = kinds.iter().filter(|(known, _)| known == name).peekable();
        stored.peek().is_some() && stored.all(|(_, kind)| kind != compared)
    };
    if oracle.has_inverted_range() {
        assert!(matches!(hits, Err(Error::Filter { .. })), "{oracle:?}: {hits:?}");
        assert!(matches!(keys, Err(Error::Filter { .. })), "{oracle:?}: {keys:?}");
        return;
    }
    if oracle.compared_kinds().iter().any(is_unlike_stored) {
        assert!(matches!(hits, Err(Error::FilterType { .. })), "{oracle:?}: {hits:?}");
        assert!(keys.is_err(), "{oracle:?}: {keys:?}");
        return;
    }
    let hits = hits.unwrap();
    let places: BTreeSet<_> = hits.iter().map(|hit| (&*hit.article, hit.range.start)).collect();
    assert_eq!(places.len(), hits.len());
    if oracle.has_closure() {
        assert!(matches!(keys, Err(Error::Filter { .. })), "{oracle:?}: {keys:?}");
    }
    let mut total = 0;
    for (head, passages) in heads(retriever) {
        if let Ok(keys) = &keys {
            let is_selected = keys.binary_search(&head.key).is_ok();
            assert_eq!(is_selected, oracle.is_true_of(&head), "{} of {head:?}", oracle.filter());
        }
        let found = hits.iter().filter(|hit| hit.article == head.key).count();
        let wanted = if oracle.is_true_of(&head) { passages } else { 0 };
        assert_eq!(found, wanted, "{} of {head:?}", oracle.filter());
        total += found;
    }
    assert_eq!(total, hits.len());
}

/// Asserts that `remove_where` removes the articles that `keys_where` returns, or none on an error.
fn assert_removes_by(retriever: &mut Retriever, oracle: &OracleFilter) {
    let all = |retriever: &Retriever| -> BTreeSet<String> {
        retriever.keys().map(|key| key.unwrap().to_owned()).collect()
    };
    let mut left = all(retriever);
    match retriever.keys_where(&oracle.filter()) {
        Ok(keys) => {
            assert!(keys.is_sorted_by(|a, b| a < b));
            assert_eq!(retriever.remove_where(&oracle.filter()).unwrap(), keys.len());
            assert!(keys.iter().all(|key| left.remove(key)));
            // No article may be left with values of the compared kind, which is an error.
            let found = retriever.keys_where(&oracle.filter());
            assert!(found.is_err() || found.is_ok_and(|keys| keys.is_empty()));
        }
        Err(_) => assert!(retriever.remove_where(&oracle.filter()).is_err()),
    }
    assert_eq!(all(retriever), left);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_filter_passes_the_articles_it_is_true_of(
        parts in prop::collection::vec(prop::collection::vec(article(), 0..12), 1..4),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        expressions in prop::collection::vec(oracle_filter(), 6),
    ) {
        let mut retriever = retriever();
        let keys: Vec<String> = parts.iter().flatten().map(|one| one.key.clone()).collect();
        for articles in parts {
            // A call of `add` keeps one article per key.
            let mut keys = BTreeSet::new();
            let articles = articles.into_iter().filter(|one| keys.insert(one.key.clone()));
            retriever.add(articles.collect::<Vec<_>>()).unwrap();
        }
        for index in removed.iter().filter(|_| !keys.is_empty()) {
            retriever.remove(&keys[index.index(keys.len())]).unwrap();
        }
        for oracle in &expressions {
            assert_filters_by(&retriever, oracle);
        }
        for oracle in &expressions {
            assert_removes_by(&mut retriever, oracle);
        }
    }
}

fn numbered(count: i64) -> Retriever {
    let mut retriever = retriever();
    let day = |at: i64| Date::new(2024, 1, i8::try_from(at % 28 + 1).unwrap()).unwrap();
    let article = |at: i64| {
        let article = Article::new(format!("{at:03}"), "Ein Satz steht hier.");
        article.metadata("at", at).metadata("day", day(at)).metadata("even", at % 2 == 0)
    };
    retriever.add((0..count).map(article)).unwrap();
    retriever
}

#[test]
fn a_value_of_a_kind_that_is_not_stored_is_an_error() {
    let mut retriever = numbered(30);
    let error = |retriever: &Retriever, filter: Filter| {
        retriever.search(query().filter(filter)).unwrap_err().to_string()
    };
    let since = Filter::exists("at").and(!Filter::range("day", "2024-01-01"..));
    let message = error(&retriever, since.clone());
    assert!(message.contains("compares `day` with texts; its values are dates"), "{message}");
    assert!(error(&retriever, Filter::prefix("at", "1")).contains("its values are numbers"));
    assert!(error(&retriever, Filter::equals("even", 1)).contains("its values are booleans"));
    #[expect(clippy::reversed_empty_ranges, reason = "an inverted range is an error")]
    let message = error(&retriever, Filter::range("at", 5..3));
    assert!(message.contains("`at in 5..3`") && message.contains("after its end"), "{message}");
    assert!(retriever.search(query().filter(Filter::equals("none", "x"))).unwrap().is_empty());

    // One live article with a text, in any segment, makes texts valid.
    retriever.add([Article::new("x", "Ein Satz.").metadata("day", "heute")]).unwrap();
    assert_eq!(retriever.search(query().filter(since.clone())).unwrap().len(), 30);
    retriever.remove("x").unwrap();
    assert!(error(&retriever, since).contains("its values are dates"));
}

/// The keys that pass `filter`, in order.
fn passed(retriever: &Retriever, filter: Filter) -> Vec<String> {
    let hits = retriever.search(query().filter(filter)).unwrap();
    let mut keys: Vec<String> = hits.iter().map(|hit| hit.article.clone()).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_list_passes_where_one_of_its_values_does() {
    let mut retriever = retriever();
    let article = |key: &str, tags: Value| Article::new(key, "Ein Satz.").metadata("tags", tags);
    let none: [&str; 0] = [];
    let articles = [
        article("a", ["Klima", "Moor"].into()),
        article("b", "Moor".into()),
        article("c", none.into()),
    ];
    retriever.add(articles).unwrap();
    for (filter, keys) in [
        (Filter::has("tags", "Moor"), &["a", "b"][..]),
        (Filter::has("tags", "Klima"), &["a"]),
        (!Filter::has("tags", "Klima"), &["b", "c"]),
        (Filter::prefix("tags", "K"), &["a"]),
        (Filter::range("tags", "L"..), &["a", "b"]),
        (Filter::exists("tags"), &["a", "b"]),
    ] {
        assert_eq!(passed(&retriever, filter.clone()), keys, "{filter}");
    }
    let list = Filter::equals("tags", ["Klima", "Moor"]);
    let error = retriever.search(query().filter(list)).unwrap_err();
    assert!(error.to_string().contains("test for its items"), "{error}");
}

#[test]
fn a_date_in_a_filter_stands_for_its_whole_day() {
    let mut retriever = retriever();
    let article = |key: &str, at: Value| Article::new(key, "Ein Satz.").metadata("at", at);
    let timestamp = |text: &str| Value::from(text.parse::<Timestamp>().unwrap());
    let day = |text: &str| Value::from(text.parse::<Date>().unwrap());
    let articles = [
        article("day", day("2024-06-03")),
        article("last", timestamp("2024-06-03T23:59:59.5Z")),
        article("morning", timestamp("2024-06-03T10:30:00+02:00")),
        article("next", timestamp("2024-06-04T00:00:00Z")),
    ];
    retriever.add(articles).unwrap();
    let monday = || day("2024-06-03");
    for (filter, keys) in [
        (Filter::equals("at", monday()), &["day", "last", "morning"][..]),
        (Filter::range("at", ..=monday()), &["day", "last", "morning"]),
        (Filter::range("at", ..monday()), &[]),
        (Filter::range("at", monday()..), &["day", "last", "morning", "next"]),
        (Filter::range("at", (Bound::Excluded(monday()), Bound::Unbounded)), &["next"]),
        (Filter::range("at", timestamp("2024-06-03T08:30:00Z")..=monday()), &["last", "morning"]),
        (Filter::equals("at", timestamp("2024-06-03T08:30:00Z")), &["morning"]),
    ] {
        assert_eq!(passed(&retriever, filter.clone()), keys, "{filter}");
    }
}

#[test]
fn types_that_mix_under_a_name_are_reported() {
    let mut retriever = numbered(3);
    assert!(retriever.stats().mixed_metadata.is_empty());
    let day = "2024-06-03".parse::<Date>().unwrap();
    let mixed = Article::new("x", "Ein Satz.").metadata("at", "drei").metadata("day", [day]);
    let listed = Article::new("y", "Ein Satz.").metadata("even", ["ja"]);
    retriever.add([mixed, listed]).unwrap();
    let names = retriever.stats().mixed_metadata;
    let want = [("at", vec!["numbers", "texts"]), ("even", vec!["booleans", "texts"])];
    assert_eq!(names, want.map(|(name, types)| (name.to_owned(), types)).into());
    retriever.remove("x").unwrap();
    assert_eq!(retriever.stats().mixed_metadata.len(), 1);
}

#[test]
fn a_list_within_a_list_is_refused() {
    let mut retriever = retriever();
    let nested = Article::new("x", "Ein Satz.").metadata("tags", [vec![1], vec![2]]);
    let error = retriever.add([Article::new("a", "Ein Satz."), nested]).unwrap_err();
    assert!(matches!(&error, Error::NestedList { key, name } if key == "x" && name == "tags"));
    assert_eq!(retriever.articles(), 0);
}

#[test]
fn a_closure_runs_only_where_other_conditions_do_not_decide() {
    let retriever = numbered(100);
    let calls = Arc::new(AtomicUsize::new(0));
    let closure = || {
        let calls = Arc::clone(&calls);
        Filter::custom(move |_, _| calls.fetch_add(1, Relaxed) < usize::MAX)
    };
    let range = || Filter::range("at", 10..30);
    let even = || Filter::equals("even", true);
    for (filter, hits, expected_calls) in [
        (closure(), 100, 100),
        (closure().and(range()), 20, 20),
        (range().and(!closure()), 0, 20),
        (closure().or(range()), 100, 80),
        (closure().or(even()).and(range()), 20, 10),
        (!closure().and(even()).and(range()), 90, 10),
        (closure().and(Filter::key("no such key")), 0, 0),
        (closure().or(Filter::exists("at")), 100, 0),
    ] {
        calls.store(0, Relaxed);
        let name = filter.to_string();
        assert_eq!(retriever.search(query().filter(filter)).unwrap().len(), hits, "{name}");
        assert_eq!(calls.load(Relaxed), expected_calls, "{name}");
    }
}

#[test]
fn all_filters_of_a_query_must_hold() {
    let query = query().filter(Filter::range("at", 10..)).filter(Filter::range("at", ..=12));
    assert_eq!(numbered(50).search(query).unwrap().len(), 3);
}

#[test]
fn threads_can_load_filter_columns_concurrently() {
    for _ in 0..20 {
        let retriever = numbered(300);
        thread::scope(|scope| {
            for thread in 0..8 {
                let retriever = &retriever;
                scope.spawn(move || {
                    let filter = match thread % 3 {
                        0 => Filter::range("at", ..100),
                        1 => Filter::range("at", 200..).and(Filter::exists("day")),
                        _ => Filter::custom(|head, _| head.metadata["at"] != 7.into())
                            .and(Filter::any_of("at", 0..101)),
                    };
                    let hits = retriever.search(query().filter(filter)).unwrap();
                    assert_eq!(hits.len(), 100);
                });
            }
        });
    }
}

#[test]
fn a_damaged_head_is_an_error_where_a_filter_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Retriever::builder().embedder(FakeEmbedder::new(4));
    let mut writer = builder().create(folder.path()).unwrap();
    let article = |key: &str, source: &str| {
        Article::new(key, "Ein Satz steht hier.").metadata("source", source)
    };
    writer.add([article("a", "dpa"), article("b", "afp-marker"), article("c", "dpa")]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let segment = |path: &std::path::PathBuf| path.to_string_lossy().contains("segment-");
    let path = files.into_iter().find(segment).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|bytes| bytes == b"afp-marker").unwrap();
    bytes[at] = b'x';
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();

    let mut retriever = builder().open(folder.path()).unwrap();
    let dpa = || Filter::equals("source", "dpa");
    let error = |retriever: &Retriever, filter: Filter| {
        let error = retriever.search(query().filter(filter)).unwrap_err();
        assert!(
            matches!(&error, Error::Corrupt { origin, .. } if origin.contains("`b`")),
            "{error}"
        );
    };
    error(&retriever, dpa());
    error(&retriever, Filter::custom(|_, _| true));
    // The damaged value could be a number.
    error(&retriever, Filter::equals("source", 3));
    for (filter, hits) in [
        (dpa().and(!Filter::key("b")), 2),
        (Filter::key_prefix("c").and(Filter::custom(|_, _| true)).and(dpa()), 1),
        (Filter::any([dpa(), Filter::key("b"), Filter::exists("none")]), 3),
    ] {
        // A hit is read as well.
        let found = retriever.search(query().filter(filter.clone()));
        let damaged = matches!(found, Err(Error::Corrupt { .. }));
        assert!(if hits == 3 { damaged } else { found.unwrap().len() == hits }, "{filter}");
    }
    retriever.remove("b").unwrap();
    assert_eq!(retriever.search(query().filter(dpa())).unwrap().len(), 2);
}
