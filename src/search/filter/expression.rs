//! The expression tree of a filter, its validation and its display.

use std::{fmt, ops::Bound, sync::Arc};

use super::{
    filter_text::is_word_char,
    ordered_value::{Scalar, ValueKind},
};
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
    /// Stands for an expression that was nested too deep; [`check`](Self::check) refuses it.
    TooDeep,
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
            Self::TooDeep => Err(Error::Filter {
                condition: self.to_string(),
                reason: "its conditions are nested more than 100 deep; join them side by side, with \
                         `Filter::all` or `Filter::any`",
            }),
        }
    }

    /// Returns an error if a name has stored values, but none of the kind that a test compares;
    /// `holds` returns whether a name has values of a kind.
    pub(crate) fn check_types(
        &self,
        holds: impl Fn(&str, ValueKind) -> Result<bool>,
    ) -> Result<()> {
        self.asked(&mut |name, asked| {
            if holds(name, asked)? {
                return Ok(());
            }
            let mut stored = Vec::new();
            for kind in ValueKind::ALL {
                if holds(name, kind)? {
                    stored.push(kind.plural());
                }
            }
            if stored.is_empty() {
                return Ok(());
            }
            Err(Error::FilterType { name: name.to_owned(), asked: asked.plural(), stored })
        })
    }

    /// Checks that no part is a closure, for the `reason` that the error gives.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if one is.
    pub(crate) fn refuse_closures(&self, reason: &'static str) -> Result<()> {
        match self {
            Self::Custom(_) => Err(Error::Filter { condition: self.to_string(), reason }),
            Self::Not(part) => part.refuse_closures(reason),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.refuse_closures(reason))
            }
            Self::Metadata { .. }
            | Self::Language(_)
            | Self::Key(_)
            | Self::KeyPrefix(_)
            | Self::TooDeep => Ok(()),
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
            Self::Language(_)
            | Self::Key(_)
            | Self::KeyPrefix(_)
            | Self::Custom(_)
            | Self::TooDeep => Ok(()),
        }
    }

    /// Whether evaluation reads more than keys.
    pub(crate) fn needs_heads(&self) -> bool {
        match self {
            Self::Key(_) | Self::KeyPrefix(_) | Self::TooDeep => false,
            Self::Metadata { .. } | Self::Language(_) | Self::Custom(_) => true,
            Self::Not(part) => part.needs_heads(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_heads),
        }
    }
}

impl Test {
    fn check(&self) -> Result<(), &'static str> {
        let values = self.values();
        if values.iter().any(|value| matches!(value, Value::List(_))) {
            return Err("a list equals no value and is in no range; test for its items");
        }
        if values.iter().any(|value| Scalar::first(value) == Scalar::NotANumber) {
            return Err("NaN equals no value and is in no range");
        }
        match self {
            Self::Range(from, to) => check_range(from, to),
            Self::Exists | Self::AnyOf(_) | Self::Prefix(_) => Ok(()),
        }
    }

    /// Returns the kinds of values that the test compares with, each once; none if it accepts all.
    fn kinds(&self) -> Vec<ValueKind> {
        if let Self::Prefix(_) = self {
            return vec![ValueKind::Text];
        }
        let values = self.values().into_iter();
        let mut kinds: Vec<ValueKind> = values.map(|value| Scalar::first(value).kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Returns the values that stored values are compared with.
    fn values(&self) -> Vec<&Value> {
        match self {
            Self::AnyOf(values) => values.iter().collect(),
            Self::Range(from, to) => [from, to].into_iter().filter_map(bound_value).collect(),
            Self::Exists | Self::Prefix(_) => Vec::new(),
        }
    }
}

/// Checks that the bounds of a range compare, and that it does not start after its end.
fn check_range(from: &Bound<Value>, to: &Bound<Value>) -> Result<(), &'static str> {
    let Some(start) = bound_value(from).map(Scalar::first) else { return Ok(()) };
    let end = match to {
        Bound::Included(value) => Scalar::last(value),
        Bound::Excluded(value) => Scalar::first(value),
        Bound::Unbounded => return Ok(()),
    };
    if !start.compares_with(&end) {
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
            Self::TooDeep => f.write_str("..."),
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
    let is_plain = !name.is_empty() && name.chars().all(is_word_char);
    let is_keyword =
        ["key", "language", "has", "not", "and", "or", "everything", "nothing"].contains(&name);
    if is_plain && !is_keyword { f.write_str(name) } else { write!(f, "{name:?}") }
}

/// Returns a value as it is written in a filter: texts in quotes.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
