//! Laws of counts: they are those of the articles and of the hits, however the corpus was built.

use std::collections::{BTreeMap, BTreeSet};

use passim::{
    Article, Cancel, Error, Filter, IndexChoice, Mode, Query, Retriever, Timestamp, Value,
};
use passim_testkit::FakeEmbedder;
use proptest::prelude::*;

use crate::{
    filter_oracle::{OracleFilter, article, items, oracle_filter},
    sample_corpus::{MODES, sample_retriever},
};

fn retriever() -> Retriever {
    let builder = Retriever::builder().embedder(FakeEmbedder::new(4));
    builder.index(IndexChoice::Exact).in_memory().unwrap()
}

/// A value as it is counted; equal values have one form.
fn form(value: &Value) -> String {
    match value {
        Value::Bool(value) => format!("b{value}"),
        #[allow(clippy::cast_precision_loss, reason = "small numbers, or powers of two")]
        Value::Integer(number) => format!("n{:?}", *number as f64),
        // The greatest is no float, and no other value is as great.
        Value::Unsigned(u64::MAX) => "nmax".to_owned(),
        #[allow(clippy::cast_precision_loss, reason = "a power of two")]
        Value::Unsigned(number) => format!("n{:?}", *number as f64),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        Value::Float(number) => format!("n{:?}", *number + 0.0),
        Value::Date(day) => {
            let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
            format!("t{midnight}")
        }
        Value::Timestamp(time) => format!("t{time}"),
        Value::String(text) => format!("s{text}"),
        other => panic!("{other} is no single value"),
    }
}

/// Asserts that the counts of `query` by `name` are those of `matching`.
fn assert_counts(retriever: &Retriever, query: &Query, name: &str, matching: &[Article]) {
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut without = 0;
    for article in matching {
        let values = article.metadata.get(name).map_or(&[][..], items);
        let forms: BTreeSet<String> = values.iter().map(form).collect();
        without += usize::from(forms.is_empty());
        for form in forms {
            *expected.entry(form).or_default() += 1;
        }
    }
    let counts = retriever.count_values(query, name, usize::MAX).unwrap();
    assert_eq!((counts.articles, counts.without), (matching.len(), without), "{name}");
    assert_eq!(counts.distinct, expected.len(), "{counts:?}");
    assert!(counts.values.is_sorted_by(|a, b| a.articles >= b.articles), "{counts:?}");
    let found = counts.values.iter().map(|count| (form(&count.value), count.articles));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "{name}");
    for limit in [0, 1, 3] {
        let first = retriever.count_values(query, name, limit).unwrap();
        // NaN is not equal to itself.
        let expected = &counts.values[..limit.min(counts.values.len())];
        assert_eq!(format!("{:?}", first.values), format!("{expected:?}"));
        assert_eq!(first.distinct, counts.distinct);
    }
    for count in counts.values.iter().filter(|count| form(&count.value) != "nan") {
        let filter = Filter::equals(name, count.value.clone());
        let narrower = retriever.count_matches(query.clone().filter(filter)).unwrap();
        assert_eq!(narrower.articles, count.articles, "{name} {}", count.value);
    }
}

