//! Articles: key, title, text, language and metadata.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::{Error, Language, Result};

/// Named values of an article, ordered by name.
pub type Metadata = BTreeMap<String, Value>;

/// Text with a key, by which hits cite it.
///
/// # Examples
///
/// ```
/// use passim::{Article, Date};
///
/// let article = Article::new("moor.txt", "Moore speichern Kohlenstoff.")
///     .title("Moore und Klima")
///     .metadata("published", "2024-06-03".parse::<Date>()?)
///     .metadata("words", 3);
/// assert_eq!(article.key, "moor.txt");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Article {
    /// Key that hits cite; not empty, unique in the corpus.
    #[serde(alias = "id")]
    pub key: String,
    /// Title.
    #[serde(default)]
    pub title: Option<String>,
    /// Text. The byte ranges of passages and hits refer to it.
    pub text: String,
    /// Declared language; detected from the text if `None`.
    #[serde(default)]
    pub language: Option<Language>,
    /// Named values, which filters test and every hit returns.
    #[serde(default)]
    pub metadata: Metadata,
}

impl Article {
    /// Creates an article without title and metadata, whose language will be detected.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            title: None,
            text: text.into(),
            language: None,
            metadata: Metadata::new(),
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Declares the language. Detection can fail for a short text, or for one in several
    /// languages.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Adds a named value, and replaces one of the same name.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Maximum length of a text in a corpus, in bytes.
    pub const MAX_BYTES: usize = 1 << 27;

    /// Returns the title without surrounding white space; `None` if nothing remains.
    pub(crate) fn shown_title(&self) -> Option<&str> {
        shown_title(self.title.as_deref())
    }
}

/// Removes white space around `title`; `None` if nothing remains.
pub(crate) fn shown_title(title: Option<&str>) -> Option<&str> {
    title.map(str::trim).filter(|title| !title.is_empty())
}

/// Article without its text, as a [custom filter](crate::Filter::custom) receives it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArticleHead {
    /// Key that hits cite.
    pub key: String,
    /// Title.
    pub title: Option<String>,
    /// Declared or detected language; `None` if it is not a supported one.
    pub language: Option<Language>,
    /// Named values.
    pub metadata: Metadata,
}

/// Metadata value of an article.
///
/// In JSON, a string of the form `YYYY-MM-DD` is a date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value {
    /// Boolean.
    Bool(bool),
    /// Integer.
    Integer(i64),
    /// Floating-point number.
    Float(f64),
    /// Calendar date.
    Date(Date),
    /// Any other string.
    String(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Float(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Date> for Value {
    fn from(value: Date) -> Self {
        Self::Date(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

/// Gregorian calendar date, written `YYYY-MM-DD` and ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(civil::Date);

impl Date {
    /// Creates a date from `year` in `0..=9999`, `month` in `1..=12` and `day` in `1..=31`.
    ///
    /// # Errors
    ///
    /// [`Error::Date`] if a number is out of range or the month has no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self> {
        let date = civil::Date::new(year, month, day).ok().filter(|_| (0..=9999).contains(&year));
        date.map(Self).ok_or_else(|| Error::Date { got: format!("{year:04}-{month:02}-{day:02}") })
    }

    pub(crate) fn year(self) -> i16 {
        self.0.year()
    }

    pub(crate) fn month(self) -> i8 {
        self.0.month()
    }

    pub(crate) fn day(self) -> i8 {
        self.0.day()
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // jiff also reads dates with a time or without hyphens. They are not written back in the
        // form that was read, so they are no dates here.
        let has_form = text.len() == "YYYY-MM-DD".len() && text.as_bytes().get(4) == Some(&b'-');
        let date = if has_form { text.parse().ok() } else { None };
        date.map(Self).ok_or_else(|| Error::Date { got: text.to_owned() })
    }
}

impl TryFrom<String> for Date {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_dates_in_the_written_form_are_read() {
        let leap: Date = "2024-02-29".parse().unwrap();
        assert_eq!(leap.to_string(), "2024-02-29");
        assert!(leap < Date::new(2024, 3, 1).unwrap());
        for wrong in ["2023-02-29", "20240229", "2024-02-29T10:00", "29.02.2024", ""] {
            assert!(matches!(wrong.parse::<Date>(), Err(Error::Date { .. })), "{wrong}");
        }
        for (year, month, day) in [(2024, 13, 1), (2023, 2, 29), (-1, 1, 1), (-5, 6, 7)] {
            assert!(matches!(Date::new(year, month, day), Err(Error::Date { .. })), "{year}");
        }
        for date in [Date::new(0, 1, 1), Date::new(9999, 12, 31), Date::new(812, 3, 4)] {
            let date = date.unwrap();
            assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
        }
    }

    #[test]
    fn an_article_is_read_from_json() {
        let line = r#"{"id": "a", "title": "", "text": "T", "lang": "de",
                       "metadata": {"on": "2024-01-02", "n": 3, "x": 0.5, "ok": true, "by": "dpa"}}"#;
        let article: Article = serde_json::from_str(line).unwrap();
        assert_eq!(article.shown_title(), None);
        assert_eq!(article.metadata["on"], Value::Date(Date::new(2024, 1, 2).unwrap()));
        assert_eq!(article.metadata["n"], Value::Integer(3));
        assert_eq!(article.metadata["x"], Value::Float(0.5));
        assert_eq!(article.metadata["ok"], Value::Bool(true));
        assert_eq!(article.metadata["by"], Value::from("dpa"));
    }
}
