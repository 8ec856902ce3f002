//! Copies between a local corpus and one in PostgreSQL call no model.

use passim::{Article, Error, Retriever, postgres::Corpus};
use passim_testkit::FakeEmbedder;

use super::{Pair, articles::articles, chunker, empty, servers, unused_schema};

fn local() -> Retriever {
    Retriever::builder().chunker(chunker()).in_memory().unwrap()
}

#[test]
fn a_copied_corpus_answers_alike_in_both_directions() {
    let Some(servers) = servers() else { return };
    let mut from = local();
    from.add(articles()).unwrap();
    from.commit().unwrap();
    let corpus = empty(&servers[..2]);
    let report = corpus.copy_from(&from.searcher()).unwrap();
    assert_eq!(
        (report.added, report.embedded, report.given),
        (articles().len(), 0, from.passages())
    );
    let pair = Pair { local: from, corpus };
    pair.assert_equal();
    let again = pair.corpus.copy_from(&pair.local.searcher()).unwrap();
    assert_eq!((again.unchanged, again.given), (articles().len(), 0));
    // The chunkers are equal, so articles without vectors are unchanged, too.
    assert_eq!(pair.corpus.sync(articles()).unwrap().unchanged, articles().len());

    let mut back = local();
    let report = pair.corpus.copy_to(&mut back).unwrap();
    assert_eq!((report.added, report.embedded), (articles().len(), 0));
    Pair { local: back, corpus: pair.corpus.clone() }.assert_equal();
}

#[test]
fn a_copy_replaces_what_differs_and_keeps_the_rest() {
    let Some(servers) = servers() else { return };
    let corpus = empty(&servers[..2]);
    corpus.add([Article::new("de/1", "Vorher."), Article::new("bleibt", "Torf.")]).unwrap();
    let mut from = local();
    from.add([Article::new("de/1", "Nachher."), Article::new("neu", "Moor.")]).unwrap();
    from.commit().unwrap();
    let report = corpus.copy_from(&from.searcher()).unwrap();
    assert_eq!((report.added, report.changed, report.unchanged), (1, 1, 0));
    assert_eq!(corpus.keys().unwrap(), ["bleibt", "de/1", "neu"]);
    assert_eq!(corpus.article("de/1").unwrap().unwrap().text, "Nachher.");
    corpus.verify().unwrap();
}

#[test]
fn a_corpus_of_another_model_is_refused() {
    let Some(servers) = servers() else { return };
    let builder = Corpus::builder().shards(servers[..1].to_vec()).schema(unused_schema());
    let corpus = builder.embedder(FakeEmbedder::new(8)).create().unwrap();
    let mut local = local();
    local.add([Article::new("a", "Torf.")]).unwrap();
    local.commit().unwrap();
    let error = corpus.copy_from(&local.searcher()).unwrap_err();
    assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
    let error = corpus.copy_to(&mut local).unwrap_err();
    assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
}
