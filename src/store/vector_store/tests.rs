//! Makes every step of every kind of commit of a vector store fail: once, or with all later steps
//! before a power cut.

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;

use super::{VectorReader, VectorStore, VectorStoreBuilder, live_vectors::LiveVectors};
use crate::{
    Error, HnswParams, IdSearchParams, IndexChoice, Result, SearchEffort, Vectors,
    store::{
        folder::faults::{FaultPlan, Faults, FolderChange},
        tests::{LOSS_PATTERNS, file_names, loss, names_of_generation, temporary_folder},
    },
};

const DIM: usize = 4;

/// The state of a store as a reader observes it.
#[derive(Clone, Debug, PartialEq)]
struct ObservedVectors {
    generation: u64,
    content: VectorContent,
}

#[derive(Clone, Debug, PartialEq)]
struct VectorContent {
    vectors: BTreeMap<u64, Vec<f32>>,
    /// Target recall and number of queries.
    calibration: Option<(f32, usize)>,
}

impl ObservedVectors {
    fn by(reader: &VectorReader) -> Self {
        let ids = reader.ids().unwrap().into_iter();
        let vectors = ids.map(|id| (id, reader.get(id).unwrap().unwrap().to_vec())).collect();
        let questions = reader.snapshot.questions.as_deref();
        let calibration =
            questions.map(|questions| (questions.target_recall, questions.vectors.len()));
        for effort in [SearchEffort::Exact, SearchEffort::Ef(16), SearchEffort::Recall(0.4)] {
            let params = IdSearchParams { k: 200, effort, ..IdSearchParams::default() };
            let found = reader.search(&[1.0; DIM], &params).unwrap();
            assert_eq!(found.neighbors.len(), reader.len());
        }
        Self { generation: reader.generation(), content: VectorContent { vectors, calibration } }
    }

    fn in_folder(folder: &Path) -> Self {
        Self::by(&VectorReader::open(folder).unwrap())
    }
}

/// A commit that tests make fail.
struct Commit {
    name: &'static str,
    index: IndexChoice,
    change: fn(&mut VectorStore) -> Result<()>,
    run: fn(&mut VectorStore) -> Result<u64>,
}

const GRAPH: IndexChoice = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 12 });

const COMMITS: [Commit; 4] = [
    Commit {
        name: "merges segments, removes vectors, calibrates graphs",
        index: GRAPH,
        change: changes_of_all_kinds,
        run: VectorStore::commit,
    },
    Commit {
        name: "removes one vector, writes no segment",
        index: IndexChoice::Exact,
        change: |store| store.remove(&[7]).map(drop),
        run: VectorStore::commit,
    },
    Commit {
        name: "compacts all segments",
        index: GRAPH,
        change: changes_of_all_kinds,
        run: VectorStore::compact,
    },
    Commit {
        name: "removes all vectors",
        index: IndexChoice::Exact,
        change: |store| {
            let ids = store.ids()?;
            store.remove(&ids).map(drop)
        },
        run: VectorStore::commit,
    },
];

/// Vectors that depend on their ids and on `salt`.
fn vectors(ids: &[u64], salt: u64) -> Vectors {
    let value = |seed: u64| f32::from(u16::try_from(seed % 1_009).unwrap()) / 1_009.0 - 0.4;
    let row = |id: u64| (0..DIM as u64).map(move |at| value((id + 3) * (at + 7) * (salt + 11)));
    Vectors::normalized(DIM, ids.iter().copied().flat_map(row).collect()).unwrap()
}

fn add(store: &mut VectorStore, ids: std::ops::Range<u64>, salt: u64) -> Result<()> {
    let ids: Vec<u64> = ids.collect();
    store.add(&ids, vectors(&ids, salt)).map(drop)
}

/// Makes segments of 100, 7 and 1 vectors, with calibrated graphs if the store has graphs.
fn prepare(store: &mut VectorStore) -> Result<()> {
    add(store, 0..100, 0)?;
    store.commit()?;
    store.calibrate(0.5, &vectors(&[500, 501], 1))?;
    add(store, 11..12, 1)?;
    for ids in [100..106, 106..107] {
        add(store, ids, 0)?;
        store.commit()?;
    }
    Ok(())
}

fn changes_of_all_kinds(store: &mut VectorStore) -> Result<()> {
    add(store, 107..110, 0)?;
    add(store, 101..102, 2)?;
    store.remove(&[3, 105])?;
    store.calibrate(0.6, &vectors(&[502], 1)).map(drop)
}

impl Commit {
    fn builder(&self) -> VectorStoreBuilder {
        VectorStore::builder().index(self.index)
    }
}

/// A commit with the states before and after it.
struct VectorRehearsal<'c> {
    commit: &'c Commit,
    before: TempDir,
    first: ObservedVectors,
    last: ObservedVectors,
    steps: usize,
}

