//! Queries of all kinds, and equality of their answers.

use std::{ops::Bound, time::Duration};

use passim::{Date, Explanation, Filter, Hit, Hits, Language, Mode, Query, Recency, Timestamp};

use crate::sample_corpus::MODES;

/// Largest difference of scores that are equal.
const TOLERANCE: f32 = 1e-5;

const QUESTIONS: [&str; 7] = [
    "Wer repariert die Turmuhr?",
    "Where was the wooden bridge found?",
    "Was steht in der Akte B-2041/77?",
    "der die das und the of",
    "Apfel honey Versicherung water",
    "Fähre Abfahrt 10:15",
    "zzyzx",
];

/// Conditions on every kind of value, and on keys and languages.
pub fn filters() -> Vec<Filter> {
    let day = |day| Date::new(2025, 3, day).unwrap();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    vec![
        Filter::equals("topic", "water"),
        Filter::any_of("topic", ["work", "nature", "none"]),
        Filter::prefix("topic", "wa"),
        Filter::range("topic", "nature"..="water"),
        Filter::equals("checked", true),
        Filter::range("number", 3..9),
        Filter::range("number", (Bound::Excluded(3), Bound::Included(9))),
        Filter::range("number", 2.5..=6.0),
        Filter::any_of("number", [1, 5, 99]),
        Filter::range("share", ..=1.5),
        Filter::equals("share", 0),
        Filter::range("large", u64::MAX - 7..),
        Filter::equals("published", day(4)),
        Filter::range("published", day(3)..=day(8)),
        Filter::range("published", (Bound::Excluded(day(3)), Bound::Unbounded)),
        Filter::range("seen", time("2025-03-04T00:00:00Z")..),
        Filter::equals("seen", day(4)),
        Filter::equals("days", Date::new(2024, 2, 29).unwrap()),
        Filter::has("tags", "Land"),
        Filter::equals("mixed", 7),
        Filter::equals("mixed", "7"),
        Filter::range("mixed", 7.2..),
        Filter::exists("mixed"),
        !Filter::exists("number"),
        Filter::language(Language::German),
        !Filter::language(Language::English),
        Filter::language("fr".parse().unwrap()),
        Filter::key("de/11"),
        Filter::key_prefix("en/1"),
        Filter::key_prefix("de/").or(Filter::equals("topic", "work")).and(!Filter::key("en/4")),
        Filter::all([]),
        Filter::any([]),
    ]
}

fn recency(name: &str) -> Recency {
    let now = "2025-03-20T00:00:00Z".parse().unwrap();
    Recency::new(name, Duration::from_hours(72), 0.4).now(now)
}

/// Queries of all modes with every setting.
pub fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for question in QUESTIONS {
        for mode in MODES {
            let query = Query::new(question).mode(mode);
            queries.push(query.clone().k(5).explain());
            queries.push(query.clone().k(300));
            queries.push(query.clone().k(4).offset(3));
            queries.push(query.clone().k(8).per_article(1));
            queries.push(query.clone().k(8).dedup(0.99));
            queries.push(query.clone().k(6).mmr(0.5));
            queries.push(query.clone().k(5).group_by_article(2).offset(1));
            queries.push(query.clone().k(40).recency(recency("published")).explain());
            queries.push(query.clone().k(5).recency(recency("seen")).group_by_article(2).mmr(0.2));
            queries.push(query.clone().k(5).recency(recency("none\0")));
            queries.push(query.clone().require("Torf"));
            let either = Filter::key_prefix("de/").or(Filter::equals("topic", "work"));
            queries.push(query.clone().filter(either.clone()).require("Torf").k(200));
            queries.push(query.clone().filter(either).exclude("Torf").k(200));
            queries.push(query.clone().exclude("März March").k(200));
            queries.push(query.clone().require_phrase("der Bronzezeit"));
            queries.push(query.exclude_phrase("Ein Drittel").k(200));
        }
    }
    for (question, mode) in QUESTIONS.into_iter().zip(MODES.into_iter().cycle()) {
        for filter in filters() {
            queries.push(Query::new(question).mode(mode).k(60).filter(filter));
        }
    }
    queries.push(Query::new(QUESTIONS[0]).mode(Mode::Dense).min_similarity(0.2).k(100));
    queries.push(Query::new(QUESTIONS[1]).min_score(0.1).k(100));
    queries.push(Query::new(QUESTIONS[4]).filter(Filter::key_prefix("de/")).require("Bienen"));
    queries
}

/// Asserts that two answers have the same hits with the same scores.
pub fn assert_equal(found: &Hits, local: &Hits, query: &Query) {
    assert_eq!(found.plan().passages, local.plan().passages, "{query:?}");
    assert_eq!(found.plan().allowed, local.plan().allowed, "{query:?}");
    assert_eq!(found.is_complete(), local.is_complete());
    let places = |hits: &Hits| -> Vec<_> {
        hits.iter().map(|hit| (hit.article.clone(), hit.range.clone())).collect()
    };
    assert_eq!(places(found), places(local), "{query:?}");
    for (found, local) in found.iter().zip(local.iter()) {
        assert_same(found, local, query);
    }
}

fn assert_same(found: &Hit, local: &Hit, query: &Query) {
    assert!(are_close(Some(found.score), Some(local.score)), "{found:?} {local:?} {query:?}");
    assert!(are_close(found.similarity, local.similarity), "{found:?} {local:?}");
    assert!(are_close(found.bm25, local.bm25), "{found:?} {local:?}");
    let unscored = |hit: &Hit| {
        let mut hit = hit.clone();
        (hit.score, hit.similarity, hit.bm25, hit.explanation) = (0.0, None, None, None);
        format!("{hit:?}")
    };
    assert_eq!(unscored(found), unscored(local), "{query:?}");
    match (found.explanation.as_deref(), local.explanation.as_deref()) {
        (Some(found), Some(local)) => assert_same_explanation(found, local),
        (found, local) => assert_eq!(found, local),
    }
}

fn assert_same_explanation(found: &Explanation, local: &Explanation) {
    assert_eq!(found.freshness, local.freshness);
    assert!(are_close(found.recency, local.recency), "{found} {local}");
    assert_eq!((found.dense_rank, found.lexical_rank), (local.dense_rank, local.lexical_rank));
    assert!(are_close(found.max_bm25, local.max_bm25), "{found} {local}");
    assert!(are_close(found.baseline_share, local.baseline_share), "{found} {local}");
    assert_eq!(found.matches, local.matches);
    assert_eq!(found.words.len(), local.words.len());
    for (found, local) in found.words.iter().zip(&local.words) {
        assert_eq!((&found.place, &found.terms), (&local.place, &local.terms));
        assert_eq!((found.doc_freq, found.tf), (local.doc_freq, local.tf), "{found}");
        assert!(are_close(Some(found.contribution), Some(local.contribution)), "{found}");
    }
}

fn are_close(found: Option<f32>, local: Option<f32>) -> bool {
    match (found, local) {
        (Some(found), Some(local)) => (found - local).abs() <= TOLERANCE * local.abs().max(1.0),
        (found, local) => found == local,
    }
}
