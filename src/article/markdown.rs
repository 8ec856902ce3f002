//! Blocks and words of Markdown, by `pulldown-cmark`.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::html_tags::HtmlTags;

/// Kind of a Markdown block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkdownKind {
    /// A paragraph, or the text of an HTML block.
    Paragraph,
    /// An ATX or setext heading of level `1..=6`.
    Heading { level: u8 },
    /// A paragraph of a list item.
    Item,
    /// The header row of a table with its delimiter row.
    TableHeader,
    /// A body row of a table.
    TableRow,
    /// Fenced or indented code.
    Code,
}

/// A block that holds text and no other block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkdownBlock {
    pub(crate) kind: MarkdownKind,
    /// Byte range with its marks, the first block of a list item with the item's mark.
    pub(crate) range: Range<usize>,
    /// Byte range of the text without the marks around it.
    pub(crate) content: Range<usize>,
}

/// Returns the blocks of `text` in order.
///
/// Blocks without text, such as comments, thematic breaks and link definitions, are left out.
pub(crate) fn markdown_blocks(text: &str) -> Vec<MarkdownBlock> {
    let options = OPTIONS.union(Options::ENABLE_FOOTNOTES);
    let mut reader = BlockReader { text, blocks: Vec::new(), open: None, item: None, depth: 0 };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.read(&event, range);
    }
    reader.blocks
}

/// Returns the words of `markdown` without marks; cells are separated by tabs.
pub(super) fn text_of_markdown(markdown: &str) -> String {
    // A passage can lack the definitions of its footnotes: only the old syntax reads such marks.
    let options = OPTIONS.union(Options::ENABLE_OLD_FOOTNOTES);
    let text = String::with_capacity(markdown.len());
    let mut writer = TextWriter { markdown, text, line_start: 0, tags: HtmlTags::default() };
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        writer.write(event, range);
    }
    let text = writer.text.trim();
    if text.len() == writer.text.len() { writer.text } else { text.to_owned() }
}

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);

/// Collects blocks from the events of the parser.
struct BlockReader<'t> {
    text: &'t str,
    blocks: Vec<MarkdownBlock>,
    open: Option<OpenBlock>,
    /// Start of a list item whose first block has not begun yet.
    item: Option<usize>,
    /// Number of list items around the current event.
    depth: usize,
}

/// A block whose end has not been read yet.
struct OpenBlock {
    kind: MarkdownKind,
    range: Range<usize>,
    content: Option<Range<usize>>,
    has_text: bool,
    tags: HtmlTags,
}

impl BlockReader<'_> {
    fn read(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(*tag),
            Event::Rule => self.close(),
            Event::Text(text) | Event::Code(text) => {
                self.add_inline(range, !text.trim().is_empty());
            }
            Event::Html(html) => self.add_html(html, range),
            Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {
                self.add_inline(range, false);
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        let kind = match tag {
            Tag::Paragraph if self.depth > 0 => MarkdownKind::Item,
            Tag::Paragraph | Tag::HtmlBlock => MarkdownKind::Paragraph,
            Tag::Heading { level, .. } => MarkdownKind::Heading { level: *level as u8 },
            Tag::CodeBlock(_) => MarkdownKind::Code,
            Tag::TableHead => MarkdownKind::TableHeader,
            Tag::TableRow => MarkdownKind::TableRow,
            Tag::TableCell => return,
            Tag::Item => {
                self.close();
                self.item.get_or_insert(range.start);
                self.depth += 1;
                return;
            }
            Tag::List(_) | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_) | Tag::Table(_) => {
                return self.close();
            }
            _ => return self.add_inline(range, false),
        };
        self.close();
        self.begin(kind, range);
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Item => {
                self.close();
                self.depth -= 1;
                self.item = None;
            }
            TagEnd::Paragraph
            | TagEnd::HtmlBlock
            | TagEnd::Heading(_)
            | TagEnd::CodeBlock
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::List(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::FootnoteDefinition => self.close(),
            _ => {}
        }
    }

    fn begin(&mut self, kind: MarkdownKind, range: Range<usize>) {
        let start = self.item.take().unwrap_or(range.start);
        let end = match kind {
            MarkdownKind::TableHeader => second_line_end(self.text, range.start),
            _ => range.end,
        };
        let tags = HtmlTags::default();
        self.open =
            Some(OpenBlock { kind, range: start..end, content: None, has_text: false, tags });
    }

    /// Adds an inline element to the open block. The text of a tight list item has no block of its
    /// own, so that its first element opens one.
    fn add_inline(&mut self, range: Range<usize>, has_text: bool) {
        if self.open.is_none() {
            self.begin(MarkdownKind::Item, range.clone());
        }
        let open = self.open.as_mut().expect("a block was opened");
        open.range.end = open.range.end.max(range.end);
        let content = open.content.get_or_insert_with(|| range.clone());
        content.end = content.end.max(range.end);
        open.has_text |= has_text;
    }

    fn add_html(&mut self, html: &str, range: Range<usize>) {
        if self.open.is_none() {
            self.begin(MarkdownKind::Paragraph, range.clone());
        }
        let open = self.open.as_mut().expect("a block was opened");
        let mut text = String::new();
        open.tags.strip(html, &mut text);
        let has_text = !text.trim().is_empty();
        self.add_inline(range, has_text);
    }

    /// Ends the open block, if there is one.
    fn close(&mut self) {
        let Some(OpenBlock { kind, range, content, has_text, .. }) = self.open.take() else {
            return;
        };
        if has_text {
            let content = content.unwrap_or_else(|| range.clone());
            self.blocks.push(MarkdownBlock { kind, range, content });
        }
    }
}

