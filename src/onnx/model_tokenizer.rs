//! The tokenizer of a model: counts tokens and cuts texts at them.

use std::{ops::Range, sync::Arc};

use super::{JsonTokenizer, ModelFiles};
use crate::{Cause, Error, Result};

/// Cuts texts into tokens, without special ones.
pub(crate) trait Tokenize {
    /// Returns the number of tokens of a text.
    fn count(&self, text: &str) -> Result<usize, Cause>;

    /// Returns the byte offset at which each token of a text starts.
    fn starts(&self, text: &str) -> Result<Vec<usize>, Cause>;
}

/// A model's tokenizer. It counts no special tokens and truncates nothing.
pub(crate) struct ModelTokenizer<T = JsonTokenizer> {
    tokenizer: Arc<T>,
    /// Number of special tokens of an input: of a text, or of a pair if the model reads pairs.
    special: usize,
    /// Makes the error of a tokenizer that fails.
    failed: fn(Cause) -> Error,
}

/// A text, or a part of one, with its length in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountedText<'t> {
    pub(crate) text: &'t str,
    pub(crate) tokens: usize,
}

impl ModelTokenizer {
    /// Reads the tokenizer of a model that reads single texts.
    pub(crate) fn for_texts(files: &ModelFiles) -> Result<Self, Cause> {
        let tokenizer = JsonTokenizer::read(files)?;
        let special = tokenizer.input("", usize::MAX)?.ids.len();
        Ok(Self { tokenizer: Arc::new(tokenizer), special, failed: Error::Embed })
    }

    /// Reads the tokenizer of a model that reads pairs of texts.
    pub(crate) fn for_pairs(files: &ModelFiles) -> Result<Self, Cause> {
        let tokenizer = JsonTokenizer::read(files)?;
        let special = tokenizer.pair("", "")?.ids.len();
        Ok(Self { tokenizer: Arc::new(tokenizer), special, failed: Error::Rerank })
    }

    /// Returns the tokenizer, for the sessions of the model.
    pub(super) fn shared(&self) -> Arc<JsonTokenizer> {
        Arc::clone(&self.tokenizer)
    }

    /// Returns the approximate memory of the tokenizer in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tokenizer.memory_bytes()
    }
}

impl<T: Tokenize> ModelTokenizer<T> {
    pub(crate) fn count(&self, text: &str) -> Result<usize> {
        self.tokenizer.count(text).map_err(self.failed)
    }

    fn starts(&self, text: &str) -> Result<Vec<usize>> {
        self.tokenizer.starts(text).map_err(self.failed)
    }

    /// Returns the number of special tokens of an input.
    pub(crate) fn special(&self) -> usize {
        self.special
    }

    /// Splits `text` into pieces of at most `limit` tokens, `limit >= 8`. The pieces joined are
    /// `text`.
    ///
    /// It halves the text until each piece fits. A single character over the limit stays whole.
    pub(crate) fn pieces<'t>(&self, text: &'t str, limit: usize) -> Result<Vec<CountedText<'t>>> {
        let tokens = self.count(text)?;
        let whole = CountedText { text, tokens };
        if tokens <= limit {
            return Ok(vec![whole]);
        }
        let Some(middle) = middle(text, &self.starts(text)?) else { return Ok(vec![whole]) };
        let (first, second) = text.split_at(middle);
        Ok([self.pieces(first, limit)?, self.pieces(second, limit)?].concat())
    }

    /// Returns the beginning of `text`, of at most `limit` tokens.
    pub(crate) fn beginning<'t>(&self, text: &'t str, limit: usize) -> Result<CountedText<'t>> {
        let mut text = text;
        let mut tokens = self.count(text)?;
        while tokens > limit {
            let starts = self.starts(text)?;
            // Some tokenizers return no useful offsets: the text is halved instead.
            let end = starts.get(limit).filter(|end| (1..text.len()).contains(*end));
            let end = end.copied().unwrap_or(text.len() / 2);
            text = &text[..text.floor_char_boundary(end)];
            tokens = self.count(text)?;
        }
        Ok(CountedText { text, tokens })
    }
}

