//! The pieces that passages are packed from: sentences, or parts of those that are over the budget.

use std::ops::Range;

use crate::{Article, Embedder, Result};

use super::long_sentence::{clauses, halves};
use super::passage_context::{ContextBuilder, PassageContext};
use super::sentence::SentenceSplitter;
use super::text_block::{BlockKind, TextBlock, TextBlocks, heading_range};

/// A piece of an article that is not cut.
#[derive(Clone, Debug)]
pub(super) struct TextUnit {
    /// Where it is.
    pub(super) range: Range<usize>,
    /// Its length in tokens.
    pub(super) tokens: usize,
    /// What lies between it and the piece before.
    pub(super) cut: Breakpoint,
    /// NumberShape of the context of a passage that begins with it.
    pub(super) context: usize,
}

/// What is cut where a passage ends, from the best place to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breakpoint {
    /// A heading follows.
    BeforeHeading,
    /// Two paragraphs are parted.
    Paragraph,
    /// Two items of a list or rows of a table are parted.
    BetweenItems,
    /// Two sentences of a paragraph are parted.
    Sentence,
    /// A list or table is parted from the line that announces it.
    AfterColon,
    /// A sentence is cut between clauses.
    Clause,
    /// A clause is cut between words.
    Word,
    /// A word is cut.
    Grapheme,
    /// A heading is parted from its text.
    AfterHeading,
}

/// The pieces of an article and the contexts they refer to.
#[derive(Debug, Default)]
pub(super) struct UnitList {
    /// In the order of the article.
    pub(super) list: Vec<TextUnit>,
    /// Not empty: the first is that of the article without a heading.
    pub(super) contexts: Vec<PassageContext>,
}

impl UnitList {
    /// Reads `article`; no piece is over `max_tokens`, nor over what the model
    /// reads beside the piece's context, unless it is a single grapheme.
    pub(super) fn of(
        article: &Article,
        embedder: &dyn Embedder,
        contexts: &ContextBuilder<'_>,
        max_tokens: usize,
    ) -> Result<Self> {
        let text = &article.text;
        let limit = embedder.max_tokens().unwrap_or(usize::MAX);
        let mut reader = Reader { text, embedder, max_tokens, limit, atoms: Self::default() };
        reader.atoms.contexts.push(contexts.under(None)?);
        let mut splitter = SentenceSplitter::default();
        let mut before = None;
        let mut context = 0;
        for block in TextBlocks::new(text) {
            splitter.enter(text, &block);
            let mut rest = block.range.clone();
            let mut cut = cut_before(before, &block);
            // A passage that begins with a heading needs no other.
            let own = if block.kind == BlockKind::Heading { 0 } else { context };
            while !rest.is_empty() {
                let sentence = splitter.split_first(text, &mut rest);
                reader.add(sentence, cut, own)?;
                cut = Breakpoint::Sentence;
            }
            if block.kind == BlockKind::Heading {
                let heading = heading_range(text, &block.range);
                context = reader.atoms.contexts.len();
                reader.atoms.contexts.push(contexts.under(Some(&heading))?);
            }
            before = Some((block.kind, text[block.range].ends_with(':')));
        }
        Ok(reader.atoms)
    }
}

/// What a passage cuts that begins with `block`, `before` which there is a block
/// of this kind that ends with a colon or does not.
fn cut_before(before: Option<(BlockKind, bool)>, block: &TextBlock) -> Breakpoint {
    match (before, block.kind) {
        (Some((BlockKind::Heading, _)), _) => Breakpoint::AfterHeading,
        (_, BlockKind::Heading) => Breakpoint::BeforeHeading,
        (Some((_, true)), _) => Breakpoint::AfterColon,
        (Some((BlockKind::Item, _)), BlockKind::Item)
        | (Some((BlockKind::Row, _)), BlockKind::Row) => Breakpoint::BetweenItems,
        _ => Breakpoint::Paragraph,
    }
}

/// Counts and divides sentences.
struct Reader<'a> {
    text: &'a str,
    embedder: &'a dyn Embedder,
    max_tokens: usize,
    limit: usize,
    atoms: UnitList,
}

impl Reader<'_> {
    /// Adds a sentence, in pieces if it is over the budget.
    fn add(&mut self, sentence: Range<usize>, cut: Breakpoint, context: usize) -> Result<()> {
        let most =
            self.max_tokens.min(self.limit.saturating_sub(self.atoms.contexts[context].tokens));
        let tokens = self.embedder.count_tokens(&self.text[sentence.clone()])?;
        if tokens <= most {
            self.atoms.list.push(TextUnit { range: sentence, tokens, cut, context });
            return Ok(());
        }
        let mut cut = cut;
        for clause in clauses(self.text, sentence) {
            let tokens = self.embedder.count_tokens(&self.text[clause.clone()])?;
            self.divide(TextUnit { range: clause, tokens, cut, context }, most)?;
            cut = Breakpoint::Clause;
        }
        Ok(())
    }

    /// Adds `atom`; if it is over `most` tokens, in pieces that are small beside it, to be packed well.
    fn divide(&mut self, atom: TextUnit, most: usize) -> Result<()> {
        let mut open = vec![(atom, false)];
        while let Some((atom, divided)) = open.pop() {
            let over = atom.tokens > most;
            let wanted = over || (divided && atom.tokens > most / 4);
            let halves = if wanted { halves(self.text, &atom.range, over) } else { None };
            let Some(([left, right], between)) = halves else {
                self.atoms.list.push(atom);
                continue;
            };
            for (range, cut) in [(right, between), (left, atom.cut)] {
                let tokens = self.embedder.count_tokens(&self.text[range.clone()])?;
                open.push((TextUnit { range, tokens, cut, context: atom.context }, true));
            }
        }
        Ok(())
    }
}
