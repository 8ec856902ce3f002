//! The expression tree of a filter, its validation and its display.

use std::{fmt, ops::Bound, sync::Arc};

use super::ordered_value::{Scalar, ValueKind};
use crate::{ArticleHead, Error, Language, Passage, Result, Value};

/// A condition given as a closure.
pub(crate) type Closure = dyn Fn(&ArticleHead, &Passage) -> bool + Send + Sync;

#[derive(Clone)]
pub(crate) enum Expression {
    Metadata {
        name: String,
        test: Test,
    },
    Language(Language),
    Key(String),
    KeyPrefix(String),
    Custom(Arc<Closure>),
    Not(Box<Expression>),
    /// Allows everything if empty.
    All(Vec<Expression>),
    /// Allows nothing if empty.
    Any(Vec<Expression>),
}

/// A test of a metadata value.
#[derive(Clone)]
pub(crate) enum Test {
    Exists,
    AnyOf(Vec<Value>),
    /// The bounds have comparable types, and start <= end.
    Range(Bound<Value>, Bound<Value>),
    Prefix(String),
}

impl Expression {
    /// Returns an error for NaN and for invalid ranges.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Metadata { test, .. } => test.check().map_err(|reason| {
                let condition = self.to_string();
                Error::Filter { condition, reason }
            }),
            Self::Not(part) => part.check(),
            Self::All(parts) | Self::Any(parts) => parts.iter().try_for_each(Self::check),
            Self::Language(_) | Self::Key(_) | Self::KeyPrefix(_) | Self::Custom(_) => Ok(()),
        }
    }

    /// Calls `each` with every metadata name of a test and every kind of value it is compared with.
    pub(crate) fn asked(&self, each: &mut impl FnMut(&str, ValueKind) -> Result<()>) -> Result<()> {
        match self {
            Self::Metadata { name, test } => {
                test.kinds().into_iter().try_for_each(|kind| each(name, kind))
            }
            Self::Not(part) => part.asked(each),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.asked(each))
            }
            Self::Language(_) | Self::Key(_) | Self::KeyPrefix(_) | Self::Custom(_) => Ok(()),
        }
    }

    /// Whether evaluation reads more than keys.
    pub(crate) fn needs_heads(&self) -> bool {
        match self {
            Self::Key(_) | Self::KeyPrefix(_) => false,
            Self::Metadata { .. } | Self::Language(_) | Self::Custom(_) => true,
            Self::Not(part) => part.needs_heads(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_heads),
        }
    }
}

impl Test {
    fn check(&self) -> Result<(), &'static str> {
        let values = self.values();
        if values.contains(&Scalar::NotANumber) {
            return Err("NaN equals no value and is in no range");
        }
        match values.as_slice() {
            [start, end] if matches!(self, Self::Range(..)) => check_range(start, end),
            _ => Ok(()),
        }
    }

    /// Returns the kinds of values that the test compares with, each once; none if it accepts all.
    fn kinds(&self) -> Vec<ValueKind> {
        if let Self::Prefix(_) = self {
            return vec![ValueKind::Text];
        }
        let mut kinds: Vec<ValueKind> = self.values().iter().map(Scalar::kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Returns the values that stored values are compared with.
    fn values(&self) -> Vec<Scalar<&str>> {
        match self {
            Self::AnyOf(values) => values.iter().map(Scalar::from).collect(),
            Self::Range(from, to) => {
                [from, to].into_iter().filter_map(bound_value).map(Scalar::from).collect()
            }
            Self::Exists | Self::Prefix(_) => Vec::new(),
        }
    }
}

fn check_range(start: &Scalar<&str>, end: &Scalar<&str>) -> Result<(), &'static str> {
    if !start.compares_with(end) {
        Err("the bounds of the range have different types")
    } else if start > end {
        Err("the range starts after its end")
    } else {
        Ok(())
    }
}

/// Returns the value of `bound`, if it has one.
fn bound_value(bound: &Bound<Value>) -> Option<&Value> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata { name, test } => write_test(f, name, test),
            Self::Language(language) => write!(f, "language is {language}"),
            Self::Key(key) => write!(f, "key is {key:?}"),
            Self::KeyPrefix(prefix) => write!(f, "key starts with {prefix:?}"),
            Self::Custom(_) => f.write_str("a closure holds"),
            Self::Not(part) => {
                f.write_str("not ")?;
                write_part(f, part)
            }
            Self::All(parts) => write_joined(f, parts, " and ", "everything"),
            Self::Any(parts) => write_joined(f, parts, " or ", "nothing"),
        }
    }
}

/// Writes `parts` separated by `operator`; writes `empty` without parts.
fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    operator: &str,
    empty: &str,
) -> fmt::Result {
    match parts {
        [] => f.write_str(empty),
        [part] => write!(f, "{part}"),
        [first, others @ ..] => {
            write_part(f, first)?;
            for part in others {
                f.write_str(operator)?;
                write_part(f, part)?;
            }
            Ok(())
        }
    }
}

/// Writes a part of an expression, in parentheses if it joins several parts itself.
fn write_part(f: &mut fmt::Formatter<'_>, part: &Expression) -> fmt::Result {
    match part {
        Expression::All(parts) | Expression::Any(parts) if parts.len() > 1 => {
            write!(f, "({part})")
        }
        _ => write!(f, "{part}"),
    }
}

fn write_test(f: &mut fmt::Formatter<'_>, name: &str, test: &Test) -> fmt::Result {
    if let Test::Exists = test {
        f.write_str("has ")?;
        return write_name(f, name);
    }
    write_name(f, name)?;
    match test {
        Test::Exists => Ok(()),
        Test::AnyOf(values) => match values.as_slice() {
            [value] => write!(f, " is {}", written(value)),
            values => {
                let values: Vec<String> = values.iter().map(written).collect();
                write!(f, " is one of [{}]", values.join(", "))
            }
        },
        Test::Range(from, to) => write_range(f, from, to),
        Test::Prefix(prefix) => write!(f, " starts with {prefix:?}"),
    }
}

/// Writes a range like Rust, with `<` after an excluded start.
fn write_range(f: &mut fmt::Formatter<'_>, from: &Bound<Value>, to: &Bound<Value>) -> fmt::Result {
    f.write_str(" in ")?;
    match from {
        Bound::Unbounded => f.write_str("..")?,
        Bound::Included(start) => write!(f, "{}..", written(start))?,
        Bound::Excluded(start) => write!(f, "{}<..", written(start))?,
    }
    match to {
        Bound::Unbounded => Ok(()),
        Bound::Included(end) => write!(f, "={}", written(end)),
        Bound::Excluded(end) => f.write_str(&written(end)),
    }
}

/// Writes a name of metadata, in quotes if it could be read as something else.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain_char = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let is_plain = !name.is_empty() && name.chars().all(is_plain_char);
    let is_keyword = ["key", "language", "has", "not", "and", "or"].contains(&name);
    if is_plain && !is_keyword { f.write_str(name) } else { write!(f, "{name:?}") }
}

/// Returns a value as it is written in a filter: texts in quotes.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
