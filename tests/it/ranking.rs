//! Laws of hybrid ranking: the fused score, its explanation, and its limits.

use std::collections::BTreeMap;

use passim::{Article, Error, Filter, Hit, Hits, IndexChoice, Mode, Query, Retriever, Weights};
use passim_testkit::corpus;

use crate::{
    ranking_model::{Means, Parts, Place, Rule, assert_close, place},
    sample_corpus::{MODES, keys, sample_retriever},
};

const WITHOUT_LATE: Weights = Weights { lexical: 0.5, late: 0.0, identifier: 0.0 };

/// The parts of scores without late interaction.
fn parts(lexical: &[Hit], max_bm25: f32) -> Parts {
    let bm25 = lexical.iter().map(|hit| (place(hit), hit.bm25.unwrap())).collect();
    Parts { bm25, max_bm25, late: BTreeMap::new() }
}

/// Every passage is a candidate, of the first tier or of a later one.
#[test]
fn every_hit_of_a_small_corpus_has_the_fused_score() {
    let retriever = sample_retriever();
    let question = "Warum hält Meta sein Modell Behemoth zurück?";
    let query = |mode| Query::new(question).mode(mode).weights(WITHOUT_LATE).k(1_000).explain();
    let by = |mode| retriever.search(query(mode)).unwrap();
    let [dense, lexical, hybrid] = MODES.map(by);
    assert_eq!((dense.len(), hybrid.len()), (retriever.passages(), retriever.passages()));
    assert!(!lexical.is_empty() && lexical.len() < dense.len());
    let max_bm25 = hybrid[0].explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
    let parts = parts(&lexical, max_bm25);
    let means = Means::of(&dense);
    let rule = Rule::new(WITHOUT_LATE, &means, &parts, &dense.iter().collect::<Vec<_>>());
    let cosines: BTreeMap<_, _> = dense.iter().map(|hit| (place(hit), hit.similarity)).collect();
    assert!(hybrid[..50].is_sorted_by(|a, b| a.score >= b.score));
    for hit in &hybrid {
        assert_eq!(hit.similarity, cosines[&place(hit)]);
        assert_eq!(hit.bm25, Some(parts.bm25.get(&place(hit)).copied().unwrap_or(0.0)));
        assert_close(hit.score, rule.score(hit));
        check_explanation(hit, max_bm25);
        let explanation = hit.explanation.as_ref().expect("the query asks for it");
        let ranked = |hits: &Hits, rank: Option<usize>| {
            rank.is_none_or(|rank| place(&hits[rank - 1]) == place(hit))
        };
        assert!(ranked(&dense, explanation.dense_rank));
        assert!(ranked(&lexical, explanation.lexical_rank));
        assert!(explanation.dense_rank.is_some() || explanation.lexical_rank.is_some());
        assert!(explanation.lexical_rank.is_none() || hit.bm25 > Some(0.0));
    }
    assert!(dense.iter().all(|hit| hit.bm25.is_none()));
    assert!(lexical.iter().all(|hit| hit.similarity.is_none() && hit.bm25 == Some(hit.score)));
}

/// The parts of an explanation add up to the score.
fn check_explanation(hit: &Hit, max_bm25: f32) {
    let explanation = hit.explanation.as_ref().expect("the query asks for it");
    let bm25 = hit.bm25.unwrap();
    let baseline = explanation.baseline_share.unwrap();
    assert!(bm25 <= max_bm25 && explanation.max_bm25 == Some(max_bm25));
    let spread = explanation.spread.unwrap();
    let late = explanation.late.map_or(0.0, |late| 0.75 * late);
    let part = 0.5 * (bm25 / max_bm25 - baseline) + late;
    let score = hit.similarity.unwrap() - explanation.mean_similarity.unwrap() + spread * part;
    assert_eq!(hit.score.to_bits(), score.to_bits());
    let contributions: f32 = explanation.words.iter().map(|word| word.contribution).sum();
    assert!((contributions - bm25).abs() < 1e-4, "{contributions} {bm25}");
}

