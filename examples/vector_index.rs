//! Vector indexes alone, without articles: build with progress, save, open, search with a filter.
//!
//! `cargo run --release --example vector_index`

use std::{sync::Arc, time::Instant};

use ndarray::Array2;
use passim::{
    Cancel, ExactIndex, HnswIndex, HnswParams, RowSet, SearchEffort, SearchParams, VectorIndex,
    Vectors,
};

const ROWS: usize = 5_000;
const DIM: usize = 64;

/// Stands for the embeddings of another program: 50 groups of similar rows.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn embeddings() -> Array2<f32> {
    let wave = |row: usize, column: usize| {
        let group = (row % 50 * DIM + column) as f32;
        let own = (row * DIM + column) as f32;
        (group * 0.73).sin() + 0.3 * (own * 0.37).sin()
    };
    Array2::from_shape_fn((ROWS, DIM), |(row, column)| wave(row, column))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vectors.passim");

    // Rows are scaled to length 1; a row that is zero or not finite is an error.
    let embeddings = embeddings();
    let vectors = Arc::new(Vectors::try_from(embeddings.view())?);

    // `cancel`, or a clone of it in another thread, would end the build.
    let cancel = Cancel::new();
    let report = |progress: passim::Progress| {
        // The callback runs after every batch; a progress bar would show each.
        if progress.done == progress.total {
            println!("{} of {} vectors linked", progress.done, progress.total);
        }
    };
    let params = HnswParams::default();
    let graph = HnswIndex::build_monitored(Arc::clone(&vectors), params, &cancel, report)?;
    graph.save(&path)?;

    let started = Instant::now();
    let graph = HnswIndex::open(&path)?;
    println!("{} vectors opened in {:.1?}", graph.len(), started.elapsed());

    let query = embeddings.row(7);
    let params = SearchParams { k: 3, effort: SearchEffort::Ef(64), ..SearchParams::default() };
    let found = graph.search_array(query, &params)?;
    println!("{}", found.plan);
    for neighbor in &found.neighbors {
        println!("  row {} similarity {:.4}", neighbor.row, neighbor.similarity);
    }

    // Only even rows; the set is of the rows of this index.
    let mut even = RowSet::none(u32::try_from(ROWS)?);
    (0..even.bound()).step_by(2).for_each(|row| _ = even.insert(row));
    let found = graph.search_array(query, &SearchParams { allowed: Some(&even), ..params })?;
    println!("{}", found.plan);
    assert!(found.neighbors.iter().all(|neighbor| neighbor.row % 2 == 0));

    // The exact index is the reference.
    let exact = ExactIndex::new(vectors)?.search_array(query, &params)?;
    let shared = exact.neighbors.iter().filter(|one| {
        graph.search_array(query, &params).is_ok_and(|found| found.neighbors.contains(one))
    });
    println!("{} of {} exact neighbors found", shared.count(), exact.neighbors.len());
    Ok(())
}
