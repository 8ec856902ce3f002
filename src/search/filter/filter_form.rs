//! The JSON form of a filter.

use std::ops::Bound;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::{
    Filter,
    expression::{Expression, Test},
};
use crate::{Date, Error, Language, Result, Timestamp, Value};

/// A filter as JSON: one condition, with the name that it tests if it tests metadata.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::search) struct FilterForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equals: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any_of: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gte: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gt: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lte: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lt: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<Vec<FilterForm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any: Option<Vec<FilterForm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not: Option<Box<FilterForm>>,
}

impl FilterForm {
    /// Returns the form of `filter`.
    ///
    /// # Errors
    ///
    /// Why the filter has no form: a closure, or a value that JSON reads as another one.
    pub(in crate::search) fn of(filter: &Filter) -> Result<Self, String> {
        Self::of_expression(filter.expression())
    }

    fn of_expression(expression: &Expression) -> Result<Self, String> {
        let parts = |parts: &[Expression]| {
            parts.iter().map(Self::of_expression).collect::<Result<Vec<_>, _>>().map(Some)
        };
        let empty = Self::default();
        Ok(match expression {
            Expression::Metadata { name, test } => {
                Self { name: Some(name.clone()), ..Self::of_test(test)? }
            }
            Expression::Language(language) => Self { language: Some(*language), ..empty },
            Expression::Key(key) => Self { key: Some(key.clone()), ..empty },
            Expression::KeyPrefix(prefix) => Self { key_prefix: Some(prefix.clone()), ..empty },
            Expression::Not(part) => {
                Self { not: Some(Box::new(Self::of_expression(part)?)), ..empty }
            }
            Expression::All(all) => Self { all: parts(all)?, ..empty },
            Expression::Any(any) => Self { any: parts(any)?, ..empty },
            Expression::Custom(_) => {
                return Err(
                    "the filter has a closure, which cannot be written: use conditions on \
                            metadata, language and keys"
                        .to_owned(),
                );
            }
            Expression::TooDeep => return Err("the filter is nested more than 100 deep".to_owned()),
        })
    }

    fn of_test(test: &Test) -> Result<Self, String> {
        let empty = Self::default();
        match test {
            // A range without bounds allows what has a value.
            Test::Exists | Test::Range(Bound::Unbounded, Bound::Unbounded) => {
                Ok(Self { exists: Some(true), ..empty })
            }
            Test::AnyOf(values) => {
                let mut values = values.iter().map(json_value).collect::<Result<Vec<_>, _>>()?;
                match (values.pop(), values.is_empty()) {
                    (Some(value), true) => Ok(Self { equals: Some(value), ..empty }),
                    (last, _) => {
                        values.extend(last);
                        Ok(Self { any_of: Some(values), ..empty })
                    }
                }
            }
            Test::Range(from, to) => {
                let included = |bound: &Bound<Value>| match bound {
                    Bound::Included(value) => json_value(value).map(Some),
                    _ => Ok(None),
                };
                let excluded = |bound: &Bound<Value>| match bound {
                    Bound::Excluded(value) => json_value(value).map(Some),
                    _ => Ok(None),
                };
                Ok(Self {
                    gte: included(from)?,
                    gt: excluded(from)?,
                    lte: included(to)?,
                    lt: excluded(to)?,
                    ..empty
                })
            }
            Test::Prefix(prefix) => Ok(Self { prefix: Some(prefix.clone()), ..empty }),
        }
    }

