//! Values of YAML, within bounds that keep a hostile text from using much memory.

use serde_json::{Map, Value as Json};
use yaml_rust2::{Event, Yaml, parser::Parser, scanner::TScalarStyle};

use super::{front_matter::finite, json_integer::is_out_of_range};
use crate::Cause;

/// Maximum depth of values within values.
const MAX_DEPTH: usize = 64;

/// A list or mapping whose end has not been read yet.
enum OpenValue {
    List(Vec<Json>),
    Mapping { values: Map<String, Json>, name: Option<String> },
}

/// Returns the values of a YAML mapping; none if `yaml` is empty.
///
/// Aliases are refused: a short text can repeat a value a billion times.
///
/// # Errors
///
/// A text that says where the syntax is wrong, or what is no mapping of names to values.
pub(super) fn yaml_values(yaml: &str) -> Result<Map<String, Json>, Cause> {
    let mut parser = Parser::new_from_str(yaml);
    let mut open: Vec<OpenValue> = Vec::new();
    loop {
        if open.len() > MAX_DEPTH {
            return Err(format!("values are nested more than {MAX_DEPTH} deep").into());
        }
        let (event, mark) = parser.next_token()?;
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(text, style)?,
            Event::SequenceStart(..) => {
                open.push(OpenValue::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(OpenValue::Mapping { values: Map::new(), name: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(OpenValue::List(items)) => Json::Array(items),
                Some(OpenValue::Mapping { values, .. }) if !open.is_empty() => Json::Object(values),
                Some(OpenValue::Mapping { values, .. }) => return Ok(values),
                None => return Err("a list or mapping ends that did not begin".into()),
            },
            Event::Alias(_) => {
                return Err(format!("line {}: aliases are not read", mark.line()).into());
            }
            Event::StreamEnd => return Ok(Map::new()),
            _ => continue,
        };
        add(&mut open, value).map_err(|message| format!("line {}: {message}", mark.line()))?;
    }
}

/// Adds `value` to the innermost open list or mapping, there as the next name or its value.
fn add(open: &mut [OpenValue], value: Json) -> Result<(), String> {
    match open.last_mut() {
        Some(OpenValue::List(items)) => items.push(value),
        Some(OpenValue::Mapping { values, name }) => match name.take() {
            Some(name) => {
                if values.contains_key(&name) {
                    return Err(format!("`{name}` occurs twice"));
                }
                values.insert(name, value);
            }
            None => *name = Some(name_of(value)?),
        },
        None if value.is_null() => {}
        None => return Err("it is no mapping of names to values".to_owned()),
    }
    Ok(())
}

fn name_of(value: Json) -> Result<String, String> {
    match value {
        Json::String(name) => Ok(name),
        Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
        _ => Err("the name of a value is neither a text nor a number".to_owned()),
    }
}

/// Converts a scalar; only one without quotes can be a number, a Boolean or null.
fn scalar(text: String, style: TScalarStyle) -> Result<Json, Cause> {
    if style != TScalarStyle::Plain {
        return Ok(Json::String(text));
    }
    Ok(match Yaml::from_str(&text) {
        Yaml::Integer(number) => number.into(),
        Yaml::Real(_) if is_out_of_range(&text) => {
            return Err(format!(
                "the integer {text} is out of range: integers are in {}..={}",
                i64::MIN,
                u64::MAX
            )
            .into());
        }
        Yaml::Real(_) if text.parse::<u64>().is_ok() => {
            text.parse::<u64>().expect("it was parsed above").into()
        }
        Yaml::Real(_) => match text.parse() {
            Ok(number) => finite(number)?,
            Err(_) => Json::String(text),
        },
        Yaml::Boolean(value) => Json::Bool(value),
        Yaml::Null => Json::Null,
        _ => Json::String(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_without_quotes_have_types() {
        let values =
            yaml_values("a: 3\nb: '3'\nc: 0.5\nd: true\ne: ~\nf: Ja, klar\ng: >\n  x\n  y\n");
        let want = r#"{"a":3,"b":"3","c":0.5,"d":true,"e":null,"f":"Ja, klar","g":"x y\n"}"#;
        assert_eq!(Json::Object(values.unwrap()).to_string(), want);
    }

    #[test]
    fn lists_and_mappings_are_nested() {
        let values = yaml_values("a:\n- x\n- [1, {b: c}]\n1:\n  d: e\n").unwrap();
        let want = r#"{"1":{"d":"e"},"a":["x",[1,{"b":"c"}]]}"#;
        assert_eq!(Json::Object(values).to_string(), want);
        assert!(yaml_values("").unwrap().is_empty());
    }

    #[test]
    fn deep_repeated_and_unnamed_values_are_errors() {
        let deep = |open: &str| format!("a: {}", open.repeat(50_000));
        for (yaml, message) in [
            (deep("["), "recursion limit exceeded"),
            (deep("- "), ""),
            (format!("a:\n {}x", "- ".repeat(50_000)), "nested more than 64 deep"),
            ("a: &x [1]\nb: *x\n".to_owned(), "line 2: aliases are not read"),
            ("- a\n- b\n".to_owned(), "no mapping of names to values"),
            ("ein Satz".to_owned(), "no mapping of names to values"),
            ("[a]: b".to_owned(), "neither a text nor a number"),
            ("a: 1e999".to_owned(), "not finite"),
            ("a: 1\na: 1\n".to_owned(), "line 2: `a` occurs twice"),
            ("b:\n  a: 1\n  a: 2\n".to_owned(), "line 3: `a` occurs twice"),
            ("a: 18446744073709551616".to_owned(), "18446744073709551616 is out of range"),
        ] {
            let error = yaml_values(&yaml).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
