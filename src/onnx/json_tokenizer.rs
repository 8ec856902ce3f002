//! The tokenizer that a `tokenizer.json` describes. No other file uses `tokenizers`.

use serde_json::Value;
use tokenizers::Tokenizer;
#[cfg(feature = "qwen3")]
use tokenizers::TruncationParams;
use tokenizers::{AddedToken, Encoding, TruncationDirection};

use super::{ModelFiles, model_tokenizer::Tokenize};
use crate::Cause;

/// Memory of a tokenizer per piece that it knows, in bytes. Measured with the 250,002 pieces of
/// XLM-R, whose pieces are in a tree of bytes; other kinds take less.
const BYTES_PER_PIECE: usize = 1_100;

/// A tokenizer that neither pads nor truncates, unless told the length of an input.
///
/// All sessions of a model share one: that of XLM-R takes 250 MiB.
pub(crate) struct JsonTokenizer(Tokenizer);

/// The tokens of one input, with special tokens.
pub(super) struct InputTokens {
    pub(super) ids: Vec<u32>,
    /// For each token, the number of the text that it belongs to.
    pub(super) types: Vec<u32>,
}

impl JsonTokenizer {
    pub(super) fn read(files: &ModelFiles) -> Result<Self, Cause> {
        let mut tokenizer = Tokenizer::from_bytes(&files.tokenizer)?;
        tokenizer.with_padding(None).with_truncation(None)?;
        // Models in candle have no such file.
        if !files.special_tokens_map.is_empty() {
            let map: Value = serde_json::from_slice(&files.special_tokens_map)?;
            let tokens = map.as_object().into_iter().flatten();
            let tokens = tokens.filter_map(|(_, token)| special_token(token));
            tokenizer.add_special_tokens(tokens.collect::<Vec<_>>())?;
        }
        Ok(Self(tokenizer))
    }

    /// Returns the input of a text, cut to `max_length` tokens with special tokens.
    pub(super) fn input(&self, text: &str, max_length: usize) -> Result<InputTokens, Cause> {
        let whole = self.0.encode_fast(text, true)?;
        let excess = whole.len().saturating_sub(max_length);
        if excess == 0 {
            return Ok(whole.into());
        }
        let mut plain = self.0.encode_fast(text, false)?;
        plain.truncate(plain.len().saturating_sub(excess), 0, TruncationDirection::Right);
        Ok(self.0.post_process(plain, None, true)?.into())
    }

    /// Returns the input of two texts.
    pub(super) fn pair(&self, first: &str, second: &str) -> Result<InputTokens, Cause> {
        Ok(self.0.encode_fast((first, second), true)?.into())
    }

    /// Returns the approximate memory of the tokenizer in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.get_vocab_size(true) * BYTES_PER_PIECE
    }
}

impl Tokenize for JsonTokenizer {
    fn count(&self, text: &str) -> Result<usize, Cause> {
        Ok(self.0.encode_fast(text, false)?.len())
    }

    fn starts(&self, text: &str) -> Result<Vec<usize>, Cause> {
        let encoded = self.0.encode(text, false)?;
        Ok(encoded.get_offsets().iter().map(|(start, _)| *start).collect())
    }
}

impl From<Encoding> for InputTokens {
    fn from(encoding: Encoding) -> Self {
        Self { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() }
    }
}

/// Returns the token that a value of `special_tokens_map.json` describes, if it describes one.
fn special_token(value: &Value) -> Option<AddedToken> {
    let token = AddedToken { special: true, ..AddedToken::default() };
    if let Some(content) = value.as_str() {
        return Some(AddedToken { content: content.to_owned(), ..token });
    }
    Some(AddedToken {
        content: value["content"].as_str()?.to_owned(),
        single_word: value["single_word"].as_bool()?,
        lstrip: value["lstrip"].as_bool()?,
        rstrip: value["rstrip"].as_bool()?,
        normalized: value["normalized"].as_bool()?,
        ..token
    })
}

/// Reads a tokenizer that truncates texts to `max_length` tokens, with special tokens.
#[cfg(feature = "qwen3")]
pub(super) fn truncating_tokenizer(json: &[u8], max_length: usize) -> Result<Tokenizer, Cause> {
    let mut tokenizer = Tokenizer::from_bytes(json)?;
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_padding(None).with_truncation(Some(truncation))?;
    Ok(tokenizer)
}
