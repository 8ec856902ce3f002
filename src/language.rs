//! Languages of articles, and the two that passim analyzes words of.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Language of an article.
///
/// The words of German and English are stemmed and their stop words known. An article that declares
/// another language keeps it; its words are analyzed like those of an unknown language.
///
/// It is written as its ISO 639 code: `de`, `en`, `fr`. [`FromStr`] and JSON accept BCP 47 tags such
/// as `de-AT` or `pt_BR` and keep the code.
///
/// # Examples
///
/// ```
/// use passim::{Article, Language};
///
/// assert_eq!("de-AT".parse::<Language>()?, Language::German);
/// let french: Language = "fr".parse()?;
/// let article = Article::new("tourbe.txt", "Les tourbières stockent du carbone.").language(french);
/// assert_eq!(article.language, Some(french));
/// assert_eq!(french.code(), "fr");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Language {
    /// German.
    German,
    /// English.
    English,
    /// Any other language.
    Other(LanguageCode),
}

/// ISO 639 code of a language that is neither German nor English: two or three lower-case letters.
///
/// Parsing a [`Language`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguageCode {
    /// The letters, followed by a zero if there are two.
    letters: [u8; 3],
}

/// Language whose words are stemmed and whose stop words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnalyzedLanguage {
    German,
    English,
}

impl Language {
    /// Returns the ISO 639 code: `"de"`, `"en"` or another of two or three lower-case letters.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::German => "de",
            Self::English => "en",
            Self::Other(code) => code.as_str(),
        }
    }

    /// Returns the language if its words are analyzed.
    pub(crate) fn analyzed(self) -> Option<AnalyzedLanguage> {
        match self {
            Self::German => Some(AnalyzedLanguage::German),
            Self::English => Some(AnalyzedLanguage::English),
            Self::Other(_) => None,
        }
    }
}

impl LanguageCode {
    /// Returns the code.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the letters are ASCII")]
    pub fn as_str(&self) -> &str {
        let len = if self.letters[2] == 0 { 2 } else { 3 };
        str::from_utf8(&self.letters[..len]).expect("the letters are ASCII")
    }
}

impl LanguageCode {
    /// Returns the letters, followed by a zero if there are two.
    pub(crate) fn letters(self) -> [u8; 3] {
        self.letters
    }

    /// Returns the code of [`letters`](Self::letters); `None` if there is none.
    pub(crate) fn from_letters(letters: [u8; 3]) -> Option<Self> {
        let text = str::from_utf8(&letters).ok()?;
        match text.trim_end_matches('\0').parse() {
            Ok(Language::Other(code)) if code.letters == letters => Some(code),
            _ => None,
        }
    }
}

impl AnalyzedLanguage {
    /// Every analyzed language, in the order of its variants.
    pub(crate) const ALL: [Self; 2] = [Self::German, Self::English];
    /// Number of groups of passages: one for each language, and one for unknown and other languages.
    pub(crate) const GROUPS: usize = Self::ALL.len() + 1;

    /// Returns the number of the group of passages in `language`.
    pub(crate) fn group(language: Option<Self>) -> usize {
        language.map_or(Self::ALL.len(), |language| language as usize)
    }
}

impl From<AnalyzedLanguage> for Language {
    fn from(language: AnalyzedLanguage) -> Self {
        match language {
            AnalyzedLanguage::German => Self::German,
            AnalyzedLanguage::English => Self::English,
        }
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(tag: &str) -> Result<Self> {
        let code = tag.split(['-', '_']).next().expect("a split has at least one part");
        let is_code = matches!(code.len(), 2 | 3) && code.bytes().all(|c| c.is_ascii_alphabetic());
        if !is_code {
            return Err(Error::Language { got: tag.to_owned() });
        }
        let mut letters = [0; 3];
        letters[..code.len()].copy_from_slice(code.to_ascii_lowercase().as_bytes());
        Ok(match &letters {
            b"de\0" | b"deu" | b"ger" => Self::German,
            b"en\0" | b"eng" => Self::English,
            _ => Self::Other(LanguageCode { letters }),
        })
    }
}

impl TryFrom<String> for Language {
    type Error = Error;

    fn try_from(tag: String) -> Result<Self> {
        tag.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.code().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::German => "German",
            Self::English => "English",
            Self::Other(code) => code.as_str(),
        })
    }
}

impl fmt::Display for LanguageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_are_matched_by_their_first_part() {
        for tag in ["de", "DE", "de-AT", "de_CH", "deu", "ger"] {
            assert_eq!(tag.parse::<Language>().unwrap(), Language::German, "{tag}");
        }
        assert_eq!("en_US".parse::<Language>().unwrap(), Language::English);
        for (tag, code) in [("fr", "fr"), ("pt-BR", "pt"), ("zh_Hant_TW", "zh"), ("NDS", "nds")] {
            let language: Language = tag.parse().unwrap();
            assert!(matches!(language, Language::Other(_)), "{tag}");
            assert_eq!(language.code(), code);
            assert_eq!(language.to_string().parse::<Language>().unwrap_or(language), language);
        }
        for tag in ["", "-", "d", "german", "Deutsch", "d3", "äö"] {
            assert!(matches!(tag.parse::<Language>(), Err(Error::Language { .. })), "{tag}");
        }
    }

    #[test]
    fn json_holds_the_code() {
        for (language, json) in [("de", "\"de\""), ("en", "\"en\""), ("fr-CA", "\"fr\"")] {
            let language: Language = language.parse().unwrap();
            assert_eq!(serde_json::to_string(&language).unwrap(), json);
            assert_eq!(serde_json::from_str::<Language>(json).unwrap(), language);
        }
        assert!(serde_json::from_str::<Language>("\"Deutsch\"").is_err());
    }
}
