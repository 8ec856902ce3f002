//! Identifiers of a question come first: file references, paragraphs, CVE numbers, versions and
//! surnames, in 600 articles, half of them in English.

use std::sync::OnceLock;

use passim::{Article, Mode, Query, Retriever};

const ARTICLES: usize = 600;
/// Minimum share of the questions whose first hit has the identifier.
const MIN_SHARE: f64 = 0.95;

const GERMAN: [&str; 12] = [
    "Die Stadtwerke erneuern das Fernwärmenetz und legen Rohre unter drei Straßen.",
    "Im Hafen warten Frachter, weil ein Kran nach dem Sturm ausgefallen ist.",
    "Der Landtag berät über die Förderung kleiner Schulen auf dem Land.",
    "Forscher messen, wie schnell sich das Grundwasser nach der Dürre erholt.",
    "Eine Gärtnerei züchtet Tomaten, die mit wenig Wasser auskommen.",
    "Die Bahn stellt eine Nebenstrecke auf Züge mit Batterien um.",
    "Ein Museum zeigt Karten, auf denen Seeleute die Küste gezeichnet haben.",
    "Die Versicherer rechnen nach dem Hagel mit vielen Schäden an Autos.",
    "Das Krankenhaus verteilt Termine jetzt über eine Plattform im Internet.",
    "Ein Gericht prüft, ob Vermieter die Kosten des Aufzugs umlegen dürfen.",
    "Die Brauerei füllt wieder in Mehrwegflaschen und spart Glas.",
    "Landwirte streiten über die Regeln für den Abstand zu Gewässern.",
];

const ENGLISH: [&str; 12] = [
    "The council is resurfacing the cycle path between the station and the lake.",
    "A cooperative of bakers shares one oven and sells its bread on the market.",
    "Engineers inspect the dam every spring before the snow melts in the hills.",
    "The orchestra rehearses in a former mill while its hall is being rebuilt.",
    "Farmers report that hail destroyed a third of the apples this season.",
    "A library lends tools and instruments in addition to books and films.",
    "The ferry company replaces two ships that burn heavy oil.",
    "Teachers ask for smaller classes and for more time to prepare lessons.",
    "A hospital tests a scanner that needs less radiation for each image.",
    "The zoo moves its elephants to a larger enclosure near the river.",
    "Hikers are asked to stay on the trail while birds are breeding.",
    "A court decides whether tenants may mount panels on their balconies.",
];

const GERMAN_MENTION: [&str; 4] = [
    "In den Unterlagen wird dazu {} genannt.",
    "Einzelheiten finden sich unter {}.",
    "Der Hinweis auf {} stammt aus dem Protokoll.",
    "Zuständig war nach Angaben der Behörde {}.",
];

const ENGLISH_MENTION: [&str; 4] = [
    "The documents refer to {} in this matter.",
    "Details are filed under {}.",
    "The minutes mention {} in a note.",
    "According to the office, {} was in charge.",
];

const QUESTIONS: [&str; 5] = [
    "Was steht im Bericht mit dem Aktenzeichen {}?",
    "Welche Folgen hat {} für Unternehmen und Verbraucher in Deutschland?",
    "Bitte fasse zusammen, was die Zeitung im vergangenen Jahr über {} geschrieben hat.",
    "What does the report say about {}, and why does it matter to the industry?",
    "Can you tell me who in the government is responsible for {}?",
];

const SENATES: [&str; 8] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"];
const LAWS: [&str; 6] = ["EnWG", "GewO", "BImSchG", "UrhG", "TierSchG", "WHG"];
const STEMS: [&str; 12] =
    ["Bar", "Dörn", "Fröhl", "Grab", "Hüls", "Jand", "Kwas", "Lem", "Mroz", "Niew", "Pohl", "Zaj"];
const ENDINGS: [&str; 10] =
    ["acek", "enbrock", "ewicz", "horst", "inski", "kemeier", "oviak", "scheid", "ulla", "zack"];

