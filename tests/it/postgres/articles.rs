//! German and English articles with metadata of every kind.

use passim::{Article, Date, Language, Markup, Timestamp, Value};

const GERMAN: [&str; 14] = [
    "Der Deich bei Husum wird bis zum Herbst um einen halben Meter erhöht. Die Arbeiten kosten \
     3,2 Millionen Euro. Schafe weiden dort erst wieder im nächsten Frühjahr.",
    "Im Stadtarchiv lagern zwölf Kilometer Akten. Ein Drittel davon ist bisher verzeichnet. Das \
     Aktenzeichen B-2041/77 fehlt seit dem Umzug.",
    "Die Imkerei am Hang zählt vierzig Völker. Der Frühlingshonig war in diesem Jahr früh reif. \
     Die Bienen flogen schon im März.",
    "Nachts fährt die Straßenbahn nur noch jede Stunde. Viele Fahrgäste steigen deshalb auf das \
     Fahrrad um. Die Verkehrsbetriebe suchen Fahrer.",
    "Das Wasserwerk misst den Nitratwert jeden Morgen. Er liegt unter dem Grenzwert von fünfzig \
     Milligramm. Neue Brunnen sollen tiefer reichen.",
    "Ein Handwerker repariert die Turmuhr seit dreißig Jahren. Das Pendel stammt noch aus der \
     Kaiserzeit. Im Winter geht die Uhr etwas nach.",
    "Die Krankenversicherung übernimmt die Kosten der Brille nicht. Kinder sind davon ausgenommen. \
     Die Versicherten legten Widerspruch ein.",
    "Auf dem Wochenmarkt verkauft die Gärtnerei alte Apfelsorten. Boskoop und Gravensteiner sind \
     zuerst vergriffen. Äpfel halten sich im Keller bis März.",
    "Die Feuerwehr übte den Ernstfall im Tunnel. Nach acht Minuten waren alle Fahrgäste im Freien. \
     Ein Lüfter fiel aus.",
    "Das Gericht wies die Klage gegen den Windpark ab. Die Rotoren stehen weit genug von den \
     Häusern entfernt. Eine Berufung ist möglich.",
    "Der Chor probt donnerstags in der Turnhalle. Gesucht werden noch zwei Bässe. Das Konzert ist \
     am 5. Dezember 2025.",
    "Im Moor wurde eine Holzbrücke aus der Bronzezeit gefunden. Die Bohlen liegen zwei Meter tief \
     im Torf. Das Museum zeigt sie ab Mai.",
    "Die Bücherei leiht jetzt auch Werkzeug aus. Bohrmaschine und Säge sind am gefragtesten. \
     Leserinnen und Leser zahlen dafür nichts.",
    "Der Pegel des Flusses fiel auf 41 Zentimeter. Frachtschiffe laden deshalb nur ein Drittel. \
     Regen ist nicht in Sicht.",
];

const ENGLISH: [&str; 14] = [
    "The dike near the coast will be raised by half a metre. Work costs 3.2 million euros. Sheep \
     return to graze there next spring.",
    "The city archive keeps twelve kilometres of files. A third of them has been catalogued. File \
     B-2041/77 has been missing since the move.",
    "The beekeeper on the hill owns forty hives. Spring honey was ripe early this year. The bees \
     were already flying in March.",
    "At night the tram runs only once an hour. Many passengers ride a bicycle instead. The operator \
     is looking for drivers.",
    "The waterworks measures nitrate every morning. The value is below the limit of fifty \
     milligrams. New wells shall reach deeper.",
    "A craftsman has repaired the tower clock for thirty years. Its pendulum dates from imperial \
     times. In winter the clock runs slow.",
    "Health insurance does not pay for glasses. Children are exempt from the rule. The insured \
     filed an objection.",
    "The nursery sells old apple varieties at the market. Boskoop and Gravenstein are gone first. \
     Apples keep in the cellar until March.",
    "The fire brigade rehearsed an emergency in the tunnel. After eight minutes every passenger was \
     outside. One fan failed.",
    "The court dismissed the suit against the wind farm. The rotors stand far enough from the \
     houses. An appeal is possible.",
    "The choir rehearses in the gym on Thursdays. Two basses are still wanted. The concert is on \
     5 December 2025.",
    "A wooden bridge of the Bronze Age was found in the bog. Its planks lie two metres deep in the \
     peat. The museum shows them from May.",
    "The library now lends tools as well. Drills and saws are in demand. Readers pay nothing for \
     them.",
    "The river fell to 41 centimetres. Barges carry only a third of their load. No rain is in \
     sight.",
];

