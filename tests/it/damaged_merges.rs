//! Damage of one segment stops neither commits nor the merges of others.

use std::{fs, path::Path};

use passim::{Article, Error, HnswParams, IndexChoice, Retriever, RetrieverBuilder, VectorStore};
use passim_testkit::{FakeEmbedder, vectors::spread};
use tempfile::TempDir;

const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 16 });

fn builder(index: IndexChoice) -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::new(8)).index(index)
}

fn text(number: usize) -> String {
    format!("Der Zug {number} hält in Wien.")
}

fn articles(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
    numbers.map(|number| Article::new(format!("{number:03}"), text(number)))
}

fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Changes one bit of the first file in `folder` that has these `bytes`.
fn damage(folder: &Path, bytes: &[u8]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut content = fs::read(&path).unwrap();
        let place = content.windows(bytes.len()).position(|window| window == bytes);
        if let Some(place) = place {
            content[place] ^= 1;
            return fs::write(path, content).unwrap();
        }
    }
    panic!("no file has the bytes");
}

/// A folder of seven commits of one article each, of which article `003` is damaged.
fn with_damaged_small_segment() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = builder(IndexChoice::Exact).create(folder.path()).unwrap();
    for number in 0..7 {
        retriever.add(articles(number..number + 1)).unwrap();
        retriever.commit().unwrap();
    }
    drop(retriever);
    damage(folder.path(), text(3).as_bytes());
    folder
}

/// Asserts that `error` names `origin` as damaged, at once or as the cause of a failed merge.
fn assert_names(error: &Error, origin: &str) {
    let cause = if let Error::BackgroundMerge(cause) = error { cause } else { error };
    assert!(matches!(cause, Error::Corrupt { origin: got, .. } if got.contains(origin)), "{cause}");
}

/// Commits `retriever`. A commit reports a failed merge, which names `key`, once; then it commits.
fn commit(retriever: &mut Retriever, key: &str) -> u64 {
    retriever.commit().unwrap_or_else(|error| {
        assert_names(&error, key);
        retriever.commit().unwrap()
    })
}

#[test]
fn a_damaged_small_segment_stops_no_commit() {
    let folder = with_damaged_small_segment();
    let mut retriever = builder(IndexChoice::Exact).open(folder.path()).unwrap();
    // From the eighth segment on, commits join them.
    for number in 7..12 {
        retriever.add(articles(number..number + 1)).unwrap();
        assert_eq!(retriever.commit().unwrap(), number as u64 + 1);
    }
    assert_eq!(retriever.articles(), 12);
    assert!(retriever.article("011").unwrap().is_some());
    retriever.wait_for_merges().unwrap();
    assert!(retriever.stats().segments.len() < 8);

    retriever.remove("003").unwrap();
    retriever.commit().unwrap();
    retriever.wait_for_merges().unwrap();
    assert_eq!(retriever.articles(), 11);
    assert!(retriever.verify().unwrap().is_sound());
}

#[test]
fn checkpoints_leave_damaged_segments_apart() {
    let folder = with_damaged_small_segment();
    let builder = builder(IndexChoice::Exact).checkpoint(10);
    let mut retriever = builder.open(folder.path()).unwrap();
    let report = retriever.sync(articles(0..40)).unwrap();
    assert_eq!(report.added, 33);
    assert_eq!(retriever.articles(), 40);
}

#[test]
fn damaged_segments_do_not_stop_other_merges() {
    let folder = tempfile::tempdir().unwrap();
    let mut retriever = builder(IndexChoice::Exact).create(folder.path()).unwrap();
    for numbers in [0..60, 60..62] {
        retriever.add(articles(numbers)).unwrap();
        retriever.commit().unwrap();
    }
    let last = retriever.iter_embedded().nth(60).unwrap().unwrap();
    drop(retriever);
    damage(folder.path(), &bytes_of(last.vectors().row(0)));

    let mut retriever = builder(GRAPH).open(folder.path()).unwrap();
    // The merge of the smaller segment, the damaged one, comes first.
    assert_names(&retriever.wait_for_merges().unwrap_err(), "`060`");
    retriever.remove("060").unwrap();
    let graphs =
        retriever.stats().segments.iter().map(|segment| segment.has_graph).collect::<Vec<_>>();
    assert_eq!(graphs, [true, false]);
    commit(&mut retriever, "`060`");
    retriever.wait_for_merges().unwrap();
    assert!(retriever.stats().segments.iter().all(|segment| segment.has_graph));
    assert!(retriever.verify().unwrap().is_sound());
}

#[test]
fn a_store_names_the_id_of_a_damaged_vector() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = spread(1, 8, 10);
    let mut store = VectorStore::builder().create(folder.path(), 8).unwrap();
    let bytes = bytes_of(vectors.row(4));
    store.add(&(70..80).collect::<Vec<u64>>(), vectors).unwrap();
    store.commit().unwrap();
    drop(store);
    damage(folder.path(), &bytes);

    let mut store = VectorStore::open(folder.path()).unwrap();
    assert_names(&store.get(74).unwrap_err(), "id 74 ");
    store.remove(&[73]).unwrap();
    assert_names(&store.compact().unwrap_err(), "id 74 ");
    store.remove(&[74]).unwrap();
    store.compact().unwrap();
    assert_eq!(store.len(), 8);
}
