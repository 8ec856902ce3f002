//! The languages whose words are known, and which of them a text is in: the one home of `whatlang`.

use whatlang::{Detector, Lang};

/// A language whose words are reduced to their stems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    German,
    English,
}

/// How much of a text is read, in bytes.
const READ: usize = 2_000;

impl Language {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::German, Self::English];

    /// The language of `text`; `None` if it may be another one, or none can be told.
    pub(crate) fn detect(text: &str) -> Option<Self> {
        let read = &text[..text.floor_char_boundary(READ)];
        let info = Detector::new().detect(read)?;
        let language = match info.lang() {
            Lang::Deu => Self::German,
            Lang::Eng => Self::English,
            _ => return None,
        };
        info.is_reliable().then_some(language)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_are_told_apart() {
        let german = "Die Moore speichern mehr Kohlenstoff als alle Wälder der Erde zusammen.";
        assert_eq!(Language::detect(german), Some(Language::German));
        let english = "Peat bogs store more carbon than all of the forests of the earth together.";
        assert_eq!(Language::detect(english), Some(Language::English));
        assert_eq!(Language::detect("Болота накапливают больше углерода, чем леса."), None);
        assert_eq!(Language::detect("1234 + 5"), None);
        assert_eq!(Language::detect(""), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            Language::detect(&text);
        }

        #[test]
        fn a_long_text_is_cut_between_characters(text in "[äa€]{1990,2100}") {
            Language::detect(&text);
        }
    }
}
