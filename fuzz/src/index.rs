//! An index folder that the fuzzer writes, and every operation on it.

use std::{fs, path::Path};

use passim::{
    Embedder, Error, Filter, Query, Result, Retriever, RetrieverBuilder, Searcher, read_articles,
};
use passim_testkit::{
    FakeEmbedder,
    crafted_file::{CraftedFile, FileId, Kind, seal},
};
use tempfile::TempDir;

/// A folder for temporary files, which should be in memory.
pub struct Index {
    folder: TempDir,
}

impl Default for Index {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }
}

impl Index {
    /// A folder with the files of tests/data/v1.
    #[must_use]
    pub fn v1() -> Self {
        let index = Self::default();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/v1");
        for entry in fs::read_dir(from).expect("the index of version 1") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name");
            fs::copy(&path, index.folder.path().join(name)).expect("a copy");
        }
        index
    }

    /// The segment of a newly written index of the articles in `tests/data/v1.jsonl`.
    #[must_use]
    pub fn fresh_segment() -> CraftedFile {
        let index = Self::default();
        let lines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/v1.jsonl");
        let articles = read_articles(&lines).map(|article| article.expect("an article"));
        let mut retriever = builder().create(index.folder.path()).expect("an empty folder");
        retriever.add(articles).expect("articles with keys");
        retriever.commit().expect("a temporary folder with room");
        CraftedFile::of(&index.read("segment-1.passim"))
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).expect("a file in a temporary folder");
    }

    pub fn remove_all(&self) {
        for entry in fs::read_dir(self.folder.path()).expect("a temporary folder") {
            fs::remove_file(entry.expect("a file").path()).expect("a file that can be removed");
        }
    }

    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Writes `bytes` with corrected checksums as the manifest.
    pub fn write_manifest_file(&self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        seal(&mut bytes);
        self.write("manifest.passim", &bytes);
    }

    /// Writes a manifest with the record `record`.
    pub fn write_record(&self, record: &[u8]) {
        let generation = record.first_chunk().copied().map_or(0, u64::from_le_bytes);
        let file = CraftedFile::of_section(1, record.to_vec());
        self.write("manifest.passim", &file.bytes(Kind::Manifest, generation).0);
    }

    /// Writes a manifest of one segment, with its removals and a calibration.
    pub fn write_manifest(
        &self,
        segment: FileId,
        removals: Option<FileId>,
        calibration: Option<FileId>,
    ) {
        let mut record = Vec::new();
        let model = FakeEmbedder::of_version_1();
        let number = |record: &mut Vec<u8>, number: u64| record.extend(number.to_le_bytes());
        [1, 1 << 32, 0].into_iter().for_each(|one| number(&mut record, one));
        record.extend(model.identity().hash.to_le_bytes());
        [model.dim() as u64, 24, 1].into_iter().for_each(|one| number(&mut record, one));
        // With context, an exact index, no probes.
        record.extend([1, 0, 0, 0, 0]);
        number(&mut record, 0);
        number(&mut record, 1);
        segment.into_iter().for_each(|one| number(&mut record, one));
        optional(&mut record, removals);
        optional(&mut record, calibration);
        self.write_record(&record);
    }

    /// Opens the index for reading and uses it.
    ///
    /// # Errors
    ///
    /// The error that reports the damage of a file.
    pub fn read_all(&self) -> Result<()> {
        let searcher = builder().open_searcher(self.folder.path())?;
        use_articles(&searcher).and(search_all(&searcher)).map(drop)
    }

    /// Opens the index for writing, uses all of it, and compacts it. An index that `verify` accepts
    /// must answer without an error.
    ///
    /// # Errors
    ///
    /// The error that reports the damage of a file.
    pub fn use_all(&self) -> Result<()> {
        let mut retriever = builder().open(self.folder.path())?;
        let verified = retriever.verify().map(drop);
        let searcher = retriever.searcher();
        let used = use_articles(&searcher).and(search_all(&searcher));
        _ = retriever.calibration();
        _ = retriever.stats();
        match (&verified, &used) {
            (Ok(()), Err(error)) => panic!("`verify` accepted the index, but {error}"),
            (Ok(()), Ok(similarities)) => {
                assert!(similarities.iter().all(|one| one.abs() < 1.01), "{similarities:?}");
            }
            (Err(_), _) => {}
        }
        if let Some(key) = first_key(&retriever) {
            retriever.remove(&key)?;
        }
        retriever.compact()?;
        use_articles(&retriever.searcher())?;
        verified.and(used).map(drop)
    }
}

fn optional(record: &mut Vec<u8>, file: Option<FileId>) {
    record.push(u8::from(file.is_some()));
    record.extend(file.into_iter().flatten().flat_map(u64::to_le_bytes));
}

fn builder() -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::of_version_1()).embed_threads(1).verify_model(false)
}

fn first_key(retriever: &Retriever) -> Option<String> {
    retriever.keys().find_map(|key| Some(key.ok()?.to_owned()))
}

fn use_articles(searcher: &Searcher) -> Result<()> {
    let mut result = searcher.article("no such key").map(drop);
    for key in searcher.keys() {
        let article = key.and_then(|key| searcher.article(key));
        result = result.and(article.map(drop));
    }
    result
}

/// Searches with every kind of query; returns the similarities of all hits.
fn search_all(searcher: &Searcher) -> Result<Vec<f32>> {
    let query = || Query::new("Moor clock").k(4);
    let queries = [
        query(),
        query().k(1_000).exact(),
        query().ef_search(1),
        query().k(100).ef_search(64),
        query().recall(0.5),
        query()
            .filter(Filter::custom(|article, passage| article.key.len() + passage.range.start > 8)),
        query().filter(Filter::key_prefix("b").or(Filter::exists("x"))),
    ];
    let mut similarities = Vec::new();
    let mut refused = None;
    for query in queries {
        match searcher.search(query) {
            Ok(hits) => similarities.extend(hits.iter().filter_map(|hit| hit.similarity)),
            Err(Error::NotCalibrated) => {}
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(similarities), Err)
}
