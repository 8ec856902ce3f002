//! Removes the tags and comments of HTML inside Markdown.

/// Elements within a line: their tags separate no words.
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
    "samp", "small", "span", "strong", "sub", "sup", "u", "var",
];

/// Elements whose content is no text.
const HIDDEN: [&str; 3] = ["script", "style", "template"];

/// Reads HTML in parts and returns the text between tags and comments.
///
/// A tag or comment may begin in one part and end in a later one.
#[derive(Debug, Default)]
pub(super) struct HtmlTags {
    inside: Inside,
}

/// The construct that the next character belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    /// `<!-- … -->`.
    Comment,
    /// `<…>`, `<?…>` or `<!…>`.
    Tag,
    /// The content of an element of [`HIDDEN`].
    Hidden(&'static str),
}

impl HtmlTags {
    /// Appends the text of `html`, the next part, to `text`.
    pub(super) fn strip(&mut self, html: &str, text: &mut String) {
        let mut rest = html;
        while !rest.is_empty() {
            rest = match self.inside {
                Inside::Text => self.read_text(rest, text),
                Inside::Comment => self.skip_past(rest, "-->"),
                Inside::Tag => self.skip_past(rest, ">"),
                Inside::Hidden(element) => self.skip_hidden(rest, element),
            };
        }
    }

    /// Copies text up to the next tag and enters the tag.
    fn read_text<'h>(&mut self, html: &'h str, text: &mut String) -> &'h str {
        let start = html.match_indices('<').map(|(at, _)| at).find(|at| is_tag(&html[at + 1..]));
        let Some(start) = start else {
            text.push_str(html);
            return "";
        };
        text.push_str(&html[..start]);
        let tag = &html[start + 1..];
        if let Some(comment) = tag.strip_prefix("!--") {
            self.inside = Inside::Comment;
            // `<!-->` and `<!--->` are whole comments.
            return if comment.starts_with(['>', '-']) { &tag[1..] } else { comment };
        }
        let name = tag.trim_start_matches('/');
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
        let is = |element: &&&str| name.eq_ignore_ascii_case(element);
        if !INLINE.iter().any(|element| is(&element)) {
            text.push('\n');
        }
        let hidden = HIDDEN.iter().find(is).filter(|_| !tag.starts_with('/'));
        self.inside = hidden.map_or(Inside::Tag, |element| Inside::Hidden(element));
        tag
    }

    /// Skips `html` up to and with `end`.
    fn skip_past<'h>(&mut self, html: &'h str, end: &str) -> &'h str {
        let Some((_, rest)) = html.split_once(end) else { return "" };
        self.inside = Inside::Text;
        rest
    }

    /// Skips `html` up to the end tag of `element`.
    fn skip_hidden<'h>(&mut self, html: &'h str, element: &str) -> &'h str {
        let name = |at: usize| html.as_bytes().get(at..at + element.len());
        let is_end =
            |at: usize| name(at).is_some_and(|name| name.eq_ignore_ascii_case(element.as_bytes()));
        let mut ends = html.match_indices("</").map(|(at, _)| at + 2);
        let Some(end) = ends.find(|at| is_end(*at)) else { return "" };
        self.inside = Inside::Tag;
        &html[end..]
    }
}

/// Whether the text after `<` continues a tag, a comment or a declaration.
fn is_tag(after: &str) -> bool {
    after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(parts: &[&str]) -> String {
        let mut tags = HtmlTags::default();
        let mut text = String::new();
        for part in parts {
            tags.strip(part, &mut text);
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tags_and_comments_are_removed() {
        assert_eq!(text_of(&["<p>Mo<b>o</b>r<br>See</p>"]), "Moor See");
        assert_eq!(text_of(&["a <!-- x > y -->b<!-->c<!--->d"]), "a bcd");
        assert_eq!(text_of(&["3 < 4 <!DOCTYPE html><?php 1 ?>"]), "3 < 4");
    }

    #[test]
    fn constructs_continue_in_the_next_part() {
        assert_eq!(text_of(&["<!-- a\n", "b\n", "c --> d"]), "d");
        assert_eq!(text_of(&["<img\n", "alt=x>e"]), "e");
        assert_eq!(text_of(&["<STYLE>\n", "p { x }\n", "</Style>f"]), "f");
    }
}
