//! A passage in its article, with the sentences and words that the question is spoken of in.

use std::ops::Range;

use maud::{Markup, html};
use passim::{Hit, Sentence};

use super::answer::Shown;

/// Characters shown of what is before a passage and after it.
const AROUND: usize = 240;

/// The passage between what surrounds it.
pub fn in_article(shown: &Shown) -> Markup {
    let (hit, excerpt) = (&shown.hit, &shown.excerpt);
    let (start, end) = (hit.range.start - excerpt.range.start, hit.range.end - excerpt.range.start);
    let (before, after) = (&excerpt.text[..start], &excerpt.text[end..]);
    html! {
        div.text lang=[hit.language.map(passim::Language::code)] {
            @if !before.trim().is_empty() { span.around { (ending(before)) } }
            span.passage { (highlighted(shown)) }
            @if !after.trim().is_empty() { span.around { (shortened(after, AROUND)) } }
        }
    }
}

/// The text of the hit; each sentence tinted by how close it is, with the words of the question.
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

/// A part of the hit, with the words of the question marked.
fn marked(shown: &Shown, part: Range<usize>) -> Markup {
    let text = |range: Range<usize>| {
        let start = shown.hit.range.start;
        shown.hit.text.get(range.start - start..range.end - start).unwrap_or_default()
    };
    let mut rest = part.start;
    let mut parts = Vec::new();
    for word in &shown.highlights.words {
        if word.start >= rest && word.end <= part.end {
            parts.push((text(rest..word.start), text(word.clone())));
            rest = word.end;
        }
    }
    html! {
        @for (between, word) in parts { (between) mark { (word) } }
        (text(rest..part.end))
    }
}

/// What an article is called: its title, or else its key.
pub fn name(hit: &Hit) -> &str {
    let title = hit.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    title.unwrap_or(&hit.article)
}

/// The last of `text`, from a word on.
fn ending(text: &str) -> String {
    match text.char_indices().rev().nth(AROUND) {
        Some((at, _)) => {
            let shown = &text[at..];
            let word = shown.find(char::is_whitespace).unwrap_or_default();
            format!("…{}", &shown[word..])
        }
        None => text.to_owned(),
    }
}

/// The first `most` characters of `text`, without a word that is cut.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => {
            let shown = &text[..at];
            let word = shown.rfind(char::is_whitespace).unwrap_or(at);
            format!("{} …", &shown[..word])
        }
        None => text.to_owned(),
    }
}

/// A count with commas between its thousands.
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
