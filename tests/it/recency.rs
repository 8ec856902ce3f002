//! Laws of recency as a part of the score.

#![allow(clippy::float_cmp, reason = "equal scores have equal bits")]

use std::time::Duration;

use passim::{
    Article, Date, Error, Interrupt, Mode, ModelIdentity, Query, Recency, Reranker, Result,
    Retriever, Timestamp,
};
use proptest::prelude::*;

use crate::sample_corpus::{MODES, keys};

const WEEK: Duration = Duration::from_hours(7 * 24);
const TEXT: &str = "Moore speichern viel Kohlenstoff.";

fn now() -> Timestamp {
    "2026-06-03T00:00:00Z".parse().unwrap()
}

/// The instant `hours` before [`now`].
fn ago(hours: i64) -> Timestamp {
    Timestamp::from_unix(now().unix_seconds() - hours * 3600, 0).unwrap()
}

fn recency(weight: f32) -> Recency {
    Recency::new("at", WEEK, weight).now(now())
}

fn retriever(articles: impl IntoIterator<Item = Article>) -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(articles).unwrap();
    retriever
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn scores_of_equal_texts_fall_with_age(
        hours in prop::collection::vec(-500_i64..50_000, 2..12),
        weight in 0.1_f32..10.0,
    ) {
        let article = |(at, hours): (usize, &i64)| {
            Article::new(format!("{at}"), TEXT).metadata("at", ago(*hours))
        };
        let retriever = retriever(hours.iter().enumerate().map(article));
        for mode in MODES {
            let query = Query::new("Moore").mode(mode).k(20).recency(recency(weight)).explain();
            let hits = retriever.search(query).unwrap();
            prop_assert_eq!(hits.len(), hours.len());
            let age = |at: usize| hours[hits[at].article.parse::<usize>().unwrap()].max(0);
            for at in 1..hits.len() {
                // Differences can be too small for a score.
                let is_older = age(at - 1) <= age(at) || hits[at - 1].score == hits[at].score;
                prop_assert!(is_older, "{}: {:?}", mode, hits);
            }
            for (at, hit) in hits.iter().enumerate() {
                let explanation = hit.explanation.as_ref().unwrap();
                #[allow(clippy::cast_precision_loss, reason = "few hours")]
                let expected = (-(age(at) as f32) / (7.0 * 24.0)).exp2();
                prop_assert!((explanation.freshness.unwrap() - expected).abs() < 1e-5);
                prop_assert!(explanation.to_string().contains("recency +"));
            }
        }
    }
}

#[test]
fn a_better_match_stays_first_against_a_small_weight() {
    let retriever = retriever([
        Article::new("alt", TEXT).metadata("at", ago(100_000)),
        Article::new("neu", "Ein Sauerteig braucht Zeit.").metadata("at", ago(0)),
    ]);
    for mode in [Mode::Dense, Mode::Hybrid] {
        let query = Query::new("Was speichern Moore?").mode(mode);
        let first = |weight| {
            let hits = retriever.search(query.clone().recency(recency(weight))).unwrap();
            hits[0].article.clone()
        };
        assert_eq!(first(0.05), "alt", "{mode}");
        assert_eq!(first(50.0), "neu", "{mode}");
    }
    // It brings in no passage without a word of the question.
    let words = Query::new("Moore").mode(Mode::Lexical).recency(recency(50.0));
    assert_eq!(keys(&retriever.search(words).unwrap()), ["alt"]);
}

#[test]
fn articles_without_a_time_count_as_infinitely_old() {
    let retriever = retriever([
        Article::new("a ohne", TEXT),
        Article::new("b alt", TEXT).metadata("at", ago(2_000)),
        Article::new("c Liste", TEXT).metadata("at", [ago(90_000), ago(20)]),
        Article::new("d Text", TEXT).metadata("at", "gestern"),
        Article::new("e Tag", TEXT).metadata("at", Date::new(2026, 6, 2).unwrap()),
        Article::new("f Zukunft", TEXT).metadata("at", ago(-90)),
    ]);
    for mode in MODES {
        let query = Query::new("Moore").mode(mode).recency(recency(1.0)).explain();
        let hits = retriever.search(query.clone()).unwrap();
        let order = ["f Zukunft", "c Liste", "e Tag", "b alt", "a ohne", "d Text"];
        assert_eq!(keys(&hits), order);
        let freshness = |at: usize| hits[at].explanation.as_ref().unwrap().freshness;
        assert_eq!([freshness(0), freshness(4), freshness(5)], [Some(1.0), Some(0.0), Some(0.0)]);
        let plain = retriever.search(Query::new("Moore").mode(mode)).unwrap();
        let of = |key: &str| plain.iter().find(|hit| hit.article == key).unwrap().score;
        assert_eq!(hits[4].score, of("a ohne"), "its score is that without recency");
        // The minimum compares the score without recency.
        let minimum = query.min_score(of("a ohne") + 0.001);
        assert!(retriever.search(minimum).unwrap().is_empty());
    }
}

