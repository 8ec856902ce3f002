//! The options of the program.
#![expect(clippy::doc_markdown, reason = "the comments of options are the help of the program")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser, builder::TypedValueParser};
use passim::{Filter, Mode, RetrieverSettings};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a fault of the program, or of a model that breaks its contract
  2  an argument or an input file is invalid
  3  an index, a file or a model was not found
  4  the index was made with another model or version, or another program writes to it
  5  a model, a server or a disk did not do its work
  6  a file of the index is damaged, or a graph misses passages
  7  done, but for some articles or questions that could not be read; `sync` keeps such articles

Results go to standard output, everything else to standard error. Colours are used on terminals
alone; NO_COLOR turns them off.";

/// Semantic retrieval with exact citations, in German and English.
#[derive(Parser)]
#[command(name = "passim", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add articles to an index, which is created if missing; articles of the same key are replaced
    Index(WriteOptions),
    /// Make an index equal to articles: add, replace and remove; only changed files are read
    ///
    /// An article that cannot be read stays in the index as it is, and the exit code is 7. If it is
    /// not known which articles of the index a file or folder has, nothing is removed.
    Sync(WriteOptions),
    /// Answer questions with passages of an index or of articles
    Search(SearchOptions),
    /// Measure the ranking of judged questions
    Evaluate(EvaluateOptions),
    /// Compare all bytes of an index with their checksums, and search its graphs for all passages
    Verify(VerifyOptions),
}

/// The model that embeds.
#[derive(Args)]
pub(crate) struct ModelOptions {
    /// `bundled`, `onnx:FOLDER`, `hub:NAME` or `http:NAME`
    #[arg(long, default_value = "bundled", value_name = "MODEL")]
    pub(crate) model: String,
    /// URL of the server of `http:NAME`, such as http://localhost:8080/v1; the variable
    /// PASSIM_API_KEY holds its key
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Dimension of the vectors of `http:NAME`
    #[arg(long, value_name = "N")]
    pub(crate) dim: Option<usize>,
    /// Text before each question, such as "query: "
    #[arg(long, value_name = "TEXT")]
    pub(crate) query_prefix: Option<String>,
    /// Text before each passage, such as "passage: "
    #[arg(long, value_name = "TEXT")]
    pub(crate) passage_prefix: Option<String>,
}

#[derive(Args)]
pub(crate) struct WriteOptions {
    /// Folder of the index
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) index: PathBuf,
    /// .txt, .md and .jsonl files, or folders of them
    #[arg(required = true)]
    pub(crate) articles: Vec<PathBuf>,
    /// Settings of the index as JSON, such as '{"chunker": {"max_tokens": 120}}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) settings: RetrieverSettings,
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The corpus that is searched.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct CorpusOptions {
    /// Folder of the index
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) index: Option<PathBuf>,
    /// Files or folders of articles, which are indexed in memory; may be repeated
    #[arg(short, long, value_name = "PATH")]
    pub(crate) articles: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SearchOptions {
    #[command(flatten)]
    pub(crate) corpus: CorpusOptions,
    /// Questions; without one, they are read from standard input, one per line
    pub(crate) questions: Vec<String>,
    /// Number of hits [default: 10]
    #[arg(short, value_name = "N")]
    pub(crate) k: Option<usize>,
    /// How passages are found and scored [default: hybrid]
    #[arg(long, value_parser = modes(), value_name = "MODE")]
    pub(crate) mode: Option<Mode>,
    /// Condition on articles, such as 'year in 2020.. and not source is "dpa"'
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,
    /// Words that each hit must have; may be repeated
    #[arg(long, value_name = "WORDS")]
    pub(crate) require: Vec<String>,
    /// Words that no hit may have; may be repeated
    #[arg(long, value_name = "WORDS")]
    pub(crate) exclude: Vec<String>,
    /// Words that stand one after the other in each hit; may be repeated
    #[arg(long, value_name = "WORDS")]
    pub(crate) phrase: Vec<String>,
    /// Settings of the query as JSON, which other options override, such as '{"per_article": 1, "time_limit_ms": 200}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// Print one JSON object per hit: query, rank, article, start, end, score, similarity, bm25, text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct EvaluateOptions {
    #[command(flatten)]
    pub(crate) corpus: CorpusOptions,
    /// JSON Lines with `id` and `text`
    #[arg(long, value_name = "FILE")]
    pub(crate) questions: PathBuf,
    /// Lines of question, article and grade, in the form of BEIR or TREC
    #[arg(long, value_name = "FILE")]
    pub(crate) judgments: PathBuf,
    /// Number of articles that are measured
    #[arg(short, default_value_t = 10, value_name = "N")]
    pub(crate) k: usize,
    /// How passages are found and scored; may be repeated, to compare
    #[arg(long, default_value = "hybrid", value_parser = modes(), value_name = "MODE")]
    pub(crate) mode: Vec<Mode>,
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// Print one JSON object per mode
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// Folder of the index
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) index: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelOptions,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a mode; the help lists all of them.
fn modes() -> impl TypedValueParser<Value = Mode> {
    let names = PossibleValuesParser::new(["hybrid", "lexical", "dense"]);
    names.map(|name| name.parse().expect("the name of a mode"))
}
