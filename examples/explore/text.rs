//! Renders a passage in its article, with highlighted sentences and words.

use std::ops::Range;

use maud::{Markup, html};
use passim::{Hit, Sentence};

use super::{
    alignment::{Marked, marked_words},
    answer::Shown,
};

/// Characters shown before and after a passage.
const SURROUNDING_CHARS: usize = 240;

/// Renders the passage and the text around it.
pub fn in_article(shown: &Shown) -> Markup {
    let hit = &shown.hit;
    let excerpt = &shown.excerpt;
    let before = &excerpt.text[..hit.range.start - excerpt.range.start];
    let after = &excerpt.text[hit.range.end - excerpt.range.start..];
    html! {
        div.text lang=[hit.language.as_ref().map(passim::Language::code)] {
            @if !before.trim().is_empty() { span.around { (ending(before)) } }
            span.passage { (highlighted(shown)) }
            @if !after.trim().is_empty() { span.around { (shortened(after, SURROUNDING_CHARS)) } }
        }
    }
}

/// Renders the hit: each sentence tinted by its similarity, words of the question marked.
fn highlighted(shown: &Shown) -> Markup {
    let range = &shown.hit.range;
    let best = shown.highlights.best().map(|best| &best.range);
    let mut rest = range.start;
    let mut parts = Vec::new();
    for sentence in &shown.highlights.sentences {
        let Range { start, end } = sentence.range;
        parts.push(html! {
            (marked(shown, rest..start))
            span.s.best[best == Some(&sentence.range)] style={ "--near:" (near(sentence)) }
                title={ "similarity " (format!("{:.3}", sentence.similarity)) } {
                (marked(shown, start..end))
            }
        });
        rest = end;
    }
    html! {
        @for part in &parts { (part) }
        (marked(shown, rest..range.end))
    }
}

fn near(sentence: &Sentence) -> String {
    format!("{:.2}", sentence.similarity.clamp(0.0, 1.0))
}

/// Renders a part of the hit with the words of the question, and the words that answer them, marked.
fn marked(shown: &Shown, part: Range<usize>) -> Markup {
    let text = |range: Range<usize>| {
        let start = shown.hit.range.start;
        shown.hit.text.get(range.start - start..range.end - start).unwrap_or_default()
    };
    let mut rest = part.start;
    let mut parts = Vec::new();
    for Marked { range: word, title } in marked_words(shown) {
        if word.start >= rest && word.end <= part.end {
            let title = Some(title).filter(|title| !title.is_empty());
            parts.push(html! {
                (text(rest..word.start))
                mark title=[title] { (text(word.clone())) }
            });
            rest = word.end;
        }
    }
    html! {
        @for part in &parts { (part) }
        (text(rest..part.end))
    }
}

/// Returns the article's title, or its key without one.
pub fn name(hit: &Hit) -> &str {
    let title = hit.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    title.unwrap_or(&hit.article)
}

/// Returns the end of `text`, starting at a word.
fn ending(text: &str) -> String {
    match text.char_indices().rev().nth(SURROUNDING_CHARS) {
        Some((at, _)) => {
            let shown = &text[at..];
            let word = shown.find(char::is_whitespace).unwrap_or_default();
            format!("…{}", &shown[word..])
        }
        None => text.to_owned(),
    }
}

/// Returns the first `max_chars` characters of `text`, cut at a word.
pub fn shortened(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => {
            let shown = &text[..at];
            let word = shown.rfind(char::is_whitespace).unwrap_or(at);
            format!("{} …", &shown[..word])
        }
        None => text.to_owned(),
    }
}

/// Formats a count with commas as thousands separators.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let mut text = first.to_owned();
    for (at, digit) in rest.char_indices() {
        if at % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
