//! The records of a segment: private counterparts of public types, which may change without
//! changing the file format.

use serde::{Deserialize, Serialize};

use crate::{
    Article, Date, Error, Language, Metadata, Result, Timestamp, Value, format::codec,
    vector::IndexRecord,
};

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
    pub(super) fn encode(article: &'a Article, detected: Option<Language>) -> Result<Vec<u8>> {
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
    pub(super) fn decode(bytes: &'a [u8]) -> Option<StoredHead> {
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
