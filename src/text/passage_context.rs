//! The context embedded with a passage, title, heading and header row, and their tokens.

use std::ops::Range;

use crate::{Article, Embedder, Result};

/// Tokens reserved for each joint of title, heading and text: some tokenizers count the line break.
const JOINT_TOKENS: usize = 2;

/// The context of the passages that start under one heading or header row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PassageContext {
    /// Whether the title is included.
    pub(super) titled: bool,
    /// Byte range of the heading, if included.
    pub(super) heading: Option<Range<usize>>,
    /// Byte range of the header row of a table, if included.
    pub(super) table_header: Option<Range<usize>>,
    /// Tokens of title, heading and header row together.
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

    /// Returns the context under `heading` and `table_header`, at most half of the input limit long.
    ///
    /// The header row has priority, then the heading; the title is added only if all fit.
    pub(super) fn build(
        &self,
        heading: Option<&Range<usize>>,
        table_header: Option<&Range<usize>>,
    ) -> Result<PassageContext> {
        let mut context = PassageContext::default();
        context.table_header = self.add(table_header, &mut context.tokens)?;
        context.heading = self.add(heading, &mut context.tokens)?;
        if let Some(title_tokens) = self.title_tokens {
            let tokens = context.tokens + title_tokens + JOINT_TOKENS;
            if tokens <= self.max_tokens {
                context.titled = true;
                context.tokens = tokens;
            }
        }
        Ok(context)
    }

    /// Returns `range` and adds its tokens to `tokens`; `None` if they do not fit, or if it repeats
    /// the title.
    fn add(
        &self,
        range: Option<&Range<usize>>,
        tokens: &mut usize,
    ) -> Result<Option<Range<usize>>> {
        let Some(range) = range.filter(|_| self.max_tokens > 0) else { return Ok(None) };
        let text = &self.article.text[range.clone()];
        if self.article.shown_title() == Some(text) {
            return Ok(None);
        }
        let sum = *tokens + self.embedder.call_count_tokens(text)? + JOINT_TOKENS;
        if sum > self.max_tokens {
            return Ok(None);
        }
        *tokens = sum;
        Ok(Some(range.clone()))
    }
}
