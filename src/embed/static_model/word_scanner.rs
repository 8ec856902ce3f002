//! Splits a text into words by the rules of a model: ASCII letters eight bytes at a time, other
//! characters one by one.

use super::short_str::ShortStr;

/// The effect of a character on words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CharClass {
    /// Belongs to a word.
    Letter,
    /// Is a word by itself.
    Symbol,
    /// Ends a word.
    Space,
    /// Has no effect, as if it were absent.
    Ignored,
}

/// Rules that split a text into words. Under all rules, ASCII letters and digits belong to words and
/// ASCII letters become lower-case.
pub(super) trait WordRules {
    /// The classes of the ASCII characters.
    const CLASSES: [CharClass; 128];

    /// Passes `take` the characters that replace `character`, which is not ASCII.
    fn expand(character: char, take: impl FnMut(char, CharClass));
}

/// Receives the words of a text, in order and in lower case.
pub(super) trait WordSink {
    /// Receives a word of up to 16 ASCII characters.
    fn short(&mut self, word: ShortStr);

    /// Receives any other word.
    fn long(&mut self, word: &str);
}

/// Number of bytes that are classified at once.
const BLOCK: usize = size_of::<u64>();

/// Passes each word and each symbol of `text` to `words`; `word` is a buffer.
pub(super) fn split<R: WordRules>(text: &str, word: &mut String, words: &mut impl WordSink) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match class_of::<R>(byte) {
            Some(CharClass::Letter) => at = letters::<R>(text, at, word, words),
            Some(CharClass::Space) => at += 1,
            Some(CharClass::Symbol) => {
                words.short(ShortStr::new(byte.into(), 1));
                at += 1;
            }
            Some(CharClass::Ignored) | None => at = long_word::<R>(text, at, word, words),
        }
    }
}

/// Passes the word that starts with the ASCII letter at `at` to `words`; returns the offset after it.
#[inline]
fn letters<R: WordRules>(
    text: &str,
    at: usize,
    word: &mut String,
    words: &mut impl WordSink,
) -> usize {
    let start = short_word(text.as_bytes(), at);
    let len = start.len();
    let end = text.as_bytes().get(at + len);
    match end.map_or(Some(CharClass::Space), |byte| class_of::<R>(*byte)) {
        end @ Some(CharClass::Space | CharClass::Symbol) => {
            words.short(start);
            // Most words are followed by one space: skip it here.
            at + len + usize::from(end == Some(CharClass::Space))
        }
        _ => long_word::<R>(text, at, word, words),
    }
}

/// Returns the class of the character that starts with `byte`; `None` if it is not ASCII.
#[inline]
fn class_of<R: WordRules>(byte: u8) -> Option<CharClass> {
    R::CLASSES.get(usize::from(byte)).copied()
}

/// Reads up to 16 ASCII letters and digits at `at`, in lower case.
#[inline]
fn short_word(bytes: &[u8], at: usize) -> ShortStr {
    let first = LetterBlock::of(block_at(bytes, at));
    if first.len < BLOCK {
        return ShortStr::new(first.lower.into(), first.len);
    }
    let second = LetterBlock::of(block_at(bytes, at + BLOCK));
    let both = u128::from(first.lower) | u128::from(second.lower) << 64;
    ShortStr::new(both, BLOCK + second.len)
}

/// Reads eight bytes at `at`, little-endian; bytes beyond the end are zero.
#[inline]
fn block_at(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at.min(bytes.len())..];
    match rest.first_chunk() {
        Some(block) => u64::from_le_bytes(*block),
        None => ShortStr::of(rest).first_block(),
    }
}

/// Eight bytes, and the number of ASCII letters and digits that they start with.
struct LetterBlock {
    /// The bytes with ASCII letters in lower case.
    lower: u64,
    len: usize,
}

impl LetterBlock {
    /// Classifies all eight bytes of `block` at once.
    ///
    /// Adding `0x80 - limit` to a byte below `0x80` sets its highest bit if the byte is `limit` or
    /// more, and never carries into the next byte.
    #[inline]
    fn of(block: u64) -> Self {
        const HIGHEST: u64 = u64::from_ne_bytes([0x80; BLOCK]);
        let at_least = |bytes: u64, limit: u8| bytes + u64::from_ne_bytes([0x80 - limit; BLOCK]);
        let ascii = block & !HIGHEST;
        let lower = ascii | u64::from_ne_bytes([0x20; BLOCK]);
        let letter = at_least(lower, b'a') & !at_least(lower, b'z' + 1) & HIGHEST;
        let digit = at_least(ascii, b'0') & !at_least(ascii, b'9' + 1) & HIGHEST;
        let others = (!(letter | digit) | block) & HIGHEST;
        let len = others.trailing_zeros() as usize / u8::BITS as usize;
        // 0x80 >> 2 is 0x20, the bit that differs between upper and lower case.
        Self { lower: block | letter >> 2, len }
    }
}

/// Reads characters at `at` up to the next ASCII space or symbol and passes their words to `words`;
/// returns the offset of the next character.
fn long_word<R: WordRules>(
    text: &str,
    at: usize,
    word: &mut String,
    words: &mut impl WordSink,
) -> usize {
    let letters = text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric());
    let letters = letters.count();
    word.clear();
    word.push_str(&text[at..at + letters]);
    word.make_ascii_lowercase();
    let at = at + letters;
    let mut take = |character: char, class: CharClass| match class {
        CharClass::Letter => word.push(character),
        CharClass::Ignored => {}
        CharClass::Space => flush(word, words),
        CharClass::Symbol => {
            flush(word, words);
            word.push(character);
            flush(word, words);
        }
    };
    for (offset, character) in text[at..].char_indices() {
        let class = u8::try_from(character).ok().and_then(class_of::<R>);
        match class {
            Some(CharClass::Letter) => take(character.to_ascii_lowercase(), CharClass::Letter),
            Some(CharClass::Space | CharClass::Symbol) => {
                flush(word, words);
                return at + offset;
            }
            Some(CharClass::Ignored) => {}
            None => R::expand(character, &mut take),
        }
    }
    flush(word, words);
    text.len()
}

/// Passes the buffered word to `words` and clears it.
fn flush(word: &mut String, words: &mut impl WordSink) {
    if !word.is_empty() {
        words.long(word);
        word.clear();
    }
}
