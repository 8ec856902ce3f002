//! The records of a segment: private twins of the public types, so that those can change
//! without the format.

use serde::{Deserialize, Serialize};

use crate::{Article, Metadata, Result, Value, index::IndexRecord, store::codec};

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
    #[serde(borrow)]
    metadata: Vec<(&'a str, ValueRecord<'a>)>,
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
    /// The bytes of the head of `article`.
    pub(super) fn bytes_of(article: &'a Article) -> Result<Vec<u8>> {
        let metadata = article.metadata.iter();
        let record = Self {
            title: article.title.as_deref(),
            metadata: metadata.map(|(name, value)| (name.as_str(), value.into())).collect(),
        };
        codec::encode(&record, "bytes in the title and metadata of one article")
    }

    /// The title and metadata in `bytes`; `None` if they are not a head.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Option<String>, Metadata)> {
        let record: Self = codec::decode(bytes)?;
        let value = |(name, value): (&str, ValueRecord)| Some((name.to_owned(), value.checked()?));
        let metadata = record.metadata.into_iter().map(value).collect::<Option<_>>()?;
        Some((record.title.map(str::to_owned), metadata))
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
