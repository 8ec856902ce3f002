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
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anstream::eprintln;
use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{Article, Hits, Query, Retriever, eval, read_articles};
use serde::Deserialize;
use serde_json::{Value, json};

const USAGE: &str = "\
evaluate DIR [--embedder EMBEDDER] [--k N] [--json]

  DIR          corpus.jsonl (id, title, text) or a folder articles, queries.jsonl (id, text)
               and qrels.tsv: query, document and grade with tabs between them, or query, 0,
               document and grade with white space between them; no header line
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
    if k == 0 {
        return Err("--k is 0, give 1 or more".into());
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
    retriever.commit()?;
    let index_seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let outcomes = questions.iter().map(|question| outcome(&retriever, question, args.k));
    let mut rows = measures(&outcomes.collect::<Result<Vec<_>, _>>()?, args.k);
    rows.extend([
        ("index_seconds".to_owned(), json!(index_seconds)),
        ("documents".to_owned(), json!(documents)),
        ("passages".to_owned(), json!(retriever.passages())),
        ("queries".to_owned(), json!(questions.len())),
    ]);
    show(args, rows);
    Ok(())
}

/// The means over all questions, and how long these took, each with its name.
fn measures(outcomes: &[Outcome], k: usize) -> Vec<(String, Value)> {
    let mean = |measure: fn(&Outcome) -> Option<f64>| eval::mean(outcomes.iter().map(measure));
    let mut seconds: Vec<f64> = outcomes.iter().map(|outcome| outcome.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let percentile_ms = |share: usize| {
        let rank = (seconds.len() * share).div_ceil(100).max(1) - 1;
        seconds.get(rank).map(|seconds| seconds * 1e3)
    };
    vec![
        (format!("ndcg_at_{k}"), json!(mean(|outcome| outcome.ndcg))),
        (format!("recall_at_{k}"), json!(mean(|outcome| outcome.recall))),
        (format!("mrr_at_{k}"), json!(mean(|outcome| outcome.reciprocal_rank))),
        (format!("ann_recall_at_{k}"), json!(mean(|outcome| outcome.ann_recall))),
        ("query_p50_ms".to_owned(), json!(percentile_ms(50))),
        ("query_p95_ms".to_owned(), json!(percentile_ms(95))),
    ]
}

fn show(args: &Args, rows: Vec<(String, Value)>) {
    if args.json {
        println!("{}", Value::Object(rows.into_iter().collect()));
        return;
    }
    println!("{}", args.set.display());
    for (name, value) in rows {
        match value.as_f64().filter(|_| value.is_f64()) {
            Some(number) => println!("  {name:18} {number:>10.4}"),
            // A JSON value knows no width, its text does.
            None => println!("  {name:18} {:>10}", value.to_string()),
        }
    }
}

/// The documents: lines of `corpus.jsonl`, or the files in `articles`.
fn corpus(set: &Path) -> Result<Vec<Article>, Failure> {
    let names = ["corpus.jsonl", "articles"];
    let Some(corpus) = names.map(|name| set.join(name)).into_iter().find(|path| path.exists())
    else {
        let wanted = "wanted is a file corpus.jsonl or a folder articles in it";
        return Err(format!("{} holds no documents: {wanted}", set.display()).into());
    };
    let articles = read_articles(&corpus).collect::<Result<Vec<_>, _>>()?;
    if articles.is_empty() {
        return Err(format!("{} holds no documents", corpus.display()).into());
    }
    Ok(articles)
}

/// The questions that have judgments, in the order of `queries.jsonl`.
fn questions(set: &Path) -> Result<Vec<Judged>, Failure> {
    #[derive(Deserialize)]
    struct Question {
        id: String,
        text: String,
    }
    let (path, qrels) = (set.join("queries.jsonl"), set.join("qrels.tsv"));
    let mut judgments = judgments(&qrels)?;
    let mut questions = Vec::new();
    for line in lines(&path)? {
        let Question { id, text } = line.parse(|text| Ok(serde_json::from_str(text)?))?;
        let Some(grades) = judgments.remove(&id) else { continue };
        if text.trim().is_empty() {
            return Err(line.error(format!("question `{id}` is blank")));
        }
        questions.push(Judged { text, grades });
    }
    if questions.is_empty() {
        let (path, qrels) = (path.display(), qrels.display());
        return Err(format!("no question of {path} has a judgment in {qrels}").into());
    }
    let unasked: usize = judgments.values().map(HashMap::len).sum();
    if unasked > 0 {
        let path = path.display();
        eprintln!("warning: the questions of {unasked} judgments are missing in {path}");
    }
    Ok(questions)
}

/// The grades of every question that has some, by its id.
fn judgments(path: &Path) -> Result<HashMap<String, eval::Grades<String>>, Failure> {
    let mut judgments: HashMap<String, eval::Grades<String>> = HashMap::new();
    for line in lines(path)? {
        let (query, document, grade) = line.parse(judgment)?;
        judgments.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    Ok(judgments)
}

/// Query, document and grade of a line of tab-separated values, or of TREC's four columns.
fn judgment(line: &str) -> Result<(&str, &str, u8), Failure> {
    let tabs: Vec<&str> = line.split('\t').map(str::trim).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (query, document, grade) = match (&*tabs, &*words) {
        ([query, document, grade], _) | (_, [query, "0" | "Q0", document, grade]) => {
            (*query, *document, *grade)
        }
        _ => return Err("wanted is query, document and grade, with tabs between them".into()),
    };
    let wrong = || format!("grade `{grade}` is not a whole number up to 255");
    let number: i64 = grade.parse().map_err(|_| wrong())?;
    // Negative grades mark spam in TREC's sets: no more than not relevant.
    let grade = u8::try_from(number.max(0)).map_err(|_| wrong())?;
    Ok((query, document, grade))
}

/// A line of a file, with its place for errors.
struct Line<'p> {
    path: &'p Path,
    number: usize,
    text: String,
}

impl Line<'_> {
    fn parse<'l, T>(&'l self, parse: impl Fn(&'l str) -> Result<T, Failure>) -> Result<T, Failure> {
        parse(&self.text).map_err(|error| self.error(error))
    }

    fn error(&self, wrong: impl Display) -> Failure {
        format!("line {} of {}: {wrong}", self.number, self.path.display()).into()
    }
}

/// The lines of a file that are not blank.
fn lines(path: &Path) -> Result<Vec<Line<'_>>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let shown = lines.filter(|(line, _)| !line.trim().is_empty());
    Ok(shown.map(|(text, number)| Line { path, number, text: text.to_owned() }).collect())
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
