//! Laws of hits that are grouped by article.

use std::collections::BTreeSet;

use passim::{
    Article, Cancel, Chunker, Error, Filter, HitGroup, Interrupt, ModelIdentity, Query, Reranker,
    Result, Retriever,
};
use passim_testkit::corpus;

use crate::sample_corpus::{MODES, sample_retriever};

/// One long article that fills any list, and short ones.
fn one_long_article(reranker: Option<Lengths>) -> Retriever {
    let mut builder = Retriever::builder().chunker(Chunker::default().max_tokens(12));
    if let Some(reranker) = reranker {
        builder = builder.reranker(reranker);
    }
    let mut retriever = builder.in_memory().unwrap();
    let sentence = |at: usize| format!("Moore speichern Kohlenstoff im Jahr {at}.");
    let sentences: Vec<String> = (0..900).map(sentence).collect();
    let long = Article::new("lang", sentences.join("\n\n"));
    let short = (0..30).map(|at| {
        let text = format!("Fische {at} schwimmen im See.\n\n{}", corpus::texts(at, 1, 20)[0]);
        Article::new(format!("kurz/{at:02}"), text)
    });
    retriever.add(short.chain([long])).unwrap();
    retriever
}

/// Scores a text by its length, so that reranking changes any order.
#[derive(Debug)]
struct Lengths(ModelIdentity);

impl Reranker for Lengths {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    #[allow(clippy::cast_precision_loss, reason = "short texts")]
    fn score(&self, _: &str, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vec<f32>> {
        interrupt.check()?;
        Ok(texts.iter().map(|text| text.len() as f32).collect())
    }
}

#[test]
fn k_groups_are_found_behind_a_long_article() {
    let retriever = one_long_article(None);
    for mode in MODES {
        let query = Query::new("Moore speichern Kohlenstoff im Jahr").mode(mode).exact();
        let hits = retriever.search(query.clone().k(20).group_by_article(3)).unwrap();
        let groups = hits.by_article();
        assert_eq!(groups.len(), 20, "{mode}");
        assert_eq!(groups[0].article, "lang");
        assert_eq!(groups[0].hits.len(), 3);
        assert!(hits.is_complete());
        let matching = retriever.count_matches(&query).unwrap().articles;
        let all = retriever.search(query.group_by_article(1).k(100)).unwrap();
        assert_eq!((all.len(), all.by_article().len()), (matching, matching), "{mode}");
    }
}

#[test]
fn groups_are_in_the_order_of_their_best_hits() {
    let retriever = sample_retriever();
    for mode in MODES {
        for question in ["Warum hält Meta Behemoth zurück?", "open models in Europe"] {
            let query = Query::new(question).mode(mode).exact();
            let ungrouped = retriever.search(query.clone().k(10_000)).unwrap();
            let groups = retriever.search(query.clone().k(4).group_by_article(5)).unwrap();
            let groups = groups.by_article();
            let mut seen = BTreeSet::new();
            let best = ungrouped.iter().filter(|hit| seen.insert(&hit.article));
            assert!(groups.iter().map(HitGroup::best).eq(best.take(groups.len())));
            for group in &groups {
                assert!(group.hits.iter().all(|hit| hit.article == group.article));
                assert!(group.hits.is_sorted_by(|a, b| a.score >= b.score));
            }
            // Groups of any list of hits, for those who did not ask for them.
            let all = ungrouped.by_article();
            assert!(
                all.iter().take(4).map(|group| group.article).eq(groups.iter().map(|g| g.article))
            );
            assert_eq!(all.iter().map(|group| group.hits.len()).sum::<usize>(), ungrouped.len());
        }
    }
}

#[test]
fn pages_of_groups_join() {
    let retriever = one_long_article(None);
    for mode in MODES {
        let query = Query::new("Moore im See").mode(mode).exact().group_by_article(2);
        let all = retriever.search(query.clone().k(31)).unwrap();
        let all = all.by_article();
        for offset in [0, 1, 9, 30, 40] {
            let page = retriever.search(query.clone().k(5).offset(offset)).unwrap();
            let expected = all.iter().skip(offset).take(5);
            assert!(page.by_article().iter().eq(expected), "{mode} {offset}");
        }
    }
}

#[test]
fn a_reranker_orders_groups_by_their_best_scores() {
    let retriever =
        one_long_article(Some(Lengths(ModelIdentity { name: "lengths".to_owned(), hash: 1 })));
    let query = Query::new("Fische im See").exact().group_by_article(2);
    let all = retriever.search(query.clone().k(100).rerank(1_000)).unwrap();
    let groups = all.by_article();
    assert_eq!(groups.len(), 31);
    assert!(groups.is_sorted_by(|a, b| a.best().score >= b.best().score));
    assert!(groups.iter().all(|group| group.hits.len() <= 2));
    let flat = groups.iter().flat_map(|group| group.hits.clone());
    assert!(all.iter().eq(flat), "the hits of an article are together");
    for (k, offset) in [(4, 0), (4, 4), (30, 29)] {
        let page = retriever.search(query.clone().k(k).offset(offset).rerank(1_000)).unwrap();
        assert!(page.by_article().iter().eq(groups.iter().skip(offset).take(k)));
    }
    // More passages are reranked than there are articles: that takes no search of all passages.
    let deep = retriever.search(query.clone().k(4).rerank(40)).unwrap();
    assert!(deep.plan().candidates < 500, "{}", deep.plan().candidates);
    // The reranker scores the first passages alone.
    let few = retriever.search(query.clone().k(6).rerank(3)).unwrap();
    assert_eq!(few.by_article().len(), 6);
    assert!(few.plan().reranked);
    let cancel = Cancel::new();
    cancel.cancel();
    let none = retriever.search(query.k(6).rerank(3).cancel(&cancel)).unwrap();
    assert!(!none.is_complete());
}

#[test]
fn limits_hold_within_groups() {
    let retriever = one_long_article(None);
    let query = Query::new("Moore speichern Kohlenstoff").exact().k(31);
    let both = retriever.search(query.clone().group_by_article(3).per_article(1)).unwrap();
    assert!(both.by_article().iter().all(|group| group.hits.len() == 1));
    let phrase = query.clone().group_by_article(3).require_phrase("im Jahr 7");
    let phrase = retriever.search(phrase).unwrap();
    assert!(phrase.iter().all(|hit| hit.text.contains("im Jahr 7")));
    assert_eq!(phrase.by_article().len(), 1);
    let filter = query.clone().group_by_article(3).filter(Filter::key_prefix("kurz/1"));
    assert_eq!(retriever.search(filter).unwrap().by_article().len(), 10);
    let diverse = retriever.search(query.clone().k(5).group_by_article(2).mmr(0.9)).unwrap();
    assert_eq!(diverse.by_article().len(), 5);
    let error = retriever.search(query.group_by_article(0)).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "group_by_article", .. }), "{error}");
}
