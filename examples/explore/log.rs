//! The log: each question with its hits in their articles.

use maud::{Markup, html};
use passim::{Explanation, Hit};

use super::{
    alignment::alignment,
    answer::{Answer, Shown},
    text::{grouped, in_article, name},
};

/// Renders the log of `answers`, a selection of `asked` questions.
pub fn log(answers: &[Answer], asked: usize) -> Markup {
    let judged = answers.iter().any(Answer::is_judged);
    html! {
        (key())
        @if judged {
            fieldset.filter {
                legend { "Show" }
                @for (value, label) in [
                    ("all", "all"), ("first", "right at rank 1"), ("later", "right later"),
                    ("none", "nothing right"),
                ] {
                    label {
                        input type="radio" name="filter" value=(value) checked[value == "all"];
                        (label) " (" (count(answers, value)) ")"
                    }
                }
            }
        }
        @if answers.len() < asked {
            p.note {
                "These are " (grouped(answers.len())) " of the " (grouped(asked)) " questions, spread evenly"
                @if judged { " from the worst answers to the best" } "."
            }
        }
        @for (number, answer) in answers.iter().enumerate() { (entry(number, answer)) }
    }
}

/// Renders the key to the marks in passages.
fn key() -> Markup {
    html! {
        p.note {
            "Each hit is shown in its article: "
            span.around { "surrounding text" } ", sentences "
            span.s style="--near:.6" { "tinted" }
            " by their similarity to the question, "
            span.s.best style="--near:.6" { "the closest one" }
            " with a bar before it, and "
            mark { "words" }
            " of the question in any inflected form, or that answer one by their meaning. Above the text, "
            span.pair style="--near:.7" { span { "arc" } span { "Bogen" } small { "0.70" } }
            " is a word of the question, the word that answers it, and their similarity."
        }
    }
}

fn count(answers: &[Answer], kind: &str) -> usize {
    answers.iter().filter(|answer| kind == "all" || verdict(answer).0 == kind).count()
}

/// Returns the kind of an answer and its label.
fn verdict(answer: &Answer) -> (&'static str, String) {
    match answer.first_right() {
        _ if !answer.is_judged() => ("unknown", "not judged".to_owned()),
        Some(1) => ("first", "✓ rank 1".to_owned()),
        Some(rank) => ("later", format!("✓ rank {rank}")),
        None => ("none", "✗ none right".to_owned()),
    }
}

fn entry(number: usize, answer: &Answer) -> Markup {
    let (kind, said) = verdict(answer);
    html! {
        details.question open[number == 0] id={ "q" (number) } data-kind=(kind) {
            summary {
                span.verdict.(kind) { (said) }
                span.asked lang=[answer.asked.language.as_ref().map(passim::Language::code)] { (answer.question()) }
            }
            div.tools {
                button type="button" data-show=(number) { "Show on the map" }
                @if !answer.missed.is_empty() {
                    span { "Relevant, but not among the hits: " (answer.missed.join(", ")) }
                }
                @if answer.hits.is_empty() { span { "Nothing was found." } }
            }
            ol.hits {
                @for (shown, rank) in answer.hits.iter().zip(1..) { (hit(rank, shown)) }
            }
        }
    }
}

fn hit(rank: usize, shown: &Shown) -> Markup {
    let Hit { article, heading, language, range, score, .. } = &shown.hit;
    let lang = language.as_ref().map(passim::Language::code);
    html! {
        li.hit.(class(shown)) {
            header {
                span.rank { (rank) }
                (judgment(shown))
                b lang=[lang] { (name(&shown.hit)) }
                @if let Some(heading) = heading { span.heading lang=[lang] { (heading) } }
                span.place {
                    @if name(&shown.hit) != article { (article) ", " }
                    "bytes " (range.start) "–" (range.end)
                    @if let Some(language) = language { ", " (language) }
                }
            }
            dl.why {
                div { dt { "score" } dd { (format!("{score:.3}")) } }
                @if let Some(why) = shown.explanation() { (matched(why)) }
            }
            div.cited { (alignment(shown)) (in_article(shown)) }
        }
    }
}

/// Returns the style class of a hit.
pub fn class(shown: &Shown) -> &'static str {
    match shown.is_right() {
        Some(true) => "right",
        Some(false) => "wrong",
        None => "hit",
    }
}

fn judgment(shown: &Shown) -> Markup {
    html! {
        @match shown.grade {
            Some(0) => span.judgment { "✗ not relevant" },
            Some(grade) => span.judgment { "✓ grade " (grade) },
            None => {},
        }
    }
}

/// Renders similarity, BM25 and words of a hit.
fn matched(why: &Explanation) -> Markup {
    let rank = |rank: Option<usize>| rank.map(|rank| format!("rank {rank}"));
    html! {
        @if let Some(similarity) = why.similarity {
            div {
                dt { "similarity" }
                dd {
                    (format!("{similarity:.3} "))
                    small { (rank(why.dense_rank).unwrap_or("not ranked".to_owned())) }
                }
            }
        }
        @if let (Some(bm25), Some(most)) = (why.bm25, why.max_bm25) {
            div {
                dt { "BM25" }
                dd {
                    (format!("{bm25:.2} of {most:.2} "))
                    small { (rank(why.lexical_rank).unwrap_or("not ranked".to_owned())) }
                }
            }
        }
        @if why.words.iter().any(|word| word.tf > 0) {
            div {
                dt { "words" }
                dd.words {
                    @for word in why.words.iter().filter(|word| word.tf > 0) {
                        span { (word.terms.join("/")) (format!(" +{:.2}", word.contribution)) }
                    }
                }
            }
        }
    }
}