/// The candidates are the best 50 passages of each arm.
#[test]
fn candidates_of_either_arm_get_the_scores_of_both() {
    let mut texts = corpus::texts(21, 400, 40);
    texts[222].push_str(" Xqvorzt");
    let mut retriever = Retriever::in_memory().unwrap();
    let article = |at: usize| Article::new(format!("{at:03}"), texts[at].as_str());
    retriever.add((0..250).map(article)).unwrap();
    retriever.add((250..400).map(article)).unwrap();
    let mut found_by_lexical_arm = 0;
    for question in ["Speichert Xqvorzt Kohlenstoff?", "Why does Meta hold Xqvorzt back?"] {
        for keys in ["", "2"] {
            let query = |mode| {
                let query = Query::new(question).mode(mode).weights(WITHOUT_LATE).explain();
                query.filter(Filter::key_prefix(keys))
            };
            let all = |mode| retriever.search(query(mode).k(1_000)).unwrap();
            let corpus = Query::new(question).mode(Mode::Dense).k(1_000);
            let means = Means::of(&retriever.search(corpus).unwrap());
            let dense = all(Mode::Dense);
            let lexical = all(Mode::Lexical);
            let best_lexical: Vec<Place> = lexical.iter().take(50).map(place).collect();
            let candidates = dense
                .iter()
                .zip(0..)
                .filter(|(hit, rank)| *rank < 50 || best_lexical.contains(&place(hit)));
            let mut best: Vec<&Hit> = candidates.map(|(hit, _)| hit).collect();
            assert!((50..100).contains(&best.len()), "{}", best.len());
            let max_bm25 = lexical[0].explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
            let parts = parts(&lexical, max_bm25);
            let rule = Rule::new(WITHOUT_LATE, &means, &parts, &best);
            best.sort_by_key(|hit| place(hit));
            best.sort_by(|a, b| rule.score(b).total_cmp(&rule.score(a)));
            let hits = retriever.search(query(Mode::Hybrid).k(50)).unwrap();
            assert_eq!(hits.len(), 50);
            for (hit, expected) in hits.iter().zip(&best) {
                assert_close(hit.score, rule.score(hit));
                // Rounding may swap passages whose scores are nearly equal.
                assert_close(hit.score, rule.score(expected));
            }
            hits.iter().for_each(|hit| check_explanation(hit, max_bm25));
            found_by_lexical_arm += hits
                .iter()
                .filter(|hit| hit.explanation.as_ref().unwrap().dense_rank.is_none())
                .count();
        }
    }
    assert!(found_by_lexical_arm > 0);
}

/// The best passage is in the other language and shares no word with the question. Without the
/// baseline, passages with a word of the question would outrank it.
#[test]
fn a_match_in_the_other_language_outranks_shared_words() {
    let mut retriever = Retriever::in_memory().unwrap();
    let frames =
        (0..12).map(|at| format!("Der Rahmen des Rennrads Nummer {at} ist aus Kohlenstoff."));
    let trains =
        (0..300).map(|at| format!("Der Zug Nummer {at} kam heute eine Stunde zu spät an."));
    let german = frames.chain(trains).zip(0..);
    retriever.add(german.map(|(text, at)| Article::new(format!("de{at}"), text))).unwrap();
    let english = ["Peat bogs store carbon.", "How much carbon a peat bog stores depends on moss."];
    let english = english.into_iter().zip(0..);
    retriever.add(english.map(|(text, at)| Article::new(format!("en{at}"), text))).unwrap();
    let search = |mode| retriever.search(Query::new("Moor und Kohlenstoff").mode(mode).explain());
    assert!(search(Mode::Dense).unwrap()[0].article.starts_with("en"));
    let hits = search(Mode::Hybrid).unwrap();
    assert!(hits[0].article.starts_with("en"), "{:?}", keys(&hits));
    let without_baseline = |hit: &Hit| {
        let max_bm25 = hit.explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
        hit.similarity.unwrap() + hit.bm25.unwrap() / max_bm25
    };
    let first = hits.iter().max_by(|a, b| without_baseline(a).total_cmp(&without_baseline(b)));
    assert!(first.unwrap().article.starts_with("de"), "the baseline decides");
}

/// Statistics cover the live passages of all segments, in memory and in files.
#[test]
fn scores_do_not_depend_on_segments() {
    let folder = tempfile::tempdir().unwrap();
    let texts = corpus::texts(5, 400, 40);
    let article = |at: usize| Article::new(at.to_string(), texts[at].clone());
    let mut at_once = Retriever::in_memory().unwrap();
    at_once.add((0..400).filter(|at| at % 5 != 0).map(article)).unwrap();
    at_once.commit().unwrap();

    let index = IndexChoice::Exact;
    let mut stepwise = Retriever::builder().index(index).create(folder.path()).unwrap();
    // The last 20 articles are too few to be merged.
    for added in [0..200, 200..380, 380..400] {
        stepwise.add(added.map(article)).unwrap();
        stepwise.commit().unwrap();
    }
    for at in (0..400).step_by(5) {
        assert!(stepwise.remove(&at.to_string()).unwrap());
    }
    stepwise.commit().unwrap();
    let read = passim::Searcher::open(folder.path()).unwrap();
    assert!(stepwise.stats().segments.len() > 1);
    for question in corpus::texts(6, 40, 6) {
        for mode in MODES {
            let query = Query::new(&question).mode(mode).k(15);
            let expected = at_once.search(query.clone()).unwrap();
            assert_eq!(stepwise.search(query.clone()).unwrap(), expected, "{question} {mode:?}");
            assert_eq!(read.search(query.clone()).unwrap(), expected, "{question} {mode:?}");
        }
    }
    stepwise.compact().unwrap();
    let question = &corpus::texts(6, 1, 6)[0];
    assert_eq!(stepwise.search(question).unwrap(), at_once.search(question).unwrap());
}

