//! Makes every step of a backup fail: its folder then holds a whole index or none.

use std::fs;

use tempfile::TempDir;

use super::{
    LOSS_PATTERNS, Observed, expected_file_names, file_names, loss, scenarios::MERGE,
    temporary_folder,
};
use crate::{
    Error, Result, Searcher,
    store::{
        file_names::LOCK,
        folder::{
            FolderStep,
            faults::{FaultPlan, Faults},
        },
    },
};

/// An index, and the empty folder of its backup.
struct BackupRehearsal {
    _index: TempDir,
    searcher: Searcher,
    observed: Observed,
}

impl BackupRehearsal {
    fn new() -> Self {
        let index = temporary_folder();
        MERGE.prepare(&mut MERGE.builder().create(index.path()).unwrap());
        let searcher = MERGE.builder().open_searcher(index.path()).unwrap();
        let observed = Observed::by(&searcher);
        Self { _index: index, searcher, observed }
    }

    /// The steps of a backup without faults.
    fn steps(&self) -> Vec<FolderStep> {
        let target = temporary_folder();
        let faults = Faults::plan(target.path());
        self.searcher.backup(target.path()).unwrap();
        let steps = faults.steps();
        self.check_whole(&target);
        steps
    }

    fn check_whole(&self, target: &TempDir) {
        let writer = MERGE.builder().open(target.path()).unwrap();
        assert!(writer.verify().unwrap().is_sound());
        assert_eq!(file_names(target.path()), expected_file_names(target.path()));
        assert_eq!(Observed::by(&writer.searcher()), self.observed);
    }

    /// Checks that the folder holds the whole index, or none after an error.
    fn check_outcome(&self, target: &TempDir, outcome: &Result<()>, step: usize) {
        assert!(matches!(outcome, Ok(()) | Err(Error::Write { .. })), "{step}: {outcome:?}");
        match MERGE.builder().open_searcher(target.path()) {
            Err(Error::NoIndex { .. }) => {
                assert!(outcome.is_err(), "step {step}: the backup is lost");
                let again = self.searcher.backup(target.path()).map(drop);
                match again {
                    Ok(()) => self.check_whole(target),
                    Err(Error::FolderNotEmpty { .. }) => {
                        assert!(file_names(target.path()).iter().any(|name| name != LOCK));
                    }
                    Err(error) => panic!("step {step}: {error}"),
                }
            }
            Ok(_) => self.check_whole(target),
            Err(error) => panic!("step {step}: {error}"),
        }
    }

    fn fail(&self, step: usize, plan: FaultPlan) -> (TempDir, Faults, Result<()>) {
        let target = temporary_folder();
        let faults = Faults::plan(target.path());
        faults.start(plan);
        let outcome = self.searcher.backup(target.path()).map(drop);
        assert_eq!(Observed::by(&self.searcher), self.observed, "step {step}: the original");
        (target, faults, outcome)
    }
}

#[test]
fn a_backup_survives_each_failing_step() {
    let rehearsal = BackupRehearsal::new();
    let steps = rehearsal.steps();
    let mut cuts = 0;
    for step in 0..=steps.len() {
        let (target, faults, outcome) = rehearsal.fail(step, FaultPlan::Once(step));
        faults.start(FaultPlan::Never);
        let is_last = step + 1 >= steps.len();
        assert_eq!(outcome.is_err(), step < steps.len());
        if !is_last {
            let names = file_names(target.path());
            assert!(names.iter().all(|name| name == LOCK), "step {step}: {names:?}");
        }
        rehearsal.check_outcome(&target, &outcome, step);
        for pattern in 0..LOSS_PATTERNS {
            let (target, faults, outcome) = rehearsal.fail(step, FaultPlan::From(step));
            faults.cut_power(loss(pattern, step));
            faults.start(FaultPlan::Never);
            rehearsal.check_outcome(&target, &outcome, step);
            cuts += 1;
        }
    }
    println!("a backup: {} steps failed once; {cuts} power cuts", steps.len());
}

#[test]
fn damage_is_not_copied() {
    let index = temporary_folder();
    MERGE.prepare(&mut MERGE.builder().create(index.path()).unwrap());
    let name = file_names(index.path()).into_iter().find(|name| name.starts_with("segment"));
    let path = index.path().join(name.unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let searcher = MERGE.builder().open_searcher(index.path()).unwrap();
    let target = temporary_folder();
    assert!(matches!(searcher.backup(target.path()), Err(Error::Corrupt { .. })));
    assert_eq!(file_names(target.path()), [""; 0]);
}
