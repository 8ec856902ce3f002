//! The alignment of a question with a hit: which word answers which (late interaction).

use std::ops::Range;

use maud::{Markup, html};
use passim::WordMatch;

use super::answer::Shown;

/// A marked word of a hit.
pub struct Marked {
    /// Byte range in the article.
    pub range: Range<usize>,
    /// What it answers; empty for a word of the question.
    pub title: String,
}

/// Renders each word of the question that a word of the hit answers, above that word.
pub fn alignment(shown: &Shown) -> Markup {
    let matches = &shown.highlights.matches;
    html! {
        @if !matches.is_empty() {
            div.alignment {
                @for answer in matches {
                    span.pair style={ "--near:" (format!("{:.2}", answer.similarity)) } title=(answer) {
                        span { (answer.question_word) }
                        span { (answer.word) }
                        small { (format!("{:.2}", answer.similarity)) }
                    }
                }
            }
        }
    }
}

/// Returns the words of the question and the words that answer them, in the order of the text.
pub fn marked_words(shown: &Shown) -> Vec<Marked> {
    let answers = shown
        .highlights
        .matches
        .iter()
        .map(|answer| Marked { range: answer.range.clone(), title: title(answer) });
    let words = shown.highlights.words.iter();
    let words = words.map(|range| Marked { range: range.clone(), title: String::new() });
    let mut marked: Vec<Marked> = answers.chain(words).collect();
    // Of equal places, the answer comes first and names what it answers.
    marked.sort_by_key(|word| word.range.start);
    marked.dedup_by(|later, before| later.range.start < before.range.end);
    marked
}

fn title(answer: &WordMatch) -> String {
    format!("answers “{}”, similarity {:.2}", answer.question_word, answer.similarity)
}
