//! Growth of build and search times with the number of vectors, from 1,000 to 1,000,000.
//!
//! ```sh
//! cargo bench --bench scale                        # all sizes; the last takes minutes
//! cargo bench --bench scale -- --sizes 1000,50000  # these
//! cargo bench --bench scale -- --sizes 50000 --m 16 # graphs with this many links
//! ```
//!
//! The vectors are seeded clusters of 256 values, or with `PASSIM_BENCH_TEXT=FILE` the lines
//! of that file, embedded. Each size is measured in a separate process, so that each has
//! its own peak of memory. The table is printed and written to `scale.csv` in the target
//! folder. Search times are CPU times of one thread.

mod support;

use std::{
    env,
    error::Error,
    iter,
    process::{Command, Stdio},
    time::Instant,
};

use cpu_time::ProcessTime;
use passim::HnswParams;

use support::datasets::{DataSet, Source};
use support::extent::{chosen, option};
use support::indexes::{Indexes, Way, bytes_per_vector, graph, recall, seconds, used};
use support::memory::peak_mib;
use support::table::Table;

const QUERIES: usize = 1_000;
const ROUNDS: usize = 3;
/// The recall@10 at which speed is reported.
const RECALL: f64 = 0.95;
const COLUMNS: [&str; 12] = [
    "data",
    "vectors",
    "dim",
    "m",
    "build s",
    "build CPU s",
    "peak MiB",
    "bytes/vector",
    "ef_search",
    "recall@10",
    "QPS",
    "exact ms",
];

/// Numbers of vectors by default.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(size) = option("--one") {
        let default = HnswParams::default();
        let m = option("--m").map_or(Ok(default.m), |m| m.parse())?;
        if let Some(row) = measured(size.parse()?, HnswParams { m, ..default }) {
            println!("{}", row.join(","));
        }
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for size in chosen(&SIZES)? {
        if let Some(row) = row_of_child(size)? {
            table.push(row);
        }
    }
    println!("{table}\n{}", table.write_csv("scale.csv")?.display());
    Ok(())
}

/// The row for `size` vectors, measured in a separate process; `None` if there are fewer.
fn row_of_child(size: usize) -> Result<Option<Vec<String>>, Box<dyn Error>> {
    let mut child = Command::new(env::current_exe()?);
    child.args(["--one", &size.to_string()]).stderr(Stdio::inherit());
    if let Some(m) = option("--m") {
        child.args(["--m", &m]);
    }
    let output = child.output()?;
    if !output.status.success() {
        return Err(format!("{size} vectors: {}", output.status).into());
    }
    let line = String::from_utf8(output.stdout)?;
    Ok(line.lines().next().map(|line| line.split(',').map(str::to_owned).collect()))
}

/// Builds and searches; `None` if there are fewer than `size` vectors.
fn measured(size: usize, params: HnswParams) -> Option<Vec<String>> {
    let clusters = Source::Clusters { dim: 256, queries: QUERIES };
    let data = Source::text(size, QUERIES).unwrap_or(clusters).cut(size);
    if data.vectors.len() < size {
        eprintln!("NOT RUN: {size} vectors; there are {}", data.vectors.len());
        return None;
    }
    let started = Instant::now();
    let cpu_started = ProcessTime::now();
    let graph = graph(&data.vectors, params);
    let wall = started.elapsed();
    let cpu = cpu_started.elapsed();
    let peak = peak_mib();
    let indexes = Indexes::with_graph(&data.vectors, graph);
    let mut row = vec![
        data.name.to_owned(),
        size.to_string(),
        data.vectors.dim().to_string(),
        params.m.to_string(),
        format!("{:.2}", wall.as_secs_f64()),
        format!("{:.2}", cpu.as_secs_f64()),
        peak.map_or("-".to_owned(), |mib| mib.to_string()),
        bytes_per_vector(&indexes.hnsw),
    ];
    row.extend(searched(&data, &indexes));
    Some(row)
}

/// The smallest `ef_search` that reaches [`RECALL`], its recall and speed, and the time of an
/// exact search.
fn searched(data: &DataSet, indexes: &Indexes) -> [String; 4] {
    let truth = indexes.truth(&data.queries);
    let reached = |ef_search: usize| {
        let answers = Way::graph(indexes, ef_search).answers(&data.queries);
        let recall = recall(&answers, &truth);
        (recall >= RECALL).then(|| (ef_search, used(&answers), recall))
    };
    let millis = |seconds: f64| format!("{:.3}", 1e3 * seconds);
    let exact = Way::exact(indexes);
    let Some((ef_search, used, recall)) = ladder().find_map(reached) else {
        let times = seconds(&[exact], &data.queries, ROUNDS);
        return ["-".to_owned(), format!("below {RECALL}"), "-".to_owned(), millis(times[0])];
    };
    let ways = [Way::graph(indexes, ef_search), exact];
    let times = seconds(&ways, &data.queries, ROUNDS);
    let speed = format!("{:.0}", 1.0 / times[0]);
    [used, format!("{recall:.4}"), speed, millis(times[1])]
}

/// Values of `ef_search` from 10 to 2,000, each a tenth above the previous one.
fn ladder() -> impl Iterator<Item = usize> {
    let ladder = iter::successors(Some(10_usize), |ef| Some(ef + ef.div_ceil(10)));
    ladder.take_while(|ef| *ef <= 2_000)
}
