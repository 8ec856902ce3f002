//! Filters by their definition.

use std::ops::Bound;

use crate::{
    ArticleHead, Passage, Value,
    search::filter::{Expression, Scalar, Test},
};

/// Evaluates a filter for one passage.
pub(super) fn is_true(expression: &Expression, head: &ArticleHead, passage: &Passage) -> bool {
    match expression {
        Expression::Metadata { name, test } => {
            let items = head.metadata.get(name).map_or(&[][..], Value::items);
            items.iter().any(|item| passes(test, Scalar::first(item)))
        }
        Expression::Language(language) => head.language == Some(*language),
        Expression::Key(key) => head.key == *key,
        Expression::KeyPrefix(prefix) => head.key.starts_with(prefix),
        Expression::Custom(closure) => closure(head, passage),
        Expression::Not(part) => !is_true(part, head, passage),
        Expression::All(parts) => parts.iter().all(|part| is_true(part, head, passage)),
        Expression::Any(parts) => parts.iter().any(|part| is_true(part, head, passage)),
        Expression::TooDeep => unreachable!("the query was checked before it was evaluated"),
    }
}

/// Returns whether a metadata value passes `test`.
fn passes(test: &Test, value: Scalar<&str>) -> bool {
    match test {
        Test::Exists => true,
        Test::AnyOf(values) => {
            values.iter().any(|other| Scalar::first(other) <= value && value <= Scalar::last(other))
        }
        Test::Prefix(prefix) => matches!(value, Scalar::Text(value) if value.starts_with(prefix)),
        Test::Range(from, to) => {
            let compares = |bound: &Bound<Value>| match bound {
                Bound::Included(bound) | Bound::Excluded(bound) => {
                    value.compares_with(&Scalar::first(bound))
                }
                Bound::Unbounded => true,
            };
            let is_above = match from {
                Bound::Included(from) => value >= Scalar::first(from),
                Bound::Excluded(from) => value > Scalar::last(from),
                Bound::Unbounded => true,
            };
            let is_below = match to {
                Bound::Included(to) => value <= Scalar::last(to),
                Bound::Excluded(to) => value < Scalar::first(to),
                Bound::Unbounded => true,
            };
            compares(from) && compares(to) && is_above && is_below
        }
    }
}
