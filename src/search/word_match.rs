//! Words of a hit that answer words of the question, in any language.

use std::{collections::BTreeSet, fmt, ops::Range};

use serde::{Deserialize, Serialize};

use super::late::{ClosestWord, LateQuestion, PiecePlaces};
use crate::{Hit, lexical::Group};

/// Minimum cosine at which a word answers another.
const MIN_SIMILARITY: f32 = 0.55;

/// A word of a hit and the word of the question that it answers, by their pieces in the bundled
/// model.
///
/// `Display` writes `Bogen ~ arc 0.71`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WordMatch {
    /// Byte range of the word in the question.
    pub question: Range<usize>,
    /// The word of the question.
    pub question_word: String,
    /// Byte range of the word in the article's text.
    pub range: Range<usize>,
    /// The word of the hit.
    pub word: String,
    /// Cosine of the closest pieces of both words, `0.55..=1.0`.
    pub similarity: f32,
}

impl fmt::Display for WordMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ~ {} {:.2}", self.question_word, self.word, self.similarity)
    }
}

/// The words of a question, for matches in many hits.
pub(super) struct QuestionWords<'q> {
    text: &'q str,
    pieces: &'q LateQuestion,
    places: PiecePlaces,
    /// Starts of the words that are not stop words.
    content: BTreeSet<usize>,
}

impl<'q> QuestionWords<'q> {
    /// The words of the question `text`, which has these groups of terms and these pieces.
    pub(super) fn new<'g>(
        text: &'q str,
        groups: impl IntoIterator<Item = &'g Group>,
        pieces: &'q LateQuestion,
    ) -> Self {
        let content = groups.into_iter().filter(|group| group.is_content());
        let content = content.map(|group| group.place.start).collect();
        Self { text, pieces, places: pieces.places(text), content }
    }

    /// Returns the word of `hit` that answers each word of the question, in the order of the
    /// question. A word without an answer is left out.
    pub(super) fn matches(&self, hit: &Hit) -> Vec<WordMatch> {
        let closest = self.pieces.closest_words(&self.places, &hit.text).into_iter();
        let answers = closest.filter(|closest| {
            closest.similarity >= MIN_SIMILARITY && self.content.contains(&closest.question.start)
        });
        let word_match = |ClosestWord { question, passage, similarity }| WordMatch {
            question_word: self.text[question.clone()].to_owned(),
            question,
            word: hit.text[passage.clone()].to_owned(),
            range: hit.range.start + passage.start..hit.range.start + passage.end,
            // Rounding can exceed 1.
            similarity: similarity.min(1.0),
        };
        let mut matches: Vec<WordMatch> = answers.map(word_match).collect();
        // Several pieces of a word can have the same answer.
        matches.dedup_by(|other, first| {
            let is_same = other.question == first.question && other.range == first.range;
            if is_same {
                first.similarity = first.similarity.max(other.similarity);
            }
            is_same
        });
        matches
    }
}
