//! Laws of lexical search: word forms, compounds, unknown names, languages.

use passim::{Article, Error, Language, Mode, Query, Retriever, Role};
use passim_testkit::{FakeEmbedder, corpus};

use crate::sample_corpus::keys;

fn retriever(articles: &[(&str, &str)]) -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(articles.iter().map(|(key, text)| Article::new(*key, *text))).unwrap();
    retriever
}

#[test]
fn inflected_and_compound_words_match() {
    let retriever = retriever(&[
        ("modell", "Das neue Sprachmodell wurde gestern vorgestellt."),
        ("haus", "In den Häusern am Hang wohnen Weinbauern."),
        ("straße", "Die STRASSE wird bis Mai gesperrt."),
        ("gpt", "GPT-4 kostet 3,50 Euro im Monat."),
        ("bog", "The bogs were drained for farming."),
    ]);
    for (question, key) in [
        ("Modelle", "modell"),
        ("Haus", "haus"),
        ("Straßen", "straße"),
        ("GPT-4", "gpt"),
        ("3,50", "gpt"),
        ("draining a bog", "bog"),
        ("WEINBAUER", "haus"),
    ] {
        let hits = retriever.search(Query::new(question).mode(Mode::Lexical)).unwrap();
        assert_eq!(keys(&hits).first(), Some(&key), "{question}");
    }
    let none = retriever.search(Query::new("Quantencomputer").mode(Mode::Lexical)).unwrap();
    assert!(none.is_empty() && none.is_complete());
}

#[test]
fn a_name_outside_the_vocabulary_is_found() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::articles(3, 200, 30)).unwrap();
    retriever.add([Article::new("name", "Der Sprecher hieß Xqvorzt und sagte nichts.")]).unwrap();
    let hits = retriever.search("Was sagte Xqvorzt?").unwrap();
    assert_eq!(hits[0].article, "name");
}

#[test]
fn lexical_mode_embeds_no_question() {
    let model = FakeEmbedder::new(16).refusing(Role::Query);
    let mut retriever = Retriever::builder().embedder(model).in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let words = || Query::new("Was speichern Moore?").mode(Mode::Lexical);
    let hits = retriever.search(words()).unwrap();
    assert!(!hits.is_empty());
    assert_eq!(retriever.search_many(&[words(), words()]).unwrap(), [hits.clone(), hits]);
    assert!(matches!(retriever.search("Was speichern Moore?"), Err(Error::Cancelled)));
}

#[test]
fn a_language_is_declared_or_detected() {
    let mut retriever = Retriever::in_memory().unwrap();
    let german = "Die Moore speichern viel Kohlenstoff, und das schon seit der letzten Eiszeit.";
    let english = "Peat bogs store a lot of carbon, and they have done so since the ice age.";
    retriever
        .add([
            Article::new("de", german),
            Article::new("en", english),
            Article::new("declared", "Die Handy Show").language(Language::English),
        ])
        .unwrap();
    let hits = retriever.search(Query::new("Kohlenstoff").k(3)).unwrap();
    let language = |key: &str| hits.iter().find(|hit| hit.article == key).unwrap().language;
    assert_eq!(language("de"), Some(Language::German));
    assert_eq!(language("en"), Some(Language::English));
    assert_eq!(language("declared"), Some(Language::English));
    let declared = retriever.article("declared").unwrap().unwrap();
    assert_eq!(declared.language, Some(Language::English));
    assert_eq!(retriever.article("de").unwrap().unwrap().language, None, "not declared");
}
