//! A corpus in PostgreSQL beside the local store: rates of loading, and times of searches by arm,
//! filter and number of shards, at 20,000 and 200,000 passages.
//!
//! ```sh
//! PASSIM_TEST_POSTGRES="URL [URL]" cargo bench --no-default-features --features postgres \
//!     --bench postgres -- --sizes 20000
//! ```
//!
//! Articles have one passage each: seeded mixtures of the sample articles, or with
//! `PASSIM_BENCH_TEXT=FILE` the lines of that file. `scripts/test_postgres` shows how to start
//! servers. The tables are printed and written to `postgres_load.csv` and `postgres_search.csv` in
//! the target folder. Times are wall times of one client; the servers share its machine.

mod support;

use std::{env, error::Error, time::Instant};

use passim::{
    Article, Filter, HnswParams, IndexChoice, Mode, Query, Result as PassimResult, Retriever,
    postgres::{Corpus, CorpusBuilder},
};

use support::articles::Articles;
use support::extent::chosen;
use support::table::Table;

const SIZES: [usize; 2] = [20_000, 200_000];
/// Number of searches of each kind.
const SEARCHES: usize = 200;
/// Number of articles of one call.
const BATCH: usize = 1_024;
/// Number of passages that are inserted into a graph.
const LIVE: usize = 2_048;
const BUILD_MEMORY: usize = 1 << 30;
const LOAD_COLUMNS: [&str; 8] = [
    "passages",
    "shards",
    "load /s",
    "graph s",
    "load and graph /s",
    "into graph /s",
    "bytes/passage",
    "with graph",
];
const SEARCH_COLUMNS: [&str; 7] =
    ["passages", "store", "search", "filter %", "route", "p50 ms", "p95 ms"];

fn main() -> Result<(), Box<dyn Error>> {
    let Ok(urls) = env::var("PASSIM_TEST_POSTGRES") else {
        println!("NOT RUN: set PASSIM_TEST_POSTGRES to the URLs of databases");
        return Ok(());
    };
    let urls: Vec<String> = urls.split_whitespace().map(str::to_owned).collect();
    let mut tables =
        Tables { load: Table::new(&LOAD_COLUMNS), search: Table::new(&SEARCH_COLUMNS) };
    for size in chosen(&SIZES)? {
        let articles = Articles::new(size + LIVE, SEARCHES);
        if articles.articles.len() < size + LIVE {
            println!("NOT RUN: {size} passages; there are {} texts", articles.articles.len());
            continue;
        }
        let data = Data::new(articles);
        tables.local(&data)?;
        for shards in 1..=urls.len() {
            tables.sharded(&data, &urls[..shards])?;
        }
    }
    println!("{}\n{}", tables.load, tables.load.write_csv("postgres_load.csv")?.display());
    println!("{}\n{}", tables.search, tables.search.write_csv("postgres_search.csv")?.display());
    Ok(())
}

/// What is loaded and asked.
struct Data {
    articles: Vec<Article>,
    /// Loaded after the graph is built.
    live: Vec<Article>,
    questions: Vec<String>,
}

impl Data {
    fn new(Articles { articles, questions }: Articles) -> Self {
        let number = |(at, article): (usize, Article)| {
            article.metadata("per_mille", i64::try_from(at * 37 % 1_000).expect("a small number"))
        };
        let mut articles: Vec<Article> = articles.into_iter().enumerate().map(number).collect();
        let live = articles.split_off(articles.len() - LIVE);
        Self { articles, live, questions }
    }
}

/// A kind of search.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    mode: Mode,
    is_exact: bool,
    /// Passages that the filter allows, in thousandths.
    per_mille: i64,
}

const fn kind(name: &'static str, mode: Mode, is_exact: bool, per_mille: i64) -> Kind {
    Kind { name, mode, is_exact, per_mille }
}

const KINDS: [Kind; 16] = [
    kind("vectors", Mode::Dense, false, 1_000),
    kind("vectors, exact", Mode::Dense, true, 1_000),
    kind("words", Mode::Lexical, false, 1_000),
    kind("hybrid", Mode::Hybrid, false, 1_000),
    kind("hybrid, exact", Mode::Hybrid, true, 1_000),
    kind("vectors", Mode::Dense, false, 500),
    kind("vectors, exact", Mode::Dense, true, 500),
    kind("vectors", Mode::Dense, false, 110),
    kind("vectors, exact", Mode::Dense, true, 110),
    kind("vectors", Mode::Dense, false, 60),
    kind("vectors, exact", Mode::Dense, true, 60),
    kind("vectors", Mode::Dense, false, 40),
    kind("vectors, exact", Mode::Dense, true, 40),
    kind("vectors", Mode::Dense, false, 10),
    kind("hybrid", Mode::Hybrid, false, 110),
    kind("hybrid", Mode::Hybrid, false, 10),
];

