//! Makes every step of a commit in the background fail.

use std::{thread, time::Duration};

use super::{ChangedIndex, FaultPlan, Observed, Rehearsal, scenarios};
use crate::{CommitSchedule, Error, SharedRetriever};

/// Waits for a failed commit in the background; returns its error.
fn background_failure(shared: &SharedRetriever) -> Error {
    loop {
        match shared.add([]) {
            Ok(_) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return error,
        }
    }
}

impl Rehearsal {
    /// Commits in the background while step `step` and all later ones fail, and on demand without a
    /// fault. Returns whether the first commit failed.
    fn fail_in_background(&self, step: usize) -> bool {
        let ChangedIndex { folder: _folder, faults, mut writer } = self.changed_index();
        faults.start(FaultPlan::From(step));
        let fails = (self.scenario.commit)(&mut writer).is_err();
        drop(writer);

        let ChangedIndex { folder, faults, writer } = self.changed_index();
        faults.start(FaultPlan::From(step));
        let schedule = CommitSchedule::on_demand().every(Duration::ZERO);
        let shared = writer.into_shared(schedule).unwrap();
        if fails {
            let error = background_failure(&shared);
            let is_write = |cause: &Error| matches!(cause, Error::Write { .. });
            let is_typed = matches!(&error, Error::BackgroundCommit(cause) if is_write(cause));
            assert!(is_typed, "step {step}: {error:?}");
            assert!(matches!(shared.close(), Err(Error::Write { .. })), "step {step}");
            let observed = Observed::by(&shared.searcher());
            assert!(self.states.contains(&observed), "step {step}: {observed:?}");
            assert_eq!(observed, Observed::in_folder(folder.path(), self.scenario));
        }
        faults.start(FaultPlan::Never);
        shared.commit().unwrap();
        shared.add([]).expect("a commit lets writes run again");
        assert_eq!(Observed::by(&shared.searcher()).content, self.last().content, "step {step}");
        shared.close().unwrap();
        faults.cut_power(|_| true);
        assert_eq!(self.reopened(folder.path()).content, self.last().content, "step {step}");
        fails
    }
}

#[test]
fn background_commits_survive_each_failing_step() {
    let rehearsal = Rehearsal::of(&scenarios::MERGE);
    let steps = rehearsal.steps.len();
    let failures = (0..steps).filter(|step| rehearsal.fail_in_background(*step)).count();
    assert!(failures > steps / 2, "{failures} of {steps} steps");
    println!("{steps} steps failed, {failures} of them with an error");
}

#[test]
fn the_last_drop_discards_what_cannot_be_committed() {
    let rehearsal = Rehearsal::of(&scenarios::REMOVAL);
    let ChangedIndex { folder, faults, writer } = rehearsal.changed_index();
    faults.start(FaultPlan::From(0));
    drop(writer.into_shared(CommitSchedule::default()).unwrap());
    faults.start(FaultPlan::Never);
    // The lock is released, and the last commit is whole.
    assert_eq!(rehearsal.reopened(folder.path()), *rehearsal.first());
}
