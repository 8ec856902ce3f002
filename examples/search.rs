//! Searches articles for the passages that answer a question.
//!
//! `cargo run --release --example search -- "Warum hält Meta sein Modell Behemoth zurück?"`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/outcome.rs"]
mod outcome;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anstream::{eprintln, stdout};
use anstyle::{AnsiColor, Style};
use lexopt::prelude::*;
use outcome::{Failure, exit_code, report};
use passim::{Hit, Query, Retriever, read_articles};
use serde_json::json;

const USAGE: &str = "\
search [--articles DIR_OR_FILE]... [--top-k N] [--embedder EMBEDDER] [--json] [QUESTION]...

  --articles   .txt, .md or .jsonl files, or folders of them; without it, the sample articles
  --top-k      hits per question (5)
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --json       one JSON object per hit and line
  QUESTION     without one, questions are read from standard input, one per line";

/// The sample articles, wherever the example is run from.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles");

struct Args {
    articles: Vec<PathBuf>,
    top_k: usize,
    embedder: String,
    json: bool,
    questions: Vec<String>,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// The command line; `None` if it asked for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut args = Args {
        articles: Vec::new(),
        top_k: 5,
        embedder: "bundled".to_owned(),
        json: false,
        questions: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("articles") => args.articles.push(parser.value()?.into()),
            Long("top-k") | Short('k') => args.top_k = parser.value()?.parse()?,
            Long("embedder") => args.embedder = parser.value()?.string()?,
            Long("json") => args.json = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(question) => args.questions.push(question.string()?),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if args.articles.is_empty() {
        args.articles.push(SAMPLES.into());
    }
    Ok(Some(args))
}

fn run(args: &Args) -> Result<(), Failure> {
    let retriever = indexed(args)?;
    if !args.questions.is_empty() {
        return args.questions.iter().try_for_each(|question| answer(&retriever, question, args));
    }
    let prompts = io::stdin().is_terminal();
    let mut lines = io::stdin().lock().lines();
    loop {
        if prompts {
            eprint!("question> ");
        }
        match lines.next().transpose()? {
            None => return Ok(()),
            Some(question) if question.trim().is_empty() => {}
            Some(question) => answer(&retriever, &question, args)?,
        }
    }
}

/// Reads and indexes the articles; files that cannot be read are named and passed over.
fn indexed(args: &Args) -> Result<Retriever, Failure> {
    let embedder = embedders::embedder(&args.embedder)?;
    let mut articles = Vec::new();
    for article in args.articles.iter().flat_map(read_articles) {
        match article {
            Ok(article) => articles.push(article),
            Err(error) => report(&error),
        }
    }
    let (bar, progress) = bar::bar();
    let mut retriever = Retriever::builder().embedder(embedder).progress(progress).in_memory()?;
    let read = articles.len();
    let added = retriever.add(articles)?;
    bar.finish_and_clear();
    if added.articles < read {
        eprintln!(
            "warning: {} articles have the key of a later one, which replaced them",
            read - added.articles
        );
    }
    if added.articles == 0 {
        return Err("there is no article to search".into());
    }
    eprintln!(
        "{} articles, {} passages, embedded in {:.2} s",
        added.articles, added.embedding.texts, added.embedding.seconds
    );
    Ok(retriever)
}

fn answer(retriever: &Retriever, question: &str, args: &Args) -> Result<(), Failure> {
    let hits = retriever.search(Query::new(question).k(args.top_k))?;
    let mut out = stdout().lock();
    if !args.json {
        let bold = Style::new().bold();
        writeln!(out, "\n{bold}{question}{bold:#}")?;
    }
    for (hit, rank) in hits.iter().zip(1..) {
        if args.json {
            let object = json!({
                "query": question, "rank": rank, "article": hit.article, "start": hit.range.start,
                "end": hit.range.end, "similarity": hit.similarity, "text": hit.text,
            });
            writeln!(out, "{object}")?;
        } else {
            show(&mut out, rank, hit)?;
        }
    }
    Ok(())
}

fn show(out: &mut impl Write, rank: usize, hit: &Hit) -> io::Result<()> {
    let place = AnsiColor::Cyan.on_default();
    let dim = Style::new().dimmed();
    let Hit { article, range, similarity, .. } = hit;
    write!(out, "\n{rank:>2}. {place}{article}:{}..{}{place:#}", range.start, range.end)?;
    writeln!(out, "  {dim}similarity {similarity:.3}{dim:#}")?;
    hit.text.lines().try_for_each(|line| writeln!(out, "    {line}"))
}
