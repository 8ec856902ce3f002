//! Blocks of a text: paragraphs, headings, list items, table rows, code.

use std::{iter::FusedIterator, ops::Range, vec};

use super::markdown_blocks::text_blocks;
use super::plain_blocks::PlainBlocks;
use crate::Markup;

/// Kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Running text.
    Paragraph,
    /// A marked heading, or a short separate line without a terminator.
    Heading,
    /// A list item with its continuation lines.
    Item,
    /// The header row of a Markdown table, which the passages of the table carry as context.
    TableHeader,
    /// A row of a table.
    Row,
    /// Code.
    Verbatim,
}

/// A block of text; no sentence crosses its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextBlock {
    /// Byte range; not empty, without surrounding white space.
    pub(super) range: Range<usize>,
    pub(super) kind: BlockKind,
    /// Byte range of the text of a heading, without marks and underline.
    pub(super) heading: Option<Range<usize>>,
}

/// Iterator over the blocks of a text in order.
///
/// All text between the blocks of a plain text is white space. Between those of Markdown there are
/// also marks, comments and front matter.
#[derive(Clone, Debug)]
pub(super) enum TextBlocks<'t> {
    Plain(PlainBlocks<'t>),
    Markdown(vec::IntoIter<TextBlock>),
}

impl<'t> TextBlocks<'t> {
    pub(super) fn new(text: &'t str, markup: Markup) -> Self {
        match markup {
            Markup::Plain => Self::Plain(PlainBlocks::new(text)),
            Markup::Markdown => Self::Markdown(text_blocks(text).into_iter()),
        }
    }
}

impl Iterator for TextBlocks<'_> {
    type Item = TextBlock;

    fn next(&mut self) -> Option<TextBlock> {
        match self {
            Self::Plain(blocks) => blocks.next(),
            Self::Markdown(blocks) => blocks.next(),
        }
    }
}

impl FusedIterator for TextBlocks<'_> {}