impl Kind {
    fn query(self, question: &str) -> Query {
        let query = Query::new(question).mode(self.mode);
        let query = if self.is_exact { query.exact() } else { query };
        if self.per_mille == 1_000 {
            return query;
        }
        query.filter(Filter::range("per_mille", ..self.per_mille))
    }
}

struct Tables {
    load: Table,
    search: Table,
}

impl Tables {
    fn local(&mut self, data: &Data) -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut retriever = Retriever::create(folder.path())?;
        let started = Instant::now();
        for batch in data.articles.chunks(BATCH) {
            retriever.add(batch.to_vec())?;
        }
        let load = started.elapsed().as_secs_f64();
        retriever.compact()?;
        let both = started.elapsed().as_secs_f64();
        let passages = data.articles.len();
        let bytes = retriever.stats().bytes_on_disk;
        self.load.push(vec![
            passages.to_string(),
            "local".to_owned(),
            per_second(passages, load),
            format!("{:.1}", both - load),
            per_second(passages, both),
            "-".to_owned(),
            "-".to_owned(),
            per_passage(bytes, passages),
        ]);
        let search = |query: Query| retriever.search(query);
        self.searched(data, "local", search)
    }

    fn sharded(&mut self, data: &Data, urls: &[String]) -> Result<(), Box<dyn Error>> {
        let schema = format!("bench {} {}", std::process::id(), data.articles.len());
        let schema = format!("{schema} {}", urls.len());
        let builder = Corpus::builder().shards(urls.to_vec()).schema(&schema);
        let mut builder = builder.build_memory(BUILD_MEMORY);
        if urls.len() > 1 {
            // The servers share the cores of the machine.
            builder = builder.build_workers(0);
        }
        let graph = IndexChoice::Hnsw(HnswParams::default());
        let load = loaded(&builder, &data.articles)?;
        let passages = data.articles.len();
        let without = bytes_on_disk(&builder.clone().open()?)?;
        let corpus = builder.index(graph).open()?;
        let graph = corpus.maintain()?.seconds;
        let with = bytes_on_disk(&corpus)?;
        let store = format!("{} shards", urls.len());
        self.searched(data, &store, |query| corpus.search(query))?;
        let started = Instant::now();
        for batch in data.live.chunks(BATCH) {
            corpus.add(batch.to_vec())?;
        }
        let live = per_second(data.live.len(), started.elapsed().as_secs_f64());
        self.load.push(vec![
            passages.to_string(),
            urls.len().to_string(),
            per_second(passages, load),
            format!("{graph:.1}"),
            per_second(passages, load + graph),
            live,
            per_passage(without, passages),
            per_passage(with, passages),
        ]);
        dropped(urls, &schema)
    }

    /// Measures all kinds of searches.
    fn searched(
        &mut self,
        data: &Data,
        store: &str,
        search: impl Fn(Query) -> PassimResult<passim::Hits>,
    ) -> Result<(), Box<dyn Error>> {
        for kind in KINDS {
            let mut times = Vec::new();
            let mut route = "-".to_owned();
            for question in &data.questions {
                let query = kind.query(question);
                let started = Instant::now();
                let hits = search(query)?;
                times.push(started.elapsed().as_secs_f64() * 1e3);
                if let Some(plan) = hits.plan().dense.first() {
                    route = plan.route.to_string().replace(',', ";");
                }
            }
            times.sort_by(f64::total_cmp);
            self.search.push(vec![
                data.articles.len().to_string(),
                store.to_owned(),
                kind.name.replace(',', ";"),
                format!("{:.1}", f64::from(i32::try_from(kind.per_mille)?) / 10.0),
                route,
                format!("{:.2}", times[times.len() / 2]),
                format!("{:.2}", times[times.len() * 95 / 100]),
            ]);
        }
        Ok(())
    }
}

/// Loads `articles` without a graph; returns the seconds.
fn loaded(builder: &CorpusBuilder, articles: &[Article]) -> Result<f64, Box<dyn Error>> {
    let corpus = builder.clone().index(IndexChoice::Exact).create()?;
    let started = Instant::now();
    for batch in articles.chunks(BATCH) {
        corpus.add(batch.to_vec())?;
    }
    let seconds = started.elapsed().as_secs_f64();
    corpus.maintain()?;
    Ok(seconds)
}

fn bytes_on_disk(corpus: &Corpus) -> Result<u64, Box<dyn Error>> {
    Ok(corpus.stats()?.shards.iter().map(|shard| shard.bytes_on_disk).sum())
}

fn dropped(urls: &[String], schema: &str) -> Result<(), Box<dyn Error>> {
    for url in urls {
        let mut client = postgres::Client::connect(url, postgres::NoTls)?;
        client.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE"))?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(count: usize, seconds: f64) -> String {
    format!("{:.0}", count as f64 / seconds)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_passage(bytes: u64, passages: usize) -> String {
    format!("{:.0}", bytes as f64 / passages as f64)
}