#[test]
fn min_similarity_and_per_article_hold_in_all_modes() {
    let retriever = sample_retriever();
    let question = "Welche Energie speichern Moore?";
    for mode in MODES {
        let query = || Query::new(question).mode(mode);
        let all = retriever.search(query().k(1_000)).unwrap();
        let mut articles: Vec<_> = keys(&all);
        articles.sort_unstable();
        articles.dedup();
        let one_each = retriever.search(query().k(articles.len()).per_article(1)).unwrap();
        assert_eq!(one_each.len(), articles.len(), "{mode:?}");
        let mut best: Vec<(&str, usize)> = Vec::new();
        for hit in &all {
            if best.iter().all(|(key, _)| *key != hit.article) {
                best.push((&hit.article, hit.range.start));
            }
        }
        let found: Vec<_> =
            one_each.iter().map(|hit| (hit.article.as_str(), hit.range.start)).collect();
        assert_eq!(found, best, "{mode:?}");
        if mode == Mode::Lexical {
            let error = retriever.search(query().min_similarity(0.1)).unwrap_err();
            assert!(matches!(error, Error::Choice { name: "min_similarity", .. }), "{error}");
            continue;
        }
        let min_similarity = 0.2;
        let expected = all.iter().filter(|hit| hit.similarity >= Some(min_similarity)).count();
        let similar = retriever.search(query().k(1_000).min_similarity(min_similarity)).unwrap();
        assert!(expected > 0 && expected < all.len());
        assert_eq!(similar.len(), expected, "{mode:?}");
    }
    for wrong in [-1.5, 1.01, f32::NAN] {
        let error = retriever.search(Query::new(question).min_similarity(wrong)).unwrap_err();
        assert!(matches!(error, Error::Fraction { name: "min_similarity", .. }), "{error}");
    }
    let error = retriever.search(Query::new(question).per_article(0)).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "per_article", .. }), "{error}");
}

#[test]
fn search_many_can_mix_modes() {
    let retriever = sample_retriever();
    let queries: Vec<Query> = (0..12)
        .map(|at| Query::new(format!("Was speichern Moore {at}?")).mode(MODES[at % 3]))
        .collect();
    let many = retriever.search_many(&queries).unwrap();
    for (query, hits) in queries.iter().zip(many) {
        assert_eq!(hits, retriever.search(query.clone()).unwrap());
    }
}

#[test]
fn pages_join_to_one_ranking() {
    let mut retriever = Retriever::in_memory().unwrap();
    let texts = corpus::texts(31, 300, 30);
    let article = |(at, text): (usize, &String)| Article::new(format!("{at:03}"), text.as_str());
    retriever.add(texts.iter().enumerate().map(article)).unwrap();
    for mode in MODES {
        for limited in [false, true] {
            let query = || {
                let query = Query::new("Wie viel Kohlenstoff speichern die Moore?").mode(mode);
                if limited { query.dedup(0.9).mmr(0.3) } else { query }
            };
            let all = retriever.search(query().k(250)).unwrap();
            for size in [7, 60] {
                let page = |number: usize| {
                    let hits = retriever.search(query().k(size).offset(number * size)).unwrap();
                    hits.to_vec()
                };
                let joined: Vec<Hit> = (0..250 / size).flat_map(page).collect();
                assert_eq!(joined[..], all[..joined.len()], "{mode:?} {size} {limited}");
            }
            let beyond = retriever.search(query().offset(1_000)).unwrap();
            assert!(beyond.is_empty() && beyond.is_complete());
        }
    }
}

