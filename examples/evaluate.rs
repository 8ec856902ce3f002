//! Measures retrieval on judged sets: how good the ranking is, and what the index misses.
//!
//! `cargo run --release --example evaluate -- examples`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/outcome.rs"]
mod outcome;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use judged::Judged;
use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{Embedder, Hits, Query, Retriever, eval};
use serde_json::{Map, Value, json};

const USAGE: &str = "\
evaluate DIR [--embedder EMBEDDER] [--k N] [--json]

  DIR          a judged set, or a folder of some: corpus.jsonl (id, title, text) or a folder
               articles, queries.jsonl (id, text) and qrels.tsv: query, document and grade with
               tabs between them, or query, 0, document and grade with white space between
               them; no header line. Sets with a 2 in their name count as those across languages.
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --k          documents that count (10)
  --json       one JSON object a set instead of a table";

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
    if k == 0 {
        return Err("--k is 0, give 1 or more".into());
    }
    let set = set.ok_or_else(|| format!("no DIR is given\n\n{USAGE}"))?;
    Ok(Some(Args { set, embedder, k, json }))
}

fn run(args: &Args) -> Result<(), Failure> {
    let sets = judged::sets(&args.set)?;
    let embedder: Arc<dyn Embedder> = embedders::embedder(&args.embedder)?.into();
    let mut rows = Vec::new();
    if !args.json {
        println!("{}", heading(args.k));
    }
    for set in &sets {
        let measures = measure(set, &embedder, args.k)?;
        if args.json {
            println!("{}", Value::Object(measures.clone()));
        } else {
            println!("{}", line(&measures));
        }
        rows.push(measures);
    }
    if !args.json && sets.len() > 1 {
        show_means(&rows);
    }
    Ok(())
}

/// The measures of one set, each with its name.
fn measure(
    set: &Path,
    embedder: &Arc<dyn Embedder>,
    k: usize,
) -> Result<Map<String, Value>, Failure> {
    let articles = judged::corpus(set)?;
    let documents = articles.len();
    let questions = judged::questions(set)?;
    let (bar, progress) = bar::bar();
    let embedder = Arc::clone(embedder);
    let mut retriever = Retriever::builder().embedder(embedder).progress(progress).in_memory()?;
    let start = Instant::now();
    retriever.add(articles)?;
    retriever.commit()?;
    let index_seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let outcomes = questions.iter().map(|question| outcome(&retriever, question, k));
    let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
    let full = set.canonicalize()?;
    let name = full.file_name().unwrap_or(full.as_os_str()).to_string_lossy();
    let mean = |measure: fn(&Outcome) -> Option<f64>| eval::mean(outcomes.iter().map(measure));
    let measures = json!({
        "set": name,
        "documents": documents,
        "passages": retriever.passages(),
        "queries": questions.len(),
        "k": k,
        "ndcg": mean(|outcome| outcome.ndcg),
        "recall": mean(|outcome| outcome.recall),
        "mrr": mean(|outcome| outcome.reciprocal_rank),
        "ann_recall": mean(|outcome| outcome.ann_recall),
        "index_seconds": index_seconds,
        "query_p50_ms": percentile_ms(&outcomes, 50),
        "query_p95_ms": percentile_ms(&outcomes, 95),
    });
    match measures {
        Value::Object(measures) => Ok(measures),
        other => Err(format!("{other} is no object").into()),
    }
}

/// The time that `share` percent of the questions took at most.
fn percentile_ms(outcomes: &[Outcome], share: usize) -> Option<f64> {
    let mut seconds: Vec<f64> = outcomes.iter().map(|outcome| outcome.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let rank = (seconds.len() * share).div_ceil(100).max(1) - 1;
    seconds.get(rank).map(|seconds| seconds * 1e3)
}

/// The columns of the table: name, width, digits after the point.
const COLUMNS: [(&str, usize, usize); 10] = [
    ("documents", 9, 0),
    ("passages", 9, 0),
    ("queries", 9, 0),
    ("ndcg", 9, 3),
    ("recall", 9, 3),
    ("mrr", 9, 3),
    ("ann_recall", 10, 3),
    ("index_seconds", 9, 2),
    ("query_p50_ms", 9, 2),
    ("query_p95_ms", 9, 2),
];

fn heading(k: usize) -> String {
    let at = |name| format!("{name}@{k}");
    let names = ["documents", "passages", "queries"].map(str::to_owned);
    let measures = [at("nDCG"), at("recall"), at("MRR"), at("ANN rec.")];
    let times = ["index s", "p50 ms", "p95 ms"].map(str::to_owned);
    let names = names.into_iter().chain(measures).chain(times);
    let columns = names.zip(COLUMNS).map(|(name, (_, width, _))| format!(" {name:>width$}"));
    format!("{:24}{}", "set", columns.collect::<String>())
}

fn line(measures: &Map<String, Value>) -> String {
    let column =
        |(name, width, digits): (&str, usize, usize)| match measures.get(name).map(Value::as_f64) {
            Some(Some(number)) => format!(" {number:>width$.digits$}"),
            _ => format!(" {:>width$}", "-"),
        };
    let name = measures.get("set").and_then(Value::as_str).unwrap_or_default();
    format!("{name:24}{}", COLUMNS.map(column).concat())
}

/// The means of the measures over the sets across languages, within one, and over all.
fn show_means(measured: &[Map<String, Value>]) {
    let across =
        |set: &&Map<String, Value>| set["set"].as_str().is_some_and(|name| name.contains('2'));
    let kinds: [(&str, Vec<_>); 3] = [
        ("mean across languages", measured.iter().filter(across).collect()),
        ("mean within a language", measured.iter().filter(|set| !across(set)).collect()),
        ("mean", measured.iter().collect()),
    ];
    for (kind, sets) in kinds.into_iter().filter(|(_, sets)| !sets.is_empty()) {
        let mean = |name: &str| json!(eval::mean(sets.iter().map(|set| set[name].as_f64())));
        let names = ["ndcg", "recall", "mrr", "ann_recall"];
        let mut means: Map<String, Value> =
            names.map(|name| (name.to_owned(), mean(name))).into_iter().collect();
        means.insert("set".to_owned(), json!(kind));
        println!("{}", line(&means));
    }
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
    let ann_recall = eval::ann_recall_at_k(&places(&hits), &places(&exact), k);
    let ranked = documents(retriever, text, k, hits)?;
    Ok(Outcome {
        ndcg: eval::ndcg_at_k(&ranked, grades, k),
        recall: eval::recall_at_k(&ranked, grades, k),
        reciprocal_rank: eval::mrr_at_k(&ranked, grades, k),
        ann_recall,
        seconds,
    })
}

/// The first `k` documents by their best passage; `hits` are those of the first `k` passages.
fn documents(
    retriever: &Retriever,
    text: &str,
    k: usize,
    mut hits: Hits,
) -> passim::Result<Vec<String>> {
    let mut wanted = k;
    loop {
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
        hits = retriever.search(Query::new(text).k(wanted))?;
    }
}

fn places(hits: &Hits) -> Vec<(String, usize)> {
    hits.iter().map(|hit| (hit.article.clone(), hit.range.start)).collect()
}
