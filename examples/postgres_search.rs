//! Keeps a corpus in PostgreSQL with pgvector, and searches it.
//!
//! ```sh
//! cargo run --release --features postgres --example postgres_search -- \
//!     --shard postgresql://me@localhost/passim "Was speichern Moore?"
//! ```
//!
//! `docs/SCALING.md` says how to start a server for a trial.

#[path = "support/outcome.rs"]
mod outcome;

use std::{path::PathBuf, process::ExitCode};

use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{Query, postgres::Corpus, read_articles};

const USAGE: &str = "\
postgres_search --shard URL [--shard URL]... [--schema NAME] [--articles DIR_OR_FILE]
                [--maintain] QUESTION...

  --shard     database of a shard; always all shards of a corpus, in the same order
  --schema    schema of the tables (passim)
  --articles  synchronizes the corpus with the .txt, .md or .jsonl files; without it, a new corpus
              gets the sample articles
  --maintain  builds missing graphs and cleans the tables";

/// The sample articles, independent of the working directory.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles");

#[derive(Default)]
struct Args {
    shards: Vec<String>,
    schema: Option<String>,
    articles: Option<PathBuf>,
    maintains: bool,
    questions: Vec<String>,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), run)))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut args = Args::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("shard") => args.shards.push(parser.value()?.string()?),
            Long("schema") => args.schema = Some(parser.value()?.string()?),
            Long("articles") => args.articles = Some(parser.value()?.into()),
            Long("maintain") => args.maintains = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(question) => args.questions.push(question.string()?),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if args.shards.is_empty() {
        return Err(format!("give at least one --shard\n\n{USAGE}").into());
    }
    Ok(Some(args))
}

fn run(args: Args) -> Result<(), Failure> {
    let mut builder = Corpus::builder().shards(args.shards);
    if let Some(schema) = args.schema {
        builder = builder.schema(schema);
    }
    let corpus = builder.open_or_create()?;
    let is_new = corpus.stats()?.articles == 0;
    if let Some(source) = args.articles.or_else(|| is_new.then(|| SAMPLES.into())) {
        // An article that cannot be read still exists, so a sync with errors removes nothing.
        let report = corpus.try_sync(read_articles(source))?;
        for error in report.unread.iter().flat_map(|source| &source.errors) {
            eprintln!("{error}");
        }
        println!(
            "{} added, {} changed, {} removed, {} unchanged in {:.2} s",
            report.added, report.changed, report.removed, report.unchanged, report.seconds
        );
    }
    if args.maintains {
        let report = corpus.maintain()?;
        println!("{} graphs built in {:.2} s", report.graphs_built, report.seconds);
    }
    args.questions.iter().try_for_each(|question| answer(&corpus, question))
}

/// Prints the hits of a question with their places, and how they were found.
fn answer(corpus: &Corpus, question: &str) -> Result<(), Failure> {
    let hits = corpus.search(Query::new(question).k(3))?;
    println!("\n{question}");
    for hit in &hits {
        println!(
            "\n{}:{}..{}  score {:.3}",
            hit.article, hit.range.start, hit.range.end, hit.score
        );
        println!("{}", hit.text);
    }
    println!("\n{}", hits.plan());
    Ok(())
}
