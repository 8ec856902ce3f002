//! Passages: byte ranges of an article that are embedded, found and cited.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Article, Markup};

/// Byte range of one article that is embedded, found and cited as a unit.
///
/// All ranges are byte ranges of the article's text, and `&article.text[passage.range.clone()]` is
/// the text of the passage. A [`Chunker`](crate::Chunker) cuts at grapheme boundaries and leaves out
/// the white space around a passage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Passage {
    /// Byte range of the text, which is more than white space.
    pub range: Range<usize>,
    /// Byte range of the nearest heading above the passage, without its marks; `None` if it is not
    /// embedded with the passage, or is part of it.
    pub heading: Option<Range<usize>>,
    /// Byte range of the header row and delimiter row of the Markdown table that the passage
    /// continues; `None` if it is not embedded with the passage, or is part of it.
    #[serde(default)]
    pub table_header: Option<Range<usize>>,
    /// Markup of the passage on its own: if it begins inside code, its marks are text.
    #[serde(default)]
    pub markup: Markup,
    /// Whether the title of the article is embedded with the passage.
    pub titled: bool,
    /// Length in tokens of the embedder, without title and heading. It is the sum over the
    /// sentences, or counted over the whole passage if that sum is near the token limit. 0 if nobody
    /// counted it, as in a passage [of your own](Self::new).
    pub tokens: usize,
}

impl Passage {
    /// Creates a passage of your own of `article`, for an
    /// [`EmbeddedArticle`](crate::EmbeddedArticle), which checks it.
    ///
    /// Its text in context is its text alone, without title and heading. To change that, set its
    /// fields.
    #[must_use]
    pub fn new(article: &Article, range: Range<usize>) -> Self {
        Self {
            range,
            heading: None,
            table_header: None,
            markup: article.markup,
            titled: false,
            tokens: 0,
        }
    }

    /// Returns the text that is embedded: title, heading and header row, if they are embedded with
    /// the passage, then the text, each on its own line.
    ///
    /// Of Markdown the words are embedded, without marks, comments, tags and link targets.
    ///
    /// # Panics
    ///
    /// If `article` is not the article of the passage, and a range exceeds its text or splits a
    /// character.
    #[must_use]
    pub fn text_in_context(&self, article: &Article) -> String {
        let shown = |range: &Range<usize>| &article.text[range.clone()];
        let context = ShownContext {
            title: article.shown_title().filter(|_| self.titled),
            heading: self.heading.as_ref().map(shown),
            table_header: self.table_header.as_ref().map(shown),
            markup: self.markup,
        };
        context.embedded_text(shown(&self.range))
    }
}

/// Title, heading and header row that are embedded above the text of a passage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownContext<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) heading: Option<&'a str>,
    pub(crate) table_header: Option<&'a str>,
    /// Markup of heading, header row and text.
    pub(crate) markup: Markup,
}

impl ShownContext<'_> {
    /// Returns title, heading, header row and `text`, each on its own line and without markup.
    pub(crate) fn embedded_text(&self, text: &str) -> String {
        self.embedded_parts(text).join("\n")
    }

    /// Returns the title, the heading, and `text` below its header row, without markup.
    pub(crate) fn embedded_parts(&self, text: &str) -> Vec<String> {
        let mut parts = Vec::new();
        parts.extend(self.title.map(str::to_owned));
        parts.extend(self.heading.map(|heading| self.markup.text_of(heading).into_owned()));
        // Rows are a table only below their header.
        let table = self.table_header.map(|header| format!("{header}\n{text}"));
        parts.push(self.markup.text_of(table.as_deref().unwrap_or(text)).into_owned());
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_heading_come_before_the_text() {
        let article = Article::new("moor.md", "# Nutzen\n\nMoore speichern Wasser.").title("Moore");
        let passage = Passage {
            range: 10..33,
            heading: Some(2..8),
            table_header: None,
            markup: Markup::Plain,
            titled: true,
            tokens: 3,
        };
        assert_eq!(passage.text_in_context(&article), "Moore\nNutzen\nMoore speichern Wasser.");
        let bare = Passage { heading: None, titled: false, ..passage };
        assert_eq!(bare.text_in_context(&article), "Moore speichern Wasser.");
    }
}
