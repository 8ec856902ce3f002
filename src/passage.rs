//! A passage: the byte range of one article that is embedded, found and cited.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Article;

/// A piece of one article.
///
/// All ranges are byte ranges of the article's text and begin and end between
/// graphemes, so `&article.text[passage.range.clone()]` is the passage's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Passage {
    /// Where the passage is; not empty, without surrounding white space.
    pub range: Range<usize>,
    /// The nearest heading above the passage, without its marks, if it is
    /// embedded with the passage and not part of it.
    pub heading: Option<Range<usize>>,
    /// Whether the article's title is embedded with the passage.
    pub titled: bool,
    /// Length of the passage in the embedder's tokens, without its context. It is
    /// counted sentence by sentence, and as a whole where that is near the budget.
    pub tokens: usize,
}

impl Passage {
    /// The text that is embedded: title and heading of `article`, if they are embedded
    /// with the passage, then the passage, each on a line of its own.
    #[must_use]
    pub fn text_in_context(&self, article: &Article) -> String {
        let title = article.shown_title().filter(|_| self.titled);
        let heading = self.heading.clone().map(|range| &article.text[range]);
        let text = &article.text[self.range.clone()];
        in_context(title, heading, text)
    }
}

/// What is embedded of a passage: these parts, each on a line of its own.
pub(crate) fn in_context(title: Option<&str>, heading: Option<&str>, text: &str) -> String {
    let lines: Vec<_> = title.into_iter().chain(heading).chain([text]).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_comes_before_the_text() {
        let article = Article::new("moor.md", "# Nutzen\n\nMoore speichern Wasser.").title("Moore");
        let passage = Passage { range: 10..33, heading: Some(2..8), titled: true, tokens: 3 };
        assert_eq!(passage.text_in_context(&article), "Moore\nNutzen\nMoore speichern Wasser.");
        let bare = Passage { heading: None, titled: false, ..passage };
        assert_eq!(bare.text_in_context(&article), "Moore speichern Wasser.");
    }
}
