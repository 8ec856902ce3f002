//! A small vector store with files of all kinds, and its right answers.

use std::{fs, path::Path};

use passim::{
    Error, HnswParams, IdFilter, IdNeighbor, IdSearchParams, IndexChoice, Result, SearchEffort,
    VectorReader, VectorStore, Vectors,
};
use passim_testkit::{
    crafted_file::{CraftedFile, FileId, file_id},
    vectors::spread,
};
use tempfile::TempDir;

use crate::sample::{Files, Found, MANIFEST, bounded, in_memory, is_damage, is_right, read};

const DIM: usize = 8;
const PARAMS: HnswParams = HnswParams { m: 4, ef_construction: 12 };

/// A vector store and its right answers.
pub struct VectorSample {
    folder: TempDir,
    pub files: Files,
    right: VectorAnswers,
}

/// The answers of a store, or its errors.
struct VectorAnswers {
    neighbors: Vec<Result<Vec<IdNeighbor>>>,
    vectors: Vec<Result<Option<Vec<f32>>>>,
    ids: Result<Vec<u64>>,
}

impl VectorAnswers {
    fn of(reader: &VectorReader) -> Self {
        let queries = spread(9, DIM, 2);
        let searches = [
            (SearchEffort::Ef(16), None),
            (SearchEffort::Exact, None),
            (SearchEffort::Recall(0.3), None),
            (SearchEffort::Ef(16), Some(IdFilter::Among(&[3, 900, 20, 8]))),
            (SearchEffort::Exact, Some(IdFilter::Where(&|id| id % 2 == 0))),
        ];
        let search = |query: &[f32]| {
            searches.map(|(effort, filter)| {
                let params = IdSearchParams { k: 4, effort, filter, ..IdSearchParams::default() };
                reader.search(query, &params).map(|found| found.neighbors)
            })
        };
        let get = |id: u64| reader.get(id).map(|vector| vector.map(<[f32]>::to_vec));
        Self {
            neighbors: queries.rows().flat_map(search).collect(),
            vectors: [0, 3, 7, 77, 905, 5_000].map(get).into(),
            ids: reader.ids(),
        }
    }

    /// Whether no answer is an error; panics if an answer differs from `right`.
    fn are_complete(&self, right: &Self) -> bool {
        let neighbors = self.neighbors.iter().zip(&right.neighbors);
        let neighbors = neighbors.map(|(one, right)| is_right(one, right));
        let vectors = self.vectors.iter().zip(&right.vectors);
        let vectors = vectors.map(|(one, right)| is_right(one, right));
        let all: Vec<bool> =
            neighbors.chain(vectors).chain([is_right(&self.ids, &right.ids)]).collect();
        all.into_iter().all(|right| right)
    }
}

impl VectorSample {
    pub fn new() -> Self {
        let folder = in_memory();
        let ids = |range: std::ops::Range<u64>| range.collect::<Vec<_>>();
        let graph = VectorStore::builder().index(IndexChoice::Hnsw(PARAMS));
        let mut writer = graph.create(folder.path(), DIM).unwrap();
        writer.add(&ids(0..180), spread(1, DIM, 180)).unwrap();
        writer.commit().unwrap();
        writer.calibrate(0.3, &spread(2, DIM, 20)).unwrap();
        writer.remove(&[7, 8]).unwrap();
        writer.commit().unwrap();
        drop(writer);
        // So few vectors get no graph; the graph of the first segment stays.
        let auto = VectorStore::builder().index(IndexChoice::Auto(PARAMS));
        let mut writer = auto.open(folder.path()).unwrap();
        writer.add(&ids(900..910), spread(3, DIM, 10)).unwrap();
        writer.commit().unwrap();
        assert_eq!(writer.verify().unwrap().graphs.len(), 1);
        let right = VectorAnswers::of(&writer.reader());
        drop(writer);
        let files = read(folder.path());
        let kinds = ["calibration-", "manifest.", "removals-", "vectors-", "vectors-"];
        assert!(files.keys().zip(kinds).all(|(name, kind)| name.starts_with(kind)), "{files:?}");
        let sample = Self { folder, files, right };
        assert_eq!(sample.examine("no damage"), Found::Nowhere);
        sample
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        _ = fs::remove_file(&path);
        fs::write(path, bytes).unwrap();
    }

    /// Writes all files again.
    fn restore(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        self.files.iter().for_each(|(name, bytes)| self.write(name, bytes));
    }

    /// Examines the store with `bytes` in the file `name`, then restores the file.
    pub fn with(&self, name: &str, bytes: &[u8], what: &str) -> Found {
        self.write(name, bytes);
        let found = self.examine(&format!("{name}: {what}"));
        self.write(name, &self.files[name]);
        found
    }

    /// Reads the whole store; every answer is right or an error that reports damage.
    fn examine(&self, what: &str) -> Found {
        bounded(self.path(), what, || {
            let reading = match VectorReader::open(self.path()) {
                Err(error) => {
                    assert!(is_damage(&error), "{error:?}");
                    Found::Opening
                }
                Ok(reader) if VectorAnswers::of(&reader).are_complete(&self.right) => {
                    Found::Nowhere
                }
                Ok(_) => Found::Reading,
            };
            let verified =
                VectorStore::open(self.path()).and_then(|writer| writer.verify().map(drop));
            let is_verified = is_right(&verified, &Ok(()));
            if reading == Found::Nowhere && !is_verified {
                return Found::Verifying;
            }
            assert!(!is_verified || reading == Found::Nowhere, "`verify` missed the damage");
            reading
        })
    }

    /// Whether a store is refused whose file `name` has the forged `bytes`, and whose manifest names
    /// that file. All errors must be typed.
    pub fn is_refused(&self, name: &str, bytes: &[u8], what: &str) -> bool {
        self.write(name, bytes);
        if name != MANIFEST {
            self.name_in_manifest(name, file_id(bytes));
        }
        let outcome = bounded(self.path(), &format!("{name}: {what}"), || self.use_all());
        self.restore();
        let is_typed = |error: &Error| is_damage(error) || matches!(error, Error::Dimension { .. });
        assert!(outcome.as_ref().err().is_none_or(is_typed), "{name}: {what}: {outcome:?}");
        outcome.is_err()
    }

    fn name_in_manifest(&self, name: &str, id: FileId) {
        let mut manifest = CraftedFile::of(&self.files[MANIFEST]);
        let record = &mut manifest.sections[0].bytes;
        let in_record = |id: FileId| id.map(u64::to_le_bytes).concat();
        let old = in_record(file_id(&self.files[name]));
        let at = record.windows(old.len()).position(|window| window == old).unwrap();
        record[at..at + old.len()].copy_from_slice(&in_record(id));
        self.write(MANIFEST, &manifest.bytes_like(&self.files[MANIFEST]));
    }

    /// Uses a store with forged files in every way.
    fn use_all(&self) -> Result<()> {
        let reader = VectorReader::open(self.path())?;
        let answers = VectorAnswers::of(&reader);
        let mut writer = VectorStore::open(self.path())?;
        let verified = writer.verify().map(drop);
        if verified.is_ok() {
            let dim = writer.dim();
            writer.add(&[3, 7_000], Vectors::normalized(dim, vec![1.0; 2 * dim])?)?;
            writer.remove(&[12])?;
            writer.compact()?;
        }
        let errors = answers.neighbors.into_iter().filter_map(Result::err);
        let errors = errors.chain(answers.vectors.into_iter().filter_map(Result::err));
        errors.chain(answers.ids.err()).chain(verified.err()).next().map_or(Ok(()), Err)
    }
}
