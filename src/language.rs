//! The languages that passim knows the words of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language whose words are known: how they are inflected and put together.
///
/// In JSON it is its ISO 639-1 code, `"de"` or `"en"`.
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
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::German, Self::English];

    /// The language of a language tag (BCP 47), as `de`, `de-AT` or `en_US`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let code = tag.split(['-', '_']).next().unwrap_or_default();
        [Self::German, Self::English].into_iter().find(|one| code.eq_ignore_ascii_case(one.code()))
    }

    /// Its ISO 639-1 code: `"de"` or `"en"`.
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
