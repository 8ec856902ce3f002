//! Laws of searching by words and by meaning at once.

use std::collections::BTreeMap;

use passim::{Article, Error, Filter, Hit, Hits, IndexChoice, Mode, Query, Retriever};
use passim_testkit::corpus;

const MODES: [Mode; 3] = [Mode::Dense, Mode::Lexical, Mode::Hybrid];

fn samples() -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    retriever
}

fn keys(hits: &Hits) -> Vec<&str> {
    hits.iter().map(|hit| hit.article.as_str()).collect()
}

type Place = (String, usize);

fn place(hit: &Hit) -> Place {
    (hit.article.clone(), hit.range.start)
}

/// The score of each of the `candidates` by both arms: the cosine, and BM25 as a share of the
/// `most`, less the mean share of the seven candidates of the same language that are closest in
/// meaning, or of as many as there are.
fn fused(candidates: &[&Hit], words: &BTreeMap<Place, f32>, most: f32) -> BTreeMap<Place, f32> {
    let share = |hit: &Hit| words.get(&place(hit)).copied().unwrap_or(0.0) / most;
    let score = |hit: &&Hit| {
        let same = candidates.iter().filter(|one| one.language == hit.language).take(7);
        let shares: Vec<f32> = same.map(|one| share(one)).collect();
        let number = f32::from(u8::try_from(shares.len().max(2)).unwrap());
        let baseline = shares.iter().sum::<f32>() / number;
        (place(hit), hit.similarity.unwrap() + share(hit) - baseline)
    };
    candidates.iter().map(score).collect()
}

/// Of a corpus that is smaller than what the arms look at, every passage is ranked by the rule.
#[test]
fn both_arms_are_ranked_by_one_rule() {
    let retriever = samples();
    let question = "Warum hält Meta sein Modell Behemoth zurück?";
    let by = |mode| retriever.search(Query::new(question).mode(mode).k(1_000).explain()).unwrap();
    let [dense, lexical, hybrid] = MODES.map(by);
    assert_eq!((dense.len(), hybrid.len()), (retriever.passages(), retriever.passages()));
    assert!(!lexical.is_empty() && lexical.len() < dense.len());
    let words = lexical.iter().map(|hit| (place(hit), hit.bm25.unwrap())).collect();
    let most = hybrid[0].explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
    let scores = fused(&dense.iter().collect::<Vec<_>>(), &words, most);
    let cosines: BTreeMap<_, _> = dense.iter().map(|hit| (place(hit), hit.similarity)).collect();
    assert!(hybrid.is_sorted_by(|a, b| a.score >= b.score));
    for hit in &hybrid {
        assert_eq!(hit.similarity, cosines[&place(hit)]);
        assert_eq!(hit.bm25, Some(words.get(&place(hit)).copied().unwrap_or(0.0)));
        assert_eq!(hit.score.to_bits(), scores[&place(hit)].to_bits());
        check_explanation(hit, most);
        let explanation = hit.explanation.as_ref().expect("asked for");
        let ranked = |hits: &Hits, rank: Option<usize>| {
            rank.is_none_or(|rank| place(&hits[rank - 1]) == place(hit))
        };
        assert!(ranked(&dense, explanation.dense_rank) && explanation.dense_rank.is_some());
        assert!(ranked(&lexical, explanation.lexical_rank));
        assert_eq!(explanation.lexical_rank.is_some(), hit.bm25 > Some(0.0));
    }
    assert!(dense.iter().all(|hit| hit.bm25.is_none()));
    assert!(lexical.iter().all(|hit| hit.similarity.is_none() && hit.bm25 == Some(hit.score)));
}

/// What is told of a score adds up to it.
fn check_explanation(hit: &Hit, most: f32) {
    let explanation = hit.explanation.as_ref().expect("asked for");
    let bm25 = hit.bm25.unwrap();
    let baseline = explanation.baseline_share.unwrap();
    assert!(bm25 <= most && explanation.max_bm25 == Some(most));
    let told = hit.similarity.unwrap() + bm25 / most - baseline;
    assert_eq!(hit.score.to_bits(), told.to_bits());
    let shares: f32 = explanation.words.iter().map(|word| word.contribution).sum();
    assert!((shares - bm25).abs() < 1e-4, "{shares} {bm25}");
}

