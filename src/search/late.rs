//! Late interaction: compares each piece of a question with the closest piece of each passage.
//!
//! The pieces and their vectors are those of the bundled model, whatever model embeds the corpus.
//! A passage is stored as its distinct pieces.
//!
//! # Source
//!
//! Khattab & Zaharia (2020), `ColBERT`: the sum of maximum similarities. Here the vectors do not
//! depend on the context, and constants of the question replace training.

mod closest_word;
mod late_constants;
mod late_question;
mod late_similarities;
mod piece_list;

pub(crate) use closest_word::{ClosestWord, PiecePlaces};
pub(crate) use late_constants::LateConstants;
pub(crate) use late_question::LateQuestion;
pub(crate) use piece_list::{PieceList, fingerprint};
