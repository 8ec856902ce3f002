//! Measures retrieval on a judged set: how good the ranking is, and what the index misses.
//!
//! `cargo run --release --example evaluate -- examples`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/outcome.rs"]
mod outcome;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{Article, Hits, Query, Retriever, eval, read_articles};
use serde::Deserialize;
use serde_json::json;

const USAGE: &str = "\
evaluate DIR [--embedder EMBEDDER] [--k N] [--json]

  DIR          corpus.jsonl (id, title, text) or a folder articles, queries.jsonl (id, text)
               and qrels.tsv (query, document, grade)
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --k          documents that count (10)
  --json       one JSON object instead of a table";

struct Args {
    set: PathBuf,
    embedder: String,
    k: usize,
    json: bool,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// The command line; `None` if it asked for help.
fn args() -> Result<Option<Args>, Failure> {
    let (mut set, mut embedder, mut k, mut json) = (None, "bundled".to_owned(), 10, false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("embedder") => embedder = parser.value()?.string()?,
            Long("k") => k = parser.value()?.parse()?,
            Long("json") => json = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(folder) if set.is_none() => set = Some(folder.into()),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    let set = set.ok_or_else(|| format!("no DIR is given\n\n{USAGE}"))?;
    Ok(Some(Args { set, embedder, k, json }))
}

/// A question of the set with its judgments.
struct Judged {
    text: String,
    grades: eval::Grades<String>,
}

fn run(args: &Args) -> Result<(), Failure> {
    let articles = corpus(&args.set)?;
    let documents = articles.len();
    let questions = questions(&args.set)?;
    let (bar, progress) = bar::bar();
    let embedder = embedders::embedder(&args.embedder)?;
    let mut retriever = Retriever::builder().embedder(embedder).progress(progress).in_memory()?;
    let start = Instant::now();
    retriever.add(articles)?;
    let index_seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let outcomes = questions
        .iter()
        .map(|question| outcome(&retriever, question, args.k))
        .collect::<Result<Vec<_>, _>>()?;
    let mean = |measure: fn(&Outcome) -> Option<f64>| eval::mean(outcomes.iter().map(measure));
    let mut seconds: Vec<f64> = outcomes.iter().map(|outcome| outcome.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let percentile_ms = |share: usize| {
        let rank = (seconds.len() * share).div_ceil(100).max(1) - 1;
        seconds.get(rank).map(|seconds| seconds * 1e3)
    };
    let k = args.k;
    let rows = [
        (format!("ndcg_at_{k}"), json!(mean(|outcome| outcome.ndcg))),
        (format!("recall_at_{k}"), json!(mean(|outcome| outcome.recall))),
        (format!("mrr_at_{k}"), json!(mean(|outcome| outcome.reciprocal_rank))),
        (format!("ann_recall_at_{k}"), json!(mean(|outcome| outcome.ann_recall))),
        ("index_seconds".to_owned(), json!(index_seconds)),
        ("query_p50_ms".to_owned(), json!(percentile_ms(50))),
        ("query_p95_ms".to_owned(), json!(percentile_ms(95))),
        ("documents".to_owned(), json!(documents)),
        ("passages".to_owned(), json!(retriever.passages())),
        ("queries".to_owned(), json!(questions.len())),
    ];
    if args.json {
        println!("{}", serde_json::Value::Object(rows.into_iter().collect()));
    } else {
        println!("{}", args.set.display());
        for (name, value) in rows {
            match value.as_f64().filter(|_| value.is_f64()) {
                Some(number) => println!("  {name:18} {number:>10.4}"),
                None => println!("  {name:18} {value:>10}"),
            }
        }
    }
    Ok(())
}

/// The documents: lines of `corpus.jsonl`, or the files in `articles`.
fn corpus(set: &Path) -> Result<Vec<Article>, Failure> {
    let lines = set.join("corpus.jsonl");
    let corpus = if lines.exists() { lines } else { set.join("articles") };
    Ok(read_articles(corpus).collect::<Result<_, _>>()?)
}

/// The questions that have judgments, in the order of `queries.jsonl`.
fn questions(set: &Path) -> Result<Vec<Judged>, Failure> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
        text: String,
    }
    let mut judgments: HashMap<String, eval::Grades<String>> = HashMap::new();
    for line in read(&set.join("qrels.tsv"))?.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.split('\t');
        let (Some(query), Some(document), Some(grade)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(format!("qrels.tsv: `{line}` is not query, document and grade").into());
        };
        judgments
            .entry(query.to_owned())
            .or_default()
            .insert(document.to_owned(), grade.trim().parse()?);
    }
    let mut questions = Vec::new();
    for line in read(&set.join("queries.jsonl"))?.lines().filter(|line| !line.trim().is_empty()) {
        let Line { id, text } = serde_json::from_str(line)?;
        questions.extend(judgments.remove(&id).map(|grades| Judged { text, grades }));
    }
    Ok(questions)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The measures of one question.
struct Outcome {
    ndcg: Option<f64>,
    recall: Option<f64>,
    reciprocal_rank: Option<f64>,
    ann_recall: Option<f64>,
    seconds: f64,
}

fn outcome(retriever: &Retriever, question: &Judged, k: usize) -> passim::Result<Outcome> {
    let Judged { text, grades } = question;
    let start = Instant::now();
    let hits = retriever.search(Query::new(text).k(k))?;
    let seconds = start.elapsed().as_secs_f64();
    let exact = retriever.search(Query::new(text).k(k).exact())?;
    let ranked = documents(retriever, text, k)?;
    Ok(Outcome {
        ndcg: eval::ndcg_at_k(&ranked, grades, k),
        recall: eval::recall_at_k(&ranked, grades, k),
        reciprocal_rank: eval::mrr_at_k(&ranked, grades, k),
        ann_recall: eval::ann_recall_at_k(&places(&hits), &places(&exact), k),
        seconds,
    })
}

/// The first `k` documents by their best passage.
fn documents(retriever: &Retriever, text: &str, k: usize) -> passim::Result<Vec<String>> {
    let mut wanted = k;
    loop {
        let hits = retriever.search(Query::new(text).k(wanted))?;
        let mut documents: Vec<String> = Vec::new();
        for hit in &hits {
            if !documents.contains(&hit.article) {
                documents.push(hit.article.clone());
            }
        }
        if documents.len() >= k || hits.len() < wanted {
            documents.truncate(k);
            return Ok(documents);
        }
        wanted *= 2;
    }
}

fn places(hits: &Hits) -> Vec<(String, usize)> {
    hits.iter().map(|hit| (hit.article.clone(), hit.range.start)).collect()
}
