//! From articles to passages: the sentences of a text and how they are packed.

mod block;
mod follow;
mod language;
mod marks;
mod sentence;
mod stop;
mod token;
mod unicode;
mod words;

pub use sentence::{Sentences, sentences};
