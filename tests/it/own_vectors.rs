//! Laws of articles whose vectors are given: they are found, kept and replaced like others, and no
//! model embeds them.

#![allow(clippy::single_range_in_vec_init, reason = "a list of one passage")]

use passim::{
    Article, Chunker, EmbeddedArticle, Embedder, Error, Filter, Interrupt, Language, Markup,
    Passage, Query, Result, Retriever, Role, Vectors,
};
use passim_testkit::{EmbedLog, FakeEmbedder, corpus};

use crate::{
    sample_corpus::{MODES, keys},
    store::{QUESTIONS, by_key, contents},
};

const DIM: usize = 16;

fn model() -> FakeEmbedder {
    FakeEmbedder::new(DIM)
}

/// Embeds `passages` of `article` outside of a retriever.
fn embedded(article: Article, passages: Vec<Passage>) -> Result<EmbeddedArticle> {
    let texts: Vec<String> = passages.iter().map(|p| p.text_in_context(&article)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = model().embed(Role::Passage, &texts, Interrupt::none())?;
    EmbeddedArticle::new(article, passages, vectors)
}

/// Chunks and embeds `article` outside of a retriever.
fn chunked(article: Article) -> EmbeddedArticle {
    let passages = Chunker::default().passages(&article, &model()).unwrap();
    embedded(article, passages).unwrap()
}

fn vectors(rows: usize) -> Vectors {
    Vectors::normalized(DIM, vec![1.0; rows * DIM]).unwrap()
}

#[test]
fn embedded_articles_answer_like_added_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut added = Retriever::builder().embedder(model()).in_memory().unwrap();
    added.add(corpus::samples()).unwrap();

    let builder = || Retriever::builder().embedder(model().refusing(Role::Passage));
    let mut retriever = builder().create(folder.path()).unwrap();
    let report = retriever.add_embedded(corpus::samples().into_iter().map(chunked)).unwrap();
    assert_eq!(report.articles, added.articles());
    assert_eq!((report.given, report.embedding.texts), (added.passages(), 0));
    retriever.commit().unwrap();
    drop(retriever);

    let retriever = builder().open(folder.path()).unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(contents(&retriever), by_key(corpus::samples()));
    for question in QUESTIONS {
        for mode in MODES {
            let query = Query::new(question).mode(mode).k(50);
            let hits = retriever.search(&query).unwrap();
            assert_eq!(hits.to_vec(), added.search(&query).unwrap().to_vec(), "{question}");
        }
    }
}

#[test]
fn a_sync_keeps_given_vectors_of_equal_texts() {
    let log = EmbedLog::default();
    let mut retriever = Retriever::builder().embedder(model().logging(&log)).in_memory().unwrap();
    retriever.add_embedded(corpus::samples().into_iter().map(chunked)).unwrap();
    let report = retriever.sync(corpus::samples()).unwrap();
    assert_eq!(report.changed, corpus::samples().len());
    assert_eq!((report.reused, report.embedded), (retriever.passages(), 0));
    assert!(log.lock().unwrap().is_empty());
    assert_eq!(retriever.sync(corpus::samples()).unwrap().unchanged, corpus::samples().len());
}

#[test]
fn upsert_embedded_compares_passages_and_vectors() {
    let article = || Article::new("a", "Moore wachsen langsam. Der Zug fährt spät.");
    let ranges = || [0..22, 23..43];
    let upsert = |retriever: &mut Retriever, ranges: &[std::ops::Range<usize>], rows: Vectors| {
        let given = EmbeddedArticle::of_ranges(article(), ranges.iter().cloned(), rows).unwrap();
        let report = retriever.upsert_embedded([given]).unwrap();
        (report.added, report.changed, report.unchanged, report.given)
    };
    let mut retriever = Retriever::builder().embedder(model()).in_memory().unwrap();
    assert_eq!(upsert(&mut retriever, &ranges(), vectors(2)), (1, 0, 0, 2));
    assert_eq!(upsert(&mut retriever, &ranges(), vectors(2)), (0, 0, 1, 0));
    let mut other = vec![1.0; 2 * DIM];
    other[0] = 2.0;
    let other = Vectors::normalized(DIM, other).unwrap();
    assert_eq!(upsert(&mut retriever, &ranges(), other.clone()), (0, 1, 0, 2));
    assert_eq!(upsert(&mut retriever, &[0..22, 23..42], other.clone()), (0, 1, 0, 2));
    retriever.compact().unwrap();
    assert_eq!(upsert(&mut retriever, &[0..22, 23..42], other), (0, 0, 1, 0));
    // The passages of the chunker are not those that were given.
    assert_eq!(retriever.upsert([article()]).unwrap().changed, 1);
}

