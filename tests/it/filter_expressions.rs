//! Laws of filters: what an expression lets through is what it says of each article, however the
//! corpus came about.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use passim::{Article, ArticleHead, Date, Error, Filter, IndexChoice, Mode, Query, Retriever};
use passim_testkit::FakeEmbedder;
use proptest::prelude::*;

use crate::filter_oracle::{OracleFilter, article, kind, oracle_filter};

fn retriever() -> Retriever {
    let builder = Retriever::builder().embedder(FakeEmbedder::new(4));
    builder.index(IndexChoice::Exact).in_memory().unwrap()
}

/// A query for everything.
fn query() -> Query {
    Query::new("Satz").mode(Mode::Dense).exact().k(10_000)
}

/// The heads of all live articles with passages, and how many passages.
fn heads(retriever: &Retriever) -> Vec<(ArticleHead, usize)> {
    let seen = Arc::new(Mutex::new(Vec::<(ArticleHead, usize)>::new()));
    let into = Arc::clone(&seen);
    let look = Filter::custom(move |head, _| {
        let mut seen = into.lock().unwrap();
        match seen.iter_mut().find(|(known, _)| known.key == head.key) {
            Some((_, passages)) => *passages += 1,
            None => seen.push((head.clone(), 1)),
        }
        true
    });
    retriever.search(query().filter(look)).unwrap();
    let seen = seen.lock().unwrap();
    let passages: usize = seen.iter().map(|(_, passages)| passages).sum();
    assert_eq!(passages, retriever.passages(), "closures are asked of all that is alive");
    seen.clone()
}

/// What kinds of values live articles have of each name.
fn kinds(retriever: &Retriever) -> BTreeSet<(String, u8)> {
    let keys = retriever.keys().map(|key| key.unwrap());
    let articles = keys.map(|key| retriever.article(key).unwrap().unwrap());
    let values = articles.flat_map(|article| article.metadata);
    values.map(|(name, value)| (name, kind(&value))).collect()
}

