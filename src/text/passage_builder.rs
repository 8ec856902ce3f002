//! Passages from packed pieces, with lengths that hold for the whole and not only for its pieces.

use std::ops::Range;

use crate::{Article, Embedder, Passage, Result};

use super::packing::{overlap_start, pack};
use super::passage_context::PassageContext;
use super::unit::{TextUnit, UnitList};

/// How near to the model's limit passage and context are counted together, in
/// tokens; farther off, the sum of the two is sure enough.
const MARGIN: usize = 8;

/// Makes the passages of one article from its pieces.
pub(super) struct PassageBuilder<'a> {
    pub(super) article: &'a Article,
    pub(super) embedder: &'a dyn Embedder,
    pub(super) atoms: &'a UnitList,
    pub(super) max_tokens: usize,
    pub(super) overlap: usize,
}

impl PassageBuilder<'_> {
    /// Adds to `passages` those of the pieces `all`, packed to `budget` tokens.
    pub(super) fn fit(
        &self,
        all: Range<usize>,
        budget: usize,
        passages: &mut Vec<Passage>,
    ) -> Result<()> {
        let atoms = &self.atoms.list[all.clone()];
        let room = |first: usize| self.room(self.context(all.start + first)).min(budget);
        for run in pack(atoms, room, self.overlap) {
            self.settle(all.start + run.start..all.start + run.end, passages)?;
        }
        Ok(())
    }

    /// Adds the passage of the pieces `run`, or several if the whole has more tokens than its parts together.
    fn settle(&self, run: Range<usize>, passages: &mut Vec<Passage>) -> Result<()> {
        // The overlap is what gives way first.
        for first in overlap_start(&self.atoms.list, run.start, self.overlap)..=run.start {
            let passage = self.passage(first..run.end)?;
            if self.holds(&passage, self.context(first))? {
                passages.push(passage);
                return Ok(());
            }
        }
        if run.len() == 1 {
            let passage = self.passage(run)?;
            passages.push(Passage { heading: None, titled: false, ..passage });
            return Ok(());
        }
        match self.tokens(&run) {
            0 => run.into_iter().try_for_each(|at| self.settle(at..at + 1, passages)),
            parts => {
                let whole = self.passage(run.clone())?.tokens.max(1);
                let budget = parts * self.room(self.context(run.start)) / whole;
                self.fit(run, budget.min(parts - 1), passages)
            }
        }
    }

    /// The passage from the first to the last piece of `run`.
    fn passage(&self, run: Range<usize>) -> Result<Passage> {
        let context = self.context(run.start);
        let atoms = &self.atoms.list[run];
        let range = atoms[0].range.start..atoms[atoms.len() - 1].range.end;
        let text = &self.article.text[range.clone()];
        let tokens = match sure_tokens(&self.article.text, atoms, self.room(context)) {
            Some(tokens) => tokens,
            None => self.embedder.count_tokens(text)?,
        };
        let repeated = self.article.shown_title().is_some_and(|title| text.starts_with(title));
        Ok(Passage {
            range,
            heading: context.heading.clone(),
            titled: context.titled && !repeated,
            tokens,
        })
    }

    /// Whether `passage` is within the budget and, with its context, within what the model reads.
    fn holds(&self, passage: &Passage, context: &PassageContext) -> Result<bool> {
        if passage.tokens > self.room(context) {
            return Ok(false);
        }
        let Some(limit) = self.embedder.max_tokens() else { return Ok(true) };
        if context.tokens == 0 || passage.tokens + context.tokens + MARGIN <= limit {
            return Ok(true);
        }
        Ok(self.embedder.count_tokens(&passage.text_in_context(self.article))? <= limit)
    }

    /// The context of a passage that begins with piece `first`.
    fn context(&self, first: usize) -> &PassageContext {
        &self.atoms.contexts[self.atoms.list[first].context]
    }

    /// The most tokens of a passage with this context.
    fn room(&self, context: &PassageContext) -> usize {
        let limit = self.embedder.max_tokens().unwrap_or(usize::MAX);
        self.max_tokens.min(limit.saturating_sub(context.tokens))
    }

    /// The sum of the tokens of the pieces `run`.
    fn tokens(&self, run: &Range<usize>) -> usize {
        self.atoms.list[run.clone()].iter().map(|atom| atom.tokens).sum()
    }
}

/// The sum of the tokens of `atoms`, if the whole is sure to be within `room`.
///
/// Counting again is most of the work with a real tokenizer. It is spared where
/// `room` would hold even if every byte between the pieces were a token, which is
/// the most that [`Embedder::count_tokens`] allows for white space of ASCII.
fn sure_tokens(text: &str, atoms: &[TextUnit], room: usize) -> Option<usize> {
    let tokens: usize = atoms.iter().map(|atom| atom.tokens).sum();
    let mut most = tokens;
    for pair in atoms.windows(2) {
        let gap = &text[pair[0].range.end..pair[1].range.start];
        if gap.is_empty() || !gap.is_ascii() {
            return None;
        }
        most += gap.len();
    }
    (most <= room || atoms.len() == 1).then_some(tokens)
}
