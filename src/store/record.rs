//! The records of a corpus file: private twins of the public types, so that those can
//! change without the format.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Article, Passage, Value, segment::Chunked};

#[derive(Serialize, Deserialize)]
pub(super) struct ArticleRecord {
    key: String,
    title: Option<String>,
    text: String,
    metadata: Vec<(String, ValueRecord)>,
    passages: Vec<PassageRecord>,
}

#[derive(Serialize, Deserialize)]
enum ValueRecord {
    Bool(bool),
    Integer(i64),
    Float(f64),
    /// `YYYY-MM-DD`
    Date(String),
    String(String),
}

#[derive(Serialize, Deserialize)]
struct PassageRecord {
    start: u64,
    end: u64,
    heading: Option<(u64, u64)>,
    titled: bool,
    tokens: u64,
}

impl From<&Chunked> for ArticleRecord {
    fn from(Chunked { article, passages }: &Chunked) -> Self {
        let metadata = article.metadata.iter();
        Self {
            key: article.key.clone(),
            title: article.title.clone(),
            text: article.text.clone(),
            metadata: metadata.map(|(name, value)| (name.clone(), value.into())).collect(),
            passages: passages.iter().map(PassageRecord::from).collect(),
        }
    }
}

impl From<&Value> for ValueRecord {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Date(value) => Self::Date(value.to_string()),
            Value::String(value) => Self::String(value.clone()),
        }
    }
}

impl From<&Passage> for PassageRecord {
    fn from(passage: &Passage) -> Self {
        let heading = passage.heading.as_ref();
        Self {
            start: passage.range.start as u64,
            end: passage.range.end as u64,
            heading: heading.map(|range| (range.start as u64, range.end as u64)),
            titled: passage.titled,
            tokens: passage.tokens as u64,
        }
    }
}

impl ArticleRecord {
    /// The article with its passages, or the check that it does not pass.
    pub(super) fn checked(self) -> Result<Chunked, &'static str> {
        let passages: Option<Arc<[Passage]>> =
            self.passages.iter().map(|passage| passage.checked(&self.text)).collect();
        let passages = passages.ok_or("a passage is not a place in its article")?;
        let metadata = self.metadata.into_iter();
        let metadata: Option<_> =
            metadata.map(|(name, value)| Some((name, value.checked()?))).collect();
        let article = Article {
            key: self.key,
            title: self.title,
            text: self.text,
            metadata: metadata.ok_or("a date does not exist")?,
        };
        Ok(Chunked { article: Arc::new(article), passages })
    }
}

impl ValueRecord {
    fn checked(self) -> Option<Value> {
        Some(match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Float(value) => Value::Float(value),
            Self::Date(value) => Value::Date(value.parse().ok()?),
            Self::String(value) => Value::String(value),
        })
    }
}

impl PassageRecord {
    fn checked(&self, text: &str) -> Option<Passage> {
        let heading = match self.heading {
            Some((start, end)) => Some(place(text, start, end)?),
            None => None,
        };
        let tokens = usize::try_from(self.tokens).ok()?;
        let range = place(text, self.start, self.end)?;
        Some(Passage { range, heading, titled: self.titled, tokens })
    }
}

/// The range, if it is one of `text`.
fn place(text: &str, start: u64, end: u64) -> Option<Range<usize>> {
    let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
    text.get(range.clone()).map(|_| range)
}
