//! Writes an HTML report on an index: answers to questions, a map of the passages, and measures.
//!
//! `cargo run --release --example explore -- OUT.html`

#[path = "explore/alignment.rs"]
mod alignment;
#[path = "explore/answer.rs"]
mod answer;
#[path = "explore/atlas.rs"]
mod atlas;
#[path = "explore/axes.rs"]
mod axes;
#[path = "support/bar.rs"]
mod bar;
#[path = "explore/chart.rs"]
mod chart;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "explore/figures.rs"]
mod figures;
#[allow(dead_code, reason = "this example reads one set")]
#[path = "support/judged.rs"]
mod judged;
#[path = "explore/log.rs"]
mod log;
#[path = "explore/map.rs"]
mod map;
#[path = "explore/measure.rs"]
mod measure;
#[path = "support/outcome.rs"]
mod outcome;
#[path = "explore/page.rs"]
mod page;
#[path = "explore/text.rs"]
mod text;

use std::{fs, path::PathBuf, process::ExitCode};

use answer::Answer;
use embedders::Prefixes;
use judged::{Asked, Questions};
use lexopt::prelude::*;
use map::Map;
use measure::Quality;
use outcome::{Failure, exit_code};
use page::{Findings, page};
use passim::{Retriever, Searcher, eval::JudgedQuery};

const USAGE: &str = "\
explore OUT.html [SET_DIR | INDEX_DIR QUERIES [QRELS]] [--embedder EMBEDDER] [--k N]

  OUT.html     the page to write; it needs no other file and no network
  SET_DIR      a judged set in the format of the example evaluate: corpus.jsonl or a folder
               articles, queries.jsonl and qrels.tsv, or a set of BEIR; without it, the sample
               articles
  INDEX_DIR    an existing index, such as one made by the example search with --index
  QUERIES      a file of questions: one JSON object per line with id, text and optionally lang
  QRELS        relevance judgments in the form of BEIR or TREC
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --k          hits per question (10)";

/// The sample set, independent of the working directory.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
/// Maximum questions in the log.
const LOGGED: usize = 100;

struct Args {
    out: PathBuf,
    source: Source,
    embedder: String,
    k: usize,
}

/// Index and questions to report on.
enum Source {
    Set(PathBuf),
    Index { folder: PathBuf, queries: PathBuf, qrels: Option<PathBuf> },
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut paths = Vec::new();
    let mut embedder = "bundled".to_owned();
    let mut k = 10;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("embedder") => embedder = parser.value()?.string()?,
            Long("k") => k = parser.value()?.parse()?,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(path) if paths.len() < 4 => paths.push(PathBuf::from(path)),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if k == 0 {
        return Err("--k is 0, give 1 or more".into());
    }
    let mut paths = paths.into_iter();
    let out = paths.next().ok_or_else(|| format!("no OUT.html is given\n\n{USAGE}"))?;
    let source = match (paths.next(), paths.next(), paths.next()) {
        (Some(folder), Some(queries), qrels) => Source::Index { folder, queries, qrels },
        (set, ..) => Source::Set(set.unwrap_or_else(|| SAMPLES.into())),
    };
    Ok(Some(Args { out, source, embedder, k }))
}

fn run(args: &Args) -> Result<(), Failure> {
    let (searcher, asked) = opened(args)?;
    if searcher.passages() == 0 {
        return Err("the index holds no passages, so there is nothing to explore".into());
    }
    let html = page(&findings(&searcher, &asked, args.k)?).into_string();
    let wrong = |error| format!("{}: {error}", args.out.display());
    fs::write(&args.out, &html).map_err(wrong)?;
    let out = fs::canonicalize(&args.out).map_err(wrong)?;
    println!("{} ({} kB)", out.display(), html.len() / 1_000);
    Ok(())
}

/// Opens the index and reads the questions.
fn opened(args: &Args) -> Result<(Searcher, Vec<Asked>), Failure> {
    let embedder = embedders::embedder(&args.embedder, &Prefixes::default())?;
    let builder = Retriever::builder().embedder(embedder);
    match &args.source {
        Source::Set(set) => {
            let Some(qrels) = judged::qrels(set) else {
                let set = set.display();
                let wanted = "give a judged set, or an index and QUERIES";
                return Err(format!("{set} holds no judgments: {wanted}\n\n{USAGE}").into());
            };
            let questions = Questions::read(&judged::queries(set), Some(&qrels))?;
            let bar = bar::bar();
            let mut retriever = builder.progress(bar::advance(&bar)).in_memory()?;
            retriever.add(judged::corpus(set)?)?;
            retriever.commit()?;
            retriever.wait_for_merges()?;
            bar.finish_and_clear();
            checked(retriever.searcher(), questions)
        }
        Source::Index { folder, queries, qrels } => {
            checked(builder.open_searcher(folder)?, Questions::read(queries, qrels.as_deref())?)
        }
    }
}

/// Checks that the index has the judged articles.
fn checked(searcher: Searcher, questions: Questions) -> Result<(Searcher, Vec<Asked>), Failure> {
    questions.check_articles(|key| Ok(searcher.article(key)?.is_some()))?;
    Ok((searcher, questions.asked))
}

/// Collects everything that the page shows.
fn findings<'a>(
    searcher: &'a Searcher,
    asked: &'a [Asked],
    k: usize,
) -> Result<Findings<'a>, Failure> {
    let questions: Vec<JudgedQuery> =
        asked.iter().map(|question| question.judged.clone()).collect();
    let is_judged =
        questions.iter().any(|question| question.grades.values().any(|grade| *grade > 0));
    let quality = if is_judged { measure::quality(searcher, &questions)? } else { Vec::new() };
    let map = Map::of(searcher)?;
    let logged = logged(asked, quality.first());
    let answers = logged.into_iter().map(|question| Answer::of(question, k, searcher, &map));
    Ok(Findings {
        searcher,
        asked: asked.len(),
        answers: answers.collect::<Result<_, _>>()?,
        graph: measure::graph_recalls(searcher, &questions)?,
        quality,
        map,
    })
}

/// Selects the questions of the log; judged ones are ordered from worst to best answer.
fn logged<'a>(asked: &'a [Asked], quality: Option<&Quality>) -> Vec<&'a Asked> {
    let mut order: Vec<usize> = (0..asked.len()).collect();
    if let Some(Quality { ndcg, .. }) = quality {
        let ndcg = |at: usize| ndcg.get(at).copied().flatten().unwrap_or(f64::MAX);
        order.sort_by(|a, b| ndcg(*a).total_cmp(&ndcg(*b)));
    }
    let step = order.len().div_ceil(LOGGED).max(1);
    order.into_iter().step_by(step).map(|at| &asked[at]).collect()
}
