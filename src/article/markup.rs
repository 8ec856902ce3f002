//! Markup languages of texts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::markdown::text_of_markdown;

/// How a text marks headings, lists, tables and code.
///
/// # Examples
///
/// ```
/// use passim::{Article, Chunker, Markup, StaticEmbedder};
///
/// let text = "# Moore\n\nSie speichern **Kohlenstoff** &amp; Wasser. <!-- prüfen -->";
/// let article = Article::new("moor.md", text).markup(Markup::Markdown);
/// let passages = Chunker::default().passages(&article, &StaticEmbedder::bundled()?)?;
/// let embedded = passages[0].text_in_context(&article);
/// assert_eq!(embedded, "Moore\nSie speichern Kohlenstoff & Wasser.");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Markup {
    /// Plain text: every character is text. Layout alone shows headings, lists and tables.
    #[default]
    Plain,
    /// Markdown: [CommonMark](https://spec.commonmark.org) with tables, footnotes, task lists and
    /// strikethrough.
    Markdown,
}

impl Markup {
    /// Returns the words of `source` without marks, comments, tags and link targets.
    ///
    /// It returns `source` itself if nothing would remain, so that every passage can be embedded.
    pub(crate) fn text_of(self, source: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => Cow::Borrowed(source),
            Self::Markdown => {
                let text = text_of_markdown(source);
                if text.trim().is_empty() { Cow::Borrowed(source) } else { Cow::Owned(text) }
            }
        }
    }
}