/// Searches for what `oracle` lets through, and compares it with what it is true of.
fn compare_with_heads(retriever: &Retriever, oracle: &OracleFilter) {
    let hits = retriever.search(query().filter(oracle.filter()));
    let kinds = kinds(retriever);
    let unlike = |(name, asked): &(&str, u8)| {
        let mut stored = kinds.iter().filter(|(known, _)| known == name).peekable();
        stored.peek().is_some() && stored.all(|(_, kind)| kind != asked)
    };
    if oracle.has_inverted_range() {
        assert!(matches!(hits, Err(Error::Filter { .. })), "{oracle:?}: {hits:?}");
        return;
    }
    if oracle.compared_kinds().iter().any(unlike) {
        assert!(matches!(hits, Err(Error::FilterType { .. })), "{oracle:?}: {hits:?}");
        return;
    }
    let hits = hits.unwrap();
    let places: BTreeSet<_> = hits.iter().map(|hit| (&*hit.article, hit.range.start)).collect();
    assert_eq!(places.len(), hits.len());
    let mut total = 0;
    for (head, passages) in heads(retriever) {
        let found = hits.iter().filter(|hit| hit.article == head.key).count();
        let wanted = if oracle.is_true_of(&head) { passages } else { 0 };
        assert_eq!(found, wanted, "{} of {head:?}", oracle.filter());
        total += found;
    }
    assert_eq!(total, hits.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_expression_lets_through_what_it_is_true_of(
        parts in prop::collection::vec(prop::collection::vec(article(), 0..12), 1..4),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        expressions in prop::collection::vec(oracle_filter(), 6),
    ) {
        let mut retriever = retriever();
        let keys: Vec<String> = parts.iter().flatten().map(|one| one.key.clone()).collect();
        for articles in parts {
            // Of each key there is one article.
            let mut keys = BTreeSet::new();
            let articles = articles.into_iter().filter(|one| keys.insert(one.key.clone()));
            retriever.add(articles.collect::<Vec<_>>()).unwrap();
        }
        for index in removed.iter().filter(|_| !keys.is_empty()) {
            retriever.remove(&keys[index.index(keys.len())]).unwrap();
        }
        for oracle in &expressions {
            compare_with_heads(&retriever, oracle);
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
fn what_compares_with_nothing_stored_is_an_error_that_says_so() {
    let mut retriever = numbered(30);
    let error = |retriever: &Retriever, filter: Filter| {
        retriever.search(query().filter(filter)).unwrap_err().to_string()
    };
    let since = Filter::exists("at").and(!Filter::range("day", "2024-01-01"..));
    let said = error(&retriever, since.clone());
    assert!(said.contains("texts in the metadata `day`, which holds dates"), "{said}");
    assert!(error(&retriever, Filter::prefix("at", "1")).contains("which holds numbers"));
    assert!(error(&retriever, Filter::equals("even", 1)).contains("which holds booleans"));
    let (from, to) = (5, 3);
    let turned = error(&retriever, Filter::range("at", from..to));
    assert!(turned.contains("`at in 5..3`") && turned.contains("after its end"), "{turned}");
    assert!(retriever.search(query().filter(Filter::equals("none", "x"))).unwrap().is_empty());

    // One article with a text, in another segment, is enough to ask for texts, as long as it is
    // there.
    retriever.add([Article::new("x", "Ein Satz.").metadata("day", "heute")]).unwrap();
    assert_eq!(retriever.search(query().filter(since.clone())).unwrap().len(), 30);
    retriever.remove("x").unwrap();
    assert!(error(&retriever, since).contains("which holds dates"));
}

#[test]
fn a_closure_is_asked_only_where_other_conditions_do_not_decide() {
    let retriever = numbered(100);
    let asked = Arc::new(AtomicUsize::new(0));
    let closure = || {
        let asked = Arc::clone(&asked);
        Filter::custom(move |_, _| asked.fetch_add(1, Relaxed) < usize::MAX)
    };
    let range = || Filter::range("at", 10..30);
    let even = || Filter::equals("even", true);
    for (filter, hits, times) in [
        (closure(), 100, 100),
        (closure().and(range()), 20, 20),
        (range().and(!closure()), 0, 20),
        (closure().or(range()), 100, 80),
        (closure().or(even()).and(range()), 20, 10),
        (!closure().and(even()).and(range()), 90, 10),
        (closure().and(Filter::key("no such key")), 0, 0),
        (closure().or(Filter::exists("at")), 100, 0),
    ] {
        asked.store(0, Relaxed);
        let name = filter.to_string();
        assert_eq!(retriever.search(query().filter(filter)).unwrap().len(), hits, "{name}");
        assert_eq!(asked.load(Relaxed), times, "{name}");
    }
}

#[test]
fn of_several_filters_all_must_hold() {
    let query = query().filter(Filter::range("at", 10..)).filter(Filter::range("at", ..=12));
    assert_eq!(numbered(50).search(query).unwrap().len(), 3);
}

#[test]
fn many_threads_may_ask_first() {
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
fn a_damaged_head_is_an_error_where_it_is_needed() {
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
    // The one that is damaged may be a number.
    error(&retriever, Filter::equals("source", 3));
    for (filter, hits) in [
        (dpa().and(!Filter::key("b")), 2),
        (Filter::key_prefix("c").and(Filter::custom(|_, _| true)).and(dpa()), 1),
        (Filter::any([dpa(), Filter::key("b"), Filter::exists("none")]), 3),
    ] {
        // What is found has to be read, too.
        let found = retriever.search(query().filter(filter.clone()));
        let damaged = matches!(found, Err(Error::Corrupt { .. }));
        assert!(if hits == 3 { damaged } else { found.unwrap().len() == hits }, "{filter}");
    }
    retriever.remove("b").unwrap();
    assert_eq!(retriever.search(query().filter(dpa())).unwrap().len(), 2);
}
