//! Sentences and words of a hit that match the question.

use std::ops::Range;

use serde::Serialize;

use super::{
    late::LateQuestion,
    word_match::{QuestionWords, WordMatch},
};
use crate::{
    Hit, Language, Query, Result, Vectors,
    lexical::{Analyzer, QueryTerms},
    vector,
};

/// The sentences of a hit with their similarity to the question, and the words of the question in
/// it. All ranges are bytes of the article's text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Highlights {
    /// The sentences of the passage, in their order.
    pub sentences: Vec<Sentence>,
    /// Words that match the question in any form or as parts of compounds, without stop words.
    pub words: Vec<Range<usize>>,
    /// Words that answer a word of the question, in its order, also in the other language. The words
    /// are compared by the bundled model.
    pub matches: Vec<WordMatch>,
}

/// A sentence of a hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sentence {
    /// Where it is in the article's text, in bytes.
    pub range: Range<usize>,
    /// Cosine between the question's vector and its own, -1 to 1; higher is closer.
    pub similarity: f32,
}

impl Highlights {
    /// The sentence that is closest to the question; the first of equal ones.
    #[must_use]
    pub fn best(&self) -> Option<&Sentence> {
        self.sentences.iter().rev().max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }
}

/// Compares the sentences of `hit` at `sentences`, whose vectors are `vectors`, with the question's
/// vector `question`, and finds the words of `query`.
pub(crate) fn highlight(
    query: &Query,
    question: &[f32],
    hit: &Hit,
    sentences: &[Range<usize>],
    vectors: &Vectors,
) -> Result<Highlights> {
    let mut analyzer = Analyzer::new()?;
    let terms = QueryTerms::of(&query.text, &mut analyzer);
    let pieces = LateQuestion::of(&query.text)?;
    let in_article =
        |range: &Range<usize>| hit.range.start + range.start..hit.range.start + range.end;
    let sentence = |(range, vector)| Sentence {
        range: in_article(range),
        similarity: vector::similarity(question, vector),
    };
    Ok(Highlights {
        sentences: sentences.iter().zip(vectors.rows()).map(sentence).collect(),
        words: words_in(hit, &terms, &mut analyzer).iter().map(in_article).collect(),
        matches: QuestionWords::new(&query.text, terms.groups(), &pieces).matches(hit),
    })
}

/// Returns the byte ranges in the text of `hit` of the words of a question with these `terms`, without
/// stop words.
fn words_in(hit: &Hit, terms: &QueryTerms, analyzer: &mut Analyzer) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    analyzer.terms(&hit.text, hit.language.and_then(Language::analyzed), |term, place, _| {
        if terms.contains_content_term(term) && places.last() != Some(&place) {
            places.push(place);
        }
    });
    places
}
