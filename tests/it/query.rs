//! Laws of query settings: vectors, deduplication, diversity, limits; and of the plan.

use std::{collections::BTreeMap, time::Duration};

use passim::{
    Article, Cancel, Chunker, Error, Filter, Hit, InterruptReason, Mode, Query, Retriever, Role,
    Route, ScanReason, StaticEmbedder, Weights,
};
use passim_testkit::{corpus, vectors::of_text};

use crate::sample_corpus::{MODES, keys, sample_retriever};

const QUESTION: &str = "Wie viel Energie und Kohlenstoff speichern die Moore in der Nacht?";

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The vector of `text` by the bundled model.
fn vector(role: Role, text: &str) -> Vec<f32> {
    of_text(&StaticEmbedder::bundled().unwrap(), role, text)
}

/// 60 articles of one passage each in two segments, with their vectors; ten repeat another one.
fn sixty_articles() -> (Retriever, BTreeMap<String, Vec<f32>>) {
    let mut texts = corpus::texts(11, 50, 30);
    let repeated: Vec<String> = texts[..10].iter().map(|text| format!("{text} Dies.")).collect();
    texts.extend(repeated);
    let mut retriever = Retriever::in_memory().unwrap();
    let article = |(at, text): (usize, &String)| Article::new(format!("{at:02}"), text);
    retriever.add(texts.iter().enumerate().take(40).map(article)).unwrap();
    retriever.add(texts.iter().enumerate().skip(40).map(article)).unwrap();
    assert_eq!(retriever.passages(), 60);
    let vectors = texts.iter().map(|text| vector(Role::Passage, text));
    (retriever, vectors.enumerate().map(|(at, vector)| (format!("{at:02}"), vector)).collect())
}

#[test]
fn dedup_drops_hits_that_are_similar_to_a_better_one() {
    let (retriever, vectors) = sixty_articles();
    for mode in MODES {
        for max_similarity in [0.3, 0.6, 0.95] {
            let query = || Query::new(QUESTION).mode(mode);
            let all = retriever.search(query().k(60)).unwrap();
            let mut kept: Vec<&Hit> = Vec::new();
            for hit in &all {
                let vector = &vectors[&hit.article];
                if kept.iter().all(|other| dot(vector, &vectors[&other.article]) < max_similarity) {
                    kept.push(hit);
                }
            }
            assert!(kept.len() < all.len(), "{mode} {max_similarity}");
            for k in [3, 60] {
                let hits = retriever.search(query().k(k).dedup(max_similarity)).unwrap();
                assert_eq!(
                    keys(&hits),
                    keys(kept.iter().copied().take(k)),
                    "{mode} {max_similarity} {k}"
                );
            }
        }
    }
    for wrong in [0.0, 1.5, f32::NAN] {
        let error = retriever.search(Query::new(QUESTION).dedup(wrong)).unwrap_err();
        assert!(matches!(error, Error::Fraction { name: "dedup", .. }), "{error}");
    }
}

/// The keys of the `k` hits that maximal marginal relevance selects from `all`.
///
/// # Source
///
/// Carbonell & Goldstein (1998), with scores divided by the top score in lexical mode.
fn by_mmr(
    all: &[&Hit],
    vectors: &BTreeMap<String, Vec<f32>>,
    weight: f32,
    k: usize,
) -> Vec<String> {
    let mut chosen: Vec<&Hit> = Vec::new();
    while chosen.len() < k.min(all.len()) {
        let marginal_relevance = |hit: &Hit| {
            let similarity = |other: &&Hit| dot(&vectors[&hit.article], &vectors[&other.article]);
            let redundancy = chosen.iter().map(similarity).reduce(f32::max).unwrap_or(0.0);
            let scale = if hit.similarity.is_none() { all[0].score } else { 1.0 };
            (1.0 - weight) * hit.score / scale - weight * redundancy
        };
        let left =
            all.iter().copied().filter(|hit| chosen.iter().all(|one| one.article != hit.article));
        let best =
            left.rev().max_by(|a, b| marginal_relevance(a).total_cmp(&marginal_relevance(b)));
        chosen.push(best.unwrap());
    }
    chosen.iter().map(|hit| hit.article.clone()).collect()
}

