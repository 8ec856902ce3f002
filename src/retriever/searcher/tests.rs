//! The local store obeys the laws of a view, whatever its segments are.

use super::*;
use crate::{
    Article, HnswParams, IndexChoice, Retriever,
    search::view_laws::{check, chunker, corpus},
};

/// A retriever of the corpus of the laws, added in batches. Some articles replace earlier versions,
/// and others were removed again.
fn retriever(mut retriever: Retriever) -> Retriever {
    let removed = |at: usize| Article::new(format!("moor/0{at}"), "Moore speichern Wasser.");
    retriever.add((0..5).map(removed)).unwrap();
    for batch in corpus().chunks(13) {
        let early = batch.iter().take(4).map(|article| Article::new(&article.key, "Vorher."));
        retriever.add(early).unwrap();
        retriever.commit().unwrap();
        retriever.add(batch.iter().cloned()).unwrap();
    }
    (0..5).for_each(|at| assert!(retriever.remove(&removed(at).key).unwrap()));
    retriever
}

fn builder() -> crate::RetrieverBuilder {
    Retriever::builder().chunker(chunker())
}

#[test]
fn several_segments_obey_the_laws() {
    let retriever = retriever(builder().index(IndexChoice::Exact).in_memory().unwrap());
    assert!(retriever.stats().segments.len() > 1);
    check(&retriever.searcher.view(), &corpus()).unwrap();
}

#[test]
fn a_compacted_folder_obeys_the_laws() {
    let temp = tempfile::tempdir().unwrap();
    let mut written = retriever(builder().create(temp.path()).unwrap());
    written.compact().unwrap();
    assert_eq!(written.stats().segments.len(), 1);
    let searcher = Searcher::open(temp.path()).unwrap();
    check(&searcher.view(), &corpus()).unwrap();
}

#[test]
fn a_graph_searched_exactly_obeys_the_laws() {
    let mut retriever =
        retriever(builder().index(IndexChoice::Hnsw(HnswParams::default())).in_memory().unwrap());
    retriever.commit().unwrap();
    check(&retriever.searcher.view(), &corpus()).unwrap();
}

#[test]
fn keys_ascend_over_all_segments() {
    let retriever = retriever(builder().in_memory().unwrap());
    let mut expected: Vec<String> = corpus().into_iter().map(|article| article.key).collect();
    expected.sort();
    let keys: Vec<&str> = retriever.keys().collect::<Result<_>>().unwrap();
    assert_eq!(keys, expected);
}
