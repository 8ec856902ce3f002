//! Growth of an index in a folder, from 1,000 to 1,000,000 passages: bytes on disk, memory, and
//! the times of opening, of the first search, and of later hybrid and dense searches.
//!
//! ```sh
//! cargo bench --bench folder                          # 1,000, 10,000 and 100,000
//! cargo bench --bench folder -- --sizes 1000,1000000  # these
//! cargo bench --bench folder -- --files 10000         # syncs of a folder of so many files
//! ```
//!
//! Articles have one passage each: seeded mixtures of the sample articles, or with
//! `PASSIM_BENCH_TEXT=FILE` the lines of that file. A separate process opens each index, with its
//! files in the page cache. The table is printed and written to
//! `folder.csv` in the target folder.

mod support;

use std::{
    env,
    error::Error,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use passim::{Mode, Query, Retriever, Searcher};
use passim_testkit::corpus;

use support::articles::Articles;
use support::extent::{chosen, option};
use support::memory::{mapped_mib, own_mib};
use support::table::Table;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Number of searches after the first.
const SEARCHES: usize = 500;
const COLUMNS: [&str; 13] = [
    "passages",
    "sync s",
    "MiB on disk",
    "bytes/passage",
    "open ms",
    "open searcher ms",
    "own MiB opened",
    "mapped MiB opened",
    "first search ms",
    "search us",
    "dense us",
    "own MiB searched",
    "mapped MiB searched",
];

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(folder) = option("--opened") {
        println!("{}", opened(Path::new(&folder))?.join(","));
        return Ok(());
    }
    if let Some(files) = option("--files") {
        println!("{}", synced_files(files.parse()?)?);
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for size in chosen(&SIZES)? {
        match row(size)? {
            Some(row) => table.push(row),
            None => eprintln!("NOT RUN: {size} passages; there are fewer lines of text"),
        }
    }
    println!("{table}\n{}", table.write_csv("folder.csv")?.display());
    Ok(())
}

/// Measures syncs of a folder of `count` files with one passage each: of new files, of unchanged
/// ones, and of files that only have another modification time.
fn synced_files(count: usize) -> Result<Table, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let files = folder.path().join("files");
    fs::create_dir(&files)?;
    let texts = corpus::texts(1, count, 40);
    let paths: Vec<_> = (0..count).map(|number| files.join(format!("{number}.txt"))).collect();
    let set_age = |seconds| -> std::io::Result<()> {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        paths.iter().try_for_each(|path| File::options().write(true).open(path)?.set_modified(time))
    };
    for (path, text) in paths.iter().zip(&texts) {
        fs::write(path, text)?;
    }
    let mut retriever = Retriever::create(folder.path().join("index"))?;
    let mut table = Table::new(&["files", "sync", "skipped", "hashed", "parsed", "ms"]);
    for (name, age) in [("new", Some(7_200)), ("unchanged", None), ("touched", Some(3_600))] {
        age.map_or(Ok(()), set_age)?;
        let started = Instant::now();
        let report = retriever.sync_folder(&files)?;
        let time = format!("{:.0}", milliseconds(started));
        let files = report.files;
        let counts = [files.skipped, files.hashed, files.parsed].map(|count| count.to_string());
        let row = [count.to_string(), name.to_owned()].into_iter().chain(counts).chain([time]);
        table.push(row.collect());
        retriever.wait_for_merges()?;
    }
    Ok(table)
}

/// Builds an index of `size` passages and measures it; `None` if the text is too short.
fn row(size: usize) -> Result<Option<Vec<String>>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let Articles { articles, .. } = Articles::new(size, 0);
    let started = Instant::now();
    let mut retriever = Retriever::create(folder.path())?;
    retriever.sync(articles)?;
    retriever.wait_for_merges()?;
    let seconds = started.elapsed().as_secs_f64();
    let stats = retriever.stats();
    drop(retriever);
    if stats.articles < size {
        return Ok(None);
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes = stats.bytes_on_disk as f64;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let passages = stats.passages as f64;
    let mut row = vec![
        stats.passages.to_string(),
        format!("{seconds:.1}"),
        format!("{:.1}", bytes / f64::from(1 << 20)),
        format!("{:.0}", bytes / passages),
    ];
    let mut child = Command::new(env::current_exe()?);
    let child = child.arg("--opened").arg(folder.path()).stderr(Stdio::inherit());
    let output = child.output()?;
    if !output.status.success() {
        return Err(format!("{size} passages: {}", output.status).into());
    }
    let line = String::from_utf8(output.stdout)?;
    row.extend(line.trim().split(',').map(str::to_owned));
    Ok(Some(row))
}

/// Measures opening and searching the index in `folder`; opening is the last of several.
fn opened(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut open_retriever = 0.0;
    let mut open_searcher = 0.0;
    for _ in 0..3 {
        let started = Instant::now();
        let retriever = Retriever::open(folder)?;
        open_retriever = milliseconds(started);
        drop(retriever);
        let started = Instant::now();
        drop(Searcher::open(folder)?);
        open_searcher = milliseconds(started);
    }
    let searcher = Searcher::open(folder)?;
    let after_opening = [own_mib(), mapped_mib()];
    let started = Instant::now();
    searcher.search("Was speichern Moore?")?;
    let first = milliseconds(started);
    let questions = corpus::texts(2, SEARCHES, 8);
    let each = |mode: Mode| -> Result<String, Box<dyn Error>> {
        let started = Instant::now();
        for question in &questions {
            searcher.search(Query::new(question).mode(mode))?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let each = milliseconds(started) * 1e3 / questions.len() as f64;
        Ok(format!("{each:.0}"))
    };
    let mib = |mib: Option<u64>| mib.map_or("-".to_owned(), |mib| mib.to_string());
    let open = [open_retriever, open_searcher].map(|time| format!("{time:.1}"));
    let search = [format!("{first:.1}"), each(Mode::default())?, each(Mode::Dense)?];
    let after_searching = [own_mib(), mapped_mib()];
    Ok([&open[..], &after_opening.map(mib), &search, &after_searching.map(mib)].concat())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
