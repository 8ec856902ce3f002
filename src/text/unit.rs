//! Units that passages are packed from: sentences, or parts of sentences over the token budget.

use std::ops::Range;

use crate::{Article, Embedder, Markup, Result};

use super::breakpoint::{Breakpoint, PreviousBlock};
use super::long_sentence::{Halves, clauses, cut_after, halves, join_short};
use super::passage_context::{ContextBuilder, PassageContext};
use super::sentence::SentenceSplitter;
use super::text_block::{BlockKind, TextBlock, TextBlocks};
use super::unicode::is_space;

/// Ratio of the tokens of a clause to the capacity from which the clause is cut before its parts are
/// counted.
///
/// If each half of a long line were counted, the line would be tokenized once for each doubling of
/// its length.
const LONG_RATIO: usize = 4;
/// Part of the capacity that a cut without white space fills, in tenths. The tokens of such parts are
/// estimated by their bytes, and vary by a few percent.
const FILLED_TENTHS: usize = 9;
/// Number of parts between white space that share a passage, so that passages have even lengths and
/// can overlap.
const PARTS_PER_PASSAGE: usize = 4;

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
    /// Markup of a passage that starts with this unit: inside code, marks are text.
    pub(super) markup: Markup,
}

/// The units of an article and the contexts they refer to.
#[derive(Debug)]
pub(super) struct UnitList {
    /// Units in article order.
    pub(super) units: Vec<TextUnit>,
    /// Never empty: the first context is that of the text above the first heading.
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
            contexts: vec![contexts.build(None, None)?],
            max_tokens,
            input_limit: contexts.input_limit(),
        };
        let markup = article.markup;
        let section = CurrentSection { heading: None, context: 0, table: None };
        let mut reader = UnitReader { text, embedder, contexts, markup, section, list };
        let mut splitter = SentenceSplitter::default();
        let mut previous = None;
        for block in TextBlocks::new(text, markup) {
            splitter.enter(text, &block);
            reader.add_block(&block, previous, &mut splitter)?;
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
    contexts: &'a ContextBuilder<'a>,
    markup: Markup,
    section: CurrentSection,
    list: UnitList,
}

/// The heading and table header above the current block.
struct CurrentSection {
    /// Byte range of the heading.
    heading: Option<Range<usize>>,
    /// Index of the context under the heading.
    context: usize,
    /// Index of the context under the header row while a table continues.
    table: Option<usize>,
}

/// A unit that may have to be split.
struct PendingUnit {
    unit: TextUnit,
    /// Whether it is already half of another unit.
    is_part: bool,
}

