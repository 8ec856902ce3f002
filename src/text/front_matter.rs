//! Front matter: metadata in YAML or TOML above a Markdown text.

use serde_json::{Map, Number, Value as Json};

use super::{json_lines::add_values, yaml::yaml_values};
use crate::{Cause, Metadata};

/// The front matter of a Markdown text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrontMatter<'t> {
    syntax: Syntax,
    /// The text between the fences.
    body: &'t str,
    /// Start of the text below, in bytes.
    end: usize,
}

/// Syntax of front matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// Between lines of `---`; the last one may be `...`.
    Yaml,
    /// Between lines of `+++`.
    Toml,
    /// No front matter.
    None,
}

impl<'t> FrontMatter<'t> {
    /// Finds the front matter of `text`: it begins on the first line, and its first line with
    /// content names a value.
    ///
    /// A byte order mark may precede it. Between other lines of `---` there is text.
    pub(super) fn find(text: &'t str) -> Self {
        let start = text.len() - text.trim_start_matches('\u{feff}').len();
        let none = Self { syntax: Syntax::None, body: "", end: start };
        let mut lines = text[start..].split_inclusive('\n');
        let Some(first) = lines.next() else { return none };
        let syntax = match first.trim_end() {
            "---" => Syntax::Yaml,
            "+++" => Syntax::Toml,
            _ => return none,
        };
        let body = start + first.len();
        let mut end = body;
        for line in lines {
            let body = &text[body..end];
            end += line.len();
            if syntax.is_end(line.trim_end()) {
                return if syntax.begins(body) { Self { syntax, body, end } } else { none };
            }
        }
        none
    }

    /// Returns the start of the text below the front matter, in bytes.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Returns its values; objects within objects have names with dots.
    ///
    /// # Errors
    ///
    /// A text that says where the syntax is wrong, or which value cannot be metadata.
    pub(super) fn metadata(&self) -> Result<Metadata, Cause> {
        let values = match self.syntax {
            Syntax::None => Map::new(),
            Syntax::Toml => toml_values(toml::from_str(self.body)?)?,
            Syntax::Yaml => yaml_values(self.body)?,
        };
        let mut metadata = Metadata::new();
        add_values(&mut metadata, "", values)?;
        Ok(metadata)
    }
}

impl Syntax {
    /// Whether `line` ends front matter.
    fn is_end(self, line: &str) -> bool {
        match self {
            Self::Yaml => line == "---" || line == "...",
            Self::Toml => line == "+++",
            Self::None => false,
        }
    }

    /// Whether `body` begins with the name of a value, or holds nothing.
    fn begins(self, body: &str) -> bool {
        let mut lines = body.lines().map(str::trim_end);
        let Some(line) = lines.find(|line| !line.is_empty() && !line.starts_with('#')) else {
            return true;
        };
        match self {
            Self::Yaml => line.ends_with(':') || line.contains(": ") || line.starts_with('{'),
            Self::Toml => line.contains('=') || line.starts_with('['),
            Self::None => false,
        }
    }
}

/// Converts the values of TOML. Dates and times become texts.
fn toml_values(table: toml::Table) -> Result<Map<String, Json>, Cause> {
    let values = table.into_iter().map(|(name, value)| Ok((name, toml_value(value)?)));
    values.collect()
}

/// The recursion is bounded: `toml` refuses values that are nested more than 80 deep.
fn toml_value(value: toml::Value) -> Result<Json, Cause> {
    Ok(match value {
        toml::Value::String(text) => Json::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => finite(number)?,
        toml::Value::Boolean(value) => Json::Bool(value),
        toml::Value::Datetime(time) => Json::String(time.to_string()),
        toml::Value::Array(items) => {
            Json::Array(items.into_iter().map(toml_value).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Json::Object(toml_values(table)?),
    })
}

/// Returns a number of JSON.
pub(super) fn finite(number: f64) -> Result<Json, Cause> {
    let finite = Number::from_f64(number);
    Ok(Json::Number(finite.ok_or_else(|| format!("{number} is not finite"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_begins_on_the_first_line_with_a_name() {
        for (text, below) in [
            ("---\ntitle: A\n---\nText", "Text"),
            ("\u{feff}---\r\n# c\r\nlist:\r\n- a\r\n...\r\nText", "Text"),
            ("+++\na = 1\n---\n+++\nText", "Text"),
            ("---\n---\nText", "Text"),
            ("---\nEin Satz.\n---\nText", "---\nEin Satz.\n---\nText"),
            ("---\ntitle: A\nText", "---\ntitle: A\nText"),
            ("\n---\ntitle: A\n---\n", "\n---\ntitle: A\n---\n"),
            ("", ""),
        ] {
            assert_eq!(&text[FrontMatter::find(text).end()..], below, "{text:?}");
        }
    }
}
