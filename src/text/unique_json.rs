//! JSON without repeated names, and without integers that lose digits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::json_integer::find_large_integer;
use crate::Cause;

/// Parses one line of JSON.
///
/// # Errors
///
/// A text that says in which column the syntax is wrong, which name an object has twice, or which
/// integer is out of range.
pub(super) fn parse_json(line: &str) -> Result<Json, Cause> {
    let UniqueJson(json) = serde_json::from_str(line).map_err(|error| in_column(&error))?;
    if let Some(large) = find_large_integer(line) {
        return Err(format!(
            "`{}` holds the integer {}: integers are in {}..={}",
            large.name,
            large.digits,
            i64::MIN,
            u64::MAX
        )
        .into());
    }
    Ok(json)
}

/// Returns the message of `error` with its column. Its line is always the first.
fn in_column(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(message) => format!("{message} at column {}", error.column()),
        None => text,
    }
}

/// A value whose objects have each name once.
struct UniqueJson(Json);

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(UniqueJson(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("an object has `{name}` twice")));
            }
            let UniqueJson(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_serde_json() {
        let line =
            r#"{"a": [1, -2, 0.5, 1e30, true, null, "x\n", {"b": 18446744073709551615}], "b": {}}"#;
        assert_eq!(parse_json(line).unwrap(), serde_json::from_str::<Json>(line).unwrap());
    }

    #[test]
    fn a_name_occurs_once_in_each_object() {
        for (line, name) in [
            (r#"{"id": 6, "id": 7}"#, "id"),
            (r#"{"metadata": {"year": 1, "year": 1}}"#, "year"),
            (r#"{"a": [{"b": 1, "\u0062": 2}]}"#, "b"),
        ] {
            let error = parse_json(line).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("an object has `{name}` twice at column")),
                "{error}"
            );
        }
        assert!(parse_json(r#"{"a": {"b": 1}, "b": {"a": 1}}"#).is_ok());
    }

    #[test]
    fn errors_give_the_column_alone() {
        let error = parse_json(r#"{"id": "a", "text": "T""#).unwrap_err().to_string();
        assert_eq!(error, "EOF while parsing an object at column 23");
    }

    #[test]
    fn integers_out_of_range_are_errors() {
        let error = parse_json(r#"{"views": 18446744073709551616}"#).unwrap_err().to_string();
        assert_eq!(
            error,
            "`views` holds the integer 18446744073709551616: \
             integers are in -9223372036854775808..=18446744073709551615"
        );
    }
}
