//! The words of a passage that answer the words of a question.

use std::ops::Range;

use rustc_hash::FxHashMap;

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

/// The byte range of the first word of a question that has each piece.
pub(crate) struct PiecePlaces(FxHashMap<u16, Range<usize>>);

impl LateQuestion {
    /// Returns the places of the pieces in `question`, whose pieces these are.
    pub(crate) fn places(&self, question: &str) -> PiecePlaces {
        let mut places = FxHashMap::default();
        for place in words(question) {
            for counted in self.rows.count(&question[place.clone()]) {
                places.entry(counted.piece).or_insert_with(|| place.clone());
            }
        }
        PiecePlaces(places)
    }

    /// Returns the word of `text` that is closest to each piece of the question, in the order of the
    /// question, whose pieces have these `places`. Pieces that no word of the question has alone are
    /// left out.
    pub(crate) fn closest_words(&self, places: &PiecePlaces, text: &str) -> Vec<ClosestWord> {
        let ranges: Vec<Range<usize>> = words(text).collect();
        let lists: Vec<PieceList> =
            ranges.iter().map(|range| PieceList::of(&text[range.clone()], &self.rows)).collect();
        let similarities = self.similarities(&lists);
        let closest = |number: usize| {
            let words = similarities.passages().zip(&ranges).rev();
            words.max_by(|(a, _), (b, _)| a.values[number].total_cmp(&b.values[number]))
        };
        let found = self.pieces.iter().enumerate().filter_map(|(number, piece)| {
            let (word, passage) = closest(number)?;
            let similarity = word.values[number];
            Some(ClosestWord {
                question: places.0.get(&piece.piece)?.clone(),
                passage: passage.clone(),
                similarity,
            })
        });
        let mut matches: Vec<ClosestWord> = found.collect();
        matches.sort_by_key(|found| found.question.start);
        matches
    }
}
