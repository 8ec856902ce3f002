//! Builds passages from packed units and checks the token count of each whole passage.

use std::ops::Range;

use crate::{Article, Embedder, Passage, Result};

use super::packing::{overlap_start, pack};
use super::passage_context::PassageContext;
use super::unit::{TextUnit, UnitList};

/// Distance to the input limit, in tokens, below which passage and context are counted together.
///
/// Farther away, the sum of the two counts is safe.
const LIMIT_MARGIN: usize = 8;

/// Builds the passages of one article.
pub(super) struct PassageBuilder<'a> {
    pub(super) article: &'a Article,
    pub(super) embedder: &'a dyn Embedder,
    pub(super) units: &'a UnitList,
    pub(super) overlap: usize,
}

impl PassageBuilder<'_> {
    /// Packs the units `range` to at most `budget` tokens each and appends the passages.
    pub(super) fn build(
        &self,
        range: Range<usize>,
        budget: usize,
        passages: &mut Vec<Passage>,
    ) -> Result<()> {
        let offset = range.start;
        let units = &self.units.units[range];
        let capacity =
            |first: usize| self.units.capacity(self.units.context(offset + first)).min(budget);
        for run in pack(units, capacity, self.overlap) {
            self.add_run(offset + run.start..offset + run.end, passages)?;
        }
        Ok(())
    }

    /// Appends the units `run` as one passage, or as several if the whole exceeds its capacity.
    ///
    /// The whole can have more tokens than the sum of its units. Overlap is dropped first.
    fn add_run(&self, run: Range<usize>, passages: &mut Vec<Passage>) -> Result<()> {
        for first in overlap_start(&self.units.units, run.start, self.overlap)..=run.start {
            let passage = self.passage(first..run.end)?;
            if self.fits(&passage, self.units.context(first))? {
                passages.push(passage);
                return Ok(());
            }
        }
        if run.len() == 1 {
            let passage = self.passage(run)?;
            // A single unit over the limit keeps its text and drops its context.
            passages.push(Passage { heading: None, table_header: None, titled: false, ..passage });
            return Ok(());
        }
        let unit_tokens = sum_tokens(&self.units.units[run.clone()]);
        if unit_tokens == 0 {
            return run.into_iter().try_for_each(|at| self.add_run(at..at + 1, passages));
        }
        let whole_tokens = self.passage(run.clone())?.tokens.max(1);
        let capacity = self.units.capacity(self.units.context(run.start));
        // Below `unit_tokens`, so that the run is split and the recursion ends.
        let budget = (unit_tokens * capacity / whole_tokens).min(unit_tokens - 1);
        self.build(run, budget, passages)
    }

    /// Returns the passage of the units `run`.
    fn passage(&self, run: Range<usize>) -> Result<Passage> {
        let context = self.units.context(run.start);
        let units = &self.units.units[run];
        let range = units[0].range.start..units[units.len() - 1].range.end;
        let text = &self.article.text[range.clone()];
        let tokens = match known_tokens(&self.article.text, units, self.units.capacity(context)) {
            Some(tokens) => tokens,
            None => self.embedder.call_count_tokens(text)?,
        };
        let first_words = text.trim_start_matches(['#', ' ']);
        let title = self.article.shown_title();
        let repeats_title = title.is_some_and(|title| first_words.starts_with(title));
        Ok(Passage {
            range,
            heading: context.heading.clone(),
            table_header: context.table_header.clone(),
            markup: units[0].markup,
            titled: context.titled && !repeats_title,
            tokens,
        })
    }

    /// Whether `passage` fits the budget and, with its context, the model's input limit.
    fn fits(&self, passage: &Passage, context: &PassageContext) -> Result<bool> {
        if passage.tokens > self.units.capacity(context) {
            return Ok(false);
        }
        let limit = self.units.input_limit;
        if context.tokens == 0 || passage.tokens + context.tokens + LIMIT_MARGIN <= limit {
            return Ok(true);
        }
        Ok(self.embedder.call_count_tokens(&passage.text_in_context(self.article))? <= limit)
    }
}

fn sum_tokens(units: &[TextUnit]) -> usize {
    units.iter().map(|unit| unit.tokens).sum()
}

/// Returns the token sum of `units` if their whole certainly fits `capacity`.
///
/// Counting a passage again dominates the cost with a real tokenizer. It is skipped where the
/// passage fits even if each byte between units were a token, the maximum that
/// [`Embedder::count_tokens`] permits for ASCII white space.
fn known_tokens(text: &str, units: &[TextUnit], capacity: usize) -> Option<usize> {
    let tokens = sum_tokens(units);
    let mut upper_bound = tokens;
    for pair in units.windows(2) {
        let gap = &text[pair[0].range.end..pair[1].range.start];
        let is_space = gap.bytes().all(|byte| byte.is_ascii_whitespace());
        if gap.is_empty() || !is_space {
            return None;
        }
        upper_bound += gap.len();
    }
    (upper_bound <= capacity || units.len() == 1).then_some(tokens)
}
