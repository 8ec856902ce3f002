//! Laws of required and excluded words and phrases.

use passim::{
    Article, Cancel, Chunker, Error, ErrorKind, Filter, Hit, Language, Markup, Mode, Query,
    Retriever,
};
use passim_testkit::{FakeEmbedder, Seeded};
use proptest::prelude::*;

use crate::sample_corpus::{MODES, keys};

/// Words whose forms and parts are no other word of the list.
const WORDS: [&str; 12] = [
    "Moor", "Torf", "Fluss", "Brücke", "Zug", "Strom", "Brot", "carbon", "river", "Ofen", "Kran",
    "Turm",
];

const QUESTION: &str = "Moor Strom river";

/// A retriever of articles with several passages in three segments, from which articles were
/// removed.
fn random_corpus(seed: u64) -> Retriever {
    let mut seeded = Seeded(seed);
    let builder = Retriever::builder().embedder(FakeEmbedder::new(16));
    let mut retriever = builder.chunker(Chunker::default().max_tokens(8)).in_memory().unwrap();
    for segment in 0..3 {
        let articles: Vec<Article> =
            (0..8).map(|number| random_article(segment * 8 + number, &mut seeded)).collect();
        retriever.add(articles).unwrap();
        retriever.commit().unwrap();
    }
    for _ in 0..3 {
        retriever.remove(&seeded.below(24).to_string()).unwrap();
    }
    retriever
}

fn random_article(number: usize, seeded: &mut Seeded) -> Article {
    let mut paragraph = || {
        let words: Vec<&str> = (0..5).map(|_| WORDS[seeded.below(WORDS.len())]).collect();
        format!("{}.", words.join(" "))
    };
    let text = (0..3).map(|_| paragraph()).collect::<Vec<_>>().join("\n\n");
    let article = Article::new(number.to_string(), text).metadata("even", number.is_multiple_of(2));
    match number % 3 {
        0 => article.title("Turm Brot"),
        1 => article.language(Language::English),
        _ => article,
    }
}

