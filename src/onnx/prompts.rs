//! The prompts that a model's folder declares for questions and passages.
//!
//! # Source
//!
//! The rules of `encode_query` and `encode_document` in sentence-transformers 5.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

use super::model_folder::{json, model_file_error, optional};
use crate::Result;

/// File of sentence-transformers that declares the prompts.
pub(crate) const PROMPT_FILE: &str = "config_sentence_transformers.json";

/// Name of the prompt of a question.
const QUERY: [&str; 1] = ["query"];

/// Names of the prompt of a passage, in order of preference.
const PASSAGE: [&str; 3] = ["document", "passage", "corpus"];

/// Prompts that a folder declares; `None` for a role without one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DeclaredPrompts {
    pub(crate) query: Option<String>,
    pub(crate) passage: Option<String>,
}

/// The fields of the file that concern prompts.
#[derive(Deserialize)]
struct PromptFields {
    prompts: Option<HashMap<String, String>>,
    default_prompt_name: Option<String>,
}

impl DeclaredPrompts {
    /// Reads the prompts of the model in `folder`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`](crate::Error::ModelFile) if the file is no JSON object, a prompt is not
    /// a text, or the default prompt is not among the prompts.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PROMPT_FILE);
        let Some(bytes) = optional(&path)? else { return Ok(Self::default()) };
        let config = json(&path, &bytes)?;
        if !config.is_object() {
            return Err(model_file_error(&path, "it is not a JSON object"));
        }
        let fields = PromptFields::deserialize(config);
        let fields = fields.map_err(|error| model_file_error(&path, error))?;
        let declared = fields.declared().map_err(|fault| model_file_error(&path, fault))?;
        if declared == Self::default() && fields.has_prompts() {
            tracing::warn!(
                file = %path.display(),
                "none of the prompts is for questions or passages: set the prefixes"
            );
        }
        Ok(declared)
    }
}

impl PromptFields {
    fn declared(&self) -> Result<DeclaredPrompts, String> {
        let default = match &self.default_prompt_name {
            None => None,
            Some(name) => match self.prompt(name) {
                None => {
                    return Err(format!("its default prompt `{name}` is not among the prompts"));
                }
                prompt => prompt,
            },
        };
        let role = |names: &[&str]| self.first(names).or(default).map(str::to_owned);
        Ok(DeclaredPrompts { query: role(&QUERY), passage: role(&PASSAGE) })
    }

    /// Returns the first prompt of `names` that has text, else an empty one that is declared.
    ///
    /// Version 5 of sentence-transformers adds an empty `query` and `document` to files that it
    /// saves, also beside a `passage`.
    fn first(&self, names: &[&str]) -> Option<&str> {
        let mut declared = names.iter().filter_map(|name| self.prompt(name));
        let first = declared.next()?;
        Some(declared.find(|prompt| first.is_empty() && !prompt.is_empty()).unwrap_or(first))
    }

    fn prompt(&self, name: &str) -> Option<&str> {
        self.prompts.as_ref()?.get(name).map(String::as_str)
    }

    /// Returns whether any prompt has text.
    fn has_prompts(&self) -> bool {
        self.prompts.iter().flatten().any(|(_, prompt)| !prompt.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Error;

    fn read(text: &str) -> Result<DeclaredPrompts> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PROMPT_FILE), text).unwrap();
        DeclaredPrompts::read(folder.path())
    }

    #[test]
    fn each_role_gets_its_prompt_or_the_default() {
        for (text, query, passage) in [
            (r#"{"prompts": {"query": "q: ", "passage": "p: "}}"#, Some("q: "), Some("p: ")),
            (r#"{"prompts": {"query": "q: ", "document": "d: "}}"#, Some("q: "), Some("d: ")),
            (r#"{"prompts": {"document": "d: ", "passage": "p: "}}"#, None, Some("d: ")),
            (
                r#"{"prompts": {"query": "", "document": "", "corpus": "c: "}}"#,
                Some(""),
                Some("c: "),
            ),
            (r#"{"prompts": {"query": "q: "}, "default_prompt_name": null}"#, Some("q: "), None),
            (
                r#"{"prompts": {"query": "q: ", "text": "t: "}, "default_prompt_name": "text"}"#,
                Some("q: "),
                Some("t: "),
            ),
            (
                r#"{"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": "query"}"#,
                Some("q: "),
                Some(""),
            ),
            (r#"{"prompts": {"clustering": "c: "}}"#, None, None),
            (r#"{"prompts": null}"#, None, None),
            ("{}", None, None),
        ] {
            let [query, passage] = [query, passage].map(|prompt| prompt.map(str::to_owned));
            assert_eq!(read(text).unwrap(), DeclaredPrompts { query, passage }, "{text}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(DeclaredPrompts::read(empty.path()).unwrap(), DeclaredPrompts::default());
    }

    #[test]
    fn a_malformed_file_is_refused_by_its_path() {
        for text in [
            "",
            "[]",
            "7",
            r#"{"prompts": "query: "}"#,
            r#"{"prompts": {"query": 7}}"#,
            r#"{"prompts": {"query": null}}"#,
            r#"{"prompts": {}, "default_prompt_name": "query"}"#,
            r#"{"default_prompt_name": 7}"#,
        ] {
            let error = read(text).unwrap_err();
            let names_file =
                matches!(&error, Error::ModelFile { path, .. } if path.ends_with(PROMPT_FILE));
            assert!(names_file, "{text}: {error}");
        }
    }
}