/// Returns the end of the line after the one that holds byte `at`.
fn second_line_end(text: &str, at: usize) -> usize {
    let line_end =
        |from: usize| text[from..].find(['\n', '\r']).map_or(text.len(), |len| from + len);
    let end = line_end(at);
    let newline = if text[end..].starts_with("\r\n") { 2 } else { 1 };
    line_end((end + newline).min(text.len()))
}

/// Writes the words of a Markdown text.
struct TextWriter<'t> {
    markdown: &'t str,
    text: String,
    /// Start of the current line, after the number of a list item.
    line_start: usize,
    tags: HtmlTags,
}

impl TextWriter<'_> {
    fn write(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            Event::Html(html) => self.tags.strip(&html, &mut self.text),
            Event::InlineHtml(html) => HtmlTags::default().strip(&html, &mut self.text),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::Start(Tag::Emphasis) => self.keep_gender_star(range.start),
            Event::End(TagEnd::Emphasis) => self.keep_gender_star(range.end - 1),
            Event::Start(Tag::TableCell) => self.begin_cell(),
            Event::Start(Tag::Item) => self.begin_item(range),
            Event::Start(tag) if !is_inline(&tag) => self.begin_line(),
            Event::End(TagEnd::HtmlBlock) => self.tags = HtmlTags::default(),
            _ => {}
        }
    }

    fn begin_line(&mut self) {
        if self.text.len() > self.line_start && !self.text.ends_with('\n') {
            self.text.push('\n');
            self.line_start = self.text.len();
        }
    }

    /// Writes the mark of an emphasis at byte `at` if it is part of a word.
    ///
    /// `CommonMark` reads the stars of `Kund*innen und Leser*innen` as an emphasis.
    fn keep_gender_star(&mut self, at: usize) {
        if is_gender_star(self.markdown, at) {
            self.text.push('*');
        }
    }

    fn begin_cell(&mut self) {
        if self.text.len() > self.line_start {
            self.text.push('\t');
        }
    }

    /// Writes the number of an item, which readers cite; bullets are dropped.
    fn begin_item(&mut self, range: Range<usize>) {
        self.begin_line();
        let item = &self.markdown[range];
        let digits = item.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            // The number ends in a period or a bracket.
            self.text.push_str(&item[..=digits]);
            self.text.push(' ');
            self.line_start = self.text.len();
        }
    }
}

/// Whether the byte `at` of `text` is the star of a word such as `Leser*innen`.
fn is_gender_star(text: &str, at: usize) -> bool {
    let Some(rest) = text[at..].strip_prefix('*') else { return false };
    let Some(rest) = rest.strip_prefix("in") else { return false };
    let rest = rest.strip_prefix("nen").unwrap_or(rest);
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '*');
    ends && text[..at].ends_with(char::is_alphabetic)
}

/// Whether `tag` stands within a line.
fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
    )
}
