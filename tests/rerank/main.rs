//! A crate of its own because it loads ONNX Runtime into its process.
//!
//! Laws of reranking, with test rerankers, and of `FastReranker`, with ONNX Runtime and a small
//! cross-encoder of random weights, which `scripts/test` provides.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod laws;
#[cfg(feature = "fastembed")]
mod pretrained;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{error::Error as _, thread};

use passim::{
    Article, Cancel, Error, Filter, Interrupt, ModelIdentity, Query, Reranker, Result, Retriever,
    RetrieverBuilder, Searcher,
};

/// Scores passages by a rule and counts them.
struct ByRule {
    identity: ModelIdentity,
    rule: fn(&str) -> f32,
    scored: Arc<AtomicUsize>,
}

impl Reranker for ByRule {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn score(&self, _: &str, passages: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
        assert!(!passages.is_empty(), "called without passages");
        self.scored.fetch_add(passages.len(), Ordering::Relaxed);
        Ok(passages.iter().map(|passage| (self.rule)(passage)).collect())
    }
}

/// Returns a builder with a reranker, and the number of passages that it has scored.
fn builder(rule: fn(&str) -> f32) -> (RetrieverBuilder, Arc<AtomicUsize>) {
    let scored = Arc::new(AtomicUsize::new(0));
    let identity = ModelIdentity { name: "by rule".to_owned(), hash: 1 };
    let reranker = ByRule { identity, rule, scored: Arc::clone(&scored) };
    (Retriever::builder().reranker(reranker), scored)
}

/// Returns the number in a passage.
fn number(passage: &str) -> f32 {
    let digits = passage.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
    digits.map_or(0.0, |digits| digits.parse().unwrap())
}

fn articles() -> impl Iterator<Item = Article> {
    (0..40).map(|n| Article::new(format!("{n}"), format!("Das Moor {n} speichert viel Wasser.")))
}

const QUESTION: &str = "Was speichert das Moor?";

#[test]
fn hits_have_the_best_scores_of_the_closest_passages() {
    let (builder, scored) = builder(number);
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let closest = retriever.search(Query::new(QUESTION).k(12)).unwrap();
    assert_eq!(scored.load(Ordering::Relaxed), 0);
    assert!(closest.is_sorted_by(|a, b| a.score >= b.score));

    let hits = retriever.search(Query::new(QUESTION).k(5).rerank(12)).unwrap();
    assert_eq!(scored.load(Ordering::Relaxed), 12);
    let mut expected: Vec<_> = closest.iter().map(|hit| (number(&hit.text), hit)).collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert_eq!(hits.len(), 5);
    for (hit, (score, closest)) in hits.iter().zip(expected) {
        assert_eq!(hit.score.to_bits(), score.to_bits());
        assert_eq!((&hit.article, &hit.range), (&closest.article, &closest.range));
        assert_eq!((hit.similarity, hit.bm25), (closest.similarity, closest.bm25));
    }
}

#[test]
fn only_the_first_are_scored_and_equal_scores_keep_their_order() {
    let (builder, scored) = builder(|_| 1.0);
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let closest = retriever.search(Query::new(QUESTION).k(10)).unwrap();
    let hits = retriever.search(Query::new(QUESTION).k(10).rerank(3)).unwrap();
    assert_eq!(scored.load(Ordering::Relaxed), 3);
    let keys = |hits: &passim::Hits| -> Vec<String> {
        hits.iter().map(|hit| hit.article.clone()).collect()
    };
    assert_eq!(keys(&hits), keys(&closest));
    // There are forty passages. Without a passage, the reranker is not called.
    assert_eq!(retriever.search(Query::new(QUESTION).k(10).rerank(1_000)).unwrap().len(), 10);
    assert_eq!(scored.load(Ordering::Relaxed), 43);
    // Pages are cut after reranking.
    let page = Query::new(QUESTION).k(4).offset(6).rerank(3);
    assert_eq!(keys(&retriever.search(page).unwrap()), keys(&closest)[6..]);
    let none = Query::new(QUESTION).rerank(9).filter(Filter::custom(|_, _| false));
    assert!(retriever.search(none).unwrap().is_empty());
}

#[test]
fn only_allowed_passages_are_reranked() {
    let (builder, scored) = builder(number);
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let even = |key: &str| key.parse::<usize>().is_ok_and(|n| n % 2 == 0);
    let query =
        Query::new(QUESTION).k(3).rerank(40).filter(Filter::custom(move |head, _| even(&head.key)));
    let hits = retriever.search(query).unwrap();
    assert_eq!(scored.load(Ordering::Relaxed), 20);
    let keys: Vec<_> = hits.iter().map(|hit| hit.article.as_str()).collect();
    assert_eq!(keys, ["38", "36", "34"]);
}

/// The context of a passage is its title and heading, which the embedder reads as well.
#[test]
fn the_reranker_reads_the_context() {
    let (builder, _) =
        builder(|passage| if passage.starts_with("Moore\n# Nutzen\n") { 1.0 } else { 0.0 });
    let mut retriever = builder.in_memory().unwrap();
    let text = "# Nutzen\n\nSie speichern viel Wasser und Kohlenstoff.";
    let markdown = Article::new("moor.md", text).title("Moore");
    retriever.add([markdown, Article::new("x", "Sie speichern Wasser.")]).unwrap();
    let hits = retriever.search(Query::new(QUESTION).rerank(5)).unwrap();
    assert_eq!((hits[0].article.as_str(), hits[0].score), ("moor.md", 1.0));
    assert_eq!(hits[1].score.to_bits(), 0.0_f32.to_bits());
}

