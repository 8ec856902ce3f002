//! Character classes of the sentence rules.

/// Whether `c` is a sentence terminator such as `.`, `!`, `?` or `…`.
pub(super) fn is_terminator(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '։' | '।' | '॥')
        || is_wide_terminator(c)
}

/// Whether `c` is a full-width terminator, which no space follows.
pub(super) fn is_wide_terminator(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '．' | '｡')
}

/// Whether `c` is a quotation mark, opening or closing: the two differ between languages.
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

/// Whether `c` may precede the first word of a sentence.
pub(super) fn is_opener(c: char) -> bool {
    is_quote(c) || matches!(c, '(' | '[' | '{' | '（' | '¿' | '¡') || is_emphasis(c)
}

/// Whether `c` may follow the terminator and still belong to the sentence.
pub(super) fn is_closer(c: char) -> bool {
    is_quote(c) || matches!(c, ')' | ']' | '}' | '）') || is_emphasis(c) || is_superscript(c)
}

/// Whether `c` is a Markdown emphasis or code mark.
fn is_emphasis(c: char) -> bool {
    matches!(c, '*' | '_' | '~' | '`')
}

/// Whether `c` is a superscript digit of a footnote reference.
pub(super) fn is_superscript(c: char) -> bool {
    matches!(c, '¹' | '²' | '³' | '⁰' | '⁴'..='⁹')
}

/// Whether `c` is a dash, or a hyphen used as one.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—' | '―')
}

/// Whether `c` is an emoji or part of an emoji sequence.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}'
            | '\u{FE0F}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}'
    )
}

/// Whether `c` can stand for the first word of a sentence.
pub(super) fn is_symbol(c: char) -> bool {
    matches!(c, '§' | '$' | '€' | '£' | '¥' | '#' | '@' | '°') || is_emoji(c)
}
