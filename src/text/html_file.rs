//! Articles from HTML files: the main text of a page, as Markdown.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node, Selector};

use crate::{Article, Language, Markup};

/// Elements whose content is no text of the page. A `<form>` may contain the whole page.
const HIDDEN: [&str; 16] = [
    "script", "style", "template", "noscript", "head", "title", "nav", "svg", "math", "iframe",
    "object", "button", "select", "textarea", "dialog", "aside",
];

/// Elements within a line. All others begin and end a block.
const INLINE: [&str; 38] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "output", "q", "rp", "rt", "ruby", "s",
    "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
];

/// Returns the article of an HTML page: the text of `<main>`, else of `<article>`, else of the body.
pub(super) fn html_article(key: String, html: &str) -> Article {
    let page = Html::parse_document(html);
    let first = |selector: &str| {
        let selector = Selector::parse(selector).expect("the selector is valid");
        page.select(&selector).next()
    };
    let root = ["main", "[role=main]", "article", "body"].into_iter().find_map(first);
    let text = MarkdownWriter::write(root.unwrap_or_else(|| page.root_element()));
    let title = first("title").map(one_line).filter(|title| !title.is_empty());
    let title = title.or_else(|| first("h1").map(one_line).filter(|title| !title.is_empty()));
    let language = page.root_element().attr("lang").and_then(|tag| tag.parse::<Language>().ok());
    Article { title, language, ..Article::new(key, text).markup(Markup::Markdown) }
}