/// Of a larger one, those that either arm has among its best fifty are, whichever has them.
#[test]
fn candidates_of_either_arm_are_ranked_by_both() {
    let mut texts = corpus::texts(21, 400, 40);
    texts[222].push_str(" Xqvorzt");
    let mut retriever = Retriever::in_memory().unwrap();
    let article = |at: usize| Article::new(format!("{at:03}"), texts[at].as_str());
    retriever.add((0..250).map(article)).unwrap();
    retriever.add((250..400).map(article)).unwrap();
    let mut found_by_words_alone = 0;
    for question in ["Speichert Xqvorzt Kohlenstoff?", "Why does Meta hold Xqvorzt back?"] {
        for keys in ["", "2"] {
            let query =
                |mode| Query::new(question).mode(mode).filter(Filter::key_prefix(keys)).explain();
            let all = |mode| retriever.search(query(mode).k(1_000)).unwrap();
            let (dense, lexical) = (all(Mode::Dense), all(Mode::Lexical));
            let words = lexical.iter().map(|hit| (place(hit), hit.bm25.unwrap())).collect();
            let by_words: Vec<Place> = lexical.iter().take(50).map(place).collect();
            let candidates = dense
                .iter()
                .zip(0..)
                .filter(|(hit, rank)| *rank < 50 || by_words.contains(&place(hit)));
            let mut best: Vec<&Hit> = candidates.map(|(hit, _)| hit).collect();
            assert!((50..100).contains(&best.len()), "{}", best.len());
            let most = lexical[0].explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
            let scores = fused(&best, &words, most);
            best.sort_by_key(|hit| place(hit));
            best.sort_by(|a, b| scores[&place(b)].total_cmp(&scores[&place(a)]));
            let hits = retriever.search(query(Mode::Hybrid).k(50)).unwrap();
            let got: Vec<_> = hits.iter().map(|hit| (place(hit), hit.score.to_bits())).collect();
            let expected = best.iter().take(50).map(|hit| place(hit));
            let expected: Vec<_> =
                expected.map(|place| (place.clone(), scores[&place].to_bits())).collect();
            assert_eq!(got, expected, "{question}");
            hits.iter().for_each(|hit| check_explanation(hit, most));
            found_by_words_alone += hits
                .iter()
                .filter(|hit| hit.explanation.as_ref().unwrap().dense_rank.is_none())
                .count();
        }
    }
    assert!(found_by_words_alone > 0);
}

/// A passage of the other language has no word in common with the question. Where it is the
/// closest in meaning, words of the question in passages about something else do not outdo it,
/// as they would if their share were added as it is.
#[test]
fn words_leave_room_for_the_other_language() {
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
    let sum = |hit: &Hit| {
        let most = hit.explanation.as_ref().and_then(|one| one.max_bm25).unwrap();
        hit.similarity.unwrap() + hit.bm25.unwrap() / most
    };
    let first = hits.iter().max_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap();
    assert!(first.article.starts_with("de"), "nothing was there to be outdone by");
}

/// Statistics are those of what is alive, over all segments: it does not matter in how many
/// steps a corpus came about, and whether it was written and read.
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
    // So few are added last that they stay a segment of their own.
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
            let wanted = at_once.search(query.clone()).unwrap();
            assert_eq!(stepwise.search(query.clone()).unwrap(), wanted, "{question} {mode:?}");
            assert_eq!(read.search(query.clone()).unwrap(), wanted, "{question} {mode:?}");
        }
    }
    stepwise.compact().unwrap();
    let question = &corpus::texts(6, 1, 6)[0];
    assert_eq!(stepwise.search(question).unwrap(), at_once.search(question).unwrap());
}

#[test]
fn limits_of_similarity_and_per_article_hold_in_all_modes() {
    let retriever = samples();
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
        let least = 0.2;
        let wanted = all.iter().filter(|hit| hit.similarity >= Some(least)).count();
        let similar = retriever.search(query().k(1_000).min_similarity(least)).unwrap();
        assert!(wanted > 0 && wanted < all.len());
        assert_eq!(similar.len(), wanted, "{mode:?}");
    }
    for wrong in [-1.5, 1.01, f32::NAN] {
        let error = retriever.search(Query::new(question).min_similarity(wrong)).unwrap_err();
        assert!(matches!(error, Error::Fraction { name: "min_similarity", .. }), "{error}");
    }
    let error = retriever.search(Query::new(question).per_article(0)).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "per_article", .. }), "{error}");
}

/// Questions of all modes at once are answered as one by one.
#[test]
fn modes_can_be_mixed() {
    let retriever = samples();
    let queries: Vec<Query> = (0..12)
        .map(|at| Query::new(format!("Was speichern Moore {at}?")).mode(MODES[at % 3]))
        .collect();
    let many = retriever.search_many(&queries).unwrap();
    for (query, hits) in queries.iter().zip(many) {
        assert_eq!(hits, retriever.search(query.clone()).unwrap());
    }
}
