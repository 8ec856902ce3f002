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
    By(Arc<Closure>),
    Not(Box<Expression>),
    /// Everything if empty.
    All(Vec<Expression>),
    /// Nothing if empty.
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
            Self::Language(_) | Self::Key(_) | Self::KeyPrefix(_) | Self::By(_) => Ok(()),
        }
    }

    /// Calls `each` with every tested metadata name and every kind of value it is compared with.
    pub(crate) fn asked(&self, each: &mut impl FnMut(&str, ValueKind) -> Result<()>) -> Result<()> {
        match self {
            Self::Metadata { name, test } => {
                test.kinds().into_iter().try_for_each(|kind| each(name, kind))
            }
            Self::Not(part) => part.asked(each),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.asked(each))
            }
            Self::Language(_) | Self::Key(_) | Self::KeyPrefix(_) | Self::By(_) => Ok(()),
        }
    }

    /// Whether evaluation reads more than keys.
    pub(crate) fn needs_heads(&self) -> bool {
        match self {
            Self::Key(_) | Self::KeyPrefix(_) => false,
            Self::Metadata { .. } | Self::Language(_) | Self::By(_) => true,
            Self::Not(part) => part.needs_heads(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_heads),
        }
    }
}

impl Test {
    fn check(&self) -> Result<(), &'static str> {
        let values = self.values();
        if values.contains(&Scalar::NotANumber) {
            return Err("nothing equals NaN or compares with it");
        }
        let (Self::Range(..), [from, to]) = (self, &*values) else { return Ok(()) };
        if !from.compares_with(to) {
            Err("its bounds do not compare with each other: give it two of one type")
        } else if from > to {
            Err("it starts after its end")
        } else {
            Ok(())
        }
    }

    /// The kinds of values asked for, each once; none if any will do.
    fn kinds(&self) -> Vec<ValueKind> {
        if let Self::Prefix(_) = self {
            return vec![ValueKind::Text];
        }
        let mut kinds: Vec<ValueKind> = self.values().iter().map(Scalar::kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The values that stored ones are compared with.
    fn values(&self) -> Vec<Scalar<&str>> {
        match self {
            Self::AnyOf(values) => values.iter().map(Scalar::from).collect(),
            Self::Range(from, to) => {
                [from, to].into_iter().filter_map(bounding).map(Scalar::from).collect()
            }
            Self::Exists | Self::Prefix(_) => Vec::new(),
        }
    }
}

/// The value of `bound`, if it has one.
fn bounding(bound: &Bound<Value>) -> Option<&Value> {
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
            Self::By(_) => f.write_str("a closure holds"),
            Self::Not(part) => {
                f.write_str("not ")?;
                write_part(f, part)
            }
            Self::All(parts) => write_joined(f, parts, " and ", "everything"),
            Self::Any(parts) => write_joined(f, parts, " or ", "nothing"),
        }
    }
}

/// Writes `parts` with `between` in between; of none, `none`.
fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    between: &str,
    none: &str,
) -> fmt::Result {
    if let [only] = parts {
        return write!(f, "{only}");
    }
    for (at, part) in parts.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { between })?;
        write_part(f, part)?;
    }
    f.write_str(if parts.is_empty() { none } else { "" })
}

/// Writes a part of an expression, in parentheses if it has several parts itself.
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
        Test::AnyOf(values) => {
            if let [value] = &**values {
                f.write_str(" is ")?;
                return write_value(f, value);
            }
            f.write_str(" is one of [")?;
            for (at, value) in values.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { ", " })?;
                write_value(f, value)?;
            }
            f.write_str("]")
        }
        Test::Range(from, to) => write_range(f, from, to),
        Test::Prefix(prefix) => write!(f, " starts with {prefix:?}"),
    }
}

/// Writes a range as Rust does, with `<` behind a start that is not in it.
fn write_range(f: &mut fmt::Formatter<'_>, from: &Bound<Value>, to: &Bound<Value>) -> fmt::Result {
    f.write_str(" in ")?;
    bounding(from).map_or(Ok(()), |value| write_value(f, value))?;
    f.write_str(if let Bound::Excluded(_) = from { "<.." } else { ".." })?;
    f.write_str(if let Bound::Included(_) = to { "=" } else { "" })?;
    bounding(to).map_or(Ok(()), |value| write_value(f, value))
}

/// Writes a name of metadata, in quotes where it could be taken for something else.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let plain = !name.is_empty() && name.chars().all(is_plain);
    let taken = ["key", "language", "has", "not", "and", "or"].contains(&name);
    if plain && !taken { f.write_str(name) } else { write!(f, "{name:?}") }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => write!(f, "{text:?}"),
        other => write!(f, "{other}"),
    }
}