/// Returns the text of `element` on one line.
fn one_line(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes the elements of a page as Markdown.
#[derive(Default)]
struct MarkdownWriter {
    text: String,
    /// Number of hidden elements around the current node.
    hidden: usize,
    /// Number of `<pre>` elements around the current node.
    verbatim: usize,
    /// The next number of each list around the current node; `None` for bullets.
    lists: Vec<Option<u64>>,
    table: Option<Table>,
    /// Whether white space separates the next word from the text.
    spaced: bool,
    /// Start of the text of the current line, after indent and list mark.
    line_start: usize,
}

/// A table whose end has not been read yet. Tables within its cells are text.
#[derive(Default)]
struct Table {
    depth: usize,
    /// Number of cells of the current row.
    cells: usize,
    /// The header row, once it is complete.
    header: Option<TableHeader>,
    /// Number of cells of the longest row.
    max_cells: usize,
}

/// The written header row of a table.
struct TableHeader {
    cells: usize,
    /// End of the header row and of the delimiter row, before their newlines.
    ends: [usize; 2],
}

impl MarkdownWriter {
    fn write(root: ElementRef<'_>) -> String {
        let mut writer = Self::default();
        // The traversal is not recursive: a hostile page can nest elements without bound.
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) => match node.value() {
                    Node::Text(text) => writer.add_text(text),
                    Node::Element(element) => {
                        writer.open(element.name(), element.attr("alt"), element.attr("start"));
                    }
                    _ => {}
                },
                Edge::Close(node) => {
                    if let Node::Element(element) = node.value() {
                        writer.close(element.name());
                    }
                }
            }
        }
        writer.text.truncate(writer.text.trim_end().len());
        writer.text
    }

    fn open(&mut self, name: &str, alt: Option<&str>, start: Option<&str>) {
        if HIDDEN.contains(&name) {
            self.hidden += 1;
        }
        if self.hidden > 0 {
            return;
        }
        match name {
            "br" => self.break_line(),
            "img" => self.add_text(alt.unwrap_or_default()),
            "ul" | "menu" => self.open_list(None),
            "ol" => self.open_list(Some(start.and_then(|start| start.parse().ok()).unwrap_or(1))),
            "li" => self.open_item(),
            "pre" => self.open_code(),
            "table" => self.open_table(),
            "tr" | "td" | "th" => self.open_row_or_cell(name),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if self.table.is_none() => {
                self.begin_block();
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.text.push_str(&"#".repeat(level));
                self.spaced = true;
            }
            _ if INLINE.contains(&name) => {}
            _ => self.begin_block(),
        }
    }

    fn close(&mut self, name: &str) {
        if HIDDEN.contains(&name) {
            self.hidden -= 1;
            return;
        }
        if self.hidden > 0 {
            return;
        }
        match name {
            "ul" | "menu" | "ol" => {
                self.lists.pop();
                self.begin_block();
            }
            // Code in a table is text of its cell.
            "pre" if self.table.is_none() => {
                self.verbatim -= 1;
                if self.verbatim == 0 {
                    self.text.truncate(self.text.trim_end().len());
                    self.text.push_str("\n~~~~\n\n");
                }
            }
            "table" => self.close_table(),
            "tr" => self.close_row(),
            "br" | "img" | "td" | "th" => {}
            _ if INLINE.contains(&name) => {}
            _ => self.begin_block(),
        }
    }

    /// Starts a paragraph, within a cell a word.
    fn begin_block(&mut self) {
        if self.table.is_some() || self.verbatim > 0 {
            self.spaced = true;
            return;
        }
        self.spaced = false;
        self.text.truncate(self.text.trim_end().len());
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
            self.indent(self.lists.len());
        }
        self.line_start = self.text.len();
    }

    /// Indents a line to the text of the list item `depth` lists deep.
    fn indent(&mut self, depth: usize) {
        // Bounded, since each line of a list nested n deep would get 4 n spaces.
        self.text.push_str(&"    ".repeat(depth.min(8)));
    }

    fn break_line(&mut self) {
        if self.verbatim > 0 {
            self.text.push('\n');
        } else {
            self.spaced = true;
        }
    }

    fn open_list(&mut self, number: Option<u64>) {
        self.begin_block();
        self.lists.push(number);
    }

    fn open_item(&mut self) {
        self.begin_block();
        if self.table.is_some() || self.verbatim > 0 {
            return;
        }
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.indent(self.lists.len().saturating_sub(1));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}.");
                *number = number.saturating_add(1) % 1_000_000_000;
                mark
            }
            _ => "-".to_owned(),
        };
        // The text of an item begins four columns after its mark.
        self.text.push_str(&mark);
        self.text.push_str(&" ".repeat(4_usize.saturating_sub(mark.len()).max(1)));
        self.line_start = self.text.len();
    }

    fn open_code(&mut self) {
        self.begin_block();
        if self.verbatim == 0 && self.table.is_none() {
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.text.push_str("~~~~\n");
        }
        self.verbatim += usize::from(self.table.is_none());
    }

    fn open_table(&mut self) {
        if let Some(table) = &mut self.table {
            table.depth += 1;
        } else {
            self.begin_block();
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.table = Some(Table::default());
        }
        self.spaced = true;
    }

    fn open_row_or_cell(&mut self, name: &str) {
        let Some(table) = self.table.as_mut().filter(|table| table.depth == 0) else {
            return self.begin_block();
        };
        if name == "tr" {
            table.cells = 0;
            // A caption is a paragraph above the table.
            if table.header.is_none() && !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push_str("\n\n");
            }
        } else {
            table.cells += 1;
            self.text.push_str(if table.cells == 1 { "| " } else { " | " });
            self.spaced = false;
        }
    }

    fn close_row(&mut self) {
        let Some(table) = self.table.as_mut().filter(|table| table.depth == 0) else {
            return self.begin_block();
        };
        if table.cells > 0 {
            self.text.push_str(" |");
            table.max_cells = table.max_cells.max(table.cells);
            if table.header.is_none() {
                let end = self.text.len();
                self.text.push('\n');
                self.text.push_str(&"|---".repeat(table.cells));
                self.text.push('|');
                let ends = [end, self.text.len()];
                table.header = Some(TableHeader { cells: table.cells, ends });
            }
            self.text.push('\n');
        }
        self.spaced = false;
    }

    fn close_table(&mut self) {
        match &mut self.table {
            Some(table) if table.depth > 0 => table.depth -= 1,
            _ => {
                let table = self.table.take();
                self.widen_header(&table.unwrap_or_default());
                self.begin_block();
            }
        }
    }

    /// Gives the header row as many cells as the longest row: Markdown drops further cells.
    fn widen_header(&mut self, table: &Table) {
        let Some(TableHeader { cells, ends: [row_end, delimiter_end] }) = &table.header else {
            return;
        };
        let missing = table.max_cells - cells;
        self.text.insert_str(*delimiter_end, &"---|".repeat(missing));
        self.text.insert_str(*row_end, &" |".repeat(missing));
    }

    fn add_text(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.verbatim > 0 {
            // A fence in the code would end it.
            self.text.push_str(&text.replace("~~~~", "~~~"));
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.spaced = true;
        }
        for word in text.split_whitespace() {
            if self.spaced && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
                self.text.push(' ');
            }
            self.add_word(word);
            self.spaced = true;
        }
        self.spaced =
            text.ends_with(char::is_whitespace) || (self.spaced && text.trim().is_empty());
    }

    /// Adds a word, with a backslash before each character that Markdown would read as a mark.
    fn add_word(&mut self, word: &str) {
        let first_is_mark = self.text.len() == self.line_start && starts_with_mark(word);
        for (at, c) in word.char_indices() {
            let is_mark = match c {
                '\\' | '`' | '*' | '[' | '|' => true,
                '_' | '~' | '<' | '&' => word.len() > 1,
                _ => false,
            };
            if is_mark || (at == 0 && first_is_mark) {
                self.text.push('\\');
            }
            self.text.push(c);
        }
    }
}

