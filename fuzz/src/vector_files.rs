//! Files of vectors that the fuzzer writes, and every operation on them.

use std::fs;

use passim::{
    ExactIndex, HnswIndex, IdFilter, IdSearchParams, Result, RowSet, SearchEffort, SearchParams,
    VectorIndex, VectorReader, VectorStore, Vectors,
};
use passim_testkit::crafted_file::{CraftedFile, FileId, Kind};
use tempfile::TempDir;

/// Maximum dimension of the queries, so that a forged one takes no memory.
const MAX_DIM: usize = 4_096;

/// Opens `bytes` as both kinds of index and searches what opens.
pub fn search_index_file(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("index");
    fs::write(&path, bytes).expect("a file in a temporary folder");
    if let Ok(index) = ExactIndex::open(&path) {
        search_all(&index);
        _ = index.save(folder.path().join("copy"));
    }
    if let Ok(index) = HnswIndex::open(&path) {
        search_all(&index);
        let report = index.verify();
        assert_eq!(report.vectors, index.len());
        _ = index.save(folder.path().join("copy"));
    }
}

fn search_all(index: &dyn VectorIndex) {
    if index.dim() > MAX_DIM {
        return;
    }
    let query: Vec<f32> = (1..=index.dim()).map(|at| 1.0 / at as f32).collect();
    let mut some = RowSet::all(u32::try_from(index.len()).expect("an index has at most 2^31 rows"));
    some.remove(0);
    for effort in [SearchEffort::Ef(16), SearchEffort::Exact, SearchEffort::Recall(0.5)] {
        for allowed in [None, Some(&some)] {
            let params = SearchParams { k: 3, effort, allowed, ..SearchParams::default() };
            if let Ok(found) = index.search(&query, &params) {
                assert!(found.neighbors.len() <= 3);
            }
        }
    }
}

/// A folder of a vector store, which should be in memory.
pub struct StoreFolder(TempDir);

impl Default for StoreFolder {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

impl StoreFolder {
    /// Writes a store of one segment with the sections of `file`, and its removals if it has any.
    pub fn write(&self, file: &CraftedFile) {
        for entry in fs::read_dir(self.0.path()).expect("a temporary folder") {
            fs::remove_file(entry.expect("a file").path()).expect("a file that can be removed");
        }
        let (segment, id) = file.bytes(Kind::VectorSegment, 1);
        self.write_file("vectors-1.passim", &segment);
        let removals = file.position(90).map(|_| {
            let (removals, id) = file.bytes(Kind::Removals, 2);
            self.write_file("removals-2.passim", &removals);
            id
        });
        let dim = file.section(1).first_chunk().copied().map_or(0, u64::from_le_bytes);
        let record = record(dim, id, removals);
        let manifest = CraftedFile::of_section(1, record).bytes(Kind::VectorManifest, 1).0;
        self.write_file("manifest.passim", &manifest);
    }

    fn write_file(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).expect("a file in a temporary folder");
    }

    /// Reads the store, changes and compacts it. A store that `verify` accepts must answer without
    /// an error.
    ///
    /// # Errors
    ///
    /// The error that reports the damage of a file.
    pub fn use_all(&self) -> Result<()> {
        let reader = VectorReader::open(self.0.path())?;
        if reader.dim() > MAX_DIM {
            return Ok(());
        }
        let used = use_reader(&reader);
        let mut store = VectorStore::open(self.0.path())?;
        let verified = store.verify().map(drop);
        if let (Ok(()), Err(error)) = (&verified, &used) {
            panic!("`verify` accepted the store, but {error}");
        }
        let dim = store.dim();
        store.add(&[7], Vectors::normalized(dim, vec![1.0; dim])?)?;
        store.remove(&[3, 4])?;
        store.compact()?;
        use_reader(&store.reader())
    }
}

fn use_reader(reader: &VectorReader) -> Result<()> {
    let query: Vec<f32> = (1..=reader.dim()).map(|at| 1.0 / at as f32).collect();
    let filters = [None, Some(IdFilter::Among(&[1, 2, 3])), Some(IdFilter::Where(&|id| id > 5))];
    for effort in [SearchEffort::Ef(16), SearchEffort::Exact] {
        for filter in filters {
            let params = IdSearchParams { k: 3, effort, filter, ..IdSearchParams::default() };
            let found = reader.search(&query, &params)?.neighbors;
            assert!(found.iter().all(|neighbor| neighbor.similarity.abs() <= 1.0), "{found:?}");
        }
    }
    for id in reader.ids()? {
        reader.get(id)?.expect("the store has the id");
    }
    Ok(())
}

/// The record of the manifest of one segment.
fn record(dim: u64, segment: FileId, removals: Option<FileId>) -> Vec<u8> {
    // The first generation, an exact index.
    let mut record = [1, 1 << 32, dim].map(u64::to_le_bytes).concat();
    record.extend(0_u32.to_le_bytes());
    record.extend(1_u64.to_le_bytes());
    record.extend(segment.into_iter().flat_map(u64::to_le_bytes));
    record.push(u8::from(removals.is_some()));
    record.extend(removals.into_iter().flatten().flat_map(u64::to_le_bytes));
    // No calibration.
    record.push(0);
    record
}
