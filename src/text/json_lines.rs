//! Articles from the lines of a JSON Lines file.

use serde_json::{Map, Value as Json};

use super::{
    article_reader::ReadArticle,
    json_fields::{noun, parse_object, take, take_key, take_language, take_text},
};
use crate::{Article, Cause, Markup, Metadata, Value};

/// Parses one line.
///
/// # Errors
///
/// A text that names the field and says what it may hold.
pub(super) fn parse(line: &str) -> Result<ReadArticle, Cause> {
    let mut fields = parse_object(line)?;
    let article = Article {
        key: take_key(&mut fields)?,
        title: take_text(&mut fields, "title")?,
        text: take_text(&mut fields, "text")?.ok_or(
            "the field `text` is missing: it holds the article's text, which may be empty",
        )?,
        markup: take_markup(&mut fields)?,
        language: take_language(&mut fields, &["language"])?,
        metadata: take_metadata(&mut fields)?,
    };
    let unknown_fields = fields.into_iter().map(|(name, _)| name).collect();
    Ok(ReadArticle { article, unknown_fields })
}

fn take_markup(fields: &mut Map<String, Json>) -> Result<Markup, Cause> {
    match take_text(fields, "markup")?.as_deref() {
        None | Some("plain") => Ok(Markup::Plain),
        Some("markdown") => Ok(Markup::Markdown),
        Some(other) => Err(format!("`markup` is `{other}`: it holds `plain` or `markdown`").into()),
    }
}

fn take_metadata(fields: &mut Map<String, Json>) -> Result<Metadata, Cause> {
    let mut metadata = Metadata::new();
    match take(fields, "metadata") {
        None => {}
        Some(Json::Object(values)) => add_values(&mut metadata, "", values)?,
        Some(other) => {
            return Err(format!("`metadata` is {}: it holds an object", noun(&other)).into());
        }
    }
    Ok(metadata)
}

/// Adds `values` to `metadata`. An object within them adds its own values, under names with a dot.
///
/// The recursion is bounded: the readers of JSON, YAML and TOML refuse objects that are nested more
/// than 127, 64 and 80 deep.
pub(super) fn add_values(
    metadata: &mut Metadata,
    prefix: &str,
    values: Map<String, Json>,
) -> Result<(), Cause> {
    for (name, value) in values {
        let name = format!("{prefix}{name}");
        let value = match value {
            Json::Null => continue,
            Json::Object(values) => {
                add_values(metadata, &format!("{name}."), values)?;
                continue;
            }
            Json::Array(items) => list(&name, items)?,
            single => single_value(single),
        };
        if metadata.contains_key(&name) {
            return Err(
                format!("`metadata` has `{name}` twice, with a dot and as an object").into()
            );
        }
        metadata.insert(name, value);
    }
    Ok(())
}

fn list(name: &str, items: Vec<Json>) -> Result<Value, Cause> {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        if item.is_array() || item.is_object() || item.is_null() {
            let message = format!(
                "`metadata` has {} in the list `{name}`: a list holds texts, numbers, dates, \
                 timestamps and Booleans",
                noun(&item)
            );
            return Err(message.into());
        }
        values.push(single_value(item));
    }
    Ok(Value::List(values))
}

