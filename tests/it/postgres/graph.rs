//! The graph of a server: built by `maintain` or from the start, searched where it pays, and exact
//! otherwise.

use passim::{
    Article, Error, Filter, HnswParams, IndexChoice, Mode, Query, Retriever, Route, ScanReason,
    postgres::{Corpus, CorpusBuilder},
};
use passim_testkit::Seeded;

use super::{chunker, servers, unused_schema};

const WORDS: [&str; 24] = [
    "Deich", "Torf", "Bahn", "Brücke", "Strom", "Wasser", "Wald", "Moor", "Uhr", "Turm", "Brot",
    "Schule", "bridge", "water", "forest", "bread", "school", "tower", "peat", "railway", "power",
    "clock", "dike", "winter",
];

/// Returns articles of one passage, of random words; one in a hundred is `rare`.
fn articles(number: usize) -> Vec<Article> {
    let mut seeded = Seeded(7);
    let text = |at: usize| {
        let words: Vec<&str> = (0..6).map(|_| WORDS[seeded.below(WORDS.len())]).collect();
        format!("{} {at}.", words.join(" "))
    };
    let texts: Vec<String> = (0..number).map(text).collect();
    let articles = texts.into_iter().enumerate().map(|(at, text)| {
        let article = Article::new(format!("a{at}"), text);
        article.metadata("rare", at % 100 == 0)
    });
    articles.collect()
}

fn builder(shards: &[String]) -> CorpusBuilder {
    let index = IndexChoice::Hnsw(HnswParams { m: 16, ef_construction: 64 });
    let builder = Corpus::builder().shards(shards.to_vec()).schema(unused_schema());
    builder.chunker(chunker()).index(index).build_memory(64 << 20).build_workers(0)
}

fn routes(corpus: &Corpus, query: Query) -> Vec<Route> {
    corpus.search(query).unwrap().plan().dense.iter().map(|plan| plan.route).collect()
}

fn keys(hits: &[passim::Hit]) -> Vec<String> {
    hits.iter().map(|hit| hit.article.clone()).collect()
}

/// Asserts that graph searches find what exact ones find, and as many as exist.
fn assert_graph_answers(corpus: &Corpus, local: &Retriever) {
    let (mut found, mut all) = (0, 0);
    for question in ["Deich am Wasser", "railway bridge", "Brot und Strom im Winter"] {
        for filter in [None, Some(Filter::equals("rare", false))] {
            let mut query = Query::new(question).mode(Mode::Dense).k(20);
            query.filter = filter;
            let hits = corpus.search(query.clone()).unwrap();
            assert_eq!(hits.len(), 20);
            let plans = &hits.plan().dense;
            assert!(
                plans.iter().all(|plan| plan.route == Route::Graph { ef_search: 96 }),
                "{plans:?}"
            );
            let exact = keys(&local.search(query.clone().exact()).unwrap());
            assert_eq!(keys(&corpus.search(query.exact()).unwrap()), exact);
            found += keys(&hits).iter().filter(|key| exact.contains(key)).count();
            all += exact.len();
        }
    }
    assert!(found * 100 >= all * 90, "recall {found} of {all}");
}

#[test]
fn a_graph_is_built_searched_and_dropped() {
    let Some(servers) = servers() else { return };
    let articles = articles(5_000);
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    local.add(articles.clone()).unwrap();
    let builder = builder(&servers[..2]);
    let corpus = builder.clone().index(IndexChoice::default()).create().unwrap();
    corpus.add(articles).unwrap();
    let any = || Query::new("Deich").mode(Mode::Dense);
    assert_eq!(corpus.maintain().unwrap().graphs_built, 0);
    let reasons = routes(&corpus, any());
    assert!(reasons.iter().all(|route| *route == Route::Scan(ScanReason::NoGraph)));

    let corpus = builder.clone().open().unwrap();
    assert_eq!(corpus.maintain().unwrap().graphs_built, 2);
    assert_eq!(corpus.maintain().unwrap().graphs_built, 0);
    corpus.verify().unwrap();
    assert_graph_answers(&corpus, &local);
    let rare = any().k(60).filter(Filter::equals("rare", true));
    let hits = corpus.search(rare.clone()).unwrap();
    assert_eq!(keys(&hits), keys(&local.search(rare.exact()).unwrap()));
    assert_eq!((hits.len(), hits.plan().allowed), (50, 50));
    let few = Route::Scan(ScanReason::FewAllowed);
    assert!(hits.plan().dense.iter().all(|plan| plan.route == few));
    for (query, reason) in [
        (any().exact(), ScanReason::Requested),
        (any().recall(0.9), ScanReason::NotCalibrated),
        (any().k(1_200), ScanReason::WideSearch),
    ] {
        assert!(routes(&corpus, query).iter().all(|route| *route == Route::Scan(reason)));
    }

    let corpus = builder.index(IndexChoice::Exact).open().unwrap();
    assert_eq!(corpus.maintain().unwrap().graphs_dropped, 2);
    let reasons = routes(&corpus, any());
    assert!(reasons.iter().all(|route| *route == Route::Scan(ScanReason::NoGraph)));
}

#[test]
fn writes_go_into_a_live_graph() {
    let Some(servers) = servers() else { return };
    let articles = articles(4_200);
    let mut local = Retriever::builder().chunker(chunker()).in_memory().unwrap();
    let corpus = builder(&servers[..1]).create().unwrap();
    for batch in articles.chunks(1_400) {
        local.add(batch.to_vec()).unwrap();
        corpus.add(batch.to_vec()).unwrap();
    }
    for article in articles.iter().step_by(3) {
        local.remove(&article.key).unwrap();
    }
    corpus.sync(local.iter_articles().map(Result::unwrap)).unwrap();
    assert_graph_answers(&corpus, &local);
}

#[test]
fn settings_that_pgvector_refuses_are_errors() {
    for (m, ef_construction) in [(101, 300), (24, 47), (24, 1_001), (1, 64)] {
        let index = IndexChoice::Hnsw(HnswParams { m, ef_construction });
        let error = builder(&["postgresql://a@b/c".to_owned()]).index(index).open().unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    let set = || builder(&["postgresql://a@b/c".to_owned()]);
    for builder in [set().build_memory(1_000), set().build_workers(1_025)] {
        let error = builder.open().unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
}