/// Asserts that the counts of what `oracle` allows are those of the articles that it is true of.
fn assert_counts_by(retriever: &Retriever, oracle: &OracleFilter) {
    let query = Query::new("").filter(oracle.filter());
    let hits = retriever
        .search(Query::new("Satz").mode(Mode::Dense).exact().k(10_000).filter(oracle.filter()));
    let hits = match hits {
        Ok(hits) => hits,
        Err(error) => {
            let counted = retriever.count_matches(&query).unwrap_err();
            assert_eq!(counted.to_string(), error.to_string());
            return;
        }
    };
    let keys: BTreeSet<&str> = hits.iter().map(|hit| hit.article.as_str()).collect();
    let count = retriever.count_matches(&query).unwrap();
    assert_eq!((count.passages, count.articles), (hits.len(), keys.len()));
    assert!(count.is_exact);
    let read = |key: &&str| retriever.article(key).unwrap().unwrap();
    let matching: Vec<Article> = keys.iter().map(read).collect();
    for name in ["number", "day", "text", "mixed", "rare", "list", "none", "unknown"] {
        assert_counts(retriever, &query, name, &matching);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn counts_are_those_of_the_matching_articles(
        parts in prop::collection::vec(prop::collection::vec(article(), 0..14), 1..4),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        expressions in prop::collection::vec(oracle_filter(), 4),
    ) {
        let mut retriever = retriever();
        let keys: Vec<String> = parts.iter().flatten().map(|one| one.key.clone()).collect();
        for articles in parts {
            let mut keys = BTreeSet::new();
            let articles = articles.into_iter().filter(|one| keys.insert(one.key.clone()));
            retriever.add(articles.collect::<Vec<_>>()).unwrap();
        }
        for index in removed.iter().filter(|_| !keys.is_empty()) {
            retriever.remove(&keys[index.index(keys.len())]).unwrap();
        }
        assert_counts_by(&retriever, &OracleFilter::All(Vec::new()));
        for oracle in &expressions {
            assert_counts_by(&retriever, oracle);
        }
    }
}

#[test]
fn counts_of_words_are_those_of_all_hits() {
    let retriever = sample_retriever();
    for question in ["Warum hält Meta Behemoth zurück?", "the open models", "Moor 2024", "zzyzx"]
    {
        for query in [
            Query::new(question),
            Query::new(question).require("Meta"),
            Query::new(question).exclude("Modell").filter(!Filter::key("x")),
        ] {
            for mode in MODES {
                let query = query.clone().mode(mode).k(100_000);
                let hits = retriever.search(&query).unwrap();
                let articles: BTreeSet<&str> = hits.iter().map(|hit| &*hit.article).collect();
                let limits = query.clone().k(1).offset(7).per_article(1).group_by_article(2);
                for query in [query, limits] {
                    let count = retriever.count_matches(&query).unwrap();
                    assert_eq!(count.passages, hits.len(), "{query:?}");
                    assert_eq!(count.articles, articles.len(), "{query:?}");
                }
            }
        }
    }
}

#[test]
fn phrases_and_scores_make_counts_upper_bounds() {
    let retriever = sample_retriever();
    for query in [
        Query::new("Meta").require_phrase("open models"),
        Query::new("Meta").exclude_phrase("open models"),
        Query::new("Meta").min_score(0.3),
        Query::new("Meta").min_similarity(0.5),
    ] {
        let hits = retriever.search(query.clone().k(100_000)).unwrap();
        let count = retriever.count_matches(&query).unwrap();
        assert!(!count.is_exact && count.passages >= hits.len(), "{count:?} {query:?}");
        assert!(!retriever.count_values(&query, "source", 3).unwrap().is_exact);
    }
    let words = retriever.count_matches(Query::new("").require("open models")).unwrap();
    let phrase = Query::new("").require_phrase("open models");
    assert_eq!(retriever.count_matches(phrase).unwrap().passages, words.passages);
}

#[test]
fn counts_refuse_invalid_queries_and_end_by_interrupts() {
    let retriever = sample_retriever();
    let count = |query: Query| retriever.count_matches(query).unwrap_err();
    assert!(matches!(count(Query::new(" ").mode(Mode::Lexical)), Error::EmptyQuery));
    assert!(matches!(count(Query::new("").require("!")), Error::NoWords { .. }));
    assert!(matches!(
        count(Query::new("").filter(Filter::equals("n", f64::NAN))),
        Error::Filter { .. }
    ));
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = Query::new("").cancel(&cancel);
    assert!(matches!(count(cancelled.clone()), Error::Cancelled));
    assert!(matches!(retriever.count_values(cancelled, "n", 1), Err(Error::Cancelled)));
    let timed_out = Query::new("").time_limit(std::time::Duration::ZERO);
    assert!(matches!(count(timed_out), Error::TimedOut));
    assert_eq!(retriever.count_values(Query::new(""), "a\0b", 5).unwrap().distinct, 0);
}

#[test]
fn a_snapshot_keeps_its_counts() {
    let mut retriever = retriever();
    let article = |key: &str, tag: &str| Article::new(key, "Ein Satz.").metadata("tag", tag);
    retriever.add([article("a", "x"), article("b", "x"), article("leer", "y")]).unwrap();
    retriever.add([Article::new("leer", "").metadata("tag", "z")]).unwrap();
    retriever.commit().unwrap();
    let searcher = retriever.searcher();
    retriever.add([article("a", "y"), article("c", "y")]).unwrap();
    let counts = |values: passim::ValueCounts| -> Vec<(String, usize)> {
        values.values.iter().map(|count| (count.value.to_string(), count.articles)).collect()
    };
    let of_writer = counts(retriever.count_values("", "tag", 9).unwrap());
    assert_eq!(of_writer, [("y".to_owned(), 2), ("x".to_owned(), 1)]);
    assert_eq!(counts(searcher.count_values("", "tag", 9).unwrap()), [("x".to_owned(), 2)]);
    // An article without passages is never found.
    assert_eq!(searcher.count_matches("").unwrap().articles, 2);
    let shared = retriever.into_shared(passim::CommitSchedule::on_demand()).unwrap();
    assert_eq!(shared.count_matches("").unwrap().articles, 2);
    shared.commit().unwrap();
    assert_eq!(counts(shared.count_values("", "tag", 9).unwrap()), of_writer);
    shared.close().unwrap();
}

#[test]
fn times_are_dates_if_all_are_days() {
    let mut retriever = retriever();
    let at = |key: &str, time: &str| {
        let time: Timestamp = time.parse().unwrap();
        Article::new(key, "Ein Satz.").metadata("at", time)
    };
    let day: passim::Date = "2024-06-03".parse().unwrap();
    retriever.add([at("a", "2024-06-03T00:00:00Z")]).unwrap();
    retriever.add([Article::new("b", "Ein Satz.").metadata("at", day)]).unwrap();
    let first = |retriever: &Retriever| {
        let counts = retriever.count_values("", "at", 1).unwrap();
        (counts.values[0].value.clone(), counts.values[0].articles)
    };
    assert_eq!(first(&retriever), (Value::Date(day), 2));
    retriever.add([at("c", "2024-06-03T10:00:00Z")]).unwrap();
    let midnight: Timestamp = "2024-06-03T00:00:00Z".parse().unwrap();
    assert_eq!(first(&retriever), (Value::Timestamp(midnight), 2));
}
