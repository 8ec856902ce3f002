//! Disks that fail, for tests: which step on a folder fails, and what a power cut leaves.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::Step;

/// The faults of one folder, shared by all that use it.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    steps: Vec<Step>,
    /// The step, from 0, that fails.
    fails_at: Option<usize>,
    /// Whether all later steps fail, too.
    for_good: bool,
    unsynced: BTreeSet<PathBuf>,
}

static PLANNED: LazyLock<Mutex<HashMap<PathBuf, Faults>>> = LazyLock::new(Mutex::default);

impl Faults {
    /// The faults that are planned for the folder at `path`; none, unless a test planned some.
    pub(super) fn planned(path: &Path) -> Self {
        let planned = PLANNED.lock().unwrap_or_else(PoisonError::into_inner);
        planned.get(path).cloned().unwrap_or_default()
    }

    /// Faults for the folder at `path`, which is opened later; none of them yet.
    pub(in crate::store) fn plan(path: &Path) -> Self {
        let mut planned = PLANNED.lock().unwrap_or_else(PoisonError::into_inner);
        planned.entry(path.to_owned()).or_default().clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the steps so far; lets step `at`, from 0, of those to come fail, and, if
    /// `for_good`, all after it.
    pub(in crate::store) fn fail_at(&self, at: Option<usize>, for_good: bool) {
        let mut state = self.state();
        state.steps.clear();
        (state.fails_at, state.for_good) = (at, for_good);
    }

    /// The steps since the last [`fail_at`](Self::fail_at).
    pub(in crate::store) fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// What a power cut leaves of files that were not synced: the first half, and zeros.
    pub(in crate::store) fn cut_power(&self) {
        for path in std::mem::take(&mut self.state().unsynced) {
            let Ok(length) = fs::metadata(&path).map(|about| about.len()) else { continue };
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length / 2).unwrap();
            file.set_len(length).unwrap();
        }
    }

    pub(super) fn step(&self, step: Step, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let at = state.steps.len();
        state.steps.push(step);
        let fails = |first: usize| at == first || state.for_good && at > first;
        if state.fails_at.is_some_and(fails) {
            return Err(io::Error::other("a fault of the test"));
        }
        match step {
            Step::Create => _ = state.unsynced.insert(path.to_owned()),
            Step::SyncFile => _ = state.unsynced.remove(path),
            Step::Write | Step::Rename | Step::SyncFolder | Step::Remove => {}
        }
        Ok(())
    }
}
