//! Passages: byte ranges of an article that are embedded, found and cited.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Article;

/// Byte range of one article that is embedded, found and cited as a unit.
///
/// All ranges are byte ranges of the article's text. They start and end at grapheme boundaries,
/// so `&article.text[passage.range.clone()]` is the text of the passage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Passage {
    /// Byte range of the text; not empty, without surrounding white space.
    pub range: Range<usize>,
    /// Byte range of the nearest heading above the passage, without its marks; `None` if it is not
    /// embedded with the passage, or is part of it.
    pub heading: Option<Range<usize>>,
    /// Whether the title of the article is embedded with the passage.
    pub titled: bool,
    /// Length in tokens of the embedder, without title and heading. It is the sum over the
    /// sentences, or counted over the whole passage if that sum is near the token limit.
    pub tokens: usize,
}

impl Passage {
    /// Returns the text that is embedded: title and heading, if they are embedded with the
    /// passage, then the text, each on its own line.
    ///
    /// # Panics
    ///
    /// If `article` is not the article of the passage and a range does not fit its text.
    #[must_use]
    pub fn text_in_context(&self, article: &Article) -> String {
        let title = article.shown_title().filter(|_| self.titled);
        let heading = self.heading.clone().map(|range| &article.text[range]);
        let text = &article.text[self.range.clone()];
        in_context(title, heading, text)
    }
}

/// Joins title, heading and text, each on its own line.
pub(crate) fn in_context(title: Option<&str>, heading: Option<&str>, text: &str) -> String {
    let lines: Vec<_> = title.into_iter().chain(heading).chain([text]).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_heading_come_before_the_text() {
        let article = Article::new("moor.md", "# Nutzen\n\nMoore speichern Wasser.").title("Moore");
        let passage = Passage { range: 10..33, heading: Some(2..8), titled: true, tokens: 3 };
        assert_eq!(passage.text_in_context(&article), "Moore\nNutzen\nMoore speichern Wasser.");
        let bare = Passage { heading: None, titled: false, ..passage };
        assert_eq!(bare.text_in_context(&article), "Moore speichern Wasser.");
    }
}
