//! The records of a segment: private counterparts of public types, which may change without
//! changing the file format.

use serde::{Deserialize, Serialize};

use crate::{Article, Language, Metadata, Result, Value, format::codec, vector::IndexRecord};

/// Sizes and index parameters of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    pub(super) articles: u64,
    pub(super) passages: u64,
    pub(super) dim: u64,
    pub(super) index: IndexRecord,
}

/// An encoded article without key and text.
#[derive(Serialize, Deserialize)]
pub(super) struct HeadRecord<'a> {
    title: Option<&'a str>,
    language: LanguageRecord,
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
}

/// An article without key and text, decoded.
pub(super) struct StoredHead {
    pub(super) title: Option<String>,
    /// Declared by the article.
    pub(super) declared: Option<Language>,
    /// Declared by the article, else detected.
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
    /// Encodes the head of `article`; `detected` is used if the article declares no language.
    pub(super) fn encode(article: &'a Article, detected: Option<Language>) -> Result<Vec<u8>> {
        let metadata = article.metadata.iter();
        let record = Self {
            title: article.title.as_deref(),
            language: LanguageRecord::new(article.language, detected),
            metadata: metadata.map(|(name, value)| (name.as_str(), value.into())).collect(),
        };
        codec::encode(&record, "bytes in the title and metadata of one article")
    }

    /// Decodes a head; `None` if the bytes are none.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<StoredHead> {
        let record: Self = codec::decode(bytes)?;
        let value = |(name, value): (&str, ValueRecord)| Some((name.to_owned(), value.checked()?));
        let metadata = record.metadata.into_iter().map(value).collect::<Option<_>>()?;
        Some(StoredHead {
            title: record.title.map(str::to_owned),
            declared: record.language.declared(),
            language: record.language.language(),
            metadata,
        })
    }
}

impl LanguageRecord {
    fn new(declared: Option<Language>, detected: Option<Language>) -> Self {
        match (declared, detected) {
            (Some(Language::German), _) => Self::GermanDeclared,
            (Some(Language::English), _) => Self::EnglishDeclared,
            (None, Some(Language::German)) => Self::GermanDetected,
            (None, Some(Language::English)) => Self::EnglishDetected,
            (None, None) => Self::Unknown,
        }
    }

    fn declared(self) -> Option<Language> {
        match self {
            Self::GermanDeclared => Some(Language::German),
            Self::EnglishDeclared => Some(Language::English),
            Self::Unknown | Self::GermanDetected | Self::EnglishDetected => None,
        }
    }

    fn language(self) -> Option<Language> {
        match self {
            Self::Unknown => None,
            Self::GermanDeclared | Self::GermanDetected => Some(Language::German),
            Self::EnglishDeclared | Self::EnglishDetected => Some(Language::English),
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
