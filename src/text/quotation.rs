//! Quotations, which do not decide the language of the text around them.

use std::borrow::Cow;

/// Minimum number of words outside quotations that decide without them.
const MIN_WORDS: usize = 4;

/// The start of a quotation whose end has not been read.
struct OpenQuotation {
    /// Offset of its first mark, in bytes.
    start: usize,
    /// Marks that may end it.
    closers: &'static [char],
}

/// Returns `text` without what stands in quotation marks; all of it if fewer than four words remain.
///
/// A quotation without an end is no quotation. Single quotation marks are read as apostrophes.
pub(crate) fn outside_quotations(text: &str) -> Cow<'_, str> {
    let mut outside = String::new();
    let mut copied = 0;
    let mut open: Option<OpenQuotation> = None;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match &open {
            Some(quotation) if quotation.closers.contains(&c) => {
                outside.push_str(&text[copied..quotation.start]);
                outside.push(' ');
                copied = at + c.len_utf8();
                open = None;
            }
            Some(_) => {}
            // `5"` is a length.
            None if last.is_alphanumeric() => {}
            None => open = closers_of(c).map(|closers| OpenQuotation { start: at, closers }),
        }
        last = c;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    outside.push_str(&text[copied..]);
    let words = outside.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    if words.take(MIN_WORDS).count() < MIN_WORDS {
        return Cow::Borrowed(text);
    }
    Cow::Owned(outside)
}

/// Returns the marks that may end a quotation that `mark` begins; `None` if it begins none.
fn closers_of(mark: char) -> Option<&'static [char]> {
    match mark {
        '„' => Some(&['“', '”', '"']),
        '“' => Some(&['”', '"']),
        '"' => Some(&['"', '“', '”']),
        '«' => Some(&['»']),
        '»' => Some(&['«']),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_left_out() {
        for (text, outside) in [
            ("He said „Das ist gut“ to all.", "He said   to all."),
            ("He said “this” and \"that\" to all.", "He said   and   to all."),
            ("Er rief «oui» und »non« in den Saal.", "Er rief   und   in den Saal."),
        ] {
            assert_eq!(outside_quotations(text), outside);
        }
    }

    #[test]
    fn a_text_stays_whole_without_four_words_beside_its_quotation() {
        for text in [
            "„Das ist gut“, said the man.",
            "A board of 5\" and one of 6\" were sold.",
            "He said “this and did not end it, so it is all text.",
            "It's the dog's and the cat's house.",
            "",
        ] {
            let text = &text.replace("said the man", "said he");
            assert_eq!(outside_quotations(text), text.as_str());
        }
    }
}
