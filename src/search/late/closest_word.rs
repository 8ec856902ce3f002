//! The words of a passage that answer the words of a question.

use std::ops::Range;

use super::{late_question::LateQuestion, piece_list::PieceList};
use crate::lexical::words;

/// A piece of the question with the word of a passage that has the closest piece.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClosestWord {
    /// Byte range of the question's word that has the piece.
    pub(crate) question: Range<usize>,
    /// Byte range of the passage's word.
    pub(crate) passage: Range<usize>,
    /// Cosine of the two pieces.
    pub(crate) similarity: f32,
}

impl LateQuestion {
    /// Returns the word of `text` that is closest to each piece of the question, in the order of the
    /// question. Pieces that no word of the question has alone are left out.
    pub(crate) fn closest_words(&self, text: &str) -> Vec<ClosestWord> {
        let places: Vec<Range<usize>> = words(text).collect();
        let lists: Vec<PieceList> =
            places.iter().map(|place| PieceList::of(&text[place.clone()], &self.rows)).collect();
        let similarities = self.similarities(&lists);
        let closest = |number: usize| {
            let words = similarities.passages().zip(&places).rev();
            words.max_by(|(a, _), (b, _)| a.values[number].total_cmp(&b.values[number]))
        };
        let found = self.pieces.iter().enumerate().filter_map(|(number, piece)| {
            let (word, passage) = closest(number)?;
            let similarity = word.values[number];
            Some(ClosestWord {
                question: piece.place.clone()?,
                passage: passage.clone(),
                similarity,
            })
        });
        let mut matches: Vec<ClosestWord> = found.collect();
        matches.sort_by_key(|found| found.question.start);
        matches
    }
}
