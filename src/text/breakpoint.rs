//! Breakpoints: the kinds of places where a passage may end, and what each costs.

use super::text_block::BlockKind;

/// Kind of break between two units, from the best place to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breakpoint {
    /// Before a heading.
    BeforeHeading,
    /// Between paragraphs.
    Paragraph,
    /// Between list items or table rows.
    BetweenItems,
    /// Between sentences of a paragraph.
    Sentence,
    /// After a block that ends with a colon and announces the next one.
    AfterColon,
    /// Between clauses of a sentence.
    Clause,
    /// Between words of a clause.
    Word,
    /// Between graphemes of a word.
    Grapheme,
    /// Between a heading and its text, or the header row of a table and the next row.
    AfterHeading,
}

/// The properties of a block that decide the breakpoint after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreviousBlock {
    pub(super) kind: BlockKind,
    pub(super) ends_with_colon: bool,
}

impl Breakpoint {
    /// Returns the breakpoint before a block of kind `next`.
    pub(super) fn before_block(previous: Option<PreviousBlock>, next: BlockKind) -> Self {
        let Some(previous) = previous else {
            return if next == BlockKind::Heading { Self::BeforeHeading } else { Self::Paragraph };
        };
        match (previous.kind, next) {
            (BlockKind::Heading, _) | (BlockKind::TableHeader, BlockKind::Row) => {
                Self::AfterHeading
            }
            (_, BlockKind::Heading) => Self::BeforeHeading,
            _ if previous.ends_with_colon => Self::AfterColon,
            (BlockKind::Item, BlockKind::Item) | (BlockKind::Row, BlockKind::Row) => {
                Self::BetweenItems
            }
            _ => Self::Paragraph,
        }
    }

    /// Returns the cost of a break, where an empty passage costs 1; negative for a preferred break.
    pub(super) fn cost(self) -> f64 {
        match self {
            Self::BeforeHeading => -0.3,
            Self::Paragraph => -0.1,
            Self::BetweenItems => 0.1,
            Self::Sentence => 0.3,
            Self::AfterColon => 0.7,
            Self::Clause => 1.0,
            Self::Word => 1.5,
            Self::Grapheme => 2.0,
            Self::AfterHeading => 8.0,
        }
    }
}