/// The identifier of article `number`: its shape is `number % 5`.
fn identifier(number: usize) -> String {
    let of_shape = number / 5;
    match number % 5 {
        0 => {
            let senate = SENATES[of_shape % SENATES.len()];
            format!("{senate} ZR {}/{}", 11 + 7 * of_shape, 12 + of_shape % 13)
        }
        1 => {
            let letter = char::from(b'a' + u8::try_from(of_shape % 4).unwrap());
            format!("§ {}{letter} {}", 3 + of_shape % 40, LAWS[of_shape / 20])
        }
        2 => format!("CVE-{}-{}", 2019 + of_shape % 6, 1021 + 73 * of_shape),
        3 => format!("v{}.{}.{}", 1 + of_shape % 9, of_shape % 17, of_shape % 31),
        _ => format!("{}{}", STEMS[of_shape % 12], ENDINGS[of_shape / 12]),
    }
}

/// Article `number`, in German or English by turns of ten.
fn article(number: usize) -> Article {
    let is_german = (number / 5).is_multiple_of(2);
    let (topics, mentions) =
        if is_german { (&GERMAN, &GERMAN_MENTION) } else { (&ENGLISH, &ENGLISH_MENTION) };
    let mention = mentions[number / 7 % mentions.len()].replace("{}", &identifier(number));
    let before = topics[number % topics.len()];
    let after = topics[(number / 3 + 5) % topics.len()];
    Article::new(number.to_string(), format!("{before} {mention} {after}"))
}

/// All articles, with those of the negative controls.
fn retriever() -> &'static Retriever {
    static RETRIEVER: OnceLock<Retriever> = OnceLock::new();
    RETRIEVER.get_or_init(|| {
        let mut retriever = Retriever::in_memory().unwrap();
        retriever.add((0..ARTICLES).map(article)).unwrap();
        let controls = CONTROLS.iter().enumerate().flat_map(|(number, control)| {
            [
                Article::new(format!("right {number}"), control.right),
                Article::new(format!("beside {number}"), control.beside),
            ]
        });
        retriever.add(controls).unwrap();
        retriever
    })
}

fn first(question: &str) -> String {
    retriever().search(Query::new(question).k(1)).unwrap()[0].article.clone()
}

#[test]
fn identifiers_differ() {
    let mut all: Vec<String> = (0..ARTICLES).map(identifier).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), ARTICLES);
}

