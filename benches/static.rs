//! The first use of the bundled model in a process: time to read it, and its resident memory.
//! Each measurement is a separate process; the figures are medians.

use std::{
    env,
    error::Error,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use passim::{Embedder, Interrupt, Role, StaticEmbedder};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PROCESSES: usize = 15;
/// Argument with which the benchmark calls itself.
const MEASURE: &str = "--measure";

fn main() -> Result<()> {
    if env::args().any(|argument| argument == MEASURE) {
        return measure();
    }
    let runs = (0..PROCESSES).map(|_| {
        let output = Command::new(env::current_exe()?).arg(MEASURE).output()?;
        let line = String::from_utf8(output.stdout)?;
        Ok(line.split_whitespace().map(str::parse).collect::<std::result::Result<Vec<f64>, _>>()?)
    });
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let names =
        ["reading, ms", "resident after it, MiB", "first text, ms", "resident after all, MiB"];
    for (at, name) in names.iter().enumerate() {
        let mut figures: Vec<f64> = runs.iter().filter_map(|run| run.get(at).copied()).collect();
        figures.sort_by(f64::total_cmp);
        if let Some(median) = figures.get(figures.len() / 2) {
            println!("{name}: {median:.2}");
        }
    }
    Ok(())
}

/// Prints the figures of this process; memory is the increase.
fn measure() -> Result<()> {
    let before = resident_mib();
    let started = Instant::now();
    let embedder = StaticEmbedder::bundled()?;
    let reading = started.elapsed();
    let after_reading = resident_mib();
    let started = Instant::now();
    embedder.embed(Role::Query, &["Wie alt ist das Moor?"], Interrupt::none())?;
    let first = started.elapsed();
    let articles =
        fs::read_dir("examples/articles")?.map(|entry| fs::read_to_string(entry?.path()));
    let articles = articles.collect::<std::io::Result<Vec<_>>>()?;
    let lines: Vec<&str> = articles.iter().flat_map(|article| article.lines()).collect();
    embedder.embed(Role::Passage, &lines, Interrupt::none())?;
    let increase =
        |now: Option<f64>| now.zip(before).map_or(f64::NAN, |(now, before)| now - before);
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{} {} {} {}",
        millis(reading),
        increase(after_reading),
        millis(first),
        increase(resident_mib())
    );
    Ok(())
}

/// Resident memory of the process, including used pages of its executable; `None` except on Linux.
fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}
