//! Searches articles for passages that answer questions.
//!
//! `cargo run --release --example search -- "Warum hält Meta sein Modell Behemoth zurück?"`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/outcome.rs"]
mod outcome;

use std::{
    collections::BTreeMap,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstream::{eprintln, stdout};
use anstyle::{AnsiColor, Style};
use embedders::Prefixes;
use lexopt::prelude::*;
use outcome::{Failure, exit_code, report};
use passim::{Article, Error, Hit, Query, Retriever, read_articles};
use serde_json::json;

const USAGE: &str = "\
search [--articles DIR_OR_FILE]... [--index DIR] [--top-k N] [--embedder EMBEDDER]
       [--query-prefix TEXT] [--passage-prefix TEXT] [--require WORDS]... [--exclude WORDS]...
       [--phrase WORDS]... [--json] [QUESTION]...

  --articles   .txt, .md or .jsonl files, or folders of them; without it, the sample articles
  --index      keep the index in this folder, created if missing; only new and changed articles
               are embedded. Without --articles the index is searched as it is
  --top-k      hits per question (5)
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --query-prefix, --passage-prefix
               text before each question and each passage, such as \"query: \", for a transformer
               model (the prompts of its folder or of the list of models)
  --require, --exclude
               words that each hit must have, or must not have
  --phrase     words that stand one after the other in each hit
  --json       one JSON object per hit and line: query, rank, article, start, end, score,
               similarity, bm25, text
  QUESTION     without one, questions are read from standard input, one per line

`article` is the path below DIR (or the name of FILE); `start` and `end` are byte offsets in it.
For .jsonl, `article` is the id; `start` and `end` are byte offsets in its decoded UTF-8 text.
If a later --articles repeats a name, the article's name gets the prefix FOLDER/.";

/// The sample articles, independent of the working directory.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles");

struct Args {
    articles: Vec<PathBuf>,
    index: Option<PathBuf>,
    top_k: usize,
    embedder: String,
    prefixes: Prefixes,
    /// The conditions on words of each query.
    conditions: Query,
    json: bool,
    questions: Vec<String>,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut args = Args {
        articles: Vec::new(),
        index: None,
        top_k: 5,
        embedder: "bundled".to_owned(),
        prefixes: Prefixes::default(),
        conditions: Query::new(""),
        json: false,
        questions: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("articles") => args.articles.push(parser.value()?.into()),
            Long("index") => args.index = Some(parser.value()?.into()),
            Long("top-k") | Short('k') => args.top_k = parser.value()?.parse()?,
            Long("embedder") => args.embedder = parser.value()?.string()?,
            Long("query-prefix") => args.prefixes.query = Some(parser.value()?.string()?),
            Long("passage-prefix") => args.prefixes.passage = Some(parser.value()?.string()?),
            Long("require") => {
                args.conditions = args.conditions.require(parser.value()?.string()?);
            }
            Long("exclude") => {
                args.conditions = args.conditions.exclude(parser.value()?.string()?);
            }
            Long("phrase") => {
                args.conditions = args.conditions.require_phrase(parser.value()?.string()?);
            }
            Long("json") => args.json = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Value(question) => args.questions.push(question.string()?),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if args.top_k == 0 {
        return Err("--top-k is 0, give 1 or more".into());
    }
    let has_index = args.index.as_ref().map(Retriever::exists).transpose()? == Some(true);
    if args.articles.is_empty() && !has_index {
        args.articles.push(SAMPLES.into());
    }
    Ok(Some(args))
}

fn run(args: &Args) -> Result<(), Failure> {
    let retriever = indexed(args)?;
    if !args.questions.is_empty() {
        return args.questions.iter().try_for_each(|question| answer(&retriever, question, args));
    }
    answer_lines(&retriever, args)
}

/// Answers the questions of standard input; lines that are not UTF-8 are reported and skipped.
fn answer_lines(retriever: &Retriever, args: &Args) -> Result<(), Failure> {
    let prompts = io::stdin().is_terminal();
    let mut lines = io::stdin().lock().split(b'\n').zip(1..);
    let mut unread = 0;
    loop {
        if prompts {
            eprint!("question> ");
        }
        let Some((line, number)) = lines.next() else { break };
        match String::from_utf8(line?) {
            Ok(question) if question.trim().is_empty() => {}
            Ok(question) => answer(retriever, question.trim_end_matches('\r'), args)?,
            Err(_) => {
                let error = format!("line {number} of standard input is not UTF-8");
                report(&*Failure::from(error));
                unread += 1;
            }
        }
    }
    if unread == 0 { Ok(()) } else { Err(format!("questions that were not read: {unread}").into()) }
}

/// Opens the retriever in memory or in a folder and syncs it with the articles.
fn indexed(args: &Args) -> Result<Retriever, Failure> {
    let embedder = embedders::embedder(&args.embedder, &args.prefixes)?;
    let bar = bar::bar();
    let builder = Retriever::builder().embedder(embedder).progress(bar::advance(&bar));
    let mut retriever = match &args.index {
        Some(index) => builder.open_or_create(index)?,
        None => builder.in_memory()?,
    };
    if !args.articles.is_empty() {
        let Collection { articles, unreadable } = collect(&args.articles)?;
        if articles.is_empty() {
            return Err("there is no article to search".into());
        }
        let synced = if unreadable == 0 {
            retriever.sync(articles.into_values())?
        } else {
            // An unreadable article still exists, so nothing is removed.
            let upserted = retriever.upsert(articles.into_values())?;
            retriever.commit()?;
            upserted
        };
        // The graph is built after the commit; a later run would start it again.
        retriever.wait_for_merges()?;
        bar.finish_and_clear();
        eprintln!(
            "{} added, {} changed, {} removed, {} unchanged; {} passages embedded in {:.2} s",
            synced.added,
            synced.changed,
            synced.removed,
            synced.unchanged,
            synced.embedded,
            synced.seconds
        );
    }
    eprintln!("{} articles, {} passages", retriever.articles(), retriever.passages());
    Ok(retriever)
}

type Articles = BTreeMap<String, Article>;

/// The articles of one or several sources.
#[derive(Default)]
struct Collection {
    articles: Articles,
    /// Number of articles that could not be read.
    unreadable: usize,
}

/// Reads the articles of all sources.
///
/// A key that a later source repeats gets the name of the source's folder as prefix.
fn collect(sources: &[PathBuf]) -> Result<Collection, Failure> {
    let mut all = Articles::new();
    let mut unreadable = 0;
    for source in sources {
        let mut read = read(source)?;
        unreadable += read.unreadable;
        // A file given twice is one article.
        read.articles.retain(|key, article| all.get(key) != Some(article));
        let (repeated, new): (Articles, Articles) =
            read.articles.into_iter().partition(|(key, _)| all.contains_key(key));
        all.extend(new);
        let folder = folder(source);
        for (key, article) in repeated {
            let prefixed = free_key(&all, &folder, &key);
            eprintln!("warning: `{key}` of {} is cited as `{prefixed}`", source.display());
            all.insert(prefixed.clone(), Article { key: prefixed, ..article });
        }
    }
    Ok(Collection { articles: all, unreadable })
}

/// Returns `key` with the prefix `folder`, numbered if that key is taken.
fn free_key(all: &Articles, folder: &str, key: &str) -> String {
    let mut free = format!("{folder}/{key}");
    let mut number = 1;
    while all.contains_key(&free) {
        number += 1;
        free = format!("{folder}-{number}/{key}");
    }
    free
}

/// Reads the articles of one source.
///
/// An unreadable article is reported and skipped; an unreadable source is an error.
fn read(source: &Path) -> Result<Collection, Failure> {
    let mut read = Collection::default();
    for article in read_articles(source) {
        match article {
            Ok(article) => {
                if let Some(earlier) = read.articles.insert(article.key.clone(), article) {
                    let key = earlier.key;
                    let source = source.display();
                    eprintln!("warning: {source} holds `{key}` twice, the later one counts");
                }
            }
            Err(error) if is_about(&error, source) => return Err(error.into()),
            Err(error) => {
                report(&error);
                read.unreadable += 1;
            }
        }
    }
    Ok(read)
}

fn is_about(error: &Error, source: &Path) -> bool {
    matches!(error, Error::Read { path, .. } | Error::FileKind { path } if path == source)
}

/// Returns the name of the folder `source`, or of the folder that holds the file `source`.
fn folder(source: &Path) -> String {
    let path = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let folder = if path.is_dir() { Some(&*path) } else { path.parent() };
    let name = folder.and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn answer(retriever: &Retriever, question: &str, args: &Args) -> Result<(), Failure> {
    let mut query = args.conditions.clone().k(args.top_k);
    question.clone_into(&mut query.text);
    let hits = retriever.search(query)?;
    let mut out = stdout().lock();
    if !args.json {
        let bold = Style::new().bold();
        writeln!(out, "\n{bold}{question}{bold:#}")?;
    }
    for (hit, rank) in hits.iter().zip(1..) {
        if args.json {
            let object = json!({
                "query": question, "rank": rank, "article": hit.article, "start": hit.range.start,
                "end": hit.range.end, "score": hit.score, "similarity": hit.similarity,
                "bm25": hit.bm25, "text": hit.text,
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
    let Hit { article, range, score, .. } = hit;
    write!(out, "\n{rank:>2}. {place}{article}:{}..{}{place:#}", range.start, range.end)?;
    writeln!(out, "  {dim}score {score:.3}{dim:#}")?;
    hit.text.lines().try_for_each(|line| writeln!(out, "    {line}"))
}
