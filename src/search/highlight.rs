//! Sentences and words of a hit that match the question.

use std::ops::Range;

use serde::Serialize;

use super::{
    late::LateQuestion,
    word_match::{QuestionWords, WordMatch},
};
use crate::{
    Hit, Language, Query, Result,
    lexical::{Analyzer, QueryTerms},
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
    /// Returns the same highlights with ranges in the text of `hit`, whose highlights they are, instead
    /// of the article's.
    #[must_use]
    pub fn in_hit(&self, hit: &Hit) -> Self {
        let start = hit.range.start;
        let in_hit = |range: &Range<usize>| {
            range.start.saturating_sub(start)..range.end.saturating_sub(start)
        };
        let sentence =
            |sentence: &Sentence| Sentence { range: in_hit(&sentence.range), ..*sentence };
        let answer =
            |answer: &WordMatch| WordMatch { range: in_hit(&answer.range), ..answer.clone() };
        Self {
            sentences: self.sentences.iter().map(sentence).collect(),
            words: self.words.iter().map(in_hit).collect(),
            matches: self.matches.iter().map(answer).collect(),
        }
    }

    /// Writes the text of `hit`, whose highlights they are, as HTML: `words` and the words of `matches`
    /// are in `mark` elements, all other characters are escaped. Markup of Markdown stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([Article::new("moor.txt", "Moore & Torf: <viel> Kohlenstoff.")])?;
    /// let question = "Torf im Moor";
    /// let hits = retriever.search(question)?;
    /// let highlights = retriever.highlights_many(question, &hits)?;
    /// assert_eq!(
    ///     highlights[0].to_html(&hits[0]),
    ///     "<mark>Moore</mark> &amp; <mark>Torf</mark>: &lt;viel&gt; Kohlenstoff."
    /// );
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn to_html(&self, hit: &Hit) -> String {
        let Self { words, matches, .. } = self.in_hit(hit);
        let answers = matches.into_iter().map(|answer| answer.range);
        let mut marked: Vec<Range<usize>> = words.into_iter().chain(answers).collect();
        marked.sort_unstable_by_key(|range| (range.start, range.end));
        let mut html = String::new();
        let mut written = 0;
        for range in marked {
            // Words can overlap, as a compound and its part do; those of another hit match nothing.
            let start = range.start.max(written);
            let Some(word) = hit.text.get(start..range.end).filter(|word| !word.is_empty()) else {
                continue;
            };
            html.push_str(&escaped(&hit.text[written..start]));
            html.extend(["<mark>", &escaped(word), "</mark>"]);
            written = range.end;
        }
        html.push_str(&escaped(&hit.text[written..]));
        html
    }

    /// The sentence that is closest to the question; the first of equal ones.
    #[must_use]
    pub fn best(&self) -> Option<&Sentence> {
        self.sentences.iter().rev().max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }
}

/// Returns the highlights of each of `hits`, with its sentences at `sentences` and the `similarities`
/// of all of them, one after the other; finds the words of `query`.
pub(crate) fn highlight(
    query: &Query,
    hits: &[Hit],
    sentences: &[Vec<Range<usize>>],
    mut similarities: impl Iterator<Item = f32>,
) -> Result<Vec<Highlights>> {
    let mut analyzer = Analyzer::new()?;
    let terms = QueryTerms::of(&query.text, &mut analyzer);
    let pieces = LateQuestion::of(&query.text)?;
    let question = QuestionWords::new(&query.text, terms.groups(), &pieces);
    let highlights = hits.iter().zip(sentences).map(|(hit, sentences)| {
        let in_article =
            |range: &Range<usize>| hit.range.start + range.start..hit.range.start + range.end;
        let compared = sentences.iter().zip(similarities.by_ref());
        let sentence = |(range, similarity)| Sentence { range: in_article(range), similarity };
        Highlights {
            sentences: compared.map(sentence).collect(),
            words: words_in(hit, &terms, &mut analyzer).iter().map(in_article).collect(),
            matches: question.matches(hit),
        }
    });
    Ok(highlights.collect())
}

/// Replaces the characters that have a meaning in texts and attributes of HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
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