#[test]
fn weights_of_zero_leave_parts_out() {
    let retriever = sample_retriever();
    let question = "Wie viel Kohlenstoff speichern die Moore?";
    let search = |lexical, late| {
        let query = Query::new(question)
            .weights(Weights { lexical, late, identifier: 0.0 })
            .k(40)
            .explain();
        retriever.search(query).unwrap()
    };
    let order = |hits: &Hits| hits.iter().map(place).collect::<Vec<_>>();
    let with_late = search(0.5, 0.75);
    assert!(with_late.iter().all(|hit| hit.explanation.as_ref().unwrap().late.is_some()));
    let without = search(0.5, 0.0);
    assert!(without.iter().all(|hit| hit.explanation.as_ref().unwrap().late.is_none()));
    assert!(without.plan().timings.late.is_zero() && !with_late.plan().timings.late.is_zero());
    assert_ne!(order(&with_late), order(&without));
    for (lexical, late) in [(-0.1, 0.5), (0.5, f32::NAN), (f32::INFINITY, 0.5)] {
        let query = Query::new(question).weights(Weights { lexical, late, identifier: 0.0 });
        let error = retriever.search(query).unwrap_err();
        assert!(matches!(error, Error::Fraction { .. }), "{error}");
    }
}

#[test]
fn an_explanation_names_the_words_that_answer() {
    let mut retriever = Retriever::in_memory().unwrap();
    let texts = [
        "The blue arc above the bridge carries the railway.",
        "Der Zug hält in Wien und in Linz.",
        "Sourdough needs time, flour and water.",
    ];
    let article = |(at, text): (usize, &&str)| Article::new(format!("{at}"), *text);
    retriever.add(texts.iter().enumerate().map(article)).unwrap();
    let question = "Was trägt die Eisenbahn über die Brücke?";
    let hits = retriever.search(Query::new(question).explain()).unwrap();
    assert_eq!(hits[0].article, "0");
    let explanation = hits[0].explanation.as_ref().unwrap();
    assert!(explanation.late.unwrap() > 0.0);
    let pairs: Vec<(&str, &str)> = explanation
        .matches
        .iter()
        .map(|answer| (&question[answer.question.clone()], &texts[0][answer.range.clone()]))
        .collect();
    assert_eq!(pairs, [("Eisenbahn", "railway"), ("Brücke", "bridge")]);
    assert!(explanation.to_string().contains("Brücke ~ bridge 0."), "{explanation}");
}

/// A bibliography and a table of digits repeat words of the question more often than prose.
#[test]
fn lists_of_addresses_and_digits_come_after_prose() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever
        .add([
            Article::new(
                "sources",
                "https://example.org/moore/kohlenstoff-speichern https://example.org/moore\n\
                 Moore Kohlenstoff: www.example.com/moore-kohlenstoff-speichern/kapitel/anhang",
            ),
            Article::new("table", "Moore Kohlenstoff 2019 1.204.112 77.120 2020 1.350.903 79.004"),
            Article::new("prose", "Torf entsteht im nassen Boden und bindet dabei viel Klimagas."),
            Article::new("other", "Der Bäcker öffnet am Sonntag erst nach der Messe im Dorf."),
        ])
        .unwrap();
    let rank = |question: &str, article: &str| {
        let hits = retriever.search(Query::new(question)).unwrap();
        hits.iter().position(|hit| hit.article == article).unwrap()
    };
    let about_prose = "Wie speichern Moore Kohlenstoff?";
    assert_eq!(rank(about_prose, "prose"), 0);
    assert_eq!(rank(about_prose, "other"), 1);
    let explained = retriever.search(Query::new(about_prose).explain()).unwrap();
    for hit in &explained {
        let is_noise = ["sources", "table"].contains(&hit.article.as_str());
        let explanation = hit.explanation.as_ref().unwrap();
        assert_eq!(explanation.noise_penalty > 0.0, is_noise, "{explanation}");
    }
    let about_digits = "Wie viel Kohlenstoff speichern Moore 2020?";
    assert!(rank(about_digits, "table") < rank(about_digits, "prose"));
    let about_addresses = "example.org/moore Kohlenstoff speichern";
    assert_eq!(rank(about_addresses, "sources"), 0);
}

#[test]
fn hits_below_the_minimum_score_are_left_out() {
    let retriever = sample_retriever();
    for mode in MODES {
        let query = Query::new("Warum hält Meta Behemoth zurück?").mode(mode).k(30);
        let all = retriever.search(query.clone()).unwrap();
        let minimum = all[all.len() / 2].score;
        let kept = retriever.search(query.clone().min_score(minimum)).unwrap();
        let expected: Vec<&Hit> = all.iter().filter(|hit| hit.score >= minimum).collect();
        assert_eq!(kept.iter().collect::<Vec<_>>(), expected, "{mode}");
        let none = retriever.search(query.clone().min_score(all[0].score + 1.0)).unwrap();
        assert!(none.is_empty() && none.is_complete(), "{mode}");
        let error = retriever.search(query.min_score(f32::NAN)).unwrap_err();
        assert!(matches!(error, Error::Fraction { name: "min_score", .. }), "{error}");
    }
}
