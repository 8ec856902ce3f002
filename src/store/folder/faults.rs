//! Disks that fail, for tests: which step on a folder fails, and what a power cut leaves.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use super::FolderStep;

/// The faults of one folder, shared by all that use it.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    steps: Vec<FolderStep>,
    /// The step, from 0, that fails.
    fails_at: Option<usize>,
    /// Whether all later steps fail, too.
    for_good: bool,
    /// Files whose bytes were not synced.
    unsynced: BTreeSet<PathBuf>,
    /// What the folder went through since it was synced, in order.
    changes: Vec<Change>,
}

/// A change of a folder, with what is needed to take it back.
#[derive(Clone, Debug)]
pub(in crate::store) enum Change {
    Created { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf, over: Option<Vec<u8>> },
    Removed { path: PathBuf, bytes: Vec<u8> },
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

    fn state(&self) -> MutexGuard<'_, State> {
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
    pub(in crate::store) fn steps(&self) -> Vec<FolderStep> {
        self.state().steps.clone()
    }

    /// Leaves what a power cut can: of files that were not synced the first half, and zeros; and
    /// of the changes of the folder since it was synced those that are not `lost`, whatever
    /// their order was.
    ///
    /// No file of the folder may be mapped.
    pub(in crate::store) fn cut_power(&self, mut lost: impl FnMut(&Change) -> bool) {
        let mut state = self.state();
        for path in std::mem::take(&mut state.unsynced) {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(length / 2).unwrap();
            file.set_len(length).unwrap();
        }
        let changes = std::mem::take(&mut state.changes);
        changes.iter().rev().filter(|change| lost(change)).for_each(Change::take_back);
    }

    /// Fails as planned, or takes note of a step that is about to be taken with the files at
    /// `paths`.
    pub(super) fn step(&self, step: FolderStep, paths: &[&Path]) -> io::Result<()> {
        let mut state = self.state();
        let at = state.steps.len();
        state.steps.push(step);
        let fails = |first: usize| at == first || state.for_good && at > first;
        if state.fails_at.is_some_and(fails) {
            return Err(io::Error::other("a fault of the test"));
        }
        state.note(step, paths);
        Ok(())
    }
}

impl State {
    fn note(&mut self, step: FolderStep, paths: &[&Path]) {
        match (step, paths) {
            (FolderStep::Create, [path]) if !path.exists() => {
                self.unsynced.insert((*path).to_owned());
                self.changes.push(Change::Created { path: (*path).to_owned() });
            }
            (FolderStep::FsyncFile, [path]) => _ = self.unsynced.remove(*path),
            (FolderStep::Rename, [from, to]) => {
                self.unsynced.remove(*to);
                if self.unsynced.remove(*from) {
                    self.unsynced.insert((*to).to_owned());
                }
                let over = fs::read(to).ok();
                let (from, to) = ((*from).to_owned(), (*to).to_owned());
                self.changes.push(Change::Renamed { from, to, over });
            }
            (FolderStep::Remove, [path]) => {
                self.unsynced.remove(*path);
                if let Ok(bytes) = fs::read(path) {
                    self.changes.push(Change::Removed { path: (*path).to_owned(), bytes });
                }
            }
            (FolderStep::FsyncFolder, _) => self.changes.clear(),
            _ => {}
        }
    }
}

impl Change {
    /// Makes the folder what it would be without this change, but with the others.
    fn take_back(&self) {
        match self {
            // It may have another name by now.
            Self::Created { path } => _ = fs::remove_file(path),
            Self::Renamed { from, to, over } => {
                fs::rename(to, from).unwrap();
                if let Some(bytes) = over {
                    fs::write(to, bytes).unwrap();
                }
            }
            Self::Removed { path, bytes } => fs::write(path, bytes).unwrap(),
        }
    }
}