/// Returns the offset at which to halve a text whose tokens start at `starts`: between two words
/// near its middle, else between two tokens, else between two characters. `None` if the text has
/// at most one character.
fn middle(text: &str, starts: &[usize]) -> Option<usize> {
    let inside = |at: &usize| *at > 0 && *at < text.len() && text.is_char_boundary(*at);
    let half = starts.len() / 2;
    let nearest = |range: Range<usize>, is_allowed: &dyn Fn(usize) -> bool| {
        let candidates = starts[range.clone()].iter().enumerate();
        candidates
            .filter(|(_, at)| inside(at) && is_allowed(**at))
            .min_by_key(|(token, _)| (range.start + token).abs_diff(half))
            .map(|(_, at)| *at)
    };
    let is_word_boundary = |at: usize| {
        text[..at].ends_with(char::is_whitespace) || text[at..].starts_with(char::is_whitespace)
    };
    let center = text.floor_char_boundary(text.len().div_ceil(2));
    nearest(half / 2..starts.len() - half / 2, &is_word_boundary)
        .or_else(|| nearest(0..starts.len(), &|_| true))
        .or_else(|| Some(center).filter(inside))
        .or_else(|| Some(text.ceil_char_boundary(1)).filter(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has a token for every four bytes of a word.
    struct FourByteTokens;

    impl Tokenize for FourByteTokens {
        fn count(&self, text: &str) -> Result<usize, Cause> {
            Ok(self.starts(text)?.len())
        }

        fn starts(&self, text: &str) -> Result<Vec<usize>, Cause> {
            let mut starts = Vec::new();
            for word in text.split_whitespace() {
                let from = word.as_ptr().addr() - text.as_ptr().addr();
                starts.extend((from..from + word.len()).step_by(4));
            }
            Ok(starts)
        }
    }

    /// Has a token for each character, and no useful offsets.
    struct WithoutOffsets;

    impl Tokenize for WithoutOffsets {
        fn count(&self, text: &str) -> Result<usize, Cause> {
            Ok(text.chars().count())
        }

        fn starts(&self, text: &str) -> Result<Vec<usize>, Cause> {
            Ok(vec![0; text.chars().count()])
        }
    }

    fn model_tokenizer<T: Tokenize>(tokenizer: T) -> ModelTokenizer<T> {
        ModelTokenizer { tokenizer: Arc::new(tokenizer), special: 2, failed: Error::Embed }
    }

    fn tokenizer() -> ModelTokenizer<FourByteTokens> {
        model_tokenizer(FourByteTokens)
    }

    fn joined(pieces: &[CountedText]) -> String {
        pieces.iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn pieces_tile_the_text_within_the_limit() {
        let texts = [
            "short".to_owned(),
            String::new(),
            "Moore speichern Wasser. ".repeat(40),
            "ein überlanges ".to_owned() + &"ä".repeat(500),
            "🦦".repeat(300),
            " \n".repeat(400),
        ];
        for text in &texts {
            for limit in [8, 13, 100] {
                let pieces = tokenizer().pieces(text, limit).unwrap();
                assert_eq!(&joined(&pieces), text);
                for CountedText { text, tokens: length } in pieces {
                    assert!(length <= limit, "{length} > {limit}: {text}");
                    assert_eq!(length, tokenizer().count(text).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_beginning_fills_the_limit() {
        let long = "Moore speichern Wasser. ".repeat(40);
        let beginning = tokenizer().beginning(&long, 100).unwrap();
        assert!(long.starts_with(beginning.text) && beginning.tokens == 100);
        let whole = CountedText { text: "short", tokens: 2 };
        assert_eq!(tokenizer().beginning("short", 8).unwrap(), whole);
        let beginning = model_tokenizer(WithoutOffsets).beginning(&long, 100).unwrap();
        assert!(long.starts_with(beginning.text) && (50..=100).contains(&beginning.tokens));
    }

    #[test]
    fn pieces_end_between_words() {
        let text = "Seeotter halten sich im Schlaf an den Pfoten ".repeat(9);
        let pieces = tokenizer().pieces(&text, 16).unwrap();
        assert!(pieces.len() >= 8);
        let words: Vec<&str> = text.split_whitespace().collect();
        for piece in pieces {
            assert!(piece.text.split_whitespace().all(|word| words.contains(&word)));
        }
    }

    #[test]
    fn texts_are_split_without_offsets_of_tokens() {
        let tokenizer = model_tokenizer(WithoutOffsets);
        let pieces = tokenizer.pieces("öäüöäüöäüöäüöäü", 8).unwrap();
        assert!(pieces.iter().all(|piece| piece.tokens <= 8), "{pieces:?}");
        assert_eq!(joined(&pieces), "öäüöäüöäüöäüöäü");
    }
}
