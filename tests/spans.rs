//! Long stages are spans of `tracing`, with counts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/support/seeded.rs"]
mod seeded;
#[path = "../benches/support/words.rs"]
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use passim::{Article, HnswParams, IndexChoice, Retriever};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use words::WordEmbedder;

/// A span, and its fields in words.
type Noted = (&'static Metadata<'static>, BTreeMap<String, String>);

/// Every span of the crate, in the order they began; a span's number is its place from 1.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Noted>>>);

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// Writes fields down.
struct Fields<'f>(&'f mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("passim")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut spans = self.0.lock().unwrap();
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        spans.push((span.metadata(), fields));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let at = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Fields(&mut self.0.lock().unwrap()[at].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.clone()));
    }

    fn exit(&self, _: &Id) {
        ENTERED.with_borrow_mut(Vec::pop);
    }

    fn current_span(&self) -> Current {
        let Some(id) = ENTERED.with_borrow(|entered| entered.last().cloned()) else {
            return Current::none();
        };
        let metadata = self.0.lock().unwrap()[usize::try_from(id.into_u64()).unwrap() - 1].0;
        Current::new(id, metadata)
    }
}

#[test]
fn long_stages_are_spans_with_counts() {
    let spans = Spans::default();
    tracing::subscriber::set_global_default(spans.clone()).unwrap();
    let params = HnswParams { m: 8, ef_construction: 32 };
    let mut retriever = Retriever::builder()
        .embedder(WordEmbedder::new(16))
        .index(IndexChoice::Hnsw(params))
        .in_memory()
        .unwrap();
    let articles = (0..30).map(|n| Article::new(format!("{n}"), format!("Moor {n} in Wort {n}.")));
    retriever.sync(articles).unwrap();
    retriever.search("Moor 7").unwrap();

    let spans = spans.0.lock().unwrap();
    let field = |span: &str, field: &str| {
        let (_, fields) = spans.iter().find(|(metadata, _)| metadata.name() == span).unwrap();
        fields.get(field).cloned().unwrap_or_default()
    };
    for (span, name, value) in [
        ("chunk", "articles", "30"),
        ("chunk", "taken", "30"),
        ("chunk", "passages", "30"),
        ("embed", "texts", "30"),
        ("embed", "tokens", "150"),
        ("commit", "passages", "30"),
        ("merge", "segments", "1"),
        ("merge", "passages", "30"),
        ("build_graph", "vectors", "30"),
        ("publish", "segments", "1"),
        ("search", "passages", "30"),
    ] {
        assert_eq!(field(span, name), value, "{span}.{name}");
    }
    assert!(field("sync", "report").contains("added: 30"), "{}", field("sync", "report"));
}
