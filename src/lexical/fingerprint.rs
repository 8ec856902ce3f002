//! Fingerprint of the analysis, since terms of different rules cannot be compared.
//!
//! Stemmers, word lists and the pieces of the bundled model determine the terms, and a new version
//! of a dependency can change them. The fingerprint therefore hashes the terms of fixed words, and
//! which of a few texts are noise. An index with another fingerprint is built anew.

use std::sync::LazyLock;

use xxhash_rust::xxh3::Xxh3Default;

use super::{
    analyzer::{Analyzer, TermKind},
    english_noun,
    noise::is_noise,
    noun_lists, stop_words,
};
use crate::{Result, embed::CompoundSplitter, language::AnalyzedLanguage};

/// Inflections, compounds, umlauts, function words, names, numbers, dates, broken words and codes.
const WORDS: &str = "\
    Haus Häuser Hauses häuslich Arzt Ärzte Ärztin Straße Straßen STRASSE Strasse Bäume Baum \
    gegangen gehen ging Läufer laufen läuft möglich Möglichkeiten unmöglich Verfassung \
    Bundesverfassungsgericht Verfassungsgerichte Wohnungsbaugenossenschaft Baugenossenschaften \
    Donaudampfschifffahrtsgesellschaft Krankenversicherungskarte Kohlenstoffdioxid \
    Geschwindigkeitsbegrenzung Klimaschutzgesetz Moorschutz Torfmoose Sicherheit sich sicher \
    Versicherungen versichert schönste schöner Freundschaft freundlichsten Kinder Kindern Kindes \
    Arbeitslosigkeit arbeitslos Datenschutzgrundverordnung Impfungen geimpft Flüchtlinge fliehen \
    Regierung regiert Regierungen Entwicklung entwickelt Übung üben überall Öl ölig Äpfel Apfel \
    Füße Fuß Museen Museum Themen Thema Globen Atlanten lexikalisch Analyse analysieren \
    der die das und oder nicht für über während wegen daß dass ich ihr euch würde könnten \
    running runs runner ran connection connected connecting connections relational rational \
    generously generation generate happiness happily happy ponies pony flies flying caresses \
    hopping hoped agreed plastered motoring sized universities university universal dying lying \
    skies news howling inning outings proceed exceed succeed information informative \
    compatibility electrical electricity housing houses household policies policy children \
    theories theoretical analysis analyses basketball firefighter lighthouse keyboards \
    the of and is are was not don't can't it's they're without within whose \
    Berlin Texas Müller Mueller MÜNCHEN naïve café Øresund Łódź İzmir ﬁnden Ærø œuvre \
    COVID-19 GPT4 3,5 2026 1. 42 x86 C++ A\u{308}rzte Wohnungs\u{AD}bau Война 東京 αβγ \
    Autos Handys Europas Kursen Problemen Themen Hauptthemen Museen Kundinnen Bürger Burger \
    Kund:innen Leser*in KollegInnen Zahnarzt Krankenversicherung Bundesregierung Restaurant \
    3.470 3,470 3\u{A0}470 1.234,5 1.2.3 v1.2 127.0.0.1 3/14/2024 5km 2024-03-05 5.3.2024 \
    5. März 2024 March 5, 2024 N.A.T.O. U.S. US LKWs C# .NET Auf-\nsichtsrat Haupt-\nund \
    Auf\u{AD}\nsichtsrat AUF-\nSICHTSRAT EU-\nUSA Auf-\u{2028}sichtsrat Auf-\u{85}sichtsrat \
    Aerzte fuer ueber Strasse neue Qualitaetskategorie EUR3.470 2,000 businessmen specimen \
    Rindfleischskandal Bundestagsabgeordnete Urinstinkt Altbauten \
    DzSsTccHIFEVm9k2gJ8sbayuNen 3f786850e387550fdab836edungen 12345678901234567890 \
    MoorUndWaldSpeichernKohlenstoff iPhone14ProMax256GB";

/// Addresses and digits beside prose, on either side of each limit.
const NOISE_SAMPLES: [&str; 8] = [
    "https://example.org/a",
    "Blatt: www.example.org, Anlage: example.net/b/",
    "Die Liste der Orte steht hier: https://example.org/listen/der/orte/im/norden",
    "Die Liste steht hier: https://example.org/listen/der/orte/im/norden",
    "Die Liste der Orte: https://example.org/listen/orte oder https://example.net/orte",
    "123 ab",
    "12 ab",
    "12 abc",
];

/// Returns the fingerprint of the analysis in this build.
pub(crate) fn current() -> u64 {
    static CURRENT: LazyLock<u64> =
        LazyLock::new(|| of_words(WORDS).expect("the bundled model is part of the program"));
    *CURRENT
}

/// Returns the fingerprint by the terms of `words` in each language.
fn of_words(words: &str) -> Result<u64> {
    let mut hasher = Xxh3Default::new();
    hasher.update(&CompoundSplitter::bundled()?.fingerprint().to_le_bytes());
    let lists = [
        stop_words::GERMAN,
        stop_words::ENGLISH,
        noun_lists::DISTINCT,
        noun_lists::IRREGULAR,
        noun_lists::STRONG,
        english_noun::PLURALS,
    ];
    for list in lists {
        hasher.update(list.as_bytes());
    }
    hasher.update(english_noun::SINGULARS.join(" ").as_bytes());
    let mut analyzer = Analyzer::new()?;
    let languages = AnalyzedLanguage::ALL.map(Some).into_iter().chain([None]);
    for language in languages {
        analyzer.terms(words, language, |term, place, kind| {
            let kind = match kind {
                TermKind::Word => 0,
                TermKind::CompoundPart(number) => 1 + number as u64,
            };
            for number in [place.start as u64, place.end as u64, kind, term.len() as u64] {
                hasher.update(&number.to_le_bytes());
            }
            hasher.update(term.as_bytes());
        });
    }
    hasher.update(&NOISE_SAMPLES.map(|text| u8::from(is_noise(text))));
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored indexes hold it. A change makes all of them outdated, so it must be intended.
    #[test]
    fn the_analysis_is_the_known_one() {
        assert_eq!(current(), 6_119_965_479_127_005_705, "the analysis of words has changed");
    }

    #[test]
    fn other_terms_have_another_fingerprint() {
        assert_eq!(of_words(WORDS).unwrap(), current());
        for words in [WORDS.replace("Häuser", "Häusern"), WORDS.replace("running", "runnings")] {
            assert_ne!(of_words(&words).unwrap(), current());
        }
    }

    #[test]
    fn the_samples_of_noise_differ_in_kind() {
        let is_noise = NOISE_SAMPLES.map(is_noise);
        assert_eq!(is_noise, [true, true, false, true, true, true, true, false]);
    }

    #[test]
    fn the_words_are_of_many_kinds() {
        let mut analyzer = Analyzer::new().unwrap();
        let mut parts = 0;
        let mut stop_words = 0;
        analyzer.terms(WORDS, None, |term, _, kind| {
            parts += usize::from(kind != TermKind::Word);
            stop_words += usize::from(term.starts_with(super::super::analyzer::STOP_PREFIX));
        });
        assert!(WORDS.split_whitespace().count() > 150 && parts > 20 && stop_words > 10);
    }
}