#[test]
fn recency_is_measured_from_the_start_of_the_search() {
    let clock = std::time::SystemTime::now();
    let [today, before] = [clock, clock - WEEK].map(|time| Timestamp::try_from(time).unwrap());
    let retriever = retriever([
        Article::new("alt", TEXT).metadata("at", before),
        Article::new("neu", TEXT).metadata("at", today),
    ]);
    let query = Query::new("Moore").recency(Recency::new("at", WEEK, 0.1)).explain();
    let hits = retriever.search(query).unwrap();
    assert_eq!(hits[0].article, "neu");
    let freshness = hits[0].explanation.as_ref().unwrap().freshness.unwrap();
    assert!(freshness > 0.99, "{freshness}");
    let freshness = hits[1].explanation.as_ref().unwrap().freshness.unwrap();
    assert!((freshness - 0.5).abs() < 0.01, "{freshness}");
}

#[test]
fn the_order_with_recency_does_not_depend_on_k() {
    let article = |at: i64| {
        let text = format!("Moore speichern Kohlenstoff. Im Jahr {at} kam Wasser {} dazu.", at % 7);
        Article::new(format!("{at:03}"), text).metadata("at", ago(at * 37 % 3_000))
    };
    let retriever = retriever((0..300).map(article));
    for mode in MODES {
        let query = Query::new("Wie viel Wasser speichern Moore?").mode(mode).exact();
        let query = query.recency(recency(0.3));
        let all = retriever.search(query.clone().k(300)).unwrap();
        assert_eq!(all.len(), 300);
        for k in [1, 10, 50, 60, 250] {
            assert_eq!(retriever.search(query.clone().k(k)).unwrap()[..], all[..k], "{mode}");
            let page = retriever.search(query.clone().k(7).offset(k - 1)).unwrap();
            assert_eq!(page[..], all[k - 1..k + 6], "{mode}");
        }
        let groups = retriever.search(query.k(300).group_by_article(1)).unwrap();
        assert_eq!(groups, all);
    }
}

/// Gives every text the same score, so that reranking keeps the order.
#[derive(Debug)]
struct Equal(ModelIdentity);

impl Reranker for Equal {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn score(&self, _: &str, texts: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
        Ok(vec![1.0; texts.len()])
    }
}

#[test]
fn a_reranker_receives_the_passages_by_recency() {
    let equal = Equal(ModelIdentity { name: "equal".to_owned(), hash: 1 });
    let mut retriever = Retriever::builder().reranker(equal).in_memory().unwrap();
    let article =
        |at: i64| Article::new(format!("{at}"), TEXT).metadata("at", ago((at * 7) % 10 * 100));
    retriever.add((0..10).map(article)).unwrap();
    let query = Query::new("Moore").recency(recency(0.2)).explain();
    let before = retriever.search(&query).unwrap();
    let after = retriever.search(query.clone().rerank(4)).unwrap();
    assert_eq!(keys(&before), keys(&after));
    assert!(after[..4].iter().all(|hit| hit.score == 1.0));
    assert_eq!(after[0].explanation.as_ref().unwrap().retrieved, before[0].score);
    let limited = retriever.search(query.time_limit(Duration::ZERO)).unwrap();
    assert!(!limited.is_complete());
}

#[test]
fn wrong_settings_of_recency_are_errors() {
    let retriever = retriever([Article::new("a", TEXT).metadata("number", 3)]);
    let error =
        |recency: Recency| retriever.search(Query::new("Moore").recency(recency)).unwrap_err();
    let name = |name: &str| Recency::new(name, WEEK, 0.1);
    assert!(matches!(error(name("number")), Error::FilterType { .. }));
    assert!(retriever.search(Query::new("Moore").recency(name("unknown"))).is_ok());
    let zero = Recency::new("at", Duration::ZERO, 0.0);
    assert!(matches!(error(zero), Error::Setting { name: "half_life", .. }));
    for weight in [-0.1, f32::NAN, 1000.1] {
        let weighted = Recency::new("at", WEEK, weight);
        assert!(matches!(error(weighted), Error::Fraction { name: "weight of recency", .. }));
    }
    let off = Query::new("Moore").recency(Recency::new("number", WEEK, 0.0)).explain();
    assert_eq!(
        retriever.search(off).unwrap(),
        retriever.search(Query::new("Moore").explain()).unwrap()
    );
}
