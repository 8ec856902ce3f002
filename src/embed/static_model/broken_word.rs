//! Words that a hyphen breaks at the end of a line.

use std::borrow::Cow;

/// Words after a hyphen that stands for the rest of a compound: `Haupt-` and `Nebensatz`.
const CONJUNCTIONS: [&str; 12] =
    ["als", "and", "bis", "bzw", "et", "nor", "oder", "or", "sowie", "to", "und", "wie"];

/// Returns the length of the break at the start of `after`, which follows a letter: hyphen, line end
/// and blanks; `None` if the next word does not continue the word.
///
/// Only a lower-case letter continues a word: `Baden-` and `Württemberg` are two.
pub(crate) fn break_length(after: &str) -> Option<usize> {
    let line_end = after.strip_prefix(['-', '\u{2010}'])?.trim_start_matches(is_blank);
    let line = line_end.strip_prefix("\r\n").or_else(|| line_end.strip_prefix('\n'))?;
    let next = line.trim_start_matches(is_blank);
    let len = next.find(|c: char| !c.is_alphanumeric()).unwrap_or(next.len());
    let continues = next.starts_with(char::is_lowercase) && !CONJUNCTIONS.contains(&&next[..len]);
    continues.then_some(after.len() - next.len())
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}')
}

/// Returns `text` with its broken words joined.
pub(super) fn joined(text: &str) -> Cow<'_, str> {
    let mut joined = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices('\n') {
        let line = text[copied..at].trim_end_matches('\r').trim_end_matches(is_blank);
        let Some(word) = line.strip_suffix(['-', '\u{2010}']) else { continue };
        let hyphen = copied + word.len();
        if !word.ends_with(char::is_alphabetic) {
            continue;
        }
        if let Some(len) = break_length(&text[hyphen..]) {
            joined.push_str(word);
            copied = hyphen + len;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    joined.push_str(&text[copied..]);
    Cow::Owned(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_broken_at_a_line_end_are_joined() {
        for (text, whole) in [
            ("der Auf-\nsichtsrat tagt", "der Aufsichtsrat tagt"),
            ("Auf- \r\n  sichtsrat", "Aufsichtsrat"),
            ("Auf\u{2010}\nsichts-\nrat", "Aufsichtsrat"),
        ] {
            assert_eq!(joined(text), whole);
        }
    }

    #[test]
    fn other_hyphens_stay() {
        for text in [
            "Haupt- und Nebensatz",
            "Haupt-\nund Nebensatz",
            "Baden-\nWürttemberg",
            "10-\n20",
            "10-\nmal",
            "- Punkt\n- noch einer",
            "ein Satz -\nund noch einer",
            "Ab-\n\nsatz",
            "Ende-\n",
        ] {
            assert_eq!(joined(text), text);
        }
    }
}
