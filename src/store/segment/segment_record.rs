//! The records of a segment: private twins of the public types, so that those can change
//! without the format.

use serde::{Deserialize, Serialize};

use crate::{Article, Language, Metadata, Result, Value, format::codec, vector::IndexRecord};

/// What a segment's columns have in common.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    pub(super) articles: u64,
    pub(super) passages: u64,
    pub(super) dim: u64,
    pub(super) index: IndexRecord,
}

/// What an article has beside key and text.
#[derive(Serialize, Deserialize)]
pub(super) struct HeadRecord<'a> {
    title: Option<&'a str>,
    language: LanguageRecord,
    #[serde(borrow)]
    metadata: Vec<(&'a str, ValueRecord<'a>)>,
}

/// What is known of the language of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum LanguageRecord {
    Unknown,
    GermanDeclared,
    EnglishDeclared,
    GermanDetected,
    EnglishDetected,
}

/// What an article has beside key and text, as it is used.
pub(super) struct StoredHead {
    pub(super) title: Option<String>,
    /// As the article declared itself.
    pub(super) declared: Option<Language>,
    /// As it declared itself, or as was found out.
    pub(super) language: Option<Language>,
    pub(super) metadata: Metadata,
}

#[derive(Serialize, Deserialize)]
enum ValueRecord<'a> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Date { year: i16, month: i8, day: i8 },
    String(&'a str),
}

impl<'a> HeadRecord<'a> {
    /// The bytes of the head of `article`; `found` is what was found out of its language.
    pub(super) fn bytes_of(article: &'a Article, found: Option<Language>) -> Result<Vec<u8>> {
        let metadata = article.metadata.iter();
        let record = Self {
            title: article.title.as_deref(),
            language: LanguageRecord::of(article.language, found),
            metadata: metadata.map(|(name, value)| (name.as_str(), value.into())).collect(),
        };
        codec::encode(&record, "bytes in the title and metadata of one article")
    }

    /// The head in `bytes`; `None` if they are none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<StoredHead> {
        let record: Self = codec::decode(bytes)?;
        let value = |(name, value): (&str, ValueRecord)| Some((name.to_owned(), value.checked()?));
        let metadata = record.metadata.into_iter().map(value).collect::<Option<_>>()?;
        let (declared, language) = record.language.read();
        Some(StoredHead { title: record.title.map(str::to_owned), declared, language, metadata })
    }
}

impl LanguageRecord {
    fn of(declared: Option<Language>, found: Option<Language>) -> Self {
        match (declared, found) {
            (Some(Language::German), _) => Self::GermanDeclared,
            (Some(Language::English), _) => Self::EnglishDeclared,
            (None, Some(Language::German)) => Self::GermanDetected,
            (None, Some(Language::English)) => Self::EnglishDetected,
            (None, None) => Self::Unknown,
        }
    }

    /// What the article declared, and what its language is.
    fn read(self) -> (Option<Language>, Option<Language>) {
        match self {
            Self::Unknown => (None, None),
            Self::GermanDeclared => (Some(Language::German), Some(Language::German)),
            Self::EnglishDeclared => (Some(Language::English), Some(Language::English)),
            Self::GermanDetected => (None, Some(Language::German)),
            Self::EnglishDetected => (None, Some(Language::English)),
        }
    }
}

impl<'a> From<&'a Value> for ValueRecord<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Date(value) => {
                Self::Date { year: value.year(), month: value.month(), day: value.day() }
            }
            Value::String(value) => Self::String(value),
        }
    }
}

impl ValueRecord<'_> {
    fn checked(self) -> Option<Value> {
        Some(match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Float(value) => Value::Float(value),
            Self::Date { year, month, day } => {
                Value::Date(crate::Date::new(year, month, day).ok()?)
            }
            Self::String(value) => Value::String(value.to_owned()),
        })
    }
}
