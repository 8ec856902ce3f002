//! Makes every step of a rebuild with another model fail: the index is then the old or the new one.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    LOSS_PATTERNS, Observed, expected_file_names, file_names, loss,
    scenarios::{self, MERGE},
    temporary_folder,
};
use crate::{
    Error, Result, Retriever, RetrieverBuilder,
    embed::WordSums,
    store::folder::{
        FolderStep,
        faults::{FaultPlan, Faults},
    },
};

/// The builder of the old index.
fn old() -> RetrieverBuilder {
    MERGE.builder()
}

/// The builder of the new index.
fn new() -> RetrieverBuilder {
    old().embedder(WordSums::seeded(7))
}

/// An index before its rebuild, and what a reader observes before and after.
struct RebuildRehearsal {
    folder: TempDir,
    before: Observed,
    after: Observed,
    steps: Vec<FolderStep>,
}

/// A copy of the index, and the faults of its folder.
struct Copied {
    folder: TempDir,
    faults: Faults,
}

impl RebuildRehearsal {
    fn new() -> Self {
        let folder = temporary_folder();
        let mut writer = old().create(folder.path()).unwrap();
        MERGE.prepare(&mut writer);
        // Articles of two batches, each of which is staged.
        writer.add(scenarios::articles(200..400)).unwrap();
        writer.commit().unwrap();
        drop(writer);
        let before = Observed::by(&old().open_searcher(folder.path()).unwrap());
        let copied = copy(folder.path());
        copied.faults.start(FaultPlan::Never);
        drop(new().rebuild(copied.folder.path()).unwrap());
        let after = Observed::by(&new().open_searcher(copied.folder.path()).unwrap());
        assert_eq!(after.content.articles, before.content.articles);
        assert_ne!(after.content.answers, before.content.answers);
        assert_eq!(after.generation, before.generation + 1);
        assert_eq!(after.content.calibration, None);
        Self { folder, before, after, steps: copied.faults.steps() }
    }

    /// Rebuilds while step `step` fails.
    fn fail_once(&self, step: usize) {
        let Copied { folder, faults } = copy(self.folder.path());
        let reader = old().open_searcher(folder.path()).unwrap();
        faults.start(FaultPlan::Once(step));
        let outcome = new().rebuild(folder.path()).map(drop);
        assert_eq!(Observed::by(&reader), self.before, "step {step}: an open reader");
        drop(reader);
        faults.start(FaultPlan::Never);
        self.check_outcome(folder.path(), &outcome, step);
        self.check_repeated(folder.path(), step);
    }

    /// Rebuilds while step `step` and all later ones fail, and cuts the power.
    fn cut_power(&self, step: usize, pattern: usize) {
        let Copied { folder, faults } = copy(self.folder.path());
        faults.start(FaultPlan::From(step));
        let outcome = new().rebuild(folder.path()).map(drop);
        faults.cut_power(loss(pattern, step));
        faults.start(FaultPlan::Never);
        self.check_outcome(folder.path(), &outcome, step);
        self.check_repeated(folder.path(), step);
    }

    /// Checks that the index is the old one, or the new one unless the rebuild failed early.
    fn check_outcome(&self, folder: &Path, outcome: &Result<()>, step: usize) {
        assert!(matches!(outcome, Ok(()) | Err(Error::Write { .. })), "{step}: {outcome:?}");
        match old().open_searcher(folder) {
            Ok(searcher) => {
                assert_eq!(Observed::by(&searcher), self.before, "step {step}");
                assert!(outcome.is_err(), "step {step}: the rebuild is lost");
            }
            Err(Error::ModelMismatch { .. }) => {
                let searcher = new().open_searcher(folder).unwrap();
                assert_eq!(Observed::by(&searcher), self.after, "step {step}");
            }
            Err(error) => panic!("step {step}: {error}"),
        }
    }

    /// Rebuilds again and checks every byte and the files of the folder.
    fn check_repeated(&self, folder: &Path, step: usize) {
        let writer = new().rebuild(folder).unwrap();
        assert!(writer.verify().unwrap().is_sound(), "step {step}");
        assert_eq!(file_names(folder), expected_file_names(folder), "step {step}");
        assert_eq!(Observed::by(&writer.searcher()).content, self.after.content, "step {step}");
    }
}

fn copy(index: &Path) -> Copied {
    let folder = temporary_folder();
    for entry in fs::read_dir(index).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let faults = Faults::plan(folder.path());
    Copied { folder, faults }
}

#[test]
fn rebuilding_survives_each_failing_step() {
    let rehearsal = RebuildRehearsal::new();
    let steps = rehearsal.steps.len();
    let mut cuts = 0;
    for step in 0..=steps {
        rehearsal.fail_once(step);
        // The writes of one file leave the folder alike, so one pattern for each write suffices.
        let is_write = rehearsal.steps.get(step) == Some(&FolderStep::Write);
        let pattern = step % LOSS_PATTERNS;
        let patterns = if is_write { pattern..pattern + 1 } else { 0..LOSS_PATTERNS };
        for pattern in patterns {
            rehearsal.cut_power(step, pattern);
            cuts += 1;
        }
    }
    println!("a rebuild: {steps} steps failed once; {cuts} power cuts");
}

#[test]
fn a_failed_rebuild_leaves_no_files() {
    let rehearsal = RebuildRehearsal::new();
    let is_rename = |step: &FolderStep| *step == FolderStep::Rename;
    let rename = rehearsal.steps.iter().position(is_rename).unwrap();
    let Copied { folder, faults } = copy(rehearsal.folder.path());
    let names = file_names(folder.path());
    faults.start(FaultPlan::Once(rename));
    assert!(new().rebuild(folder.path()).is_err());
    assert_eq!(file_names(folder.path()), names);
    assert!(Retriever::exists(folder.path()).unwrap());
}