/// The second article has a place for its new passage, not for the repeated one.
#[test]
fn per_article_counts_only_hits_that_dedup_keeps() {
    let repeated = "Moore speichern mehr Kohlenstoff als alle Wälder der Erde.";
    let new = "Im Moor wird Kohlenstoff auch gespeichert, wenn Torfmoos auf Wiesen wächst.";
    let mut retriever =
        Retriever::builder().chunker(Chunker::default().max_tokens(20)).in_memory().unwrap();
    let second = format!("{repeated}\n\n{new}");
    retriever.add([Article::new("a", repeated), Article::new("b", second)]).unwrap();
    assert_eq!(retriever.passages(), 3);
    for mode in MODES {
        let query = Query::new("Wie viel Kohlenstoff speichern Moore?").mode(mode);
        let hits = retriever.search(query.per_article(1).dedup(0.95)).unwrap();
        assert_eq!(keys(&hits), ["a", "b"], "{mode}");
        assert_eq!(hits[1].text, new, "{mode}");
    }
}

#[test]
fn mmr_selects_by_maximal_marginal_relevance() {
    let (retriever, vectors) = sixty_articles();
    for mode in MODES {
        let query = || Query::new(QUESTION).mode(mode);
        // The choice is among the best 50 of each arm.
        let is_first = |hit: &&Hit| {
            let explanation = hit.explanation.as_ref().unwrap();
            let ranks = [explanation.dense_rank, explanation.lexical_rank];
            ranks.into_iter().flatten().any(|rank| rank <= 50)
        };
        let all = retriever.search(query().k(60).explain()).unwrap();
        let all: Vec<&Hit> = all.iter().filter(is_first).collect();
        for weight in [0.0, 0.2, 0.5, 0.9] {
            let hits = retriever.search(query().k(8).mmr(weight)).unwrap();
            assert_eq!(keys(&hits), by_mmr(&all, &vectors, weight, 8), "{mode} {weight}");
        }
        let plain = retriever.search(query().k(8)).unwrap();
        let varied = retriever.search(query().k(8).mmr(0.9)).unwrap();
        assert_ne!(keys(&plain), keys(&varied), "{mode}");
    }
    for wrong in [-0.1, 1.5, f32::NAN] {
        let error = retriever.search(Query::new(QUESTION).mmr(wrong)).unwrap_err();
        assert!(matches!(error, Error::Fraction { name: "mmr", .. }), "{error}");
    }
}

#[test]
fn a_given_vector_replaces_that_of_the_text() {
    let retriever = sample_retriever();
    let own = vector(Role::Query, QUESTION);
    let longer: Vec<f32> = own.iter().map(|value| value * 8.0).collect();
    for mode in MODES {
        // Late interaction compares the text, which a given vector replaces.
        let weights = Weights { late: 0.0, ..Weights::default() };
        let query = || Query::new(QUESTION).mode(mode).k(7).weights(weights);
        let plain = retriever.search(query()).unwrap();
        for given in [&own, &longer] {
            let hits = retriever.search(query().vector(given.clone())).unwrap();
            assert_eq!(keys(&hits), keys(&plain), "{mode}");
        }
    }
    let dense = retriever.search(Query::new(QUESTION).mode(Mode::Dense)).unwrap();
    assert_eq!(retriever.search(Query::from_vector(own.clone())).unwrap(), dense);
    // In dense mode only the vector counts.
    let other = vector(Role::Query, "Warum hält Meta Behemoth zurück?");
    let by_vector = Query::new(QUESTION).mode(Mode::Dense).vector(other);
    let by_text = retriever.search("Warum hält Meta Behemoth zurück?").unwrap();
    assert_eq!(retriever.search(by_vector).unwrap()[0].article, by_text[0].article);

    let error = retriever.search(Query::from_vector(vec![1.0; 3])).unwrap_err();
    assert!(matches!(error, Error::Dimension { got: 3, .. }), "{error}");
    let error = retriever.search(Query::from_vector(vec![0.0; own.len()])).unwrap_err();
    assert!(matches!(error, Error::InvalidVector { .. }), "{error}");
    let mut wrong = own;
    wrong[3] = f32::NAN;
    assert!(retriever.search(Query::from_vector(wrong)).is_err());
}

