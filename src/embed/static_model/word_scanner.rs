//! How a text is split into words: letters eight bytes at a time where they are ASCII, all else
//! character by character, as the rules of a model have it.

use super::short_str::ShortStr;

/// What a character does to the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Is part of a word.
    Letter,
    /// Is a word by itself.
    Symbol,
    /// Ends a word.
    Space,
    /// Is not there.
    Ignored,
}

/// What the words of a text are. ASCII letters become lower-case ones, ASCII letters and digits
/// are letters of words.
pub(super) trait Rules {
    /// The classes of the ASCII characters.
    const CLASSES: [Class; 128];

    /// Gives `take` the characters that a character other than ASCII becomes.
    fn expand(character: char, take: impl FnMut(char, Class));
}

/// Takes the words of a text in their order, in lower case.
pub(super) trait WordSink {
    /// A word of up to 16 ASCII characters.
    fn short(&mut self, word: ShortStr);

    /// Any other word.
    fn long(&mut self, word: &str);
}

/// Bytes that are looked at together.
const BLOCK: usize = size_of::<u64>();

/// Gives `words` each word and each single symbol of `text`; `word` is a buffer.
pub(super) fn split<R: Rules>(text: &str, word: &mut String, words: &mut impl WordSink) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = short_word(bytes, at);
        let len = start.len();
        let end = bytes.get(at + len).map_or(Some(Class::Space), |byte| class_of::<R>(*byte));
        match end {
            Some(Class::Space | Class::Symbol) if len > 0 => {
                words.short(start);
                // WordSink are most often one space apart.
                at += len + usize::from(end == Some(Class::Space));
            }
            Some(Class::Space) => at += 1,
            Some(Class::Symbol) => {
                words.short(ShortStr::of(&[byte]));
                at += 1;
            }
            _ => at = long_word::<R>(text, at, word, words),
        }
    }
}

/// The class of the character of which `byte` is the first one; `None` if it is not ASCII.
#[inline]
fn class_of<R: Rules>(byte: u8) -> Option<Class> {
    R::CLASSES.get(usize::from(byte)).copied()
}

/// Up to 16 ASCII letters from `at` on.
#[inline]
fn short_word(bytes: &[u8], at: usize) -> ShortStr {
    let (first, len) = letters(block_at(bytes, at));
    if len < BLOCK {
        return ShortStr::new(first.into(), len);
    }
    let (second, more) = letters(block_at(bytes, at + BLOCK));
    ShortStr::new(u128::from(first) | u128::from(second) << 64, BLOCK + more)
}

/// The eight bytes from `at` on, in order from the lowest; zero where there are none.
#[inline]
fn block_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(block) => u64::from_le_bytes(*block),
        None => ShortStr::of(rest).first_block(),
    }
}

/// A block in lower case, and how many ASCII letters it starts with.
///
/// The eight bytes are compared at once: what is added to each sets its highest bit if it is not
/// below a limit, and cannot carry into the next.
#[inline]
fn letters(block: u64) -> (u64, usize) {
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; BLOCK]);
    let from = |bytes: u64, limit: u8| bytes + u64::from_ne_bytes([0x80 - limit; BLOCK]);
    let ascii = block & !HIGHEST;
    let lower = ascii | u64::from_ne_bytes([0x20; BLOCK]);
    let letter = from(lower, b'a') & !from(lower, b'z' + 1) & HIGHEST;
    let digit = from(ascii, b'0') & !from(ascii, b'9' + 1) & HIGHEST;
    let others = (!(letter | digit) | block) & HIGHEST;
    let len = others.trailing_zeros() as usize / BLOCK;
    // A letter's highest bit, moved to where upper and lower case differ.
    (block | letter >> 2, len)
}

/// Takes characters from `at` on until a word has ended, or none has begun; returns where the
/// next one starts.
fn long_word<R: Rules>(
    text: &str,
    at: usize,
    word: &mut String,
    words: &mut impl WordSink,
) -> usize {
    word.clear();
    let mut take = |character: char, class: Class| match class {
        Class::Letter => word.push(character),
        Class::Ignored => {}
        Class::Space => end(word, words),
        Class::Symbol => {
            end(word, words);
            word.push(character);
            end(word, words);
        }
    };
    for (offset, character) in text[at..].char_indices() {
        let class = u8::try_from(character).ok().and_then(class_of::<R>);
        match class {
            Some(Class::Letter) => take(character.to_ascii_lowercase(), Class::Letter),
            Some(Class::Space | Class::Symbol) => {
                end(word, words);
                return at + offset;
            }
            Some(Class::Ignored) => {}
            None => R::expand(character, &mut take),
        }
    }
    end(word, words);
    text.len()
}

fn end(word: &mut String, words: &mut impl WordSink) {
    if !word.is_empty() {
        words.long(word);
        word.clear();
    }
}
