//! Recall@10 against queries per second, for a ladder of `ef_search`.
//!
//! Both indexes search every available data set (see `support/datasets.rs`). The
//! table is printed and written to `sweep.csv` in the target folder, and plotted in
//! `sweep.svg`. Times are CPU times of one thread.

mod support;

use std::error::Error;

use passim::{IndexPlan, Neighbors, SearchEffort};

use support::datasets::{DataSet, Source};
use support::extent::is_quick;
use support::indexes::{Indexes, Way, bytes_per_vector, count, recall, seconds, used};
use support::plot::Curve;
use support::table::{Table, target};

const QUERIES: usize = 1_000;
const LADDER: [usize; 12] = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const COLUMNS: [&str; 11] = [
    "data",
    "vectors",
    "dim",
    "index",
    "ef_search",
    "used",
    "recall@10",
    "QPS",
    "compared",
    "rescored",
    "bytes/vector",
];

/// Result of one setting.
struct Point {
    effort: SearchEffort,
    recall: f64,
    speed: f64,
    answers: Vec<Neighbors>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (largest, rounds) = if is_quick() { (2_000, 3) } else { (100_000, 7) };
    let mut table = Table::new(&COLUMNS);
    let mut curves = Vec::new();
    for source in Source::all(largest, QUERIES) {
        let data = source.cut(largest);
        let indexes = Indexes::build(&data.vectors);
        let (exact, graph) = points(&data, &indexes, rounds);
        let bytes = bytes_per_vector(&indexes.hnsw);
        for (kind, bytes, points) in [("exact", "-", &exact), ("hnsw", &bytes, &graph)] {
            for point in points {
                table.push(row(&data, kind, bytes, point));
            }
            let name = format!("{}, {} vectors, {kind}", data.name, data.vectors.len());
            let points = points.iter().map(|point| (point.recall, point.speed)).collect();
            curves.push(Curve { name, points });
        }
    }
    println!("{table}");
    let svg = target("sweep.svg");
    support::plot::write(&svg, "Recall and speed by ef_search", &curves)?;
    println!("{}\n{}", table.write_csv("sweep.csv")?.display(), svg.display());
    Ok(())
}

/// The point of the exact index, and those of the graph.
fn points(data: &DataSet, indexes: &Indexes, rounds: usize) -> (Vec<Point>, Vec<Point>) {
    let truth = indexes.truth(&data.queries);
    let graph = LADDER.iter().map(|ef_search| Way::graph(indexes, *ef_search));
    let ways: Vec<Way> = std::iter::once(Way::exact(indexes)).chain(graph).collect();
    let times = seconds(&ways, &data.queries, rounds);
    let point = |(way, time): (&Way, f64)| {
        let answers = way.answers(&data.queries);
        let recall = recall(&answers, &truth);
        Point { effort: way.effort, recall, speed: 1.0 / time, answers }
    };
    let mut exact: Vec<Point> = ways.iter().zip(times).map(point).collect();
    let graph = exact.split_off(1);
    (exact, graph)
}

fn row(data: &DataSet, kind: &str, bytes: &str, point: &Point) -> Vec<String> {
    let mean = |number: fn(&IndexPlan) -> usize| {
        let all: usize = point.answers.iter().map(|found| number(&found.plan)).sum();
        format!("{:.1}", count(all) / count(point.answers.len()))
    };
    let ef_search = match point.effort {
        SearchEffort::Ef(ef_search) => ef_search.to_string(),
        _ => "-".to_owned(),
    };
    vec![
        data.name.to_owned(),
        data.vectors.len().to_string(),
        data.vectors.dim().to_string(),
        kind.to_owned(),
        ef_search,
        used(&point.answers),
        format!("{:.4}", point.recall),
        format!("{:.0}", point.speed),
        mean(|plan| plan.compared),
        mean(|plan| plan.rescored),
        bytes.to_owned(),
    ]
}
