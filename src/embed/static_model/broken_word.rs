//! Words that a hyphen breaks at the end of a line.

use std::borrow::Cow;

/// Words after a hyphen that stands for the rest of a compound: `Haupt-` and `Nebensatz`.
const CONJUNCTIONS: [&str; 12] =
    ["als", "and", "bis", "bzw", "et", "nor", "oder", "or", "sowie", "to", "und", "wie"];

/// Characters that hyphenate a word at the end of a line; the last one is the soft hyphen.
const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{AD}'];
/// Ends of lines besides the line feed, which may follow a carriage return.
const RARE_LINE_ENDS: [char; 2] = ['\u{85}', '\u{2028}'];
/// Minimum length in characters of the rest of a word in capitals: `USA` after `EU-` is another word.
const MIN_CAPITALS: usize = 4;

/// Returns the length of the break at the start of `after`, which follows the letter that ends
/// `before`: hyphen, line end and blanks; `None` if the next word does not continue the word.
///
/// Only a lower-case letter continues a word, and capitals a word in capitals: `Baden-` and
/// `Württemberg` are two.
pub(crate) fn break_length(before: &str, after: &str) -> Option<usize> {
    let line_end = after.strip_prefix(HYPHENS)?.trim_start_matches(is_blank);
    let line = line_end
        .strip_prefix("\r\n")
        .or_else(|| line_end.strip_prefix('\n'))
        .or_else(|| line_end.strip_prefix(RARE_LINE_ENDS))?;
    let next = line.trim_start_matches(is_blank);
    let len = next.find(|c: char| !c.is_alphanumeric()).unwrap_or(next.len());
    let rest = &next[..len];
    let is_conjunction =
        || CONJUNCTIONS.iter().any(|conjunction| conjunction.eq_ignore_ascii_case(rest));
    let continues = rest.starts_with(char::is_lowercase) || is_word_in_capitals(before, rest);
    (continues && !is_conjunction()).then_some(after.len() - next.len())
}

/// Whether the word at the end of `before` and `rest`, which is long enough, are in capitals.
fn is_word_in_capitals(before: &str, rest: &str) -> bool {
    let mut word = before.chars().rev().take_while(|c| c.is_alphanumeric());
    rest.chars().nth(MIN_CAPITALS - 1).is_some()
        && rest.chars().all(char::is_uppercase)
        && word.by_ref().take(2).filter(|c| c.is_uppercase()).count() == 2
        && word.all(char::is_uppercase)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}')
}

/// Returns `text` with its broken words joined.
pub(super) fn joined(text: &str) -> Cow<'_, str> {
    if text.contains(RARE_LINE_ENDS[0]) || text.contains(RARE_LINE_ENDS[1]) {
        let line_ends = ['\n', RARE_LINE_ENDS[0], RARE_LINE_ENDS[1]];
        return joined_at(text, text.match_indices(line_ends).map(|(at, _)| at));
    }
    joined_at(text, text.match_indices('\n').map(|(at, _)| at))
}

/// Returns `text` with the words joined that are broken at `line_ends`.
fn joined_at(text: &str, line_ends: impl Iterator<Item = usize>) -> Cow<'_, str> {
    let mut joined = String::new();
    let mut copied = 0;
    for at in line_ends {
        let line = text[copied..at].trim_end_matches('\r').trim_end_matches(is_blank);
        let Some(word) = line.strip_suffix(HYPHENS) else { continue };
        let hyphen = copied + word.len();
        if !word.ends_with(char::is_alphabetic) {
            continue;
        }
        if let Some(len) = break_length(word, &text[hyphen..]) {
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
            ("Auf\u{AD}\nsichtsrat", "Aufsichtsrat"),
            ("Auf\u{AD}\r\n sichtsrat", "Aufsichtsrat"),
            ("der AUF-\nSICHTSRAT", "der AUFSICHTSRAT"),
            ("AUF\u{AD}\nSICHTS-\nRAT", "AUFSICHTS-\nRAT"),
            ("Auf-\u{2028}sichtsrat", "Aufsichtsrat"),
            ("Auf- \u{85} sichts-\nrat", "Aufsichtsrat"),
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
            "Haupt\u{AD}\nund Nebensatz",
            "HAUPT-\nODER NEBENSATZ",
            "EU-\nUSA",
            "Die EU-\nKOMMISSAR1N",
            "Haus-\nNUMMER",
            "A-\nKLASSE",
            "Baden\u{AD}\nWürttemberg",
            "10\u{AD}\nmal",
            "Ab-\u{2029}satz",
            "Ab-\u{2028}\u{2028}satz",
        ] {
            assert_eq!(joined(text), text);
        }
    }
}