    /// Returns the filter of this form, whose values are not checked yet.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if the form has no or several conditions, or lacks a name.
    pub(in crate::search) fn filter(self) -> Result<Filter> {
        if let Err(reason) = self.check() {
            let condition = serde_json::to_string(&self).expect("a form that was read is JSON");
            return Err(Error::Filter { condition, reason });
        }
        let filters =
            |forms: Vec<Self>| forms.into_iter().map(Self::filter).collect::<Result<Vec<_>>>();
        if let Some(name) = self.name.clone() {
            return Ok(Filter::metadata(name, self.test()));
        }
        if let Some(all) = self.all {
            return Ok(Filter::all(filters(all)?));
        }
        if let Some(any) = self.any {
            return Ok(Filter::any(filters(any)?));
        }
        if let Some(not) = self.not {
            return Ok(!not.filter()?);
        }
        let key = self.key.map(Filter::key);
        let condition = key.or_else(|| self.key_prefix.map(Filter::key_prefix));
        let condition = condition.or_else(|| self.language.map(Filter::language));
        Ok(condition.expect("the form has one condition"))
    }

    /// Returns the test of metadata that the form holds.
    fn test(self) -> Test {
        let bound = |included: Option<Value>, excluded: Option<Value>| match (included, excluded) {
            (Some(value), _) => Bound::Included(value),
            (None, Some(value)) => Bound::Excluded(value),
            (None, None) => Bound::Unbounded,
        };
        if self.exists.is_some() {
            return Test::Exists;
        }
        if let Some(prefix) = self.prefix {
            return Test::Prefix(prefix);
        }
        match (self.equals, self.any_of) {
            (Some(value), _) => Test::AnyOf(vec![value]),
            (None, Some(values)) => Test::AnyOf(values),
            (None, None) => Test::Range(bound(self.gte, self.gt), bound(self.lte, self.lt)),
        }
    }

    /// Checks that the form has one condition, and a name if this is a test of metadata.
    fn check(&self) -> Result<(), &'static str> {
        let bounds = [&self.gte, &self.gt, &self.lte, &self.lt];
        let tests = [
            self.equals.is_some(),
            self.any_of.is_some(),
            self.prefix.is_some(),
            self.exists.is_some(),
            bounds.iter().any(|bound| bound.is_some()),
        ];
        let others = [
            self.language.is_some(),
            self.key.is_some(),
            self.key_prefix.is_some(),
            self.all.is_some(),
            self.any.is_some(),
            self.not.is_some(),
        ];
        let count = |conditions: &[bool]| conditions.iter().filter(|is_set| **is_set).count();
        match (count(&tests), count(&others), self.name.is_some()) {
            (1, 0, true) | (0, 1, false) => {}
            (0, 0, _) => return Err("it has no condition"),
            (1, 0, false) => return Err("it lacks the `name` of the metadata"),
            (0, 1, true) => return Err("its condition has no `name`"),
            _ => return Err("it has several conditions; join them by `all` or `any`"),
        }
        if self.exists == Some(false) {
            return Err("`exists` is true or left out; negate it by `not`");
        }
        let is_twice = |a: &Option<Value>, b: &Option<Value>| a.is_some() && b.is_some();
        if is_twice(&self.gte, &self.gt) || is_twice(&self.lte, &self.lt) {
            return Err("a range has one lower and one upper bound");
        }
        Ok(())
    }
}

/// Returns `value` if JSON reads it as what it is.
fn json_value(value: &Value) -> Result<Value, String> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Err(format!("the filter has the number {number}, which JSON does not have"))
        }
        Value::String(text)
            if text.parse::<Date>().is_ok() || text.parse::<Timestamp>().is_ok() =>
        {
            Err(format!("the filter has the text {text:?}, which JSON reads as a time"))
        }
        Value::List(values) => {
            values.iter().map(json_value).collect::<Result<_, _>>().map(Value::List)
        }
        value => Ok(value.clone()),
    }
}

/// Writes the JSON form. A [closure](Filter::custom) is an error, and so is a value that JSON would
/// read as another one, such as a text that is written like a date.
impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FilterForm::of(self).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// Reads the JSON form. Like the constructors, it leaves values and ranges to the search, which
/// checks them.
impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FilterForm::deserialize(deserializer)?.filter().map_err(de::Error::custom)
    }
}
