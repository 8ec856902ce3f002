//! What follows a search, and synchronization, equal the local store.

use passim::{Article, Error, Query, UnreadSource};

use super::{Pair, articles::articles, empty, servers};

#[test]
fn follow_ups_equal_the_local_store() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    pair.add(&articles());
    for key in pair.corpus.keys().unwrap() {
        let found = pair.corpus.related(&key, 3).unwrap().unwrap();
        let local = pair.local.related(&key, 3).unwrap().unwrap();
        let keys = |hits: &[passim::Hit]| -> Vec<String> {
            hits.iter().map(|hit| hit.article.clone()).collect()
        };
        assert_eq!(keys(&found), keys(&local), "{key}");
    }
    for key in ["nirgends", "zero\0byte"] {
        assert!(pair.corpus.related(key, 3).unwrap().is_none());
    }
    assert!(matches!(pair.corpus.related("leer", 0), Err(Error::Setting { .. })));
    for question in ["Wer repariert die Turmuhr?", "Where was the wooden bridge found?"] {
        let query = Query::new(question).k(6);
        let hits = pair.corpus.search(query.clone()).unwrap();
        assert_eq!(
            pair.corpus.highlights(&query, &hits[0]).unwrap(),
            pair.local.highlights(&query, &hits[0]).unwrap()
        );
        for around in 0..3 {
            let excerpts = pair.corpus.excerpts(&hits, around).unwrap();
            assert_eq!(excerpts, pair.local.excerpts(&hits, around).unwrap());
        }
        for budget in [0, 40, 90, 1_000] {
            let context = pair.corpus.context(&hits, budget).unwrap();
            assert_eq!(context, pair.local.context(&hits, budget).unwrap());
            assert!(context.tokens <= budget);
        }
    }
}

#[test]
fn an_excerpt_of_a_changed_article_is_an_error() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..1]);
    corpus.add([Article::new("a", "Der Deich hält.")]).unwrap();
    let hits = corpus.search("Deich").unwrap();
    corpus.add([Article::new("a", "Der Torf brennt.")]).unwrap();
    for result in [corpus.excerpts(&hits, 1).map(drop), corpus.context(&hits, 90).map(drop)] {
        assert!(matches!(result, Err(Error::StaleHit { .. })));
    }
}

#[test]
fn sync_makes_the_corpus_equal_to_the_articles() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    let all = articles();
    let mut sync = |articles: &[Article]| {
        let report = pair.corpus.sync(articles.to_vec()).unwrap();
        let local = pair.local.sync(articles.to_vec()).unwrap();
        let counts = (report.added, report.changed, report.removed, report.unchanged);
        assert_eq!(counts, (local.added, local.changed, local.removed, local.unchanged));
        assert_eq!((report.reused, report.embedded), (local.reused, local.embedded));
        report
    };
    assert_eq!(sync(&all).added, all.len());
    let mut later = all[5..].to_vec();
    for article in later.iter_mut().filter(|article| article.text.len() > 100) {
        article.text.push_str("\n\nAm Ende steht ein neuer Absatz über den Deich.");
    }
    let report = sync(&later);
    assert_eq!(report.removed, 5);
    assert!(report.changed > 5 && report.reused > 5, "{report:?}");
    assert_eq!(sync(&later).unchanged, later.len());
    pair.assert_equal();
    let removed = pair.corpus.sync([]).unwrap().removed;
    assert_eq!(removed, later.len());
    assert!(pair.corpus.keys().unwrap().is_empty());
    pair.corpus.verify().unwrap();
}

#[test]
fn try_sync_keeps_what_could_not_be_read() {
    let Some(servers) = servers() else { return };
    let mut pair = Pair::new(&servers[..2]);
    let all = articles();
    pair.corpus.sync(all.clone()).unwrap();
    pair.local.sync(all.clone()).unwrap();
    let (present, gone) = all.split_at(all.len() - 2);
    let keys = present.iter().map(|article| &*article.key).chain(["unknown"]);
    let unread = UnreadSource::articles(keys, "the disk is gone");
    let items = || [Ok(all[1].clone()), Err(unread.clone()), Ok(all[2].clone())];
    let report = pair.corpus.try_sync(items()).unwrap();
    assert_eq!((report.unchanged, report.kept, report.removed), (2, present.len() - 2, 2));
    assert_eq!(report.unread, pair.local.try_sync(items()).unwrap().unread);
    pair.assert_equal();
    // An error without keys can be that of any article.
    let report = pair.corpus.try_sync([Ok(gone[0].clone()), Err(Error::Cancelled)]).unwrap();
    assert_eq!((report.added, report.kept, report.removed), (1, present.len(), 0));
    pair.corpus.verify().unwrap();
}

#[test]
fn sync_names_the_position_of_an_invalid_article_in_the_call() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..1]);
    let valid = (0..300).map(|at| Article::new(format!("a{at}"), "Torf."));
    let error = corpus.sync(valid.chain([Article::new("", "x")])).unwrap_err();
    assert!(matches!(error, Error::EmptyKey { position: 300 }), "{error}");
    assert_eq!(corpus.stats().unwrap().articles, 256);
}
