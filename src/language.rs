//! Languages that passim analyzes words of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Language whose words are stemmed and whose stop words are known.
///
/// JSON holds its ISO 639-1 code, `"de"` or `"en"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Language {
    /// German.
    #[serde(rename = "de")]
    German,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Every language.
    pub(crate) const ALL: [Self; 2] = [Self::German, Self::English];

    /// Returns the language of a BCP 47 tag such as `de`, `de-AT` or `en_US`; `None` if it is not
    /// supported.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let code = tag.split(['-', '_']).next().expect("a split has at least one part");
        Self::ALL.into_iter().find(|language| code.eq_ignore_ascii_case(language.code()))
    }

    /// Returns the ISO 639-1 code: `"de"` or `"en"`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::German => "de",
            Self::English => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::German => "German",
            Self::English => "English",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_are_matched_by_their_first_part() {
        for tag in ["de", "DE", "de-AT", "de_CH"] {
            assert_eq!(Language::of_tag(tag), Some(Language::German), "{tag}");
        }
        assert_eq!(Language::of_tag("en_US"), Some(Language::English));
        for tag in ["", "-", "fr", "deu", "d"] {
            assert_eq!(Language::of_tag(tag), None, "{tag}");
        }
    }
}
