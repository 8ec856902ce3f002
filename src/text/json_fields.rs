//! Fields of an object that is one line of JSON, taken one by one.
//!
//! Errors are texts that name the field and say what it may hold.

use serde_json::{Map, Value as Json};

use super::unique_json::parse_json;
use crate::{Cause, Language};

/// Returns the fields of one line, which is an object.
pub(crate) fn parse_object(line: &str) -> Result<Map<String, Json>, Cause> {
    match parse_json(line)? {
        Json::Object(fields) => Ok(fields),
        other => Err(format!("the line is {}: write one object a line", noun(&other)).into()),
    }
}

/// Takes a field; `null` equals leaving it out.
pub(super) fn take(fields: &mut Map<String, Json>, name: &str) -> Option<Json> {
    fields.remove(name).filter(|value| !value.is_null())
}

/// Takes the field that has one of `names`, with its name.
fn take_alias<'n>(
    fields: &mut Map<String, Json>,
    names: &[&'n str],
) -> Result<Option<(&'n str, Json)>, Cause> {
    let mut taken: Option<(&str, Json)> = None;
    for name in names {
        let Some(value) = take(fields, name) else { continue };
        if let Some((first, _)) = taken {
            let both = format!("the line has both `{first}` and `{name}`");
            return Err(format!("{both}: they are one field, so leave one out").into());
        }
        taken = Some((name, value));
    }
    Ok(taken)
}

/// Takes `id`, which the sets of BEIR call `_id`; `key` is another name of it.
pub(crate) fn take_key(fields: &mut Map<String, Json>) -> Result<String, Cause> {
    match take_alias(fields, &["id", "_id", "key"])? {
        Some((name, Json::String(key))) if key.is_empty() => Err(format!(
            "`{name}` is empty: it holds a text of one character or more, or a whole number"
        )
        .into()),
        Some((_, Json::String(key))) => Ok(key),
        Some((_, Json::Number(number))) if number.is_u64() || number.is_i64() => {
            Ok(number.to_string())
        }
        Some((name, other)) => {
            Err(format!("`{name}` is {}: it holds a text or a whole number", noun(&other)).into())
        }
        None => Err("the field `id` is missing: it holds a text or a whole number".into()),
    }
}

pub(crate) fn take_text(
    fields: &mut Map<String, Json>,
    name: &str,
) -> Result<Option<String>, Cause> {
    match take(fields, name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(not_text(name, &other)),
    }
}

/// Takes the language tag in the field that has one of `names`.
pub(crate) fn take_language(
    fields: &mut Map<String, Json>,
    names: &[&str],
) -> Result<Option<Language>, Cause> {
    match take_alias(fields, names)? {
        None => Ok(None),
        Some((name, Json::String(tag))) => match tag.parse() {
            Ok(language) => Ok(Some(language)),
            Err(_) => {
                Err(format!("`{name}` is `{tag}`: it holds a tag such as `de`, `en-GB` or `fr`")
                    .into())
            }
        },
        Some((name, other)) => Err(not_text(name, &other)),
    }
}

fn not_text(name: &str, value: &Json) -> Cause {
    format!("`{name}` is {}: it holds a text", noun(value)).into()
}

/// Names a kind of JSON value, for error messages.
pub(super) fn noun(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a Boolean",
        Json::Number(number) if number.is_f64() => "a number with a fraction",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