/// Conditions that evaluate themselves on the text of a hit.
#[derive(Clone, Debug)]
struct Conditions {
    required: Vec<&'static str>,
    excluded: Vec<&'static str>,
    required_phrases: Vec<[&'static str; 2]>,
    excluded_phrases: Vec<[&'static str; 2]>,
    is_even: Option<bool>,
}

impl Conditions {
    /// `query` with these conditions.
    fn of(&self, mut query: Query) -> Query {
        // All in one text, or each in a text of its own.
        match self.required[..] {
            [] => {}
            [first, ref others @ ..] if others.len() == 1 => {
                query = query.require(first.to_uppercase()).require(others[0]);
            }
            _ => query = query.require(self.required.join(", ")),
        }
        for word in &self.excluded {
            query = query.exclude(*word);
        }
        for phrase in &self.required_phrases {
            query = query.require_phrase(phrase.join(" "));
        }
        for phrase in &self.excluded_phrases {
            query = query.exclude_phrase(phrase.join(" – "));
        }
        match self.is_even {
            Some(is_even) => query.filter(Filter::equals("even", is_even)),
            None => query,
        }
    }

    fn are_met_by(&self, hit: &Hit) -> bool {
        let context = hit.text_in_context();
        let above = context.strip_suffix(&hit.text).expect("the text comes last");
        let parts = [words(above), words(&hit.text)];
        let has_word = |word: &&str| parts.iter().flatten().any(|other| other == word);
        let has_phrase = |phrase: &[&str; 2]| {
            parts.iter().any(|part| part.windows(2).any(|pair| pair == phrase))
        };
        self.required.iter().all(has_word)
            && !self.excluded.iter().any(has_word)
            && self.required_phrases.iter().all(has_phrase)
            && !self.excluded_phrases.iter().any(has_phrase)
            && self.is_even.is_none_or(|is_even| hit.metadata["even"] == is_even.into())
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect()
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let words = |max| prop::collection::vec(prop::sample::select(&WORDS[..]), 0..=max);
    let phrases =
        || prop::collection::vec(prop::array::uniform2(prop::sample::select(&WORDS[..])), 0..=1);
    let is_even = prop::option::weighted(0.3, any::<bool>());
    (words(2), words(1), phrases(), phrases(), is_even).prop_map(
        |(required, excluded, required_phrases, excluded_phrases, is_even)| Conditions {
            required,
            excluded,
            required_phrases,
            excluded_phrases,
            is_even,
        },
    )
}

/// Identifies a passage.
fn place(hit: &Hit) -> (&str, usize) {
    (&hit.article, hit.range.start)
}

fn places(hits: &[Hit]) -> Vec<(&str, usize)> {
    hits.iter().map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn hits_are_the_passages_whose_texts_meet_all(seed in 0..6_u64, conditions in conditions()) {
        let retriever = random_corpus(seed);
        for mode in MODES {
            let query = || Query::new(QUESTION).mode(mode).k(500);
            let all = retriever.search(query()).unwrap();
            let met: Vec<Hit> =
                all.iter().filter(|hit| conditions.are_met_by(hit)).cloned().collect();
            let found = retriever.search(conditions.of(query())).unwrap();
            prop_assert!(found.is_complete());
            if mode == Mode::Hybrid {
                // The constants of fusion come from the allowed candidates.
                let mut found = places(&found);
                let mut met = places(&met);
                found.sort_unstable();
                met.sort_unstable();
                prop_assert_eq!(found, met);
            } else {
                prop_assert_eq!(&found[..], &met[..]);
            }
        }
    }

    #[test]
    fn limits_and_pages_apply_to_what_meets_all(seed in 0..6_u64, conditions in conditions()) {
        let retriever = random_corpus(seed);
        for mode in MODES {
            let query = || conditions.of(Query::new(QUESTION).mode(mode));
            let all = retriever.search(query().k(500)).unwrap();
            for k in [1, 3, 70] {
                let first = retriever.search(query().k(k)).unwrap();
                prop_assert_eq!(&first[..], &all[..k.min(all.len())]);
                let page = retriever.search(query().k(k).offset(2)).unwrap();
                let rest = &all[all.len().min(2)..];
                prop_assert_eq!(&page[..], &rest[..k.min(rest.len())]);
                let varied = retriever.search(query().k(k).mmr(0.5)).unwrap();
                prop_assert_eq!(varied.len(), k.min(all.len()));
                prop_assert!(varied.iter().all(|hit| conditions.are_met_by(hit)));
            }
            let mut articles = keys(&all);
            articles.sort_unstable();
            articles.dedup();
            let one_each = retriever.search(query().k(500).per_article(1)).unwrap();
            prop_assert_eq!(one_each.len(), articles.len());
            prop_assert!(one_each.iter().all(|hit| conditions.are_met_by(hit)));
        }
    }
}

#[test]
fn a_query_by_vector_meets_the_conditions() {
    let retriever = random_corpus(1);
    let vector = vec![1.0; 16];
    let query = || Query::from_vector(vector.clone()).k(500);
    let all = retriever.search(query()).unwrap();
    let found = retriever.search(query().require("Moor").exclude_phrase("Zug Kran")).unwrap();
    let met = all.iter().filter(|hit| hit.text_in_context().contains("Moor"));
    let met: Vec<Hit> = met.filter(|hit| !hit.text.contains("Zug Kran")).cloned().collect();
    assert!(!met.is_empty() && met.len() < all.len());
    assert_eq!(found[..], met[..]);
    assert!(found.plan().allowed < found.plan().passages);
}

/// A retriever of one passage for each of `texts`, whose keys are their positions.
fn retriever_of(texts: &[&str]) -> Retriever {
    let mut retriever = Retriever::builder().embedder(FakeEmbedder::new(16)).in_memory().unwrap();
    let articles = texts.iter().enumerate();
    retriever.add(articles.map(|(at, text)| Article::new(at.to_string(), *text))).unwrap();
    retriever
}

/// The keys of the hits of `query` in the mode `Dense`, in order.
fn found(retriever: &Retriever, query: Query) -> Vec<String> {
    let hits = retriever.search(query.mode(Mode::Dense).k(100)).unwrap();
    let mut keys: Vec<String> = keys(&hits).into_iter().map(str::to_owned).collect();
    keys.sort();
    keys
}

const TEXTS: [&str; 8] = [
    "Die Krankenversicherung zahlt den Ärzten in der Stadt 3.470 Euro.",
    "Eine Versicherung wird in dieser Gemeinde nicht gebraucht.",
    "The insurance paid the doctors of the town 3,470 euros in the end.",
    "Das Gesetz gilt seit dem 5. März 2024 für alle Gemeinden im Land.",
    "The patch for CVE-2021-44228 is in the version 2.17.1 of the library.",
    "The patch for CVE-2021-45046 is in the version 2.16.0 of the library.",
    "Das Kind spielt auf der grünen Wiese hinter dem Haus und lacht.",
    "The students of the city had 3.470 reasons to stay at home that day.",
];

#[test]
fn a_required_word_matches_its_forms_and_compounds() {
    let retriever = retriever_of(&TEXTS);
    for (words, expected) in [
        ("Versicherung", &["0", "1"][..]),
        ("versicherungen", &["0", "1"]),
        ("Krankenversicherung", &["0"]),
        ("Arzt", &["0"]),
        ("AERZTE", &["0"]),
        ("doctor", &["2"]),
        ("3.470", &["0", "2", "7"]),
        ("3470", &["0", "2"]),
        ("2024-03-05", &["3"]),
        ("März", &["3"]),
        ("CVE-2021-44228", &["4"]),
        ("library CVE", &["4", "5"]),
        ("v2.17.1", &["4"]),
        ("gruen", &["6"]),
        ("library Wiese", &[]),
        ("Quastenflosser", &[]),
    ] {
        assert_eq!(found(&retriever, Query::new("x").require(words)), expected, "{words}");
        let others: Vec<String> =
            (0..8).map(|at| at.to_string()).filter(|at| !expected.contains(&&**at)).collect();
        if !words.contains(' ') && words != "CVE-2021-44228" {
            assert_eq!(found(&retriever, Query::new("x").exclude(words)), others, "{words}");
        }
    }
    // Each word excludes.
    assert_eq!(
        found(&retriever, Query::new("x").exclude("library CVE Haus Euro")),
        ["1", "3", "7"]
    );
}

#[test]
fn a_stop_word_is_required_as_it_is_written() {
    let retriever = retriever_of(&TEXTS);
    for (word, expected) in
        [("nicht", &["1"][..]), ("dem", &["3", "6"]), ("hinter", &["6"]), ("that", &["7"])]
    {
        assert_eq!(found(&retriever, Query::new("x").require(word)), expected, "{word}");
    }
}

#[test]
fn a_phrase_is_checked_word_by_word() {
    let retriever = retriever_of(&TEXTS);
    for (phrase, expected) in [
        ("Versicherung", &["1"][..]),
        ("eine Versicherung", &["1"]),
        ("Versicherung eine", &[]),
        ("Krankenversicherungen zahlt", &["0"]),
        ("grüne Wiese", &["6"]),
        ("version 2.16.0", &["5"]),
        ("CVE-2021", &["4", "5"]),
        ("seit dem 5. März", &["3"]),
        ("März 2024", &["3"]),
        ("the town", &["2"]),
    ] {
        assert_eq!(found(&retriever, Query::new("x").require_phrase(phrase)), expected, "{phrase}");
        let others: Vec<String> =
            (0..8).map(|at| at.to_string()).filter(|at| !expected.contains(&&**at)).collect();
        assert_eq!(found(&retriever, Query::new("x").exclude_phrase(phrase)), others, "{phrase}");
    }
}

#[test]
fn title_and_heading_have_words_and_phrases() {
    let mut retriever = Retriever::builder().embedder(FakeEmbedder::new(16)).in_memory().unwrap();
    let text = "# Torf im **Garten**\n\nEr hält [Wasser](https://example.com/moor) lange.";
    let article = Article::new("a", text).title("Boden und Klima").markup(Markup::Markdown);
    retriever.add([article]).unwrap();
    let count = |query: Query| retriever.search(query.mode(Mode::Dense)).unwrap().len();
    for phrase in ["Boden und Klima", "Torf im Garten", "hält Wasser lange"] {
        assert_eq!(count(Query::new("x").require(phrase)), 1, "{phrase}");
        assert_eq!(count(Query::new("x").require_phrase(phrase)), 1, "{phrase}");
    }
    // Neither a phrase from the title into the heading nor the target of a link.
    assert_eq!(count(Query::new("x").require_phrase("Klima Torf")), 0);
    assert_eq!(count(Query::new("x").require("moor")), 0);
}

#[test]
fn a_condition_without_words_is_an_error() {
    let retriever = retriever_of(&TEXTS);
    for text in ["", "  ", "— … !"] {
        let query = || Query::new("Wiese");
        for (query, name) in [
            (query().require(text), "require"),
            (query().require("Haus").require_phrase(text), "require_phrase"),
            (query().exclude(text), "exclude"),
            (query().exclude_phrase(text), "exclude_phrase"),
        ] {
            let error = retriever.search(query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
            assert!(matches!(error, Error::NoWords { setting, .. } if setting == name));
        }
    }
}

#[test]
fn a_cancelled_search_returns_no_unchecked_passage() {
    let retriever = retriever_of(&TEXTS);
    let cancel = Cancel::new();
    cancel.cancel();
    let query = Query::from_vector(vec![1.0; 16]).require_phrase("grüne Wiese").cancel(&cancel);
    let hits = retriever.search(query).unwrap();
    assert!(!hits.is_complete() && hits.is_empty());
}