/// A copy of a store that a writer has changed without a commit.
struct ChangedStore {
    folder: TempDir,
    faults: Faults,
    writer: VectorStore,
}

impl<'c> VectorRehearsal<'c> {
    fn of(commit: &'c Commit) -> Self {
        let before = temporary_folder();
        prepare(&mut commit.builder().create(before.path(), DIM).unwrap()).unwrap();
        let first = ObservedVectors::in_folder(before.path());
        let mut rehearsal = Self { commit, before, last: first.clone(), first, steps: 0 };
        let ChangedStore { folder, faults, mut writer } = rehearsal.changed_store();
        assert_eq!(ObservedVectors::by(&writer.reader()), rehearsal.first);
        faults.start(FaultPlan::Never);
        (commit.run)(&mut writer).unwrap();
        rehearsal.steps = faults.steps().len();
        rehearsal.last = ObservedVectors::in_folder(folder.path());
        assert_ne!(rehearsal.last, rehearsal.first);
        rehearsal
    }

    fn changed_store(&self) -> ChangedStore {
        let folder = temporary_folder();
        for entry in fs::read_dir(self.before.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let faults = Faults::plan(folder.path());
        let mut writer = self.commit.builder().open(folder.path()).unwrap();
        (self.commit.change)(&mut writer).unwrap();
        ChangedStore { folder, faults, writer }
    }

    /// Commits while step `step` fails, and again without a fault. Returns whether the first
    /// commit returned an error.
    fn fail_once(&self, step: usize) -> bool {
        let ChangedStore { folder, faults, mut writer } = self.changed_store();
        faults.start(FaultPlan::Once(step));
        let outcome = (self.commit.run)(&mut writer);
        let observed = ObservedVectors::in_folder(folder.path());
        assert_eq!(observed, ObservedVectors::by(&writer.reader()), "step {step}");
        if let Err(error) = &outcome {
            assert!(matches!(error, Error::Write { .. }), "{error}");
            assert!(observed == self.first || observed == self.last, "step {step}");
            (self.commit.run)(&mut writer).unwrap();
        }
        assert_eq!(ObservedVectors::by(&writer.reader()).content, self.last.content, "step {step}");
        drop(writer);
        // The second commit is as durable as one without faults.
        faults.cut_power(|_| true);
        assert_eq!(self.reopened(folder.path()).content, self.last.content, "step {step}");
        outcome.is_err()
    }

    /// Commits while step `step` and all later ones fail, cuts the power, opens the store and
    /// commits again. `lost` selects the changes of the folder that the power cut undoes.
    fn cut_power(&self, step: usize, lost: impl FnMut(&FolderChange) -> bool) {
        let ChangedStore { folder, faults, mut writer } = self.changed_store();
        faults.start(FaultPlan::From(step));
        let outcome = (self.commit.run)(&mut writer);
        drop(writer);
        faults.cut_power(lost);
        faults.start(FaultPlan::Never);
        let observed = ObservedVectors::in_folder(folder.path());
        assert!(observed == self.first || observed == self.last, "step {step}: {observed:?}");
        assert!(outcome.is_err() || observed == self.last, "step {step}: a commit is lost");
        assert_eq!(self.reopened(folder.path()), observed, "step {step}");

        let mut writer = self.commit.builder().open(folder.path()).unwrap();
        if observed == self.first {
            (self.commit.change)(&mut writer).unwrap();
        }
        (self.commit.run)(&mut writer).unwrap();
        assert_eq!(ObservedVectors::by(&writer.reader()).content, self.last.content, "step {step}");
    }

    /// The state that a new writer observes. Every byte matches its checksum, and the folder holds
    /// the files of the generation alone.
    fn reopened(&self, folder: &Path) -> ObservedVectors {
        let writer = self.commit.builder().open(folder).unwrap();
        assert!(writer.verify().unwrap().is_sound());
        assert_eq!(file_names(folder), names_of_generation::<LiveVectors>(folder));
        ObservedVectors::by(&writer.reader())
    }
}

#[test]
fn vector_commits_survive_each_failing_step() {
    for commit in &COMMITS {
        let rehearsal = VectorRehearsal::of(commit);
        let failures = (0..rehearsal.steps).filter(|step| rehearsal.fail_once(*step)).count();
        assert!(failures > rehearsal.steps / 2, "{failures} of {}", rehearsal.steps);
        println!("{}: {} steps failed, {failures} with an error", commit.name, rehearsal.steps);
    }
}

#[test]
fn vector_commits_survive_power_cuts() {
    for commit in &COMMITS {
        let rehearsal = VectorRehearsal::of(commit);
        for step in 0..=rehearsal.steps {
            for pattern in 0..LOSS_PATTERNS {
                rehearsal.cut_power(step, loss(pattern, step));
            }
        }
        println!("{}: {} power cuts", commit.name, (rehearsal.steps + 1) * LOSS_PATTERNS);
    }
}