#[test]
fn many_queries_have_the_hits_of_single_ones() {
    let (builder, _) = builder(number);
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let queries: Vec<Query> = (0..20)
        .map(|n| Query::new(format!("Was speichert Moor {n}?")).k(4))
        .enumerate()
        .map(|(n, query)| if n % 2 == 0 { query.rerank(9) } else { query })
        .collect();
    let many = retriever.search_many(&queries).unwrap();
    for (query, hits) in queries.into_iter().zip(many) {
        assert_eq!(retriever.search(query).unwrap(), hits);
    }
}

#[test]
fn reranking_without_a_reranker_is_an_error() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let query = Query::new(QUESTION).rerank(9);
    assert!(matches!(retriever.search(query.clone()), Err(Error::NoReranker)));
    assert!(matches!(retriever.search_many(&[query]), Err(Error::NoReranker)));
    let (builder, _) = builder(number);
    let error = builder.in_memory().unwrap().search(Query::new(QUESTION).rerank(0)).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "rerank", got: 0, .. }), "{error}");
}

#[test]
fn a_score_that_is_not_finite_is_an_error() {
    for rule in [|_: &str| f32::NAN, |_: &str| f32::INFINITY] {
        let (builder, _) = builder(rule);
        let mut retriever = builder.in_memory().unwrap();
        retriever.add(articles()).unwrap();
        let error = retriever.search(Query::new(QUESTION).rerank(9)).unwrap_err();
        assert!(matches!(error, Error::Rerank(_)), "{error}");
    }
}

/// Returns one score too few.
struct Short(ModelIdentity);

impl Reranker for Short {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn score(&self, _: &str, passages: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
        Ok(vec![0.0; passages.len() - 1])
    }
}

#[test]
fn a_missing_score_is_an_error() {
    let short = Short(ModelIdentity { name: "short".to_owned(), hash: 2 });
    let mut retriever = Retriever::builder().reranker(Arc::new(short)).in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let error = retriever.search(Query::new(QUESTION).rerank(9)).unwrap_err();
    assert!(matches!(error, Error::Rerank(_)), "{error}");
}

#[test]
fn an_interrupted_search_is_not_reranked() {
    let (builder, scored) = builder(number);
    let mut retriever = builder.in_memory().unwrap();
    retriever.add(articles()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    for query in [
        Query::new(QUESTION).rerank(9).time_limit(Duration::ZERO),
        Query::new(QUESTION).rerank(9).cancel(&cancel),
    ] {
        let hits = retriever.search(query).unwrap();
        assert!(!hits.is_complete());
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    }
    assert_eq!(scored.load(Ordering::Relaxed), 0);
    assert!(retriever.search(Query::new(QUESTION).rerank(9)).unwrap().is_complete());
}

/// Panics, or waits until it is interrupted.
struct Faulty {
    identity: ModelIdentity,
    panics: bool,
}

impl Reranker for Faulty {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn score(&self, _: &str, _: &[&str], interrupt: Interrupt<'_>) -> Result<Vec<f32>> {
        assert!(!self.panics, "on purpose");
        loop {
            interrupt.check()?;
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn faulty_retriever(panics: bool) -> Retriever {
    let identity = ModelIdentity { name: "faulty".to_owned(), hash: 1 };
    let reranker = Faulty { identity, panics };
    let mut retriever = Retriever::builder().reranker(reranker).in_memory().unwrap();
    retriever.add(articles()).unwrap();
    retriever
}

#[test]
fn a_panicking_reranker_is_an_error() {
    let retriever = faulty_retriever(true);
    let query = Query::new(QUESTION).rerank(9);
    let one = retriever.search(query.clone()).unwrap_err();
    let many = retriever.search_many(&[query.clone(), query]).unwrap_err();
    for error in [one, many] {
        assert!(matches!(error, Error::Rerank(_)), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "the model panicked: on purpose");
    }
    assert!(retriever.search(QUESTION).unwrap().is_complete());
}

#[test]
fn an_interrupted_reranker_leaves_the_order_of_the_search() {
    let retriever = faulty_retriever(false);
    let closest = retriever.search(Query::new(QUESTION).k(5)).unwrap();
    let query = Query::new(QUESTION).k(5).rerank(5);
    let limited = retriever.search(query.clone().time_limit(Duration::from_millis(200))).unwrap();
    let cancel = Cancel::new();
    let cancelled = thread::scope(|scope| {
        let search = scope.spawn(|| retriever.search(query.cancel(&cancel)));
        thread::sleep(Duration::from_millis(200));
        cancel.cancel();
        search.join().unwrap().unwrap()
    });
    for hits in [limited, cancelled] {
        assert!(!hits.is_complete() && !hits.plan().reranked);
        let keys = |hits: &passim::Hits| -> Vec<String> {
            hits.iter().map(|hit| hit.article.clone()).collect()
        };
        assert_eq!(keys(&hits), keys(&closest));
    }
}

#[test]
fn searchers_of_all_kinds_rerank() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = builder(number).0.create(folder.path()).unwrap();
    retriever.add(articles()).unwrap();
    retriever.commit().unwrap();
    let query = || Query::new(QUESTION).k(2).rerank(40);
    let best = |searcher: &Searcher| searcher.search(query()).unwrap()[0].article.clone();
    assert_eq!(best(&retriever.searcher()), "39");
    assert_eq!(best(&builder(number).0.open_searcher(folder.path()).unwrap()), "39");
    let without = Searcher::open(folder.path()).unwrap();
    assert!(matches!(without.search(query()), Err(Error::NoReranker)));
}