#[test]
fn related_articles_are_the_closest_without_the_article() {
    let (retriever, vectors) = sixty_articles();
    for key in ["00", "07", "55"] {
        let related = retriever.related(key, 59).unwrap().unwrap();
        assert_eq!(related.len(), 59);
        let mut closest: Vec<&String> = vectors.keys().filter(|other| *other != key).collect();
        let cosine = |other: &String| dot(&vectors[key], &vectors[other]);
        closest.sort_by(|a, b| cosine(b).total_cmp(&cosine(a)));
        assert_eq!(keys(&related), closest, "{key}");
    }
    // Article 53 repeats article 3.
    assert_eq!(retriever.related("03", 1).unwrap().unwrap()[0].article, "53");
    assert!(retriever.related("no such key", 3).unwrap().is_none());
    let retriever = sample_retriever();
    let related = retriever.related("moorschutz.md", 5).unwrap().unwrap();
    let mut articles = keys(&related);
    assert!(!articles.contains(&"moorschutz.md"));
    articles.sort_unstable();
    articles.dedup();
    assert_eq!(articles.len(), 5, "each article once");
}

#[test]
fn the_plan_reports_every_stage_of_a_query() {
    let (mut retriever, _) = sixty_articles();
    retriever.compact().unwrap();
    retriever.add([Article::new("z", "Moore speichern Kohlenstoff.")]).unwrap();
    for mode in MODES {
        let filter = Filter::key_prefix("1").or(Filter::key("z"));
        let hits = retriever.search(Query::new(QUESTION).mode(mode).k(3).filter(filter)).unwrap();
        let plan = hits.plan();
        assert_eq!((plan.mode, plan.passages, plan.allowed), (mode, 61, 11));
        assert!(plan.candidates >= 3 && plan.interrupted.is_none() && !plan.reranked);
        let dense: Vec<_> = plan.dense.iter().map(|plan| (plan.route, plan.allowed)).collect();
        let scan = Route::Scan(ScanReason::NoGraph);
        let words: usize = plan.lexical.iter().map(|plan| plan.passages).sum();
        if plan.dense.is_empty() {
            assert_eq!(plan.timings.embed, Duration::ZERO);
        } else {
            assert_eq!(dense, [(scan, 10), (scan, 1)], "{mode}");
        }
        assert_eq!(
            (dense.is_empty(), words),
            match mode {
                Mode::Dense => (false, 0),
                Mode::Lexical => (true, 61),
                _ => (false, 61),
            }
        );
        assert!(plan.lexical.last().is_none_or(|last| (last.words, last.scored) == (5, 1)));
        let text = plan.to_string();
        let total = plan.timings.total();
        assert!(text.starts_with(&format!("{mode}: 61 passages (11 allowed), ")), "{text}");
        assert!(total > Duration::ZERO && total >= plan.timings.dense + plan.timings.lexical);
        let written = serde_json::to_value(plan).unwrap();
        assert_eq!(written["mode"], mode.to_string());
    }
}

#[test]
fn an_interrupted_search_is_incomplete_in_all_modes() {
    let retriever = sample_retriever();
    let cancel = Cancel::new();
    cancel.cancel();
    for mode in MODES {
        let query = || Query::new(QUESTION).mode(mode).per_article(1).k(60);
        let limited = query().time_limit(Duration::ZERO);
        let cancelled = query().cancel(&cancel);
        let whole = query().time_limit(Duration::MAX);
        let many = retriever.search_many(&[limited.clone(), cancelled.clone(), whole.clone()]);
        let reasons = [Some(InterruptReason::TimedOut), Some(InterruptReason::Cancelled), None];
        for ((query, many), reason) in
            [limited, cancelled, whole].into_iter().zip(many.unwrap()).zip(reasons)
        {
            let one = retriever.search(query).unwrap();
            assert_eq!([one.plan().interrupted, many.plan().interrupted], [reason; 2], "{mode}");
            assert_eq!(one.is_complete(), reason.is_none());
            assert_eq!(one, many, "{mode}");
        }
    }
}
