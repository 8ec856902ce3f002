//! Language detection. No other file uses `whatlang`.

use std::{borrow::Cow, sync::LazyLock};

use rustc_hash::FxHashSet;
use whatlang::{Detector, Lang};

use super::stop_words::is_stop_word;
use crate::{language::AnalyzedLanguage, text::outside_quotations};

/// Length of the text prefix whose words are counted, in bytes. It is longer than most quotations.
const COUNTED_BYTES: usize = 4_000;

/// Length of the text prefix that is compared with many languages, in bytes.
const COMPARED_BYTES: usize = 1_000;

/// Minimum share of function words that decides alone. Prose in German and English has .3 to .6,
/// lists and tables have less.
const DECISIVE_SHARE: f64 = 0.08;

/// Minimum ratio of the function words of one language to those of the other, and to foreign ones.
const DECISIVE_RATIO: f64 = 1.5;

/// Minimum number of words of a text whose letters decide although no function word does.
const MIN_LIST_WORDS: u32 = 20;

/// Detects the language of `text`; `None` if it is unknown or neither German nor English.
///
/// Function words decide for most texts. The others are compared with many languages, which takes
/// longer than to embed them.
///
/// A quotation decides only if the text around it is short, or has no function words.
pub(crate) fn detect(text: &str) -> Option<AnalyzedLanguage> {
    let prefix = &text[..text.floor_char_boundary(COUNTED_BYTES)];
    if let Cow::Owned(outside) = outside_quotations(prefix) {
        let words = FunctionWords::count(&outside);
        let language = detect_with(&words, &outside);
        if language.is_some() || words.foreign > 0 {
            return language;
        }
    }
    detect_with(&FunctionWords::count(prefix), prefix)
}

/// Detects the language of `text`, which has the function words `words`.
fn detect_with(words: &FunctionWords, text: &str) -> Option<AnalyzedLanguage> {
    if let Some(language) = words.decide() {
        return Some(language);
    }
    let prefix = &text[..text.floor_char_boundary(COMPARED_BYTES)];
    let similar = Detector::new().detect(prefix)?;
    if similar.is_reliable() {
        return analyzed(similar.lang());
    }
    // A list of nouns can lack function words of every language.
    let is_list = words.foreign == 0 && words.all >= MIN_LIST_WORDS;
    let closer = || Detector::with_allowlist(vec![Lang::Deu, Lang::Eng]).detect_lang(prefix);
    words.majority().or_else(|| closer().filter(|_| is_list).and_then(analyzed))
}

fn analyzed(language: Lang) -> Option<AnalyzedLanguage> {
    match language {
        Lang::Deu => Some(AnalyzedLanguage::German),
        Lang::Eng => Some(AnalyzedLanguage::English),
        _ => None,
    }
}

/// Numbers of words at the start of a text.
#[derive(Debug, Default)]
struct FunctionWords {
    german: u32,
    english: u32,
    /// Function words of other languages that are neither German nor English.
    foreign: u32,
    all: u32,
}

impl FunctionWords {
    fn count(text: &str) -> Self {
        let lower = text.to_lowercase();
        let mut counts = Self::default();
        for word in lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            counts.all += 1;
            counts.german += u32::from(is_stop_word(word, AnalyzedLanguage::German));
            counts.english += u32::from(is_stop_word(word, AnalyzedLanguage::English));
            counts.foreign += u32::from(FOREIGN_WORDS.contains(word));
        }
        counts
    }

    /// Returns the language that the counts show clearly, if there is one.
    fn decide(&self) -> Option<AnalyzedLanguage> {
        let own = f64::from(self.german.max(self.english));
        let others = f64::from(self.german.min(self.english).max(self.foreign));
        let is_frequent = own >= DECISIVE_SHARE * f64::from(self.all);
        self.majority().filter(|_| is_frequent && own >= DECISIVE_RATIO * others)
    }

    /// Returns the language with more function words than all others together, if there is one.
    fn majority(&self) -> Option<AnalyzedLanguage> {
        if self.german > self.english + self.foreign {
            Some(AnalyzedLanguage::German)
        } else if self.english > self.german + self.foreign {
            Some(AnalyzedLanguage::English)
        } else {
            None
        }
    }
}

