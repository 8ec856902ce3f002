//! The questions of a judged set, from a file of JSON Lines.

use std::{collections::HashMap, path::Path};

use super::numbered_lines::for_each_line;
use crate::{
    Cause, Language, Result,
    text::json_fields::{parse_object, take_key, take_language, take_text},
};

/// A question of a judged set, without its grades.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskedQuestion {
    /// Identifier, which [`Judgments`](super::Judgments) name.
    pub id: String,
    /// The question.
    pub text: String,
    /// Language, if it is declared.
    pub language: Option<Language>,
}

impl AskedQuestion {
    /// Makes a question of no declared language.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: id.into(), text: text.into(), language: None }
    }
}

/// Reads questions from a file of JSON Lines, such as `queries.jsonl` of BEIR.
///
/// A line is an object with `_id`, `id` or `key`, a text or a whole number, with `text`, and
/// optionally with `language` or `lang`, a tag such as `de`. Other fields are left out.
///
/// # Errors
///
/// [`Error::InvalidLine`](crate::Error::InvalidLine) for the first line that is no such object, whose
/// text is blank or whose identifier occurred before. [`Error::Read`](crate::Error::Read),
/// [`Error::NotUtf8`](crate::Error::NotUtf8) or [`Error::NotText`](crate::Error::NotText) for the
/// file.
///
/// # Examples
///
/// ```
/// use passim::eval::read_questions;
///
/// let questions = read_questions("examples/queries.jsonl")?;
/// assert_eq!(questions[0].id, "q01");
/// assert_eq!(questions[0].text, "Warum hält Meta sein Modell Behemoth zurück?");
/// # Ok::<(), passim::Error>(())
/// ```
pub fn read_questions(path: impl AsRef<Path>) -> Result<Vec<AskedQuestion>> {
    let mut questions = Vec::new();
    let mut lines = HashMap::new();
    for_each_line(path.as_ref(), "a question", |line, text| {
        let question = parse(text)?;
        if let Some(earlier) = lines.insert(question.id.clone(), line) {
            return Err(format!("line {earlier} has the same id `{}`", question.id).into());
        }
        questions.push(question);
        Ok(())
    })?;
    Ok(questions)
}

fn parse(line: &str) -> Result<AskedQuestion, Cause> {
    let mut fields = parse_object(line)?;
    let id = take_key(&mut fields)?;
    let text = take_text(&mut fields, "text")?
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| format!("the field `text` of question `{id}` is missing or blank"))?;
    let language = take_language(&mut fields, &["language", "lang"])?;
    Ok(AskedQuestion { id, text, language })
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::*;
    use crate::Error;

    fn read(text: &str) -> Result<Vec<AskedQuestion>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queries.jsonl");
        fs::write(&path, text).unwrap();
        read_questions(path)
    }

    #[test]
    fn questions_of_beir_and_of_this_project_are_read() {
        let beir = "\u{feff}{\"_id\": \"PLAIN-2\", \"text\": \"Do statins cause cancer?\", \"metadata\": {}}\n\n";
        let own =
            "{\"id\": 7, \"text\": \"Was tun?\", \"lang\": \"de\", \"answer\": \"Viel.\"}\r\n";
        let german = AskedQuestion {
            language: Some(Language::German),
            ..AskedQuestion::new("7", "Was tun?")
        };
        let english = AskedQuestion::new("PLAIN-2", "Do statins cause cancer?");
        assert_eq!(read(&format!("{beir}{own}")).unwrap(), [english, german]);
    }

    #[test]
    fn an_invalid_line_is_an_error_with_its_number() {
        for (second, fault) in [
            (r#"{"_id": "b"}"#, "the field `text` of question `b` is missing or blank"),
            (r#"{"_id": "b", "text": " "}"#, "the field `text` of question `b` is missing or"),
            (r#"{"text": "B?"}"#, "the field `id` is missing"),
            (r#"{"_id": "b", "id": "b", "text": "B?"}"#, "the line has both `id` and `_id`"),
            (r#"{"_id": "a", "text": "B?"}"#, "line 1 has the same id `a`"),
            (r#"{"_id": "b", "text": 1}"#, "`text` is a number: it holds a text"),
            (r#"{"_id": "b", "text": "B?", "lang": "?"}"#, "`lang` is `?`: it holds a tag"),
            (r#"{"_id": "b", "text": "B?", "lang": "de", "language": "de"}"#, "the line has both"),
            (r#"["b"]"#, "the line is a list: write one object a line"),
            ("b\tB?", "expected value at column 1"),
        ] {
            let error =
                read(&format!("{{\"_id\": \"a\", \"text\": \"A?\"}}\n{second}\n")).unwrap_err();
            let Error::InvalidLine { line, ref path, what, .. } = error else {
                panic!("{second}: {error:?}")
            };
            assert_eq!((line, what), (2, "a question"));
            assert!(path.ends_with("queries.jsonl"));
            let got = error.source().unwrap().to_string();
            assert!(got.starts_with(fault), "{second}: {got}");
        }
    }
}
