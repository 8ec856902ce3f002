//! Measures retrieval on judged sets: how good the ranking is, by which arm, and what the index
//! misses.
//!
//! `cargo run --release --example evaluate -- examples`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/modes.rs"]
mod modes;
#[path = "support/outcome.rs"]
mod outcome;
#[path = "support/table.rs"]
mod table;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use judged::Set;
use lexopt::prelude::*;
use outcome::{Failure, exit_code};
use passim::{
    Article, Embedder, Hits, Mode, Query, Retriever,
    eval::{self, JudgedQuery},
};
use table::Row;

const USAGE: &str = "\
evaluate DIR... [--joined] [--mode MODE] [--compare MODE]... [--embedder EMBEDDER] [--k N]
         [--json | --each]

  DIR          a judged set, or a folder of some: corpus.jsonl (id, title, text) or a folder
               articles, queries.jsonl (id, text) and qrels.tsv: query, document and grade with
               tabs between them, or query, 0, document and grade with white space between
               them; no header line. Sets with a 2 in their name count as those across languages.
  --joined     puts the documents of all sets into one corpus, so that questions have to find theirs
               among those of the others, which may be in another language
  --mode       dense | lexical | hybrid (hybrid)
  --compare    another mode: what MODE gains over it in nDCG, with the interval of 95 % (paired
               bootstrap over the questions)
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled)
  --k          documents that count (10)
  --json       one JSON object a set and mode instead of a table
  --each       one JSON object a question, set and mode: where to look for failures";

struct Args {
    folders: Vec<PathBuf>,
    joined: bool,
    /// The one asked for, then those that it is compared with.
    modes: Vec<Mode>,
    embedder: String,
    k: usize,
    output: Output,
}

#[derive(Clone, Copy, PartialEq)]
enum Output {
    Table,
    Json,
    Each,
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// The command line; `None` if it asked for help.
fn args() -> Result<Option<Args>, Failure> {
    let (mut folders, mut joined) = (Vec::new(), false);
    let (mut embedder, mut k) = ("bundled".to_owned(), 10);
    let (mut mode, mut compared, mut output) = (Mode::default(), Vec::new(), Output::Table);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("mode") => mode = modes::mode(&parser.value()?.string()?)?,
            Long("compare") => compared.push(modes::mode(&parser.value()?.string()?)?),
            Long("embedder") => embedder = parser.value()?.string()?,
            Long("k") => k = parser.value()?.parse()?,
            Long("json") => output = Output::Json,
            Long("each") => output = Output::Each,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Long("joined") => joined = true,
            Value(folder) => folders.push(folder.into()),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    if k == 0 {
        return Err("--k is 0, give 1 or more".into());
    }
    if folders.is_empty() {
        return Err(format!("no DIR is given\n\n{USAGE}").into());
    }
    let modes = [vec![mode], compared].concat();
    Ok(Some(Args { folders, joined, modes, embedder, k, output }))
}

fn run(args: &Args) -> Result<(), Failure> {
    let folders = args.folders.iter().map(|folder| judged::sets(folder));
    let folders = folders.collect::<Result<Vec<_>, _>>()?.concat();
    let embedder: Arc<dyn Embedder> = embedders::embedder(&args.embedder)?.into();
    let mut rows = Vec::new();
    if args.output == Output::Table {
        println!("{}", table::heading(args.k, args.modes.len() > 1));
    }
    let mut show = |measured: Vec<Row>| {
        for row in &measured {
            match args.output {
                Output::Table => println!("{}", row.line()),
                Output::Json => println!("{}", row.json()),
                Output::Each => row.outcomes().for_each(|outcome| println!("{outcome}")),
            }
        }
        rows.extend(measured);
    };
    if args.joined {
        let mut sets = folders.iter().map(|set| Set::read(set)).collect::<Result<Vec<_>, _>>()?;
        let corpus = Corpus::of(Set::join(&mut sets), &embedder)?;
        sets.iter().try_for_each(|set| measure(set, &corpus, args).map(&mut show))?;
    } else {
        for folder in &folders {
            let mut set = Set::read(folder)?;
            let corpus = Corpus::of(std::mem::take(&mut set.documents), &embedder)?;
            show(measure(&set, &corpus, args)?);
        }
    }
    if args.output == Output::Table && folders.len() > 1 {
        for line in table::means(&rows, &args.modes) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Documents, indexed.
struct Corpus {
    retriever: Retriever,
    documents: usize,
    index_seconds: f64,
}

impl Corpus {
    fn of(articles: Vec<Article>, embedder: &Arc<dyn Embedder>) -> Result<Self, Failure> {
        let documents = articles.len();
        let (bar, progress) = bar::bar();
        let builder = Retriever::builder().embedder(Arc::clone(embedder)).progress(progress);
        let mut retriever = builder.in_memory()?;
        let start = Instant::now();
        retriever.add(articles)?;
        retriever.commit()?;
        let index_seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        Ok(Self { retriever, documents, index_seconds })
    }
}

/// The measures of the questions of one set, by each mode.
fn measure(set: &Set, corpus: &Corpus, args: &Args) -> Result<Vec<Row>, Failure> {
    let Set { name, questions, .. } = set;
    let Corpus { retriever, documents, index_seconds } = corpus;
    let ann_recall = eval::mean(ann_recalls(retriever, questions, args.k)?);
    let mut rows: Vec<Row> = Vec::new();
    for mode in &args.modes {
        let search = |query: Query| retriever.search(query.mode(*mode));
        let evaluation = eval::run(questions, args.k, search)?;
        let first = rows.first().map_or(&evaluation, |first| &first.evaluation);
        let [first, other] = [first, &evaluation].map(|one| one.each(|outcome| outcome.ndcg));
        rows.push(Row {
            set: name.clone(),
            mode: *mode,
            documents: *documents,
            passages: retriever.passages(),
            gain: eval::paired_difference(first, other),
            evaluation,
            ann_recall,
            index_seconds: *index_seconds,
        });
    }
    Ok(rows)
}

/// Which share of the closest passages the index finds, for each question.
fn ann_recalls(
    retriever: &Retriever,
    questions: &[JudgedQuery],
    k: usize,
) -> passim::Result<Vec<Option<f64>>> {
    let recall = |question: &JudgedQuery| {
        let query = question.query.clone().k(k).mode(Mode::Dense);
        let found = retriever.search(query.clone())?;
        let exact = retriever.search(query.exact())?;
        Ok(eval::ann_recall_at_k(&places(&found), &places(&exact), k))
    };
    questions.iter().map(recall).collect()
}

fn places(hits: &Hits) -> Vec<(String, usize)> {
    hits.iter().map(|hit| (hit.article.clone(), hit.range.start)).collect()
}
