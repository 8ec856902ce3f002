//! Measures ranking quality on judged data sets per way to rank, and the recall of the index.
//!
//! `cargo run --release --example evaluate -- examples`

#[path = "support/bar.rs"]
mod bar;
#[path = "support/embedders.rs"]
mod embedders;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/method.rs"]
mod method;
#[path = "support/outcome.rs"]
mod outcome;
#[path = "support/table.rs"]
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use embedders::Prefixes;
use judged::Set;
use lexopt::prelude::*;
use method::Method;
use outcome::{Failure, exit_code};
use passim::{
    Article, EmbedStage, Embedder, EmbeddingCache, Hits, Mode, Query, Retriever, Role,
    eval::{self, JudgedQuery},
};
use table::{Columns, Row};

const USAGE: &str = "\
evaluate DIR... [--joined] [--mode MODE] [--compare MODE]... [--embedder EMBEDDER]...
         [--query-prefix TEXT] [--passage-prefix TEXT] [--cache FOLDER] [--k N]
         [--keep SHARE] [--half HALF] [--run FILE] [--measures | --json | --each]

  DIR          a judged set, or a folder of such sets. A set holds corpus.jsonl (id, title, text)
               or a folder articles, queries.jsonl (id, text), and qrels.tsv: question, article and
               grade separated by tabs, or the judgments of TREC. A set of BEIR has `_id` for id, and
               qrels/test.tsv. Sets with a 2 in their name count as cross-lingual.
  --joined     merge the documents of all sets, which may differ in language, into one corpus
  --mode       dense | lexical | late | hybrid (hybrid); late is hybrid with weight 0 for
               words and identifiers; 0.75/0.75/0.5 is hybrid with these weights of words, late
               interaction and identifiers
  --compare    another mode: print the nDCG gain of --mode over it, with its 95 % confidence
               interval (paired bootstrap over the questions)
  --embedder   bundled | fastembed:MODEL | onnx:DIR (bundled); several are measured in turn
  --query-prefix, --passage-prefix
               text before each question and each passage, such as \"query: \", for a transformer
               model (the prompts of its folder or of the list of models)
  --cache      folder that keeps the vectors of each model for later runs
  --keep       print to standard error the minimum score that keeps this share of the relevant first hits, and
               the share of the other first hits that it leaves out; a question without an answer
               has grades of 0 only
  --half       1 or 2: ask only every other question of each set, to choose settings on one half
               and report the other
  --k          cutoff rank of the measures (10)
  --run        write the rankings as a run file in the form of TREC; needs one set and one mode
  --measures   add precision, success and MAP (of the first N articles) to the table
  --json       print one JSON object per set and mode instead of a table
  --each       print one JSON object per question, set and mode, to find failures

Each question is embedded once, before the searches: embed ms is the mean time, and p50 ms and
p95 ms are the times of a search without it.";

/// Bound of the memory or the file for vectors of questions and passages, in bytes.
const CACHE_BYTES: usize = 1 << 30;

struct Args {
    folders: Vec<PathBuf>,
    joined: bool,
    /// The method of `--mode`, then those of `--compare`.
    methods: Vec<Method>,
    embedders: Vec<String>,
    prefixes: Prefixes,
    cache: Option<PathBuf>,
    keep: Option<f64>,
    half: Option<Half>,
    k: usize,
    run: Option<PathBuf>,
    output: Output,
}

impl Args {
    fn columns(&self) -> Columns {
        Columns {
            all_measures: matches!(self.output, Output::Measures),
            gain: self.methods.len() > 1,
        }
    }
}

/// Every other question of a set.
#[derive(Clone, Copy)]
enum Half {
    First,
    Second,
}

impl Half {
    fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "1" => Ok(Self::First),
            "2" => Ok(Self::Second),
            _ => Err(format!("--half is `{name}`, give 1 or 2").into()),
        }
    }

    fn of(self, questions: Vec<JudgedQuery>) -> Vec<JudgedQuery> {
        questions.into_iter().skip(self as usize).step_by(2).collect()
    }
}

