//! Laws of the whole pipeline on the sample articles, from files to cited hits.

use std::{collections::BTreeMap, fs, path::Path, sync::mpsc, thread};

use passim::{
    Article, Cancel, Chunker, Error, Filter, HnswParams, IndexChoice, Mode, Query, Retriever, Value,
};
use passim_testkit::{FakeEmbedder, corpus};
use serde_json::Value as Json;

use crate::sample_corpus::sample_retriever;

/// A sample question and the sentence that answers it.
struct Question {
    text: String,
    answer: String,
}

fn sample_questions() -> Vec<Question> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/queries.jsonl");
    let lines = fs::read_to_string(path).unwrap();
    let questions = lines.lines().map(|line| {
        let object: Json = serde_json::from_str(line).unwrap();
        let field = |name: &str| object[name].as_str().unwrap().to_owned();
        Question { text: field("text"), answer: field("answer") }
    });
    questions.collect()
}

#[test]
fn the_right_passage_is_among_the_first_three() {
    let retriever = sample_retriever();
    for question in [
        "Warum hält Meta sein Modell Behemoth zurück?",
        "Why might Meta stop releasing open models?",
    ] {
        let Question { answer, .. } =
            sample_questions().into_iter().find(|one| one.text == question).unwrap();
        let hits = retriever.search(Query::new(question).k(3)).unwrap();
        assert!(hits.iter().any(|hit| hit.text.contains(&answer)), "{question}: {hits:#?}");
    }
}

