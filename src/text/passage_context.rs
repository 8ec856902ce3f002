//! What is embedded with a passage besides its text, and how many tokens that leaves for the text.

use std::ops::Range;

use crate::{Article, Embedder, Result};

/// Tokens kept free where title, heading and text meet: some tokenizers count the line break.
const JOINTS: usize = 2;

/// What is embedded with the passages that begin under one heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PassageContext {
    /// Whether the title is.
    pub(super) titled: bool,
    /// The heading, if it is.
    pub(super) heading: Option<Range<usize>>,
    /// Tokens of both together.
    pub(super) tokens: usize,
}

/// Finds the contexts of one article.
pub(super) struct ContextBuilder<'a> {
    article: &'a Article,
    embedder: &'a dyn Embedder,
    /// Tokens of the title, if there is one.
    title_tokens: Option<usize>,
    /// The most tokens that a context may take.
    most: usize,
}

impl<'a> ContextBuilder<'a> {
    /// The contexts of `article`: empty unless `used`, and at most half of what the model reads.
    pub(super) fn new(
        article: &'a Article,
        embedder: &'a dyn Embedder,
        used: bool,
    ) -> Result<Self> {
        let title = article.shown_title().filter(|_| used);
        let title_tokens = title.map(|title| embedder.count_tokens(title)).transpose()?;
        let most = if used { embedder.max_tokens().unwrap_or(usize::MAX) / 2 } else { 0 };
        Ok(Self { article, embedder, title_tokens, most })
    }

    /// The context under `heading`. What is too long is left out, the title before the heading.
    pub(super) fn under(&self, heading: Option<&Range<usize>>) -> Result<PassageContext> {
        let mut context = PassageContext::default();
        let texts = heading.map(|range| &self.article.text[range.clone()]);
        let repeats_title = texts.is_some() && texts == self.article.shown_title();
        if let Some((heading, text)) =
            heading.zip(texts).filter(|_| self.most > 0 && !repeats_title)
        {
            let tokens = self.embedder.count_tokens(text)? + JOINTS;
            if tokens <= self.most {
                context.heading = Some(heading.clone());
                context.tokens = tokens;
            }
        }
        if let Some(tokens) = self.title_tokens.map(|tokens| tokens + JOINTS)
            && context.tokens + tokens <= self.most
        {
            context.titled = true;
            context.tokens += tokens;
        }
        Ok(context)
    }
}
