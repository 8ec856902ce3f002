//! Classes of characters that the sentence rules speak of.

/// A character that can end a sentence.
pub(super) fn is_terminator(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '։' | '।' | '॥')
        || is_wide_terminator(c)
}

/// A stop of a script that puts no space after it.
pub(super) fn is_wide_terminator(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '．' | '｡')
}

/// A quotation mark; which ones open and which close differs between languages.
pub(super) fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '„'
            | '“'
            | '”'
            | '‟'
            | '‚'
            | '‘'
            | '’'
            | '‛'
            | '«'
            | '»'
            | '‹'
            | '›'
            | '「'
            | '」'
            | '『'
            | '』'
    )
}

/// Can stand before the first word of a sentence.
pub(super) fn is_opener(c: char) -> bool {
    is_quote(c) || matches!(c, '(' | '[' | '{' | '（' | '¿' | '¡') || is_emphasis(c)
}

/// Can stand after the stop and still belong to the sentence.
pub(super) fn is_closer(c: char) -> bool {
    is_quote(c) || matches!(c, ')' | ']' | '}' | '）') || is_emphasis(c) || is_superscript(c)
}

/// A mark that Markdown puts around words.
fn is_emphasis(c: char) -> bool {
    matches!(c, '*' | '_' | '~' | '`')
}

/// The digit of a footnote.
fn is_superscript(c: char) -> bool {
    matches!(c, '¹' | '²' | '³' | '⁰' | '⁴'..='⁹')
}

/// A dash, or a hyphen used as one.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—' | '―')
}

/// A pictograph or a part of one.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}'
            | '\u{FE0F}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}'
    )
}

/// Stands for a word at the start of a sentence.
pub(super) fn is_symbol(c: char) -> bool {
    matches!(c, '§' | '$' | '€' | '£' | '¥' | '#' | '@' | '°') || is_emoji(c)
}
