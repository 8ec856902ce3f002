//! The record of an article's head: a private counterpart of public types, which may change without
//! changing the file format.

use serde::{Deserialize, Serialize};

use super::codec;
use crate::{Article, Date, Error, Language, LanguageCode, Metadata, Result, Timestamp, Value};

/// An encoded article without key and text.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeadRecord<'a> {
    title: Option<&'a str>,
    language: LanguageRecord,
    /// By name; see [`ValueRecord::List`] for entries without one.
    #[serde(borrow)]
    metadata: Vec<(&'a str, ValueRecord<'a>)>,
}

/// The language of an article, and whether the article declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum LanguageRecord {
    Unknown,
    GermanDeclared,
    EnglishDeclared,
    GermanDetected,
    EnglishDetected,
    /// The code, followed by a zero if it has two letters.
    OtherDeclared([u8; 3]),
}

/// An article without key and text, decoded.
pub(crate) struct StoredHead {
    pub(crate) title: Option<String>,
    /// Declared by the article.
    pub(crate) declared: Option<Language>,
    /// Declared by the article, else detected.
    pub(crate) language: Option<Language>,
    pub(crate) metadata: Metadata,
}

/// The variants are in the order in which they were introduced: their numbers are stored.
#[derive(Serialize, Deserialize)]
enum ValueRecord<'a> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Date {
        year: i16,
        month: i8,
        day: i8,
    },
    String(&'a str),
    Unsigned(u64),
    Timestamp {
        seconds: i64,
        nanoseconds: u32,
    },
    /// The values of this number of entries that follow. They have no name, and none is a list, so
    /// that no file makes decoding recurse.
    List(u32),
}

impl<'a> HeadRecord<'a> {
    /// Encodes the head of `article`; `detected` is used if the article declares no language.
    pub(crate) fn encode(article: &'a Article, detected: Option<Language>) -> Result<Vec<u8>> {
        let mut metadata = Vec::with_capacity(article.metadata.len());
        for (name, value) in &article.metadata {
            metadata.push((name.as_str(), ValueRecord::try_from(value)?));
            if let Value::List(items) = value {
                for item in items {
                    metadata.push(("", ValueRecord::try_from(item)?));
                }
            }
        }
        let record = Self {
            title: article.title.as_deref(),
            language: LanguageRecord::new(article.language, detected),
            metadata,
        };
        codec::encode(&record, "bytes in the title and metadata of one article")
    }

    /// Decodes a head; `None` if the bytes are none.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<StoredHead> {
        let record: Self = codec::decode(bytes)?;
        let mut entries = record.metadata.into_iter();
        let mut metadata = Metadata::new();
        while let Some((name, value)) = entries.next() {
            let value = match value {
                ValueRecord::List(len) => Value::List(decode_items(&mut entries, len)?),
                value => value.decode()?,
            };
            metadata.insert(name.to_owned(), value);
        }
        let StoredLanguage { declared, language } = record.language.decode()?;
        let title = record.title.map(str::to_owned);
        Some(StoredHead { title, declared, language, metadata })
    }
}

impl LanguageRecord {
    fn new(declared: Option<Language>, detected: Option<Language>) -> Self {
        match (declared, detected) {
            (Some(Language::German), _) => Self::GermanDeclared,
            (Some(Language::English), _) => Self::EnglishDeclared,
            (Some(Language::Other(code)), _) => Self::OtherDeclared(code.letters()),
            (None, Some(Language::German)) => Self::GermanDetected,
            (None, Some(Language::English)) => Self::EnglishDetected,
            (None, Some(Language::Other(_)) | None) => Self::Unknown,
        }
    }

    /// Decodes the languages of a head; `None` if a code is invalid.
    fn decode(self) -> Option<StoredLanguage> {
        let language = match self {
            Self::Unknown => return Some(StoredLanguage::default()),
            Self::GermanDeclared | Self::GermanDetected => Language::German,
            Self::EnglishDeclared | Self::EnglishDetected => Language::English,
            Self::OtherDeclared(letters) => Language::Other(LanguageCode::from_letters(letters)?),
        };
        let is_detected = matches!(self, Self::GermanDetected | Self::EnglishDetected);
        let declared = (!is_detected).then_some(language);
        Some(StoredLanguage { declared, language: Some(language) })
    }
}

/// The decoded form of a [`LanguageRecord`].
#[derive(Default)]
struct StoredLanguage {
    declared: Option<Language>,
    language: Option<Language>,
}

/// Decodes the `len` items of a list; `None` if there are fewer, or one is invalid.
fn decode_items<'a>(
    entries: &mut impl Iterator<Item = (&'a str, ValueRecord<'a>)>,
    len: u32,
) -> Option<Vec<Value>> {
    let items = entries.take(len as usize).map(|(_, item)| item.decode());
    let items: Vec<Value> = items.collect::<Option<_>>()?;
    (items.len() == len as usize).then_some(items)
}

impl<'a> TryFrom<&'a Value> for ValueRecord<'a> {
    type Error = Error;

    fn try_from(value: &'a Value) -> Result<Self> {
        Ok(match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Date(value) => {
                Self::Date { year: value.year(), month: value.month(), day: value.day() }
            }
            Value::String(value) => Self::String(value),
            Value::Unsigned(value) => Self::Unsigned(*value),
            Value::Timestamp(value) => Self::Timestamp {
                seconds: value.unix_seconds(),
                nanoseconds: value.subsec_nanoseconds(),
            },
            Value::List(items) => {
                let got = items.len();
                let limit = u32::MAX as usize;
                let what = "values in one list";
                let len = u32::try_from(got).map_err(|_| Error::TooLarge { what, got, limit })?;
                Self::List(len)
            }
        })
    }
}

impl ValueRecord<'_> {
    /// Decodes a single value; `None` if it is invalid.
    fn decode(self) -> Option<Value> {
        Some(match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Float(value) => Value::Float(value),
            Self::Date { year, month, day } => Value::Date(Date::new(year, month, day).ok()?),
            Self::String(value) => Value::String(value.to_owned()),
            Self::Unsigned(value) => Value::Unsigned(value),
            Self::Timestamp { seconds, nanoseconds } => {
                Value::Timestamp(Timestamp::from_unix(seconds, nanoseconds).ok()?)
            }
            Self::List(_) => return None,
        })
    }
}
