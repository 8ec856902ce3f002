//! The command `evaluate`.

use std::io::Write;

use anstream::stdout;
use passim::{
    Mode, Query,
    eval::{self, Evaluation, JudgedQuery, Judgments, read_questions},
};
use serde_json::json;

use crate::{command_line::EvaluateOptions, failure::CommandFailure, search_command::OpenCorpus};

/// Measures the judged questions in each mode.
pub(crate) fn evaluate(options: &EvaluateOptions) -> Result<(), CommandFailure> {
    if options.k == 0 {
        return Err(CommandFailure::Usage("-k is 0, give 1 or more".to_owned()));
    }
    let judgments = Judgments::read(&options.judgments)?;
    let questions = judgments.judge(read_questions(&options.questions)?)?;
    let corpus = OpenCorpus::open(&options.corpus, &options.model)?;
    judgments.check_articles(|key| Ok(corpus.searcher.article(key)?.is_some()))?;
    let mut out = stdout().lock();
    if !options.json {
        let k = options.k;
        writeln!(
            out,
            "{:8} {:>9} {:>8} {:>14} {:>9} {:>8} {:>8}",
            "mode",
            "questions",
            format!("nDCG@{k}"),
            "95 %",
            format!("recall@{k}"),
            format!("MRR@{k}"),
            "MAP"
        )?;
    }
    for mode in &options.mode {
        let evaluation = measure(&corpus, &questions, options.k, *mode)?;
        if options.json {
            writeln!(out, "{}", object(*mode, &evaluation))?;
        } else {
            writeln!(out, "{}", line(*mode, &evaluation))?;
        }
    }
    corpus.check_all_read()
}

fn measure(
    corpus: &OpenCorpus,
    questions: &[JudgedQuery],
    k: usize,
    mode: Mode,
) -> passim::Result<Evaluation> {
    eval::run(questions, k, |query: Query| corpus.searcher.search(query.mode(mode)))
}

fn line(mode: Mode, evaluation: &Evaluation) -> String {
    let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let ndcg = eval::estimate(evaluation.each(|outcome| outcome.ndcg));
    let interval = ndcg.map(|ndcg| format!("{:.3} to {:.3}", ndcg.low, ndcg.high));
    format!(
        "{mode:8} {:>9} {:>8} {:>14} {:>9} {:>8} {:>8}",
        evaluation.outcomes.len(),
        cell(evaluation.ndcg()),
        interval.unwrap_or_default(),
        cell(evaluation.recall()),
        cell(evaluation.mrr()),
        cell(evaluation.map())
    )
}

fn object(mode: Mode, evaluation: &Evaluation) -> serde_json::Value {
    json!({
        "mode": mode,
        "k": evaluation.k,
        "questions": evaluation.outcomes.len(),
        "ndcg": eval::estimate(evaluation.each(|outcome| outcome.ndcg)),
        "recall": evaluation.recall(),
        "mrr": evaluation.mrr(),
        "precision": evaluation.precision(),
        "success": evaluation.success(),
        "map": evaluation.map(),
    })
}
