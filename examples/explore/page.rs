//! The page: one self-contained HTML file.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use passim::{Searcher, eval};

use super::{
    answer::Answer,
    atlas::atlas,
    figures::figures,
    log::log,
    map::Map,
    measure::{GraphRecall, K, Quality},
    text::grouped,
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Forbids loading any resource.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Data shown on the page.
pub struct Findings<'a> {
    pub searcher: &'a Searcher,
    /// Number of questions asked.
    pub asked: usize,
    /// Answers shown in the log.
    pub answers: Vec<Answer<'a>>,
    /// One entry per mode; empty without judgments.
    pub quality: Vec<Quality>,
    pub graph: Option<Vec<GraphRecall>>,
    pub map: Map,
}

/// Renders the page.
pub fn page(findings: &Findings) -> Markup {
    let Findings { asked, answers, quality, graph, map, .. } = findings;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "passim: " (asked) " questions" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    h1 { "passim: questions and hits" }
                    nav {
                        a href="#measures" { "Measures" }
                        a href="#passages" { "Map" }
                        a href="#log" { "Questions" }
                    }
                }
                main {
                    (overview(findings))
                    section #measures {
                        h2 { "Measures" }
                        @if !quality.is_empty() { (table(quality)) }
                        (figures(quality, answers, graph.as_deref()))
                    }
                    section #passages { h2 { "Map of the passages" } (atlas(map, answers)) }
                    section #log { h2 { "Questions and their hits" } (log(answers, *asked)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn overview(findings: &Findings) -> Markup {
    let Findings { searcher, asked, graph, .. } = findings;
    let embedder = searcher.embedder();
    let facts = [
        ("articles", grouped(searcher.articles())),
        ("passages", grouped(searcher.passages())),
        ("questions", grouped(*asked)),
        ("model", embedder.identity().name.clone()),
        ("values in a vector", embedder.dim().to_string()),
        ("dense search", if graph.is_some() { "with a graph" } else { "exact" }.to_owned()),
    ];
    html! {
        dl.facts { @for (what, value) in facts { div { dt { (what) } dd { (value) } } } }
    }
}

fn table(quality: &[Quality]) -> Markup {
    let cell = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    html! {
        div.wide { table {
            thead { tr {
                th scope="col" { "mode" }
                th scope="col" { "nDCG@" (K) }
                th scope="col" { "95 %" }
                @for measure in ["recall", "MRR"] { th scope="col" { (measure) "@" (K) } }
            } }
            tbody { @for mode in quality {
                @let ndcg = eval::estimate(mode.ndcg.iter().copied());
                tr {
                    th scope="row" { (mode.mode) }
                    td { (cell(ndcg.map(|ndcg| ndcg.mean))) }
                    td { @if let Some(ndcg) = ndcg {
                        (format!("{:.3}–{:.3}", ndcg.low, ndcg.high))
                    } }
                    td { (cell(mode.recall.get(K - 1).copied())) }
                    td { (cell(mode.mrr)) }
                }
            } }
        } }
    }
}
