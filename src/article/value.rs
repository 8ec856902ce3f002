//! Metadata values.

use std::{fmt, slice};

use serde::{Deserialize, Serialize};

use super::{Date, Timestamp};

/// Metadata value of an article.
///
/// In JSON, a string of the form `YYYY-MM-DD` is a date, and one of the form
/// `YYYY-MM-DDThh:mm:ssZ` a timestamp.
///
/// # Examples
///
/// ```
/// use passim::{Article, Value};
///
/// let article = Article::new("moor.txt", "Moore speichern Kohlenstoff.")
///     .metadata("tags", ["Klima", "Moor"])
///     .metadata("words", 3);
/// assert_eq!(article.metadata["words"], Value::Integer(3));
/// assert_eq!(article.metadata["tags"].to_string(), "[Klima, Moor]");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value {
    /// Boolean.
    Bool(bool),
    /// Integer.
    Integer(i64),
    /// Integer above [`i64::MAX`].
    Unsigned(u64),
    /// Floating-point number.
    Float(f64),
    /// Calendar date.
    Date(Date),
    /// Instant in time.
    Timestamp(Timestamp),
    /// Any other string.
    String(String),
    /// Several values of one name; no lists among them.
    List(Vec<Value>),
}

impl Value {
    /// Returns the values of a list, or the value itself.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            value => slice::from_ref(value),
        }
    }

    /// Whether the value is a list that holds a list.
    pub(crate) fn is_nested(&self) -> bool {
        let is_list = |value: &Self| matches!(value, Self::List(_));
        matches!(self, Self::List(values) if values.iter().any(is_list))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            Self::Timestamp(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
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

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Unsigned(value), Self::Integer)
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

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Timestamp(value)
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

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<V: Into<Value>, const N: usize> From<[V; N]> for Value {
    fn from(values: [V; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_json() {
        for (json, value) in [
            ("true", Value::Bool(true)),
            ("-3", Value::Integer(-3)),
            ("9223372036854775807", Value::Integer(i64::MAX)),
            ("9223372036854775808", Value::from(1_u64 << 63)),
            ("18446744073709551615", Value::Unsigned(u64::MAX)),
            ("0.5", Value::Float(0.5)),
            ("\"2024-02-29\"", Value::Date(Date::new(2024, 2, 29).unwrap())),
            ("\"2024-02-29T10:00:00Z\"", Value::Timestamp("2024-02-29T10:00:00Z".parse().unwrap())),
            ("\"2024-02-30\"", Value::from("2024-02-30")),
            ("[\"Klima\",3,[]]", Value::List(vec!["Klima".into(), 3.into(), Value::List(vec![])])),
        ] {
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value, "{json}");
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
    }

    #[test]
    fn a_list_within_a_list_is_nested() {
        assert!(Value::from([vec![1], vec![]]).is_nested());
        assert!(!Value::from([1, 2]).is_nested());
        assert!(!Value::from(1).is_nested());
    }
}
