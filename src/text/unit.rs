//! Units that passages are packed from: sentences, or parts of sentences over the token budget.

use std::ops::Range;

use crate::{Article, Embedder, Result};

use super::breakpoint::{Breakpoint, PreviousBlock};
use super::long_sentence::{Halves, clauses, halves};
use super::passage_context::{ContextBuilder, PassageContext};
use super::sentence::SentenceSplitter;
use super::text_block::{BlockKind, TextBlocks, heading_range};

/// A part of an article that is never split further.
#[derive(Clone, Debug)]
pub(super) struct TextUnit {
    /// Byte range in the article.
    pub(super) range: Range<usize>,
    /// Length in tokens.
    pub(super) tokens: usize,
    /// Kind of break between the previous unit and this one.
    pub(super) breakpoint: Breakpoint,
    /// Index of the context of a passage that starts with this unit.
    pub(super) context: usize,
}

/// The units of an article and the contexts they refer to.
#[derive(Debug)]
pub(super) struct UnitList {
    /// Units in article order.
    pub(super) units: Vec<TextUnit>,
    /// Never empty: the first context is that of text above any heading.
    pub(super) contexts: Vec<PassageContext>,
    /// Maximum tokens of a passage, without context.
    max_tokens: usize,
    /// Input limit of the model in tokens; `usize::MAX` for none.
    pub(super) input_limit: usize,
}

impl UnitList {
    /// Splits `article` into units.
    ///
    /// A unit is at most `max_tokens` long and fits the model's input limit together with its
    /// context, unless it is a single grapheme.
    pub(super) fn of(
        article: &Article,
        embedder: &dyn Embedder,
        contexts: &ContextBuilder<'_>,
        max_tokens: usize,
    ) -> Result<Self> {
        let text = &article.text;
        let list = Self {
            units: Vec::new(),
            contexts: vec![contexts.build(None)?],
            max_tokens,
            input_limit: contexts.input_limit(),
        };
        let mut reader = UnitReader { text, embedder, list };
        let mut splitter = SentenceSplitter::default();
        let mut previous = None;
        let mut context = 0;
        for block in TextBlocks::new(text) {
            splitter.enter(text, &block);
            let mut rest = block.range.clone();
            let mut breakpoint = Breakpoint::before_block(previous, block.kind);
            let is_heading = block.kind == BlockKind::Heading;
            // A passage that starts with a heading needs no second heading as context.
            let unit_context = if is_heading { 0 } else { context };
            while !rest.is_empty() {
                let sentence = splitter.split_first(text, &mut rest);
                reader.add_sentence(sentence, breakpoint, unit_context)?;
                breakpoint = Breakpoint::Sentence;
            }
            if is_heading {
                let heading = heading_range(text, &block.range);
                context = reader.list.contexts.len();
                reader.list.contexts.push(contexts.build(Some(&heading))?);
            }
            let ends_with_colon = text[block.range].ends_with(':');
            previous = Some(PreviousBlock { kind: block.kind, ends_with_colon });
        }
        Ok(reader.list)
    }

    /// Returns the context of a passage that starts with unit `first`.
    pub(super) fn context(&self, first: usize) -> &PassageContext {
        &self.contexts[self.units[first].context]
    }

    /// Returns the maximum tokens of a passage with this context.
    pub(super) fn capacity(&self, context: &PassageContext) -> usize {
        let remaining = self.input_limit.checked_sub(context.tokens);
        self.max_tokens.min(remaining.expect("a context takes at most half of the input limit"))
    }
}

/// Counts the tokens of sentences and splits those over the budget.
struct UnitReader<'a> {
    text: &'a str,
    embedder: &'a dyn Embedder,
    list: UnitList,
}

/// A unit that may have to be split.
struct PendingUnit {
    unit: TextUnit,
    /// Whether it is already part of a split clause.
    is_part: bool,
}

impl UnitReader<'_> {
    /// Adds a sentence, split into clauses and smaller parts if it is over the budget.
    fn add_sentence(
        &mut self,
        sentence: Range<usize>,
        breakpoint: Breakpoint,
        context: usize,
    ) -> Result<()> {
        let capacity = self.list.capacity(&self.list.contexts[context]);
        let tokens = self.count_tokens(&sentence)?;
        if tokens <= capacity {
            self.list.units.push(TextUnit { range: sentence, tokens, breakpoint, context });
            return Ok(());
        }
        let mut breakpoint = breakpoint;
        for clause in clauses(self.text, sentence) {
            let tokens = self.count_tokens(&clause)?;
            self.add_clause(TextUnit { range: clause, tokens, breakpoint, context }, capacity)?;
            breakpoint = Breakpoint::Clause;
        }
        Ok(())
    }

    /// Adds `clause`, split while it is over `capacity` tokens.
    ///
    /// Parts of a split clause are halved down to a quarter of the capacity: small units pack
    /// into passages of even length.
    fn add_clause(&mut self, clause: TextUnit, capacity: usize) -> Result<()> {
        let mut pending = vec![PendingUnit { unit: clause, is_part: false }];
        while let Some(PendingUnit { unit, is_part }) = pending.pop() {
            let is_over = unit.tokens > capacity;
            let is_large = is_over || (is_part && unit.tokens > capacity / 4);
            let split = if is_large { halves(self.text, &unit.range, is_over) } else { None };
            let Some(Halves { left, right, breakpoint }) = split else {
                self.list.units.push(unit);
                continue;
            };
            // The left half is popped first.
            for (range, breakpoint) in [(right, breakpoint), (left, unit.breakpoint)] {
                let tokens = self.count_tokens(&range)?;
                let unit = TextUnit { range, tokens, breakpoint, context: unit.context };
                pending.push(PendingUnit { unit, is_part: true });
            }
        }
        Ok(())
    }

    fn count_tokens(&self, range: &Range<usize>) -> Result<usize> {
        self.embedder.call_count_tokens(&self.text[range.clone()])
    }
}