/// Converts a text, number or Boolean. A text can be a date or a timestamp.
fn single_value(value: Json) -> Value {
    serde_json::from_value(value).expect("every text, number and Boolean is a value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    fn article(line: &str) -> Article {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).article
    }

    #[test]
    fn ids_may_be_numbers_and_fields_null() {
        let line = r#"{"id": 7, "title": null, "text": "T", "metadata": null}"#;
        assert_eq!(article(line), Article::new("7", "T"));
        let line =
            r#"{"_id": "b", "text": "T", "language": "de-AT", "metadata": {"by": null, "n": 3}}"#;
        let german = Article::new("b", "T").language(Language::German).metadata("n", 3);
        assert_eq!(article(line), german);
        let line = r#"{"id": null, "key": "c", "text": "", "language": "fr-CA"}"#;
        assert_eq!(article(line), Article::new("c", "").language("fr".parse().unwrap()));
    }

    #[test]
    fn metadata_holds_lists_objects_and_timestamps() {
        let line = r#"{"id": "a", "text": "T", "metadata": {
            "tags": ["Moor", "2024-06-03", 3], "none": [], "views": 18446744073709551615,
            "author": {"name": "dpa", "desk": {"id": 4}}, "ok": true, "share": 0.5,
            "sent": "2024-06-03T10:30:00+02:00", "day": "2024-06-03"}}"#;
        let day: crate::Date = "2024-06-03".parse().unwrap();
        let tags = Value::List(vec!["Moor".into(), day.into(), 3.into()]);
        let want = Article::new("a", "T")
            .metadata("tags", tags)
            .metadata("none", Value::List(Vec::new()))
            .metadata("views", u64::MAX)
            .metadata("author.name", "dpa")
            .metadata("author.desk.id", 4)
            .metadata("ok", true)
            .metadata("share", 0.5)
            .metadata("sent", "2024-06-03T08:30:00Z".parse::<crate::Timestamp>().unwrap())
            .metadata("day", day);
        assert_eq!(article(line), want);
    }

    #[test]
    fn a_line_declares_its_markup() {
        let read = |markup: &str| article(&format!(r#"{{"id": 1, "text": "T", {markup}}}"#)).markup;
        assert_eq!(read(r#""markup": "markdown""#), Markup::Markdown);
        assert_eq!(read(r#""markup": "plain""#), Markup::Plain);
        assert_eq!(read(r#""markup": null"#), Markup::Plain);
    }

    #[test]
    fn unknown_fields_are_listed() {
        let line = parse(r#"{"url": "x", "id": "a", "text": "T", "Title": "A", "by": null}"#);
        assert_eq!(line.unwrap().unknown_fields, ["Title", "by", "url"]);
    }

    #[test]
    fn a_refusal_names_the_field_and_what_it_holds() {
        for (line, error) in [
            (r#"["a"]"#, "the line is a list: write one object a line"),
            (
                r#"{"id": "", "text": "T"}"#,
                "`id` is empty: it holds a text of one character or more",
            ),
            (r#"{"text": "T"}"#, "the field `id` is missing"),
            (r#"{"id": null, "text": "T"}"#, "the field `id` is missing"),
            (r#"{"id": 0.5, "text": "T"}"#, "`id` is a number with a fraction: it holds a text"),
            (r#"{"id": ["a"], "text": "T"}"#, "`id` is a list: it holds a text or a whole number"),
            (r#"{"id": "a", "key": "a", "text": "T"}"#, "the line has both `id` and `key`"),
            (r#"{"_id": "a", "key": "a", "text": "T"}"#, "the line has both `_id` and `key`"),
            (r#"{"id": "a"}"#, "the field `text` is missing"),
            (r#"{"id": "a", "text": 3}"#, "`text` is a number: it holds a text"),
            (r#"{"id": "a", "text": "T", "title": ["T"]}"#, "`title` is a list: it holds a text"),
            (r#"{"id": "a", "text": "T", "markup": "md"}"#, "`markup` is `md`: it holds `plain`"),
            (r#"{"id": "a", "text": "T", "language": true}"#, "`language` is a Boolean: it holds"),
            (
                r#"{"id": "a", "text": "T", "metadata": []}"#,
                "`metadata` is a list: it holds an object",
            ),
            (
                r#"{"id": "a", "text": "T", "metadata": {"x": {"tags": ["a", {}]}}}"#,
                "`metadata` has an object in the list `x.tags`: a list holds texts, numbers, dates",
            ),
            (
                r#"{"id": "a", "text": "T", "metadata": {"a.b": 1, "a": {"b": 2}}}"#,
                "`metadata` has `a.b` twice",
            ),
            (r#"{"id": 6, "id": 7, "text": "T"}"#, "an object has `id` twice at column 14"),
            (
                r#"{"id": "a", "text": "T", "metadata": {"b": 1, "b": 2}}"#,
                "an object has `b` twice",
            ),
            (
                r#"{"id": "a", "text": "T", "metadata": {"n": 18446744073709551616}}"#,
                "`n` holds the integer 18446744073709551616",
            ),
            (r#"{"id": "a", "text": "T""#, "EOF while parsing an object at column 23"),
        ] {
            let got = parse(line).unwrap_err().to_string();
            assert!(got.starts_with(error), "{line}: {got}");
        }
        let deep = format!(
            r#"{{"id": "a", "text": "T", "metadata": {}1{}"#,
            r#"{"a":"#.repeat(999),
            "}".repeat(1_000)
        );
        assert!(parse(&deep).unwrap_err().to_string().starts_with("recursion limit exceeded"));
    }
}
