//! The context embedded with a passage, title and heading, and the tokens it takes.

use std::ops::Range;

use crate::{Article, Embedder, Result};

/// Tokens reserved for each joint of title, heading and text: some tokenizers count the line break.
const JOINT_TOKENS: usize = 2;

/// The context of the passages that start under one heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PassageContext {
    /// Whether the title is included.
    pub(super) titled: bool,
    /// Byte range of the heading, if included.
    pub(super) heading: Option<Range<usize>>,
    /// Tokens of title and heading together.
    pub(super) tokens: usize,
}

/// Builds the contexts of one article.
pub(super) struct ContextBuilder<'a> {
    article: &'a Article,
    embedder: &'a dyn Embedder,
    /// Tokens of the title, if there is one.
    title_tokens: Option<usize>,
    /// Input limit of the model in tokens; `usize::MAX` for none.
    input_limit: usize,
    /// Maximum tokens of a context; 0 if context is disabled.
    max_tokens: usize,
}

impl<'a> ContextBuilder<'a> {
    /// Prepares the contexts of `article`; all are empty unless `enabled`.
    pub(super) fn new(
        article: &'a Article,
        embedder: &'a dyn Embedder,
        enabled: bool,
    ) -> Result<Self> {
        let title = article.shown_title().filter(|_| enabled);
        let title_tokens = title.map(|title| embedder.call_count_tokens(title)).transpose()?;
        let input_limit = embedder.max_tokens().unwrap_or(usize::MAX);
        let max_tokens = if enabled { input_limit / 2 } else { 0 };
        Ok(Self { article, embedder, title_tokens, input_limit, max_tokens })
    }

    /// Returns the model's input limit in tokens; `usize::MAX` for none.
    pub(super) fn input_limit(&self) -> usize {
        self.input_limit
    }

    /// Returns the context under `heading`, at most half of the input limit long.
    ///
    /// The heading has priority: the title is added only if both fit.
    pub(super) fn build(&self, heading: Option<&Range<usize>>) -> Result<PassageContext> {
        let mut context = PassageContext::default();
        if let Some(heading) = heading {
            let text = &self.article.text[heading.clone()];
            if self.max_tokens > 0 && self.article.shown_title() != Some(text) {
                let tokens = self.embedder.call_count_tokens(text)? + JOINT_TOKENS;
                if tokens <= self.max_tokens {
                    context.heading = Some(heading.clone());
                    context.tokens = tokens;
                }
            }
        }
        if let Some(title_tokens) = self.title_tokens {
            let tokens = context.tokens + title_tokens + JOINT_TOKENS;
            if tokens <= self.max_tokens {
                context.titled = true;
                context.tokens = tokens;
            }
        }
        Ok(context)
    }
}