/// Whether Markdown would read `word` at the start of a line as the mark of a heading, list, quote
/// or code.
fn starts_with_mark(word: &str) -> bool {
    word.starts_with(['#', '>', '+', '=', '~']) || word.trim_start_matches('-').is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(body: &str) -> String {
        html_article("a.html".to_owned(), body).text
    }

    /// The words of the page, as they are embedded.
    fn words_of(body: &str) -> String {
        Markup::Markdown.text_of(&text_of(body)).into_owned()
    }

    #[test]
    fn the_main_text_of_a_page_is_read() {
        let page = "<!DOCTYPE html><html lang=de-AT><head><title>Moore &amp; Seen</title>\
                    <style>p{}</style></head><body><nav>Start</nav><main><h1>Moor</h1>\
                    <p>Moore <em>speichern</em>\n  Wasser.<!-- x --><br>Viel.</p></main>\
                    <footer>Impressum</footer></body></html>";
        let article = html_article("a.html".to_owned(), page);
        let want = Article::new("a.html", "# Moor\n\nMoore speichern Wasser. Viel.")
            .title("Moore & Seen")
            .language(Language::German)
            .markup(Markup::Markdown);
        assert_eq!(article, want);
        assert_eq!(text_of("<article><p>A</article><p>B"), "A");
        assert_eq!(text_of("<p>A<p>B<script>c()</script>"), "A\n\nB");
        assert_eq!(text_of(""), "");
    }

    #[test]
    fn lists_tables_and_code_keep_their_form() {
        let list = "<ol start=3><li>Drei<li>Vier<ul><li>Eins</ul></ol>";
        assert_eq!(text_of(list), "3.  Drei\n\n4.  Vier\n\n    -   Eins");
        let table = "<table><tr><th>A<th>B<tr><td>1<td><p>2</p><p>3</p></table><p>Ende";
        assert_eq!(text_of(table), "| A | B |\n|---|---|\n| 1 | 2 3 |\n\nEnde");
        let code = "<pre><code>a_b  *c*\n&lt;d&gt;</code></pre>Ende";
        assert_eq!(text_of(code), "~~~~\na_b  *c*\n<d>\n~~~~\n\nEnde");
    }

    #[test]
    fn no_cell_of_a_table_is_lost() {
        let page = "<table><tr><th colspan=2>Orte<tr><td>Ulm<td>Donau<tr><td>Bonn</table><p>Ende";
        let want = "| Orte | |\n|---|---|\n| Ulm | Donau |\n| Bonn |\n\nEnde";
        assert_eq!(text_of(page), want);
        assert_eq!(words_of(page), "Orte\t\nUlm\tDonau\nBonn\t\nEnde");
    }

    #[test]
    fn a_caption_is_a_paragraph_above_its_table() {
        let page = "<p>Vor<table><caption>Orte</caption><tr><th>Stadt<tr><td>Ulm</table>";
        assert_eq!(text_of(page), "Vor\n\nOrte\n\n| Stadt |\n|---|\n| Ulm |");
    }

    #[test]
    fn a_form_around_the_page_is_read() {
        let page = "<form><p>Moore wachsen.</p><button>Los</button><textarea>x</textarea></form>";
        assert_eq!(text_of(page), "Moore wachsen.");
    }

    #[test]
    fn code_in_a_table_is_text_of_its_cell() {
        let page = "<table><tr><th>A<tr><td><pre>b  c</pre></table><p>Ende";
        assert_eq!(text_of(page), "| A |\n|---|\n| b c |\n\nEnde");
        let inside_code = "<pre>a<table><tr><td><pre>b</pre></table>c</pre><p>Ende";
        assert!(text_of(inside_code).ends_with("~~~~\n\nEnde"));
    }

    #[test]
    fn marks_in_the_text_of_a_page_stay_text() {
        for text in [
            "# kein Titel",
            "- kein Punkt",
            "a*b*c _d_ `e` [f](g)",
            "&amp;amp; &lt;b>",
            "a|b",
            "> zitiert",
            "~~h~~",
            "\\*",
            "====",
            "1. Mai",
        ] {
            let plain = text.replace("&amp;", "&").replace("&lt;", "<");
            assert_eq!(words_of(&format!("<p>{text}</p>")), plain);
        }
    }

    #[test]
    fn deep_pages_are_read_without_recursion() {
        for open in ["<div>", "<ul><li>", "<table><tr><td>", "<b>", "<pre>"] {
            let page = format!("{}Moor", open.repeat(1_000));
            assert!(text_of(&page).contains("Moor"), "{open}");
        }
    }
}
