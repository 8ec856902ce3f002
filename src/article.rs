//! Articles, with key, title, text, markup, language and metadata, and their passages.

mod html_tags;
mod markdown;
mod markup;
mod passage;

mod date;
mod timestamp;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Language;

pub use date::Date;
pub use passage::Passage;
pub use timestamp::Timestamp;
pub use value::Value;

pub(crate) use markdown::{MarkdownBlock, MarkdownKind, markdown_blocks};
pub use markup::Markup;
pub(crate) use passage::ShownContext;

/// Named values of an article, ordered by name.
pub type Metadata = BTreeMap<String, Value>;

/// Text with a key, by which hits cite it.
///
/// # Examples
///
/// ```
/// use passim::{Article, Date};
///
/// let article = Article::new("moor.txt", "Moore speichern Kohlenstoff.")
///     .title("Moore und Klima")
///     .metadata("published", "2024-06-03".parse::<Date>()?)
///     .metadata("words", 3);
/// assert_eq!(article.key, "moor.txt");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Article {
    /// Key that hits cite; not empty, unique in the corpus.
    #[serde(alias = "id")]
    pub key: String,
    /// Title.
    #[serde(default)]
    pub title: Option<String>,
    /// Text. The byte ranges of passages and hits refer to it.
    pub text: String,
    /// How the text marks headings, lists, tables and code.
    #[serde(default)]
    pub markup: Markup,
    /// Declared language; detected from the text if `None`.
    #[serde(default)]
    pub language: Option<Language>,
    /// Named values, which filters test and every hit returns.
    #[serde(default)]
    pub metadata: Metadata,
}

impl Article {
    /// Creates an article of plain text without title and metadata, whose language will be detected.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            title: None,
            text: text.into(),
            markup: Markup::Plain,
            language: None,
            metadata: Metadata::new(),
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Declares how the text is marked up; default [`Markup::Plain`].
    #[must_use]
    pub fn markup(mut self, markup: Markup) -> Self {
        self.markup = markup;
        self
    }

    /// Declares the language. Detection can fail for a short text, or for one in several
    /// languages.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Adds a named value, and replaces one of the same name.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Maximum length of a text in a corpus, in bytes.
    pub const MAX_BYTES: usize = 1 << 27;

    /// Returns the title without surrounding white space; `None` if nothing remains.
    pub(crate) fn shown_title(&self) -> Option<&str> {
        shown_title(self.title.as_deref())
    }
}

/// Removes white space around `title`; `None` if nothing remains.
pub(crate) fn shown_title(title: Option<&str>) -> Option<&str> {
    title.map(str::trim).filter(|title| !title.is_empty())
}

/// Article without its text, as a [custom filter](crate::Filter::custom) receives it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArticleHead {
    /// Key that hits cite.
    pub key: String,
    /// Title.
    pub title: Option<String>,
    /// Declared or detected language; `None` if it is not a supported one.
    pub language: Option<Language>,
    /// Named values.
    pub metadata: Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_read_from_json() {
        let line = r#"{"id": "a", "title": "", "text": "T", "lang": "de",
                       "metadata": {"on": "2024-01-02", "n": 3, "x": 0.5, "ok": true, "by": "dpa"}}"#;
        let article: Article = serde_json::from_str(line).unwrap();
        assert_eq!(article.shown_title(), None);
        assert_eq!(article.metadata["on"], Value::Date(Date::new(2024, 1, 2).unwrap()));
        assert_eq!(article.metadata["n"], Value::Integer(3));
        assert_eq!(article.metadata["x"], Value::Float(0.5));
        assert_eq!(article.metadata["ok"], Value::Bool(true));
        assert_eq!(article.metadata["by"], Value::from("dpa"));
    }
}
