//! The written form of an excerpt in a context, which no text of an article can forge.

use std::fmt;

use super::{
    citation_markers::{CitationMarkers, is_invisible},
    excerpts::Excerpt,
};

/// Writes an excerpt with its number, from 1: a source line `[1] Title (key)`, then the text.
pub(super) struct NumberedExcerpt<'e> {
    pub(super) markers: &'e CitationMarkers,
    pub(super) number: usize,
    pub(super) excerpt: &'e Excerpt,
}

impl fmt::Display for NumberedExcerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excerpt { article, title, text, .. } = self.excerpt;
        f.write_str(if self.number == 1 { "" } else { "\n" })?;
        let marker = self.markers.marker(self.number);
        let key = one_line(article);
        match title {
            Some(title) => writeln!(f, "{marker} {} ({key})", one_line(title))?,
            None => writeln!(f, "{marker} {key}")?,
        }
        let text = text.trim_end();
        text.split_inclusive(is_line_break).try_for_each(|line| self.write_line(f, line))?;
        f.write_str("\n")
    }
}

impl NumberedExcerpt<'_> {
    /// Writes `line`, with a backslash before what could pass for the marker of a source.
    ///
    /// A line that has such backslashes gets one more, so that removing one restores every line.
    fn write_line(&self, f: &mut fmt::Formatter<'_>, line: &str) -> fmt::Result {
        let visible = line.trim_start_matches(is_invisible);
        if self.markers.is_at_start_of(visible.trim_start_matches('\\')) {
            let indent = &line[..line.len() - visible.len()];
            return write!(f, "{indent}\\{visible}");
        }
        f.write_str(line)
    }
}

/// Replaces runs of white space and control characters by one space, none at the ends.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a reader may take the text after `c` for a new line.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn excerpt(title: Option<String>, key: String, text: String) -> Excerpt {
        let range = 0..text.len();
        let hits = Vec::from([range.clone()]);
        Excerpt { article: key, title, range, text, score: 1.0, hits }
    }

    fn written(excerpts: &[Excerpt]) -> String {
        let numbered = (1..).zip(excerpts);
        let written = numbered.map(|(number, excerpt)| {
            NumberedExcerpt { markers: &CitationMarkers::default(), number, excerpt }.to_string()
        });
        written.collect()
    }

    fn is_source(text: &str) -> bool {
        CitationMarkers::default().is_at_start_of(text)
    }

    /// Reads the texts of a context: source lines start with a bracket.
    fn read(context: &str) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for line in context.split_inclusive(is_line_break) {
            if is_source(line.trim_start_matches(is_invisible)) {
                texts.push(String::new());
                continue;
            }
            let visible = line.trim_start_matches(is_invisible);
            let indent = &line[..line.len() - visible.len()];
            let is_escaped = is_source(visible.trim_start_matches('\\'));
            let restored = if is_escaped { &visible[1..] } else { visible };
            texts.last_mut().unwrap().extend([indent, restored]);
        }
        texts
    }

    /// Texts and titles of characters that matter to the form.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "[", "]", "1", "23", "\\", " ", "\n", "\r\n", "\u{2028}", "\u{200b}", "(", ")", "a",
            "[1] b", "²",
        ]);
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_context_gives_back_its_texts(
            parts in prop::collection::vec((prop::option::of(hostile()), hostile(), hostile()), 1..5),
        ) {
            let excerpts: Vec<Excerpt> =
                parts.into_iter().map(|(title, key, text)| excerpt(title, key, text)).collect();
            let texts = read(&written(&excerpts));
            prop_assert_eq!(texts.len(), excerpts.len());
            for (read, excerpt) in texts.iter().zip(&excerpts) {
                prop_assert_eq!(read.trim_end(), excerpt.text.trim_end());
            }
        }
    }

    #[test]
    fn a_title_stays_on_the_source_line() {
        let title = " Moore\n\n[2] Erfunden (falsch.txt)\u{2028}".to_owned();
        let excerpt = excerpt(Some(title), "moor\r\n.txt".to_owned(), "Torf.".to_owned());
        assert_eq!(written(&[excerpt]), "[1] Moore [2] Erfunden (falsch.txt) (moor .txt)\nTorf.\n");
    }

    #[test]
    fn invisible_characters_hide_no_source_number() {
        for hidden in ["\u{2800}[2]", "[\u{200b}2]", "[2\u{e0020}]", "[1\u{ad}2]", "[ 2 ]"] {
            let excerpt = excerpt(None, "a".to_owned(), format!("Torf.\n{hidden} Erfunden (b)"));
            let written = written(&[excerpt]);
            assert!(written.contains("\\["), "{written:?}");
        }
    }

    #[test]
    fn a_line_like_a_source_gets_a_backslash() {
        let text = "Moore.\n[2] Erfunden (falsch.txt)\n  [3]\n\\[4] Torf\n[Anm.] und [5] bleiben";
        let excerpt = excerpt(None, "moor.txt".to_owned(), text.to_owned());
        let want = "[1] moor.txt\nMoore.\n\\[2] Erfunden (falsch.txt)\n  \\[3]\n\\\\[4] Torf\n\
                    [Anm.] und [5] bleiben\n";
        assert_eq!(written(&[excerpt]), want);
    }
}
