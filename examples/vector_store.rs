//! A store of vectors with ids in a folder: add, replace, remove, commit, search beside the writer.
//!
//! `cargo run --release --example vector_store`

use ndarray::{Array2, s};
use passim::{
    IdFilter, IdNeighbors, IdSearchParams, SearchEffort, VectorReader, VectorStore, Vectors,
};

const ROWS: usize = 10_000;
const DIM: usize = 64;

/// Stands for the embeddings of another program: 50 groups of similar rows, shifted by `salt`.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn embeddings(rows: usize, salt: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, DIM), |(row, column)| {
        let group = (row % 50 * DIM + column) as f32;
        let own = (row * DIM + column) as f32;
        (group * 0.73).sin() + 0.3 * (own * 0.37 + salt).sin()
    })
}

fn print(title: &str, found: &IdNeighbors) {
    println!("{title}");
    for neighbor in &found.neighbors {
        println!("  id {} similarity {:.4}", neighbor.id, neighbor.similarity);
    }
    for plan in &found.plans {
        println!("  {plan}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temp = tempfile::tempdir()?;
    let folder = temp.path().join("vectors");
    let embeddings = embeddings(ROWS, 0.0);

    // Ids are yours, such as the primary keys of a table. Rows are scaled to length 1.
    let mut store = VectorStore::builder()
        .progress(|progress| {
            if progress.done == progress.total {
                println!("{} of {} vectors linked", progress.done, progress.total);
            }
        })
        .create(&folder, DIM)?;
    let ids: Vec<u64> = (1_000_000..).take(ROWS).collect();
    store.add(&ids, Vectors::try_from(embeddings.view())?)?;
    // So many vectors get a graph.
    store.commit()?;

    // A reader, here or in another process, keeps the last commit until it reloads.
    let mut reader = VectorReader::open(&folder)?;
    let query = embeddings.row(7);
    let params = IdSearchParams { k: 3, ..IdSearchParams::default() };
    print("the closest vectors", &reader.search_array(query, &params)?);

    // A vector replaces the one with its id. The changes are visible to others after the commit.
    let newer = self::embeddings(100, 2.0);
    let replaced = store.add(&ids[..100], Vectors::try_from(newer.slice(s![.., ..]))?)?;
    let removed = store.remove(&[1_000_057, 1_000_107, 42])?;
    println!("{replaced} replaced, {removed} removed");
    assert!(reader.contains(1_000_107)?);
    store.commit()?;
    assert!(reader.reload()? && !reader.contains(1_000_107)?);
    print("after the changes", &reader.search_array(query, &params)?);

    let among = [1_000_007, 1_000_009, 1_009_999];
    let filter = Some(IdFilter::Among(&among));
    print("among three ids", &reader.search_array(query, &IdSearchParams { filter, ..params })?);
    let filter = Some(IdFilter::Where(&|id| id % 2 == 0));
    print("even ids", &reader.search_array(query, &IdSearchParams { filter, ..params })?);

    // Calibrated on queries like those of users, a search reaches a recall.
    let queries = Vectors::try_from(self::embeddings(300, 5.0))?;
    println!("recall 0.98 is proven: {}", store.calibrate(0.98, &queries)?.is_reached());
    store.commit()?;
    reader.reload()?;
    let effort = SearchEffort::Recall(0.98);
    print("by recall", &reader.search_array(query, &IdSearchParams { effort, ..params })?);

    let report = store.verify()?;
    println!("{} files, {} bytes, sound: {}", report.files, report.bytes, report.is_sound());
    Ok(())
}