/// Frequent function words of French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish and Danish
/// that are spelled like no function word of German or English.
const FOREIGN: &str = "\
    le la les un une du et est que qui dans pour pas plus sur au aux ce cette ne se son sa ses avec \
    il elle ont été el lo del y en por con para una su sus como pero fue ha di e che per non \
    sono della dei nel alla gli dal più ed o os do da em um uma não com de het een van dat niet op \
    voor met zijn ook er aan bij naar w z na nie się że jest jak przez od po i och att det som på av \
    med för till inte den är og af ikke";

static FOREIGN_WORDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let is_ours =
        |word: &&str| AnalyzedLanguage::ALL.iter().any(|language| is_stop_word(word, *language));
    FOREIGN.split_whitespace().filter(|word| !is_ours(word)).collect()
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_are_detected() {
        let german = "Die Moore speichern mehr Kohlenstoff als alle Wälder der Erde zusammen.";
        assert_eq!(detect(german), Some(AnalyzedLanguage::German));
        let english = "Peat bogs store more carbon than all of the forests of the earth together.";
        assert_eq!(detect(english), Some(AnalyzedLanguage::English));
    }

    #[test]
    fn a_text_in_another_language_is_neither() {
        for text in [
            "Болота накапливают больше углерода, чем леса.",
            "Les tourbières stockent plus de carbone que toutes les forêts du monde, et on les \
             assèche encore. La commune a décidé de les protéger.",
            "Las turberas almacenan más carbono que los bosques. La región va a protegerlas, pero no \
             hay dinero para ello.",
            "Le torbiere immagazzinano più carbonio di tutte le foreste. Il comune ha deciso di \
             proteggerle, ma non è facile.",
            "De venen slaan meer koolstof op dan alle bossen. Het water was in de zomer laag, en de \
             gemeente is van plan om ze te beschermen.",
            "Torfowiska magazynują więcej węgla niż wszystkie lasy. Gmina postanowiła je chronić, ale \
             nie jest to łatwe.",
            "1234 + 5",
            "",
        ] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn a_quotation_does_not_decide() {
        let german = "„We are going to restore the bogs, and we are going to do it now“, sagte die \
                      Ministerin am Montag. Die Moore seien zu lange entwässert worden, und das Land \
                      müsse jetzt handeln. Für den Umbau stünden in diesem Jahr neun Millionen Euro \
                      bereit, die von den Gemeinden beantragt werden können.";
        assert_eq!(detect(german), Some(AnalyzedLanguage::German));
        let english = "“Wir werden die Moore wieder vernässen, und das noch in diesem Jahr”, the \
                       minister said on Monday. The bogs have been drained for too long, and the state \
                       has to act now. There are nine million euros for this year, which the towns can \
                       apply for.";
        assert_eq!(detect(english), Some(AnalyzedLanguage::English));
    }

    #[test]
    fn a_quotation_longer_than_its_sentence_does_not_decide() {
        for (text, language) in [
            (
                "The minister of the state said: „Wir werden die Moore wieder vernässen, und das \
                 noch in diesem Jahr, weil es für das Klima und für die Menschen nötig ist.“",
                AnalyzedLanguage::English,
            ),
            (
                "Der Minister sagte am Montag in der Stadt: «Les tourbières stockent plus de carbone \
                 que toutes les forêts du monde, et on les assèche encore dans la région.»",
                AnalyzedLanguage::German,
            ),
        ] {
            assert_eq!(detect(text), Some(language), "{text}");
        }
        let french = "Le ministre a dit dans une lettre que la commune est d'accord: „Wir werden die \
                      Moore wieder vernässen, und das noch in diesem Jahr, weil es nötig ist.“";
        assert_eq!(detect(french), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            detect(&text);
        }

        #[test]
        fn a_long_text_is_cut_between_characters(text in "[äa€]{1300,1400}") {
            detect(&text);
        }
    }
}
