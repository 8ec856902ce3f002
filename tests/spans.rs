//! A crate of its own because it sets the `tracing` subscriber of its process.
//!
//! Long stages emit spans with counts.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use passim::{Article, HnswParams, IndexChoice, Retriever};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use passim_testkit::FakeEmbedder;

/// A recorded span and its formatted fields.
struct RecordedSpan {
    metadata: &'static Metadata<'static>,
    fields: BTreeMap<String, String>,
}

/// All spans of the crate in the order they started; a span's id is its index plus 1.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<RecordedSpan>>>);

fn index_of(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

thread_local! {
    /// Spans entered by this thread, innermost last.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// Formats the fields of a span.
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
        spans.push(RecordedSpan { metadata: span.metadata(), fields });
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.0.lock().unwrap();
        values.record(&mut Fields(&mut spans[index_of(span)].fields));
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
        let metadata = self.0.lock().unwrap()[index_of(&id)].metadata;
        Current::new(id, metadata)
    }
}

#[test]
fn long_stages_emit_spans_with_counts() {
    let spans = Spans::default();
    tracing::subscriber::set_global_default(spans.clone()).unwrap();
    let params = HnswParams { m: 8, ef_construction: 32 };
    let mut retriever = Retriever::builder()
        .embedder(FakeEmbedder::new(16))
        .index(IndexChoice::Hnsw(params))
        .merge_threads(0)
        .in_memory()
        .unwrap();
    let articles = (0..30).map(|n| Article::new(format!("{n}"), format!("Moor {n} in Wort {n}.")));
    retriever.sync(articles).unwrap();
    retriever.search("Moor 7").unwrap();

    let spans = spans.0.lock().unwrap();
    let field = |name: &str, field: &str| {
        let span = spans.iter().find(|span| span.metadata.name() == name).unwrap();
        span.fields[field].as_str()
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
        ("write", "segments", "1"),
        ("search", "passages", "30"),
    ] {
        assert_eq!(field(span, name), value, "{span}.{name}");
    }
    assert!(field("sync", "report").contains("added: 30"), "{}", field("sync", "report"));
}