#[derive(Clone, Copy)]
enum Output {
    Table,
    /// A table with all measures.
    Measures,
    Json,
    Each,
}

impl Output {
    fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Measures)
    }
}

fn main() -> ExitCode {
    exit_code(args().and_then(|args| args.map_or(Ok(()), |args| run(&args))))
}

/// Parses the command line; `None` if it asks for help.
fn args() -> Result<Option<Args>, Failure> {
    let mut folders = Vec::new();
    let mut joined = false;
    let mut embedders = Vec::new();
    let mut prefixes = Prefixes::default();
    let mut k = 10;
    let mut cache = None;
    let mut keep = None;
    let mut half = None;
    let mut run = None;
    let mut method = Method::default();
    let mut compared = Vec::new();
    let mut output = Output::Table;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("mode") => method = Method::named(&parser.value()?.string()?)?,
            Long("compare") => compared.push(Method::named(&parser.value()?.string()?)?),
            Long("embedder") => embedders.push(parser.value()?.string()?),
            Long("cache") => cache = Some(parser.value()?.into()),
            Long("keep") => keep = Some(parser.value()?.parse()?),
            Long("half") => half = Some(Half::named(&parser.value()?.string()?)?),
            Long("query-prefix") => prefixes.query = Some(parser.value()?.string()?),
            Long("passage-prefix") => prefixes.passage = Some(parser.value()?.string()?),
            Long("k") => k = parser.value()?.parse()?,
            Long("run") => run = Some(PathBuf::from(parser.value()?)),
            Long("measures") => output = Output::Measures,
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
    if embedders.is_empty() {
        embedders.push("bundled".to_owned());
    }
    let methods = [vec![method], compared].concat();
    let args =
        Args { folders, joined, methods, embedders, prefixes, cache, keep, half, k, run, output };
    Ok(Some(args))
}

fn run(args: &Args) -> Result<(), Failure> {
    let folders = args.folders.iter().map(|folder| judged::sets(folder));
    let folders = folders.collect::<Result<Vec<_>, _>>()?.concat();
    if args.run.is_some() && folders.len() * args.methods.len() * args.embedders.len() > 1 {
        return Err("--run writes one ranking: give one set, one mode and one embedder".into());
    }
    if args.output.is_table() {
        println!("{}", table::heading(args.k, args.columns()));
    }
    args.embedders.iter().try_for_each(|name| evaluate(name, &folders, args))
}

