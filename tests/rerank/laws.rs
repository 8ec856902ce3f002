//! Laws of every reranker: its input, the order of equal scores, and the threads that call it.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use passim::{
    Article, Chunker, Interrupt, ModelIdentity, Query, Reranker, Result, Retriever, StaticEmbedder,
};
use rayon::{ThreadPoolBuilder, prelude::*};

fn identity() -> ModelIdentity {
    ModelIdentity { name: "test".to_owned(), hash: 1 }
}

/// Records the passages of each call and scores them by a rule.
struct Recorder {
    identity: ModelIdentity,
    calls: Arc<Mutex<Vec<Vec<String>>>>,
    rule: fn(&str) -> f32,
}

impl Recorder {
    fn new(rule: fn(&str) -> f32) -> Self {
        Self { identity: identity(), calls: Arc::default(), rule }
    }
}

impl Reranker for Recorder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn score(&self, _: &str, passages: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
        let passages_read = passages.iter().map(|passage| (*passage).to_owned()).collect();
        self.calls.lock().unwrap().push(passages_read);
        Ok(passages.iter().map(|passage| (self.rule)(passage)).collect())
    }
}

/// Four kinds of titles are not embedded unchanged: blank titles, titles with white space around
/// them, titles that the text repeats, and titles that are too long beside the passage.
#[test]
fn a_reranker_reads_what_the_embedder_reads() {
    let long = "Noch ein Satz über Torf und Wasser. ".repeat(60);
    let articles = [
        Article::new("trimmed", "Moore speichern Wasser.").title("  Moore  "),
        Article::new("blank", "Brot braucht Zeit.").title("   "),
        Article::new("repeated", "Moore und Klima\n\nEin Überblick.").title("Moore und Klima"),
        Article::new("heading", "# Nutzen\n\nSie speichern Wasser.").title("Moore"),
        Article::new("long", long).title("Langer Titel ".repeat(40)),
    ];
    let chunker = Chunker::default();
    let model = StaticEmbedder::bundled().unwrap();
    let mut embedded = Vec::new();
    for article in &articles {
        let passages = chunker.passages(article, &model).unwrap();
        embedded.extend(passages.iter().map(|passage| passage.text_in_context(article)));
    }
    let recorder = Recorder::new(|_| 0.0);
    let calls = Arc::clone(&recorder.calls);
    let mut retriever = Retriever::builder().reranker(recorder).in_memory().unwrap();
    retriever.add(articles).unwrap();
    retriever.search(Query::new("Moore").rerank(100)).unwrap();
    let mut read = calls.lock().unwrap().concat();
    read.sort();
    embedded.sort();
    assert_eq!(read, embedded);
}

#[test]
fn zero_and_minus_zero_are_equal_scores() {
    let rule = |passage: &str| if passage.contains("Moor") { -0.0 } else { 0.0 };
    let mut retriever = Retriever::builder().reranker(Recorder::new(rule)).in_memory().unwrap();
    let texts = [("brot", "Brot braucht Zeit."), ("moor", "Ein Moor speichert Wasser.")];
    retriever.add(texts.map(|(key, text)| Article::new(key, text))).unwrap();
    let query = Query::new("Was speichert ein Moor?");
    let keys = |query| {
        let hits = retriever.search(query).unwrap();
        hits.iter().map(|hit| hit.article.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(query.clone()), ["moor", "brot"]);
    assert_eq!(keys(query.rerank(2)), ["moor", "brot"]);
}

#[test]
fn a_search_without_hits_calls_no_reranker() {
    let recorder = Recorder::new(|_| 0.0);
    let calls = Arc::clone(&recorder.calls);
    let retriever = Retriever::builder().reranker(recorder).in_memory().unwrap();
    let hits = retriever.search(Query::new("Moore").rerank(9)).unwrap();
    assert!(hits.is_empty() && hits.is_complete());
    assert!(calls.lock().unwrap().is_empty());
}

/// A session behind a lock whose work uses rayon, as tokenizers do.
struct Locked(ModelIdentity, Mutex<()>);

impl Reranker for Locked {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn score(&self, _: &str, passages: &[&str], _: Interrupt<'_>) -> Result<Vec<f32>> {
        let _session = self.1.lock().unwrap();
        let length = |passage: &&str| {
            thread::sleep(Duration::from_micros(200));
            f32::from(u8::try_from(passage.len()).unwrap())
        };
        Ok(passages.par_iter().map(length).collect())
    }
}

/// Rayon's issue 592: a worker that waits inside a call steals the next call. That call would wait
/// for the lock that its own stack holds.
#[test]
fn a_reranker_that_locks_and_uses_rayon_never_deadlocks() {
    let (done, watch) = mpsc::channel();
    thread::spawn(move || {
        let locked = Locked(identity(), Mutex::new(()));
        let mut retriever = Retriever::builder().reranker(locked).in_memory().unwrap();
        let article = |n: usize| Article::new(n.to_string(), format!("Artikel {n} über Moore."));
        retriever.add((0..50).map(article)).unwrap();
        let queries = vec![Query::new("Moore").rerank(20); 100];
        let pool = ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        done.send(pool.install(|| retriever.search_many(&queries)).unwrap().len()).unwrap();
    });
    assert_eq!(watch.recv_timeout(Duration::from_mins(2)), Ok(100));
}