#[test]
fn most_questions_find_their_answer_in_the_first_ten() {
    let retriever = sample_retriever();
    let questions = sample_questions();
    let missed: Vec<_> = questions
        .iter()
        .filter(|question| {
            let hits = retriever.search(&question.text).unwrap();
            !hits.iter().any(|hit| hit.text.contains(&question.answer))
        })
        .map(|question| &question.text)
        .collect();
    assert!(missed.len() * 4 <= questions.len(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn hits_cite_the_exact_place() {
    let retriever = sample_retriever();
    let articles: BTreeMap<_, _> =
        corpus::samples().into_iter().map(|one| (one.key.clone(), one)).collect();
    for question in sample_questions() {
        let hits = retriever.search(Query::new(question.text).k(20)).unwrap();
        assert_eq!(hits.len(), 20);
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        for hit in &hits {
            let article = &articles[&hit.article];
            assert_eq!(hit.text, article.text[hit.range.clone()]);
            assert_eq!(hit.title, article.title);
            assert_eq!(retriever.article(&hit.article).unwrap().as_ref(), Some(article));
        }
    }
}

#[test]
fn search_many_equals_single_searches() {
    let retriever = sample_retriever();
    let questions: Vec<String> =
        sample_questions().into_iter().map(|question| question.text).collect();
    let many = retriever.search_many(&questions).unwrap();
    for (question, hits) in questions.iter().zip(&many) {
        assert_eq!(hits, &retriever.search(question).unwrap());
    }
    let empty = ["gut", "  "];
    assert!(matches!(retriever.search_many(&empty), Err(Error::EmptyQuery)));
    assert!(retriever.search_many::<&str>(&[]).unwrap().is_empty());
}

#[test]
fn hits_do_not_depend_on_embed_threads() {
    let with = |workers| {
        let mut retriever = Retriever::builder().embed_threads(workers).in_memory().unwrap();
        retriever.add(corpus::samples()).unwrap();
        let questions = sample_questions();
        let hits = questions.iter().map(|question| retriever.search(&question.text).unwrap());
        hits.collect::<Vec<_>>()
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn adding_a_key_again_replaces_its_article() {
    let mut retriever = Retriever::in_memory().unwrap();
    let report = retriever
        .add([Article::new("a", "Der Hund schläft."), Article::new("a", "Die Katze jagt.")])
        .unwrap();
    assert_eq!((report.articles, report.replaced, retriever.passages()), (1, 0, 1));
    let report = retriever.add([Article::new("a", "Das Pferd frisst Hafer.")]).unwrap();
    assert_eq!((report.articles, report.replaced), (1, 1));
    let hits = retriever.search("Hund Katze Pferd").unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].text, "Das Pferd frisst Hafer.");
}

#[test]
fn removing_an_article_removes_only_its_passages() {
    let mut retriever = sample_retriever();
    let before = retriever.passages();
    let removed = retriever.search("Was speichern Moore?").unwrap()[0].article.clone();
    assert!(retriever.remove(&removed).unwrap());
    assert!(!retriever.remove(&removed).unwrap());
    assert!(retriever.article(&removed).unwrap().is_none());
    let rest = retriever.passages();
    assert!(rest < before);
    let hits = retriever.search(Query::new("Was speichern Moore?").k(1_000)).unwrap();
    assert_eq!(hits.len(), rest);
    assert!(hits.iter().all(|hit| hit.article != removed));
    for article in corpus::samples() {
        retriever.remove(&article.key).unwrap();
    }
    assert_eq!((retriever.articles(), retriever.passages()), (0, 0));
    assert!(retriever.search("Was speichern Moore?").unwrap().is_empty());
}

/// Many small steps with replacements and removals give the hits that one step gives.
#[test]
fn hits_do_not_depend_on_the_order_of_changes() {
    let texts = corpus::texts(5, 300, 30);
    let article = |at: usize| Article::new(at.to_string(), texts[at].clone());
    let index = IndexChoice::Exact;
    let mut stepwise = Retriever::builder().index(index).in_memory().unwrap();
    for at in 0..300 {
        let old = Article::new(at.to_string(), "Wird ersetzt.");
        stepwise.add([old]).unwrap();
        stepwise.add([article(at)]).unwrap();
        if at % 3 == 0 {
            assert!(stepwise.remove(&at.to_string()).unwrap());
            stepwise.commit().unwrap();
        }
    }
    let mut at_once = Retriever::builder().index(index).in_memory().unwrap();
    at_once.add((0..300).filter(|at| at % 3 != 0).map(article)).unwrap();
    assert_eq!(stepwise.passages(), at_once.passages());
    for question in corpus::texts(6, 30, 6) {
        assert_eq!(stepwise.search(&question).unwrap(), at_once.search(&question).unwrap());
    }
}

#[test]
fn a_graph_finds_95_percent_of_the_exact_hits() {
    let mut retriever = Retriever::builder()
        .index(IndexChoice::Hnsw(HnswParams { m: 16, ef_construction: 100 }))
        .in_memory()
        .unwrap();
    retriever.add(corpus::articles(7, 3_000, 25)).unwrap();
    retriever.commit().unwrap();
    for at in (0..3_000).step_by(2) {
        assert!(retriever.remove(&at.to_string()).unwrap());
    }
    let questions = corpus::texts(8, 50, 8);
    let mut shared = 0;
    for question in &questions {
        let graph =
            retriever.search(Query::new(question).mode(Mode::Dense).ef_search(128)).unwrap();
        let exact = retriever.search(Query::new(question).mode(Mode::Dense).exact()).unwrap();
        assert_eq!(graph.len(), 10);
        shared += exact.iter().filter(|hit| graph.contains(hit)).count();
    }
    assert!(shared >= 475, "recall@10 {shared} of 500");
}

#[test]
fn a_searcher_keeps_its_snapshot_while_the_retriever_writes() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add([Article::new("alt", "Der Zug fährt nach Paris.")]).unwrap();
    assert_eq!(retriever.searcher().articles(), 0, "nothing is committed");
    retriever.commit().unwrap();
    let mut searcher = retriever.searcher();
    let (send, receive) = mpsc::channel();
    let reader = thread::spawn(move || {
        receive.recv().unwrap();
        let before = searcher.search("Zug nach Paris").unwrap();
        assert!(searcher.reload().unwrap());
        (before, searcher.search("Zug nach Paris").unwrap(), searcher.reload().unwrap())
    });
    retriever.remove("alt").unwrap();
    retriever.add([Article::new("neu", "Das Schiff fährt nach Oslo.")]).unwrap();
    assert_eq!(retriever.commit().unwrap(), 2);
    send.send(()).unwrap();
    let (before, after, again) = reader.join().unwrap();
    assert_eq!((before[0].article.as_str(), after[0].article.as_str()), ("alt", "neu"));
    assert!(!again, "no later commit exists");
}

#[test]
fn bad_input_is_an_error_and_changes_nothing() {
    let mut retriever = Retriever::in_memory().unwrap();
    let report = retriever
        .add([Article::new("leer", ""), Article::new("weiß", " \n\t "), Article::new("a", "Text.")])
        .unwrap();
    assert_eq!(report.empty, ["leer", "weiß"]);
    assert_eq!((retriever.articles(), retriever.passages()), (3, 1));

    assert!(matches!(retriever.search(""), Err(Error::EmptyQuery)));
    assert!(matches!(retriever.search(" \n"), Err(Error::EmptyQuery)));
    let none = retriever.search(Query::new("Text").k(0));
    assert!(matches!(none, Err(Error::Setting { name: "k", got: 0, .. })));
    assert_eq!(retriever.search(Query::new("Text").k(usize::MAX)).unwrap().len(), 1);

    let nameless = retriever.add([Article::new("b", "Neu."), Article::new("", "Ohne Schlüssel.")]);
    assert!(matches!(nameless, Err(Error::EmptyKey { position: 1 })));
    assert_eq!(retriever.articles(), 3);

    for (builder, name) in [
        (Retriever::builder().embed_threads(0), "embed_threads"),
        (Retriever::builder().chunker(Chunker::default().max_tokens(0)), "max_tokens"),
        (
            Retriever::builder().index(IndexChoice::Auto(HnswParams { m: 1, ef_construction: 10 })),
            "m",
        ),
    ] {
        let error = builder.in_memory().unwrap_err();
        assert!(matches!(error, Error::Setting { name: got, .. } if got == name), "{error}");
    }
}

#[test]
fn cancelling_leaves_the_corpus_as_it_was() {
    let cancel = Cancel::new();
    let in_callback = cancel.clone();
    let mut retriever = Retriever::builder()
        .cancel(&cancel)
        .progress(move |progress| {
            if progress.done > 40 {
                in_callback.cancel();
            }
        })
        .in_memory()
        .unwrap();
    retriever.add([Article::new("a", "Bleibt.")]).unwrap();
    let mut all = corpus::samples();
    all.push(Article::new("a", "Ersetzt."));
    assert!(matches!(retriever.add(all.clone()), Err(Error::Cancelled)));
    assert_eq!(retriever.articles(), 1);
    assert_eq!(retriever.search("bleibt").unwrap()[0].text, "Bleibt.");
}

#[test]
fn metadata_comes_back_with_hits() {
    let mut retriever = Retriever::in_memory().unwrap();
    let article = Article::new("a", "Ein Text.").metadata("source", "dpa").metadata("year", 2024);
    retriever.add([article]).unwrap();
    let hits = retriever.search("Text").unwrap();
    assert_eq!(hits[0].metadata["year"], Value::Integer(2024));
    let json = serde_json::to_value(&hits).unwrap();
    assert_eq!(json[0]["metadata"]["source"], "dpa");
}

#[test]
fn passages_fit_the_limit_of_a_custom_embedder() {
    let model = FakeEmbedder::new(8).constant().limit(16);
    let mut retriever = Retriever::builder().embedder(model).in_memory().unwrap();
    let report = retriever.add(corpus::samples()).unwrap();
    assert_eq!(report.embedding.truncated, 0, "no passage is over 16 words with its context");
    let hits = retriever.search(Query::new("irgendetwas").mode(Mode::Dense)).unwrap();
    let first: Vec<_> = corpus::samples()[0].text.chars().take(10).collect();
    assert!(
        hits[0].text.starts_with(&first.iter().collect::<String>()),
        "ties are in the order of the corpus"
    );
}

#[test]
fn a_filtered_search_returns_k_matching_hits_if_they_exist() {
    for index in [IndexChoice::Exact, IndexChoice::Hnsw(HnswParams::default())] {
        let mut retriever = Retriever::builder().index(index).in_memory().unwrap();
        retriever.add(corpus::samples()).unwrap();
        retriever.commit().unwrap();
        retriever.remove("moorschutz.md").unwrap();
        let all = retriever.search(Query::new("Energie").k(1_000).exact()).unwrap();
        for (part, k) in [("e", 5), ("e", 1_000), ("z", 3), ("no such key", 3)] {
            let query = Query::new("Energie").k(k).ef_search(16);
            let hits = retriever
                .search(query.filter(Filter::custom(move |one, _| one.key.contains(part))))
                .unwrap();
            let there = all.iter().filter(|hit| hit.article.contains(part)).count();
            assert_eq!(hits.len(), k.min(there), "{part} {k}");
            assert!(hits.iter().all(|hit| hit.article.contains(part)));
        }
        let meets = |key: &str| key.starts_with('m') && key != "mistral-le-chat.md";
        let there = all.iter().filter(|hit| meets(&hit.article)).count();
        for k in [2, 1_000] {
            let filter = Filter::key_prefix("m").and(!Filter::key("mistral-le-chat.md"));
            let query = Query::new("Energie").k(k).ef_search(16).filter(filter);
            let hits = retriever.search(query).unwrap();
            assert_eq!(hits.len(), k.min(there));
            assert!(hits.iter().all(|hit| meets(&hit.article)));
        }
        let early = retriever.search(
            Query::new("Energie").filter(Filter::custom(|_, passage| passage.range.start == 0)),
        );
        assert!(early.unwrap().iter().all(|hit| hit.range.start == 0));
    }
}