#[test]
fn an_identifier_alone_is_found_first() {
    let missed: Vec<String> = (0..ARTICLES)
        .filter(|number| first(&identifier(*number)) != number.to_string())
        .map(identifier)
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn an_identifier_in_a_question_is_found_first() {
    let mut found = [0_u32; 5];
    let mut missed = Vec::new();
    for number in 0..ARTICLES {
        for question in QUESTIONS {
            let question = question.replace("{}", &identifier(number));
            if first(&question) == number.to_string() {
                found[number % 5] += 1;
            } else {
                missed.push(question);
            }
        }
    }
    let asked = u32::try_from(QUESTIONS.len() * ARTICLES / 5).unwrap();
    let shares = found.map(|found| f64::from(found) / f64::from(asked));
    assert!(shares.iter().all(|share| *share >= MIN_SHARE), "{shares:?} {missed:#?}");
    println!("{shares:?}");
}

/// A question whose rare word or typo is beside the point.
struct Control {
    question: &'static str,
    /// Answers the question without the rare word.
    right: &'static str,
    /// Has the rare word and does not answer the question.
    beside: &'static str,
}

const CONTROLS: [Control; 10] = [
    Control {
        question: "Warum speichern Moore laut dem Flugblatt so viel Kohlenstoff?",
        right: "Moore speichern viel Kohlenstoff, weil abgestorbene Pflanzen im nassen Torf nicht verrotten.",
        beside: "Der Schulchor warb mit einem Flugblatt für sein Konzert im Gemeindehaus.",
    },
    Control {
        question: "Wie wirkt sich die Regirung auf den Bau neuer Wohnungen aus?",
        right: "Die Regierung fördert den Bau neuer Wohnungen mit günstigen Krediten.",
        beside: "Auf dem alten Foto stand in krakeliger Schrift das Wort Regirung unter dem Pudel.",
    },
    Control {
        question: "How do bees find their way back to the hive, Mr. Beekeper?",
        right: "Bees find their way back to the hive by the position of the sun and by landmarks.",
        beside: "The sign above the pub had been misspelled, and Beekeper stayed its name for decades.",
    },
    Control {
        question: "Warum ist der Himmel abends rot, fragte die Nachbarin auf dem Balkon?",
        right: "Abends ist der Himmel rot, weil das Licht der Sonne einen langen Weg durch die Luft nimmt.",
        beside: "Auf dem Balkon der Nachbarin wuchsen Kräuter in alten Konservendosen.",
    },
    Control {
        question: "Wie viel Energie verbraucht eine Wärmepumpe in 500 Stunden?",
        right: "Eine Wärmepumpe verbraucht je Stunde etwa zwei Kilowattstunden Energie.",
        beside: "Der Chor sang in 500 Proben nie denselben Ton falsch.",
    },
    Control {
        question: "Why do glaciers melt faster than people in the Whatsit ministry expected?",
        right: "Glaciers melt faster than expected, because dust darkens the ice and the air is warmer.",
        beside: "A toy called Whatsit was the bestseller in the little shop on the corner.",
    },
    Control {
        question: "Was kostet der Eintritt ins Schwimmbad am Wochenende, bitteschön?",
        right: "Am Wochenende kostet der Eintritt ins Schwimmbad sechs Euro.",
        beside: "Bitteschön, sagte der Kellner und stellte die Suppe auf den Tisch.",
    },
    Control {
        question: "How is cheese aged in caves, according to this brochure?",
        right: "Cheese is aged in caves, where cool and humid air lets the rind grow slowly.",
        beside: "The brochure of the carpet shop was printed on recycled paper.",
    },
    Control {
        question: "Wie schützt man Obstbäume vor Frost im Früjahr?",
        right: "Obstbäume schützt man im Frühjahr vor Frost, indem man sie nachts mit Wasser besprüht.",
        beside: "In dem Brief stand Früjahr statt Frühling, und alle lachten über den Kalender.",
    },
    Control {
        question: "Which vaccines need two doses before the Qualmer season?",
        right: "Two doses are needed of vaccines against measles and against tick-borne diseases.",
        beside: "The Qualmer season of the theatre opened with a comedy about a lost umbrella.",
    },
];

#[test]
fn a_rare_word_beside_the_point_does_not_win() {
    let wrong: Vec<&str> = CONTROLS
        .iter()
        .enumerate()
        .filter(|(number, control)| first(control.question) != format!("right {number}"))
        .map(|(_, control)| control.question)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Codes that people paste into a question, each as it stands in a text.
const PASTED: [(&str, &str); 7] = [
    ("3f786850e387550fdab836ed7e6dc881de23001b", "Der Fehler kam mit {} in den Zweig."),
    ("550e8400-e29b-41d4-a716-446655440000", "Die Anlage hat die Kennung ({})."),
    ("/usr/lib/x86_64-linux-gnu/libssl3a.so.1", "The package installs {}, and nothing else."),
    ("https://example.org/a1/b2?id=7BA5896esFNKNuFKIRmgJ5xO0YM", "Das Video liegt unter {}."),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "The request has \"token\":\"{}\",\"kind\":1 in its body.",
    ),
    ("SHA256:47DEQpj8HBSaTImW5JCeuQeRkm5NMpJWZG3hSuFUa1b", "Der Schlüssel hat die Prüfsumme {}."),
    ("12345678901234567890123", "The parcel has the number {}."),
];

#[test]
fn codes_are_found_as_a_whole() {
    let mut retriever = Retriever::in_memory().unwrap();
    let pasted = PASTED.iter().map(|(code, text)| Article::new(*code, text.replace("{}", code)));
    retriever.add(pasted.chain((0..60).map(article))).unwrap();
    for (code, _) in PASTED {
        for question in [code.to_owned(), format!("Wo steht {code}?"), format!("Who wrote {code}?")]
        {
            for mode in [Mode::Lexical, Mode::Hybrid] {
                let hits = retriever.search(Query::new(&*question).mode(mode).k(1)).unwrap();
                assert_eq!(hits[0].article, code, "{question} {mode:?}");
            }
        }
        let required = Query::new("Moor").require_phrase(code);
        assert_eq!(retriever.search(required).unwrap()[0].article, code, "{code}");
    }
}
