//! Ranking quality over `k` per mode, and recall of the graph over `ef_search`.

use passim::{
    Hits, Mode, Query, Route, Searcher,
    eval::{self, JudgedQuery},
};

/// Maximum rank measured, in articles.
pub const DEPTH: u32 = 20;
/// Cutoff rank of nDCG, recall and MRR in the summary.
pub const K: usize = 10;
/// Maximum questions for measuring the graph.
const GRAPH_QUESTIONS: usize = 200;
const EF_SEARCH: [usize; 7] = [16, 32, 64, 128, 256, 512, 1_024];

/// Measures of one mode.
pub struct Quality {
    pub mode: Mode,
    /// nDCG@[`K`] of each question.
    pub ndcg: Vec<Option<f64>>,
    /// Mean MRR@[`K`].
    pub mrr: Option<f64>,
    /// Mean recall@k, for each k from 1 to [`DEPTH`].
    pub recall: Vec<f64>,
}

/// Measures `questions` in each mode, the default mode first.
pub fn quality(searcher: &Searcher, questions: &[JudgedQuery]) -> passim::Result<Vec<Quality>> {
    let modes = [Mode::Hybrid, Mode::Dense, Mode::Lexical];
    modes.into_iter().map(|mode| of_mode(searcher, questions, mode)).collect()
}

fn of_mode(searcher: &Searcher, questions: &[JudgedQuery], mode: Mode) -> passim::Result<Quality> {
    let search = |query: Query| searcher.search(query.mode(mode));
    let evaluation = eval::run(questions, DEPTH as usize, search)?;
    let ranked = || evaluation.outcomes.iter().map(|outcome| &*outcome.ranked).zip(questions);
    let recall_at = |k: u32| {
        let recall = |(ranked, question): (&[String], &JudgedQuery)| {
            eval::recall_at_k(ranked, &question.grades, k as usize)
        };
        eval::mean(ranked().map(recall))
    };
    let ndcg = |(ranked, question): (&[String], &JudgedQuery)| {
        eval::ndcg_at_k(ranked, &question.grades, K)
    };
    let mrr =
        |(ranked, question): (&[String], &JudgedQuery)| eval::mrr_at_k(ranked, &question.grades, K);
    Ok(Quality {
        mode,
        ndcg: ranked().map(ndcg).collect(),
        mrr: eval::mean(ranked().map(mrr)),
        recall: (1..=DEPTH).filter_map(recall_at).collect(),
    })
}

/// Recall and cost of the graph search for the [`K`] nearest passages.
pub struct GraphRecall {
    pub ef_search: usize,
    pub recall: f64,
    /// Share of the vectors compared, in `0.0..=1.0`.
    pub compared: f64,
}

/// Measures the graph for each `ef_search` up to the first that falls back to a full scan; `None`
/// if the index has no graph.
pub fn graph_recalls(
    searcher: &Searcher,
    questions: &[JudgedQuery],
) -> passim::Result<Option<Vec<GraphRecall>>> {
    let step = questions.len().div_ceil(GRAPH_QUESTIONS).max(1);
    let queries: Vec<Query> = questions
        .iter()
        .step_by(step)
        .map(|question| question.query.clone().k(K).mode(Mode::Dense))
        .collect();
    let exact: Vec<Query> = queries.iter().cloned().map(Query::exact).collect();
    let exact = searcher.search_many(&exact)?;
    let mut recalls = Vec::new();
    for ef_search in EF_SEARCH {
        let asked: Vec<Query> =
            queries.iter().cloned().map(|query| query.ef_search(ef_search)).collect();
        let found = searcher.search_many(&asked)?;
        if !found.iter().any(takes_graph) {
            break;
        }
        recalls.extend(graph_recall(ef_search, &found, &exact));
    }
    Ok((!recalls.is_empty()).then_some(recalls))
}

fn graph_recall(ef_search: usize, found: &[Hits], exact: &[Hits]) -> Option<GraphRecall> {
    let pairs = found.iter().zip(exact);
    let recall =
        |(found, exact): (&Hits, &Hits)| eval::ann_recall_at_k(&places(found), &places(exact), K);
    Some(GraphRecall {
        ef_search,
        recall: eval::mean(pairs.map(recall))?,
        compared: eval::mean(found.iter().map(compared))?,
    })
}

fn takes_graph(hits: &Hits) -> bool {
    hits.plan().dense.iter().any(|plan| matches!(plan.route, Route::Graph { .. }))
}

/// Returns the share of all vectors that a search compared.
#[expect(clippy::cast_precision_loss, reason = "counts of vectors are far below 2^52")]
fn compared(hits: &Hits) -> Option<f64> {
    let sum = |of: fn(&passim::IndexPlan) -> usize| hits.plan().dense.iter().map(of).sum::<usize>();
    let compared = sum(|plan| plan.compared);
    let rows = sum(|plan| plan.rows);
    (rows > 0).then(|| compared as f64 / rows as f64)
}

fn places(hits: &[passim::Hit]) -> Vec<(&str, usize)> {
    hits.iter().map(|hit| (hit.article.as_str(), hit.range.start)).collect()
}
