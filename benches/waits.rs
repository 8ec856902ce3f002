//! Waits of a writer while a large segment is merged, and the cost of small commits afterwards.
//!
//! ```sh
//! cargo bench --bench waits                               # 10,000 and 100,000 passages
//! cargo bench --bench waits -- --sizes 100000 --threads 0 # merges in commits
//! ```
//!
//! An index of as many passages is committed at once, so a merge has to build its graph. With 0
//! threads the next commit merges. Meanwhile one thread adds articles of ten passages, a few
//! milliseconds apart, and another commits every half second. Then articles are committed one by one.
//!
//! Articles have one passage each: seeded mixtures of words, or with `PASSIM_BENCH_TEXT=FILE` the lines
//! of that file. Times depend on the fsync of the disk; the
//! index is in the system's folder for temporary files (`TMPDIR`). Bytes written are those of
//! `/proc/self/io`, with the removals of replaced articles. The table is printed and written to
//! `waits.csv` in the target folder.

mod support;

use std::{
    error::Error,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{Article, CommitSchedule, Retriever, SharedRetriever};
use passim_testkit::corpus;

use support::articles::Articles;
use support::extent::{chosen, option};
use support::table::Table;

const SIZES: [usize; 2] = [10_000, 100_000];
/// Passages of an article that is added meanwhile.
const PASSAGES: usize = 10;
/// Words of a passage.
const WORDS: usize = 120;
/// Number of commits of one article after the merge.
const SMALL_COMMITS: usize = 100;
const COLUMNS: [&str; 13] = [
    "passages",
    "threads",
    "merge s",
    "adds",
    "add p50 ms",
    "add p99 ms",
    "add max ms",
    "commits",
    "commit p50 ms",
    "commit max ms",
    "small commit p50 ms",
    "small commit max ms",
    "small commit kB",
];

fn main() -> Result<(), Box<dyn Error>> {
    let threads = option("--threads").map_or(Ok(1), |threads| threads.parse())?;
    let mut table = Table::new(&COLUMNS);
    for size in chosen(&SIZES)? {
        table.push(row(size, threads)?);
    }
    println!("{table}\n{}", table.write_csv("waits.csv")?.display());
    Ok(())
}

/// An article of [`PASSAGES`] passages.
fn article(number: usize) -> Article {
    let paragraphs = corpus::texts(number as u64 + 7, PASSAGES, WORDS);
    Article::new(format!("new/{number}"), paragraphs.join("\n\n"))
}

fn row(size: usize, threads: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let builder = Retriever::builder().merge_threads(threads);
    let mut retriever = builder.create(folder.path())?;
    let Articles { articles, .. } = Articles::new(size, 0);
    retriever.add(articles)?;
    let shared = retriever.into_shared(CommitSchedule::on_demand())?;
    if threads > 0 {
        shared.commit()?;
    }
    let merged = Merged::measure(&shared)?;
    shared.wait_for_merges()?;
    let small = SmallCommits::measure(&shared)?;
    let mut row = vec![size.to_string(), threads.to_string(), format!("{:.1}", merged.seconds)];
    row.push(merged.adds.len().to_string());
    row.extend([50, 99, 100].map(|percent| percentile(&merged.adds, percent)));
    row.push(merged.commits.len().to_string());
    row.extend([50, 100].map(|percent| percentile(&merged.commits, percent)));
    row.extend([50, 100].map(|percent| percentile(&small.times, percent)));
    row.push(small.kilobytes.map_or_else(String::new, |kilobytes| format!("{kilobytes}")));
    Ok(row)
}

/// Waits during a merge, in ascending order.
struct Merged {
    seconds: f64,
    adds: Vec<Duration>,
    commits: Vec<Duration>,
}

impl Merged {
    fn measure(shared: &SharedRetriever) -> Result<Self, Box<dyn Error>> {
        let started = Instant::now();
        let is_done = AtomicBool::new(false);
        let commits = Mutex::new(Vec::new());
        let adds = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Relaxed) {
                    let started = Instant::now();
                    shared.commit().expect("a disk with room");
                    commits.lock().expect("no thread panics").push(started.elapsed());
                    thread::sleep(Duration::from_millis(500));
                }
            });
            let adds = add_until_merged(shared);
            is_done.store(true, Relaxed);
            adds
        })?;
        let mut commits = commits.into_inner()?;
        commits.sort_unstable();
        Ok(Self { seconds: started.elapsed().as_secs_f64(), adds, commits })
    }
}

/// Adds articles until the large segment has a graph; returns the waits in ascending order.
fn add_until_merged(shared: &SharedRetriever) -> passim::Result<Vec<Duration>> {
    // The first commit has to begin before the first add, so that it does not publish before.
    thread::sleep(Duration::from_millis(20));
    let mut waits = Vec::new();
    while !shared.stats().segments.first().is_some_and(|segment| segment.has_graph) {
        let article = article(waits.len());
        let started = Instant::now();
        shared.add([article])?;
        waits.push(started.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    waits.sort_unstable();
    Ok(waits)
}

/// Commits of one article each, every other of which replaces one.
struct SmallCommits {
    /// In ascending order.
    times: Vec<Duration>,
    /// Mean number of bytes written, if the system counts them.
    kilobytes: Option<u64>,
}

impl SmallCommits {
    fn measure(shared: &SharedRetriever) -> Result<Self, Box<dyn Error>> {
        let before = bytes_written();
        let mut times = Vec::new();
        for number in 0..SMALL_COMMITS {
            let mut article = article(1_000_000 + number);
            if number % 2 == 0 {
                article.key = number.to_string();
            }
            shared.add([article])?;
            let started = Instant::now();
            shared.commit()?;
            times.push(started.elapsed());
        }
        shared.wait_for_merges()?;
        let bytes = bytes_written().zip(before).map(|(after, before)| after - before);
        times.sort_unstable();
        Ok(Self { times, kilobytes: bytes.map(|bytes| bytes / SMALL_COMMITS as u64 / 1_000) })
    }
}

/// Bytes that the process has passed to the system; `None` if it does not count them.
fn bytes_written() -> Option<u64> {
    let counts = fs::read_to_string("/proc/self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}

/// In milliseconds.
fn percentile(ascending: &[Duration], percent: usize) -> String {
    let last = ascending.len().saturating_sub(1);
    let wait = ascending.get(last * percent / 100);
    wait.map_or_else(String::new, |wait| format!("{:.1}", wait.as_secs_f64() * 1_000.0))
}