#[test]
fn own_ranges_are_searched_filtered_and_cited() {
    let text = "Moore speichern Kohlenstoff. Züge fahren nach Prag.";
    let prague = text.find("Züge").unwrap()..text.len();
    let article = |key: &str, year: i64| {
        Article::new(key, text).language(Language::German).metadata("year", year)
    };
    let given = |key: &str, year: i64| {
        let article = article(key, year);
        let passages = [0..28, prague.clone()].map(|range| Passage::new(&article, range));
        embedded(article, passages.to_vec()).unwrap()
    };
    let mut retriever = Retriever::builder().embedder(model()).in_memory().unwrap();
    retriever.add([Article::new("c", "Der Teig ruht im Keller.")]).unwrap();
    let report = retriever.add_embedded([given("a", 1), given("b", 2), given("a", 3)]).unwrap();
    assert_eq!((report.articles, report.given), (2, 4), "the last article of a key counts");
    for mode in MODES {
        let newest = Query::new("Zug nach Prag").mode(mode).k(1).filter(Filter::equals("year", 3));
        let hits = retriever.search(newest).unwrap();
        assert_eq!(keys(&hits), ["a"], "{mode:?}");
        assert_eq!(
            (hits[0].range.clone(), hits[0].text.as_str()),
            (prague.clone(), &text[prague.clone()])
        );
    }
    let hits = retriever.search("Prag").unwrap();
    let excerpts = retriever.excerpts(&hits[..1], 1).unwrap();
    assert_eq!(excerpts[0].text, text);
    assert!(retriever.remove("a").unwrap());
    assert!(!keys(&retriever.search("Prag").unwrap()).contains(&"a"));
}

#[test]
fn a_failed_call_adds_nothing() {
    let mut retriever = Retriever::builder().embedder(model()).in_memory().unwrap();
    let given =
        |key: &str| EmbeddedArticle::of_ranges(Article::new(key, "abc"), [0..3], vectors(1));
    let nameless = [given("a").unwrap(), given("").unwrap()];
    let error = retriever.add_embedded(nameless).unwrap_err();
    assert!(matches!(error, Error::EmptyKey { position: 1 }), "{error}");
    let short = Vectors::normalized(2, vec![1.0; 2]).unwrap();
    let short = EmbeddedArticle::of_ranges(Article::new("b", "abc"), [0..3], short).unwrap();
    let error = retriever.add_embedded([given("a").unwrap(), short]).unwrap_err();
    assert!(matches!(error, Error::Dimension { expected: DIM, got: 2 }), "{error}");
    assert_eq!((retriever.articles(), retriever.passages()), (0, 0));

    let empty = EmbeddedArticle::of_ranges(Article::new("e", " "), [], vectors(0)).unwrap();
    assert_eq!(retriever.add_embedded([empty]).unwrap().empty, ["e"]);
}

#[test]
fn vectors_and_passages_are_counted() {
    let article = Article::new("a", "abc def");
    let error = EmbeddedArticle::of_ranges(article, [0..3, 4..7], vectors(1)).unwrap_err();
    let is_count = |error: &Error| matches!(error, Error::PassageVectors { article, passages: 2, vectors: 1 } if article == "a");
    assert!(is_count(&error), "{error}");
}

/// The position and the reason of the error for these passages of a plain text.
fn invalid(text: &str, change: impl Fn(&Article) -> Vec<Passage>) -> (usize, &'static str) {
    let article = Article::new("a", text);
    let passages = change(&article);
    let rows = vectors(passages.len());
    match EmbeddedArticle::new(article, passages, rows) {
        Err(Error::InvalidPassage { position, reason, .. }) => (position, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn invalid_passages_are_named() {
    let ranges = |text: &str, ranges: &[std::ops::Range<usize>]| {
        invalid(text, |article| {
            ranges.iter().map(|range| Passage::new(article, range.clone())).collect()
        })
    };
    let outside = "its range exceeds the text or splits a character";
    assert_eq!(ranges("abc", &[0..3, 1..4]), (1, outside));
    assert_eq!(ranges("äb", &[1..3]), (0, outside));
    #[expect(clippy::reversed_empty_ranges, reason = "it is the input that must fail")]
    let reversed = ranges("abc", &[2..1]);
    assert_eq!(reversed, (0, outside));
    let order = "it starts or ends before the passage before it does, or is the same";
    for second in [1..3, 0..3, 0..4, 1..2] {
        assert_eq!(ranges("abcd", &[1..3, second]), (1, order));
    }
    assert_eq!(ranges("abcd", &[1..3, 1..4, 2..4, 0..4]), (3, order));
    assert_eq!(ranges("abcd", &[0..2, 2..2]), (1, "it has only white space"));
    assert_eq!(ranges("ab \n cd", &[0..2, 2..5]), (1, "it has only white space"));
    let heading = invalid("äbc", |article| {
        let mut passage = Passage::new(article, 2..4);
        passage.heading = Some(1..2);
        vec![passage]
    });
    assert!(heading.1.contains("heading"), "{heading:?}");
    let markdown = invalid("abc", |article| {
        let mut passage = Passage::new(article, 0..3);
        passage.markup = Markup::Markdown;
        vec![passage]
    });
    assert_eq!(markdown, (0, "it is Markdown, but its article is plain text"));
}

#[test]
fn passages_of_the_chunker_are_always_valid() {
    for (overlap, max_tokens) in [(0, 5), (1, 12), (2, 30), (16, 200)] {
        let chunker = Chunker::default().overlap_sentences(overlap).max_tokens(max_tokens);
        for article in corpus::samples() {
            let passages = chunker.passages(&article, &model()).unwrap();
            embedded(article, passages).unwrap();
        }
    }
}