/// Returns the articles, in no order of their keys.
pub fn articles() -> Vec<Article> {
    let german = (0..).zip(GERMAN).map(|(number, text)| described("de", number, text));
    let english = (0..).zip(ENGLISH).map(|(number, text)| described("en", number, text));
    let mut articles: Vec<Article> = english.chain(german).collect();
    articles.extend(unusual());
    articles
}

fn described(folder: &str, number: u8, text: &str) -> Article {
    let day = i8::try_from(number % 28 + 1).unwrap();
    let third = usize::from(number % 3);
    let article = Article::new(format!("{folder}/{number}"), text)
        .metadata("number", u32::from(number))
        .metadata("topic", ["water", "work", "nature"][third])
        .metadata("published", Date::new(2025, 3, day).unwrap());
    let seen = format!("2025-03-0{}T12:30:15.25Z", number % 9 + 1);
    match number % 4 {
        0 => {
            article.title(format!("Bericht {number}")).metadata("checked", number.is_multiple_of(8))
        }
        1 => article.metadata("share", 0.5 + f64::from(number) / 3.0),
        2 => article.metadata("tags", ["Stadt", "Land", "Fluss"][..=third].to_vec()),
        _ => article
            .metadata("seen", seen.parse::<Timestamp>().unwrap())
            .metadata("large", u64::MAX - u64::from(number)),
    }
}

/// Markdown with headings, a table and code, repetitions, an article without text, lists of several
/// kinds, and texts that are no prose.
fn unusual() -> Vec<Article> {
    let table = "# Fahrplan\n\nDie Fähre fährt täglich.\n\n| Ort | Abfahrt | Ankunft |\n|---|---|---|\n\
        | Amrum | 8:10 | 9:40 |\n| Föhr | 10:15 | 11:00 |\n| Sylt | 12:30 | 14:20 |\n\
        | Pellworm | 15:05 | 15:50 |\n\n## Preise\n\nKinder zahlen die Hälfte, Hunde nichts.\n";
    let code = "# Setup\n\nInstall the *scheduler* first.\n\n```sh\nmake install --prefix=/opt/ferry\n\
        make check\n```\n\n## Tides\n\nThe scheduler reads [tide tables](https://example.org/tides).\n";
    let twin = "Die Fähre fährt bei Sturm nicht. The ferry does not run in a storm.";
    let mixed = Value::List(vec!["7".into(), 7.into(), 7.5.into(), true.into()]);
    let day = Date::new(2024, 2, 29).unwrap();
    vec![
        Article::new("md/fahrplan", table).markup(Markup::Markdown).title("Fähren"),
        Article::new("md/setup", code).markup(Markup::Markdown).metadata("topic", "work"),
        Article::new("twin/b", twin).metadata("mixed", mixed),
        Article::new("twin/a", twin).metadata("mixed", "7"),
        Article::new("twin/c", twin).metadata("mixed", Vec::<Value>::new()),
        Article::new("leer", " \n ").metadata("only", "here"),
        Article::new("links", "https://example.org/a https://example.org/b 2019 1.204 77 %"),
        Article::new("fr/pont", "Le pont de bois fut trouvé dans la tourbière.")
            .language("fr".parse::<Language>().unwrap())
            .metadata(
                "days",
                vec![Value::from(day), "2024-02-29T23:59:59Z".parse::<Timestamp>().unwrap().into()],
            ),
        Article::new("kurz", "Ticket 7 Husum").language(Language::German).metadata("share", -0.0),
        Article::new("\u{10FFFF}'\"; --{s}$1", "Ein Schlüssel mit Zeichen, die SQL kennt."),
    ]
}
