//! Charts of the measures.

use maud::{Markup, html};

use super::{
    answer::{Answer, Shown},
    chart::{Axis, Chart, Line, ticks},
    measure::{DEPTH, GraphRecall, K, Quality},
    text::grouped,
};

/// Maximum questions whose scores are drawn one by one.
const MAX_DRAWN: usize = 60;

/// Renders the charts side by side.
pub fn figures(quality: &[Quality], answers: &[Answer], graph: Option<&[GraphRecall]>) -> Markup {
    html! {
        div.charts {
            @if !quality.is_empty() { (recall(quality)) }
            (scores(answers))
            @match graph {
                Some(recalls) => (graph_recall(recalls)),
                None => (no_graph()),
            }
        }
    }
}

/// Style class of each mode, the default mode first.
const MODES: [&str; 3] = ["first", "second", "third"];

fn recall(quality: &[Quality]) -> Chart {
    let line = |(quality, class): (&Quality, &'static str)| Line {
        class,
        name: Some(quality.mode.to_string()),
        points: (1..).map(f64::from).zip(quality.recall.iter().copied()).collect(),
        dotted: true,
    };
    let least = quality.iter().filter_map(|mode| mode.recall.first()).fold(1.0, |a, b| b.min(a));
    let k: Vec<f64> = [1, 5, 10, 15, DEPTH].map(f64::from).to_vec();
    Chart {
        title: "Recall over k",
        caption: "Share of the relevant articles among the first k, mean over the questions, \
                  in hybrid, dense and lexical mode."
            .to_owned(),
        x: Axis::new("k, in articles", k),
        y: Axis::new("recall@k", ticks(least, 1.0)),
        lines: quality.iter().zip(MODES).map(line).collect(),
    }
}

fn scores(answers: &[Answer]) -> Chart {
    let drawn: Vec<&Answer> =
        answers.iter().step_by(answers.len().div_ceil(MAX_DRAWN).max(1)).collect();
    let most = answers.iter().map(|answer| answer.hits.len()).max().unwrap_or_default();
    let scores = || answers.iter().flat_map(|answer| &answer.hits).map(score);
    let low = scores().fold(0.0, f64::min);
    let high = scores().fold(0.0, f64::max);
    let ranks = if most > 12 { ticks(1.0, real(most)) } else { (1..=most).map(real).collect() };
    let mut lines = of_each(&drawn);
    lines.push(median(answers, most));
    Chart {
        title: "Scores by rank",
        caption: format!("A line for each of {} questions.", drawn.len()),
        x: Axis::new("rank", ranks),
        y: Axis::new("score", ticks(low, high)),
        lines,
    }
}

/// Returns a thin line per answer and a dot per hit.
fn of_each(answers: &[&Answer]) -> Vec<Line> {
    let faint = |answer: &&Answer| Line {
        class: "faint",
        name: None,
        points: ranked(answer).map(|(rank, shown)| (rank, score(shown))).collect(),
        dotted: false,
    };
    let dots = |(class, name, right): (&'static str, &str, Option<bool>)| {
        let hits = answers.iter().flat_map(|answer| ranked(answer));
        let those = hits.filter(|(_, shown)| shown.is_right() == right);
        let points = those.map(|(rank, shown)| (rank, score(shown))).collect();
        Line { class, name: Some(name.to_owned()), points, dotted: true }
    };
    let kinds = [
        ("wrong", "hit of another article", Some(false)),
        ("right", "hit of a relevant article", Some(true)),
        ("hit", "hit without judgment", None),
    ];
    let lines = answers.iter().map(faint).chain(kinds.map(dots));
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn median(answers: &[Answer], most: usize) -> Line {
    let of_rank = |at: usize| {
        let hits = answers.iter().filter_map(|answer| answer.hits.get(at));
        let mut scores: Vec<f64> = hits.map(score).collect();
        scores.sort_by(f64::total_cmp);
        Some((real(at + 1), *scores.get(scores.len() / 2)?))
    };
    let points = (0..most).filter_map(of_rank).collect();
    Line { class: "median", name: Some("median".to_owned()), points, dotted: false }
}

fn ranked<'a>(answer: &'a Answer) -> impl Iterator<Item = (f64, &'a Shown)> {
    (1_u32..).map(f64::from).zip(&answer.hits)
}

fn score(shown: &Shown) -> f64 {
    shown.hit.score.into()
}

/// Converts a count to an axis value.
fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn graph_recall(recalls: &[GraphRecall]) -> Chart {
    let points = |of: fn(&GraphRecall) -> f64| {
        recalls.iter().map(|recall| (real(recall.ef_search), of(recall))).collect()
    };
    let line = |class, name: String, points| Line { class, name: Some(name), points, dotted: true };
    let lowest = |recall: &GraphRecall| recall.recall.min(recall.compared);
    let least = recalls.iter().map(lowest).fold(1.0, f64::min);
    Chart {
        title: "Recall of the graph over ef_search",
        caption: format!(
            "Share of the {K} nearest passages (by exact search) that the graph search finds, \
             and the share of vectors it compares."
        ),
        x: Axis::new("ef_search", recalls.iter().map(|recall| real(recall.ef_search)).collect())
            .logarithmic(),
        y: Axis::new("share", ticks(least, 1.0)),
        lines: vec![
            line("first", format!("ANN recall@{K}"), points(|recall| recall.recall)),
            line("second", "vectors compared".to_owned(), points(|recall| recall.compared)),
        ],
    }
}

fn no_graph() -> Markup {
    html! {
        figure.chart {
            h3 { "Recall of the graph over ef_search" }
            p.nothing {
                "Nothing to measure: this index has no graph. Dense search compares the question \
                 with every passage, so its recall is 1. From "
                (grouped(passim::IndexChoice::GRAPH_FROM))
                " passages on, an index uses a graph."
            }
        }
    }
}
