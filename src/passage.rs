//! A passage: the byte range of one article that is embedded, found and cited.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Article;

/// A piece of one article.
///
/// All ranges are byte ranges of the article's text and begin and end between
/// characters, so `&article.text[passage.range.clone()]` is the passage's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Where the passage is; not empty, without surrounding white space.
    pub range: Range<usize>,
    /// The nearest heading above the passage, if it is not part of the passage.
    pub heading: Option<Range<usize>>,
    /// Length of the passage in the embedder's tokens, without its context.
    pub tokens: usize,
}

impl Passage {
    /// The text that is embedded: title and heading of `article`, where they are
    /// not part of the passage, then the passage, each on a line of its own.
    #[must_use]
    pub fn text_in_context(&self, article: &Article) -> String {
        let text = &article.text[self.range.clone()];
        let title = article.shown_title().filter(|title| !text.starts_with(title));
        let heading = self.heading.clone().map(|range| &article.text[range]);
        let heading = heading.filter(|heading| Some(*heading) != title);
        let lines: Vec<_> = title.into_iter().chain(heading).chain([text]).collect();
        lines.join("\n")
    }
}