/// Measures all sets with the model that `--embedder` calls `name`.
fn evaluate(name: &str, folders: &[PathBuf], args: &Args) -> Result<(), Failure> {
    let model = Model::open(name, args)?;
    let mut rows = Vec::new();
    let mut show = |measured: Vec<Row>| {
        for row in &measured {
            match args.output {
                Output::Table | Output::Measures => println!("{}", row.line(args.columns())),
                Output::Json => println!("{}", row.json()),
                Output::Each => row.outcomes().for_each(|outcome| println!("{outcome}")),
            }
        }
        rows.extend(measured);
    };
    if args.joined {
        let mut sets = folders.iter().map(|set| read(set, args)).collect::<Result<Vec<_>, _>>()?;
        let corpus = Corpus::of(Set::join(&mut sets), &model)?;
        sets.iter().try_for_each(|set| measure(set, &corpus, args).map(&mut show))?;
    } else {
        for folder in folders {
            let mut set = read(folder, args)?;
            let corpus = Corpus::of(std::mem::take(&mut set.documents), &model)?;
            show(measure(&set, &corpus, args)?);
        }
    }
    if args.output.is_table() && folders.len() > 1 {
        for line in table::means(&rows, &model.name, &args.methods, args.columns()) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Reads a set with the questions of `--half`.
fn read(folder: &Path, args: &Args) -> Result<Set, Failure> {
    let set = Set::read(folder)?;
    Ok(match args.half {
        Some(half) => Set { questions: half.of(set.questions), ..set },
        None => set,
    })
}

/// A model, and the vectors that it computed.
struct Model {
    name: String,
    embedder: Arc<dyn Embedder>,
    cache: EmbeddingCache,
}

impl Model {
    /// Opens the model that `--embedder` calls `choice`. A model of a folder has the folder's name.
    fn open(choice: &str, args: &Args) -> Result<Self, Failure> {
        let name = choice.rsplit(['/', ':']).next().unwrap_or(choice).to_owned();
        let cache = match &args.cache {
            Some(folder) => {
                fs::create_dir_all(folder)?;
                EmbeddingCache::open(folder.join(format!("{name}.cache")), CACHE_BYTES)?
            }
            None => EmbeddingCache::in_memory(CACHE_BYTES),
        };
        Ok(Self { embedder: embedders::embedder(choice, &args.prefixes)?.into(), name, cache })
    }
}

/// An indexed corpus.
struct Corpus<'m> {
    retriever: Retriever,
    model: &'m Model,
    documents: usize,
    index_seconds: f64,
}

impl<'m> Corpus<'m> {
    fn of(articles: Vec<Article>, model: &'m Model) -> Result<Self, Failure> {
        let documents = articles.len();
        let bar = bar::bar();
        let builder = Retriever::builder().embedder(Arc::clone(&model.embedder));
        let builder = builder.shared_embedding_cache(&model.cache).progress(bar::advance(&bar));
        let mut retriever = builder.in_memory()?;
        let start = Instant::now();
        retriever.add(articles)?;
        retriever.commit()?;
        retriever.wait_for_merges()?;
        let index_seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        Ok(Self { retriever, model, documents, index_seconds })
    }

    /// Embeds the questions into the cache. Returns the mean time of a question in milliseconds;
    /// `None` without questions.
    fn embed(&self, questions: &[JudgedQuery]) -> Result<Option<f64>, Failure> {
        let texts: Vec<&str> = questions.iter().map(|question| &*question.query.text).collect();
        let start = Instant::now();
        let Model { embedder, cache, .. } = self.model;
        EmbedStage::new(&**embedder).cache(cache).run(Role::Query, &texts)?;
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        Ok(u32::try_from(texts.len()).ok().filter(|n| *n > 0).map(|n| milliseconds / f64::from(n)))
    }
}

/// Measures the questions of one set with each method.
fn measure(set: &Set, corpus: &Corpus, args: &Args) -> Result<Vec<Row>, Failure> {
    let Set { name, questions, .. } = set;
    let Corpus { retriever, documents, index_seconds, .. } = corpus;
    let embed_ms = corpus.embed(questions)?;
    let ann_recall = eval::mean(ann_recalls(retriever, questions, args.k)?);
    let mut rows: Vec<Row> = Vec::new();
    for method in &args.methods {
        let search = |query: Query| retriever.search(method.of(query));
        if let Some(keep) = args.keep {
            let proposed = eval::propose_min_score(questions, keep, search)?;
            eprintln!("{name} {method}: {}", serde_json::to_string(&proposed)?);
        }
        let evaluation = eval::run(questions, args.k, search)?;
        if let Some(path) = &args.run {
            evaluation.trec_run()?.write(path, &format!("{}-{method}", corpus.model.name))?;
        }
        let first = rows.first().map_or(&evaluation, |first| &first.evaluation);
        let gain = eval::paired_difference(
            first.each(|outcome| outcome.ndcg),
            evaluation.each(|outcome| outcome.ndcg),
        );
        rows.push(Row {
            embedder: corpus.model.name.clone(),
            set: name.clone(),
            method: *method,
            documents: *documents,
            passages: retriever.passages(),
            gain,
            evaluation,
            ann_recall,
            index_seconds: *index_seconds,
            embed_ms,
        });
    }
    Ok(rows)
}

/// Returns for each question the share of the exact nearest passages that the index finds.
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
