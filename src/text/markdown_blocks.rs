//! Maps the blocks of Markdown to blocks of text, trimmed at grapheme boundaries.

use std::ops::Range;

use super::front_matter::FrontMatter;
use super::line_marker::bold_text;
use super::text_block::{BlockKind, TextBlock};
use super::unicode::{is_grapheme_boundary, trim};
use crate::article::{MarkdownBlock, MarkdownKind, markdown_blocks};

/// Returns the blocks of the Markdown text `text` below its front matter.
pub(super) fn text_blocks(text: &str) -> Vec<TextBlock> {
    let body = FrontMatter::find(text).end();
    let mut blocks: Vec<TextBlock> = Vec::new();
    for block in markdown_blocks(&text[body..]) {
        let earlier = blocks.last().map_or(body, |block| block.range.end);
        let shift = |range: Range<usize>| body + range.start..body + range.end;
        let range = shift(block.range.clone());
        let range = trim(text, whole_graphemes(text, range.start.max(earlier)..range.end));
        if !range.is_empty() {
            let content = trim(text, whole_graphemes(text, shift(block.content.clone())));
            blocks.push(text_block(text, &block, range, content));
        }
    }
    blocks
}

fn text_block(
    text: &str,
    block: &MarkdownBlock,
    range: Range<usize>,
    content: Range<usize>,
) -> TextBlock {
    let kind = match block.kind {
        MarkdownKind::Paragraph => BlockKind::Paragraph,
        MarkdownKind::Heading { .. } => BlockKind::Heading,
        MarkdownKind::Item => BlockKind::Item,
        MarkdownKind::TableHeader => BlockKind::TableHeader,
        MarkdownKind::TableRow => BlockKind::Row,
        MarkdownKind::Code => BlockKind::Verbatim,
    };
    if kind == BlockKind::Heading {
        return TextBlock { range, kind, heading: Some(content) };
    }
    // A bold line on its own takes the place of a heading.
    let line = &text[range.clone()];
    let bold = bold_text(line).filter(|_| kind == BlockKind::Paragraph && !line.contains('\n'));
    let Some(bold) = bold else { return TextBlock { range, kind, heading: None } };
    let start = range.start + "**".len();
    TextBlock { range, kind: BlockKind::Heading, heading: Some(start..start + bold.len()) }
}

/// Extends `range` to grapheme boundaries: white space under a combining mark belongs to it.
fn whole_graphemes(text: &str, mut range: Range<usize>) -> Range<usize> {
    while !is_grapheme_boundary(text, range.start) {
        range.start = text.floor_char_boundary(range.start - 1);
    }
    while !is_grapheme_boundary(text, range.end) {
        range.end = text.ceil_char_boundary(range.end + 1);
    }
    range
}
