//! AnalyzedLanguage detection. No other file uses `whatlang`.

use whatlang::{Detector, Lang};

use crate::{language::AnalyzedLanguage, text};

/// Number of bytes that are examined.
const READ: usize = 500;

/// Detects the language of `text`; `None` if it is unknown or neither German nor English.
///
/// Function words at the start decide for most texts. The others are compared with many languages,
/// which takes longer than to embed them.
pub(crate) fn detect(text: &str) -> Option<AnalyzedLanguage> {
    text::guess_language(text).or_else(|| among_many(text))
}

fn among_many(text: &str) -> Option<AnalyzedLanguage> {
    let read = &text[..text.floor_char_boundary(READ)];
    let info = Detector::new().detect(read)?;
    let language = match info.lang() {
        Lang::Deu => AnalyzedLanguage::German,
        Lang::Eng => AnalyzedLanguage::English,
        _ => return None,
    };
    info.is_reliable().then_some(language)
}

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
        assert_eq!(detect("Болота накапливают больше углерода, чем леса."), None);
        assert_eq!(detect("1234 + 5"), None);
        assert_eq!(detect(""), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            detect(&text);
        }

        #[test]
        fn a_long_text_is_cut_between_characters(text in "[äa€]{490,600}") {
            detect(&text);
        }
    }
}
