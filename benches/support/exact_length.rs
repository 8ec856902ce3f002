//! Texts with an exact number of tokens.

use passim::{Embedder, FastEmbedder};
use passim_testkit::corpus;

/// `len` texts with an exact number of tokens of `embedder`, without special tokens.
pub fn texts(embedder: &FastEmbedder, tokens: usize, len: usize) -> Vec<String> {
    let count = |text: &str| embedder.count_tokens(text).expect("a tokenizer that works");
    let exactly = |words: String| {
        let mut text = String::new();
        for word in words.split(' ').chain(std::iter::repeat("a")) {
            if count(&text) == tokens {
                break;
            }
            let longer = format!("{text} {word}");
            if count(&longer) <= tokens {
                text = longer;
            }
        }
        text
    };
    corpus::texts(1, len, tokens).into_iter().map(exactly).collect()
}
