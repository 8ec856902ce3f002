//! Texts in a model's tokens: how long they are, and where they can be cut.

use std::ops::Range;

use crate::{Cause, Error, Result};

/// What a tokenizer tells of a text.
type Tells<T> = Box<dyn Fn(&str) -> Result<T, Cause> + Send + Sync>;

/// What is known of a tokenizer. Special tokens are not counted, and nothing is cut.
pub(crate) struct Tokens {
    /// The number of tokens of a text.
    pub(super) count: Tells<usize>,
    /// Where in a text each of its tokens begins, in bytes.
    pub(super) starts: Tells<Vec<usize>>,
    /// How many special tokens every text gets, or every pair of texts where the model reads
    /// two.
    pub(super) special: usize,
    /// The error of the model that they are of.
    pub(super) failed: fn(Cause) -> Error,
}

impl Tokens {
    pub(crate) fn count(&self, text: &str) -> Result<usize> {
        (self.count)(text).map_err(self.failed)
    }

    /// How many special tokens every text gets, or every pair.
    pub(crate) fn special(&self) -> usize {
        self.special
    }

    /// `text` in pieces of no more than `limit` tokens, which is 8 or more, with the length of
    /// each: the text itself, or all of it halved until the pieces are short enough; a single
    /// character that is longer stays as it is.
    pub(crate) fn pieces<'t>(&self, text: &'t str, limit: usize) -> Result<Vec<(&'t str, usize)>> {
        let tokens = self.count(text)?;
        if tokens <= limit {
            return Ok(vec![(text, tokens)]);
        }
        let starts = (self.starts)(text).map_err(self.failed)?;
        let Some(middle) = middle(text, &starts) else { return Ok(vec![(text, tokens)]) };
        let (first, second) = text.split_at(middle);
        Ok([self.pieces(first, limit)?, self.pieces(second, limit)?].concat())
    }
}

impl Tokens {
    /// The beginning of `text` that has no more than `limit` tokens, with its length.
    pub(crate) fn beginning<'t>(&self, text: &'t str, limit: usize) -> Result<(&'t str, usize)> {
        let (mut text, mut tokens) = (text, self.count(text)?);
        while tokens > limit {
            let starts = (self.starts)(text).map_err(self.failed)?;
            let end = starts.get(limit).copied().unwrap_or_default();
            // A tokenizer that does not say where tokens are is helped.
            let end = if (1..text.len()).contains(&end) { end } else { text.len() / 2 };
            text = &text[..text.floor_char_boundary(end)];
            tokens = self.count(text)?;
        }
        Ok((text, tokens))
    }
}

/// Where to halve a text whose tokens begin at `starts`: between two words if there are any near
/// its middle, else between two tokens, else between two characters; `None` for a single one.
fn middle(text: &str, starts: &[usize]) -> Option<usize> {
    let inside = |at: &usize| *at > 0 && *at < text.len() && text.is_char_boundary(*at);
    let half = starts.len() / 2;
    let near = |range: Range<usize>, is_meant: &dyn Fn(usize) -> bool| {
        let candidates = starts[range.clone()].iter().enumerate();
        candidates
            .filter(|(_, at)| inside(at) && is_meant(**at))
            .min_by_key(|(token, _)| (range.start + token).abs_diff(half))
            .map(|(_, at)| *at)
    };
    let begins_word = |at: usize| {
        text[..at].ends_with(char::is_whitespace) || text[at..].starts_with(char::is_whitespace)
    };
    let center = text.floor_char_boundary(text.len().div_ceil(2));
    near(half / 2..starts.len() - half / 2, &begins_word)
        .or_else(|| near(0..starts.len(), &|_| true))
        .or_else(|| Some(center).filter(inside))
        .or_else(|| Some(text.ceil_char_boundary(1)).filter(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token for every four bytes of a word.
    fn tokens() -> Tokens {
        let starts = |text: &str| {
            let mut starts = Vec::new();
            for word in text.split_whitespace() {
                let from = word.as_ptr().addr() - text.as_ptr().addr();
                starts.extend((from..from + word.len()).step_by(4));
            }
            starts
        };
        Tokens {
            count: Box::new(move |text| Ok(starts(text).len())),
            starts: Box::new(move |text| Ok(starts(text))),
            special: 2,
            failed: Error::Embed,
        }
    }

    fn joined(pieces: &[(&str, usize)]) -> String {
        pieces.iter().map(|(piece, _)| *piece).collect()
    }

    #[test]
    fn pieces_are_the_whole_text_and_within_the_limit() {
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
                let pieces = tokens().pieces(text, limit).unwrap();
                assert_eq!(&joined(&pieces), text);
                for (piece, length) in pieces {
                    assert!(length <= limit, "{length} > {limit}: {piece}");
                    assert_eq!(length, tokens().count(piece).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_beginning_is_as_long_as_it_may_be() {
        let long = "Moore speichern Wasser. ".repeat(40);
        let (beginning, length) = tokens().beginning(&long, 100).unwrap();
        assert!(long.starts_with(beginning) && length == 100);
        assert_eq!(tokens().beginning("short", 8).unwrap(), ("short", 2));
        let silent = Tokens { starts: Box::new(|_| Ok(Vec::new())), ..tokens() };
        let (beginning, length) = silent.beginning(&long, 100).unwrap();
        assert!(long.starts_with(beginning) && (50..=100).contains(&length));
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        let text = "Seeotter halten sich im Schlaf an den Pfoten ".repeat(9);
        let pieces = tokens().pieces(&text, 16).unwrap();
        assert!(pieces.len() >= 8);
        for (piece, _) in pieces {
            assert!(
                piece.split_whitespace().all(|word| text.split_whitespace().any(|w| w == word))
            );
        }
    }

    #[test]
    fn a_tokenizer_that_does_not_say_where_tokens_are_is_helped() {
        let tokens = Tokens {
            count: Box::new(|text| Ok(text.chars().count())),
            starts: Box::new(|text| Ok(vec![0; text.chars().count()])),
            special: 0,
            failed: Error::Embed,
        };
        let pieces = tokens.pieces("öäüöäüöäüöäüöäü", 8).unwrap();
        assert!(pieces.iter().all(|(_, length)| *length <= 8), "{pieces:?}");
        assert_eq!(joined(&pieces), "öäüöäüöäüöäüöäü");
    }
}
