//! Measures a run file of any search engine against relevance judgments.
//!
//! `cargo run --release --example score_run -- QRELS RUN`

#[path = "support/outcome.rs"]
mod outcome;

use std::{path::PathBuf, process::ExitCode};

use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::eval::{AskedQuestion, Evaluation, Judgments, TrecRun};

const USAGE: &str = "\
score_run QRELS RUN [--k N] [--each]

  QRELS   relevance judgments in the form of BEIR or TREC
  RUN     a run file in the form of TREC, such as the example evaluate writes with --run: lines of
          question, Q0, article, rank, score and tag
  --k     cutoff rank of the measures but MAP (10)
  --each  print one JSON object per question instead of the means";

struct Args {
    qrels: PathBuf,
    run: PathBuf,
    k: usize,
    is_each: bool,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut paths = Vec::new();
    let mut k = 10;
    let mut is_each = false;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("k") => k = parser.value()?.parse()?,
            Long("each") => is_each = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if k == 0 {
        return Err("--k is 0, give 1 or more".into());
    }
    let Ok([qrels, run]) = <[PathBuf; 2]>::try_from(paths) else {
        return Err(format!("give QRELS and RUN\n\n{USAGE}").into());
    };
    Ok(Some(Args { qrels, run, k, is_each }))
}

fn run(args: &Args) -> Result<(), Failure> {
    let judgments = Judgments::read(&args.qrels)?;
    // The texts of the questions are not needed, since nothing is searched.
    let ids: Vec<&str> = judgments.questions().collect();
    let questions = judgments.judge(ids.into_iter().map(|id| AskedQuestion::new(id, id)))?;
    let evaluation = TrecRun::read(&args.run)?.evaluate(&questions, args.k)?;
    if args.is_each {
        for outcome in &evaluation.outcomes {
            println!("{}", serde_json::to_string(outcome)?);
        }
    } else {
        means(&evaluation);
    }
    Ok(())
}

/// Prints the mean of each measure.
fn means(evaluation: &Evaluation) {
    let k = evaluation.k;
    println!("{:12} {:>8}", "questions", evaluation.outcomes.len());
    for (name, value) in [
        (format!("nDCG@{k}"), evaluation.ndcg()),
        (format!("recall@{k}"), evaluation.recall()),
        (format!("precision@{k}"), evaluation.precision()),
        (format!("success@{k}"), evaluation.success()),
        (format!("MRR@{k}"), evaluation.mrr()),
        ("MAP".to_owned(), evaluation.map()),
    ] {
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        println!("{name:12} {value:>8}");
    }
}