impl UnitReader<'_> {
    /// Adds the sentences of `block`, which follows the block `previous`.
    fn add_block(
        &mut self,
        block: &TextBlock,
        previous: Option<PreviousBlock>,
        splitter: &mut SentenceSplitter,
    ) -> Result<()> {
        let table = self.section.table.take().filter(|_| block.kind == BlockKind::Row);
        self.section.table = table;
        let context = match block.kind {
            // A passage that starts with a heading needs no second heading as context.
            BlockKind::Heading => 0,
            _ => table.unwrap_or(self.section.context),
        };
        let mut rest = block.range.clone();
        let mut breakpoint = Breakpoint::before_block(previous, block.kind);
        while !rest.is_empty() {
            let sentence = splitter.split_first(self.text, &mut rest);
            self.add_sentence(sentence, block, breakpoint, context)?;
            breakpoint = Breakpoint::Sentence;
        }
        if block.heading.is_some() {
            self.section.heading.clone_from(&block.heading);
            self.section.context = self.add_context(None)?;
        }
        if block.kind == BlockKind::TableHeader {
            self.section.table = Some(self.add_context(Some(&block.range))?);
        }
        Ok(())
    }

    /// Adds the context under the current heading and the header row `table_header`.
    fn add_context(&mut self, table_header: Option<&Range<usize>>) -> Result<usize> {
        let context = self.contexts.build(self.section.heading.as_ref(), table_header)?;
        self.list.contexts.push(context);
        Ok(self.list.contexts.len() - 1)
    }

    /// Adds a sentence of `block`, split into clauses and smaller parts if it is over the budget.
    fn add_sentence(
        &mut self,
        sentence: Range<usize>,
        block: &TextBlock,
        breakpoint: Breakpoint,
        context: usize,
    ) -> Result<()> {
        let capacity = self.list.capacity(&self.list.contexts[context]);
        let tokens = self.count_tokens(&sentence)?;
        if tokens <= capacity {
            let markup = self.unit_markup(block, &sentence);
            self.list.units.push(TextUnit { range: sentence, tokens, breakpoint, context, markup });
            return Ok(());
        }
        let mut breakpoint = breakpoint;
        let mut clauses = clauses(self.text, sentence.clone());
        if tokens / LONG_RATIO > capacity {
            let filled = filled_bytes(&sentence, tokens, capacity);
            clauses = join_short(&clauses, filled / PARTS_PER_PASSAGE);
        }
        for clause in clauses {
            let tokens = if clause == sentence { tokens } else { self.count_tokens(&clause)? };
            let markup = self.unit_markup(block, &clause);
            let unit = TextUnit { range: clause, tokens, breakpoint, context, markup };
            self.add_clause(unit, capacity)?;
            breakpoint = Breakpoint::Clause;
        }
        Ok(())
    }

    /// Adds `clause`, split if it is over `capacity` tokens.
    fn add_clause(&mut self, clause: TextUnit, capacity: usize) -> Result<()> {
        if clause.tokens / LONG_RATIO <= capacity {
            return self.add_halves(clause, capacity);
        }
        let mut breakpoint = clause.breakpoint;
        let mut rest = clause.range.clone();
        loop {
            let part = self.part_length(&clause, &rest, capacity);
            let cut = cut_after(self.text, &rest, part);
            let range = cut.as_ref().map_or(rest, |cut| cut.left.clone());
            let tokens = self.count_tokens(&range)?;
            self.add_halves(TextUnit { range, tokens, breakpoint, ..clause }, capacity)?;
            let Some(cut) = cut else { return Ok(()) };
            breakpoint = cut.breakpoint;
            rest = cut.right;
        }
    }

    /// Returns the length in bytes of the first part of `rest`, which is the rest of `clause`, if `rest`
    /// is cut into even parts.
    fn part_length(&self, clause: &TextUnit, rest: &Range<usize>, capacity: usize) -> usize {
        let filled = filled_bytes(&clause.range, clause.tokens, capacity).clamp(1, rest.len());
        let window = &self.text[rest.start..self.text.ceil_char_boundary(rest.start + filled)];
        let longest = if window.contains(is_space) { filled / PARTS_PER_PASSAGE } else { filled };
        rest.len() / rest.len().div_ceil(longest.max(1))
    }

    /// Adds `unit`, halved while it is over `capacity` tokens.
    ///
    /// Halves are halved down to a quarter of the capacity: small units pack into passages of even
    /// length.
    fn add_halves(&mut self, unit: TextUnit, capacity: usize) -> Result<()> {
        let mut pending = vec![PendingUnit { unit, is_part: false }];
        while let Some(PendingUnit { unit, is_part }) = pending.pop() {
            let is_over = unit.tokens > capacity;
            let is_large = is_over || (is_part && unit.tokens > capacity / PARTS_PER_PASSAGE);
            let split = if is_large { halves(self.text, &unit.range, is_over) } else { None };
            let Some(Halves { left, right, breakpoint }) = split else {
                self.list.units.push(unit);
                continue;
            };
            // The left half is popped first.
            for (range, breakpoint) in [(right, breakpoint), (left, unit.breakpoint)] {
                let tokens = self.count_tokens(&range)?;
                let unit = TextUnit { range, tokens, breakpoint, ..unit };
                pending.push(PendingUnit { unit, is_part: true });
            }
        }
        Ok(())
    }

    /// Returns the markup of the part `range` of `block`: inside code, marks are text.
    fn unit_markup(&self, block: &TextBlock, range: &Range<usize>) -> Markup {
        if block.kind != BlockKind::Verbatim {
            return self.markup;
        }
        let first_line = self.text[range.clone()].lines().next().unwrap_or_default();
        let has_fence = range.start == block.range.start
            && (first_line.contains("```") || first_line.contains("~~~"));
        if has_fence { self.markup } else { Markup::Plain }
    }

    fn count_tokens(&self, range: &Range<usize>) -> Result<usize> {
        self.embedder.call_count_tokens(&self.text[range.clone()])
    }
}

/// Returns the length in bytes of a part of `range` that fills most of `capacity`, if its tokens, more
/// than `capacity`, are spread evenly.
fn filled_bytes(range: &Range<usize>, tokens: usize, capacity: usize) -> usize {
    let bytes = range.len() as u128 * capacity as u128 * FILLED_TENTHS as u128;
    let bytes = bytes / (10 * tokens as u128);
    usize::try_from(bytes).expect("the capacity is below the tokens of the range")
}
