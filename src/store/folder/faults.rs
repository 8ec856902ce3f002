//! Failing disks, for tests: which step on a folder fails, and what a power cut leaves.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use super::FolderStep;

/// The faults of one folder, shared by all that use the folder.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Faults(Arc<Mutex<State>>);

/// Steps that fail, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) enum FaultPlan {
    #[default]
    Never,
    Once(usize),
    /// This step and all later ones.
    From(usize),
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    /// Steps since the last [`Faults::start`].
    steps: Vec<FolderStep>,
    /// Files whose bytes were not fsynced.
    unsynced: BTreeSet<PathBuf>,
    /// Changes of the folder since it was fsynced, in order.
    changes: Vec<FolderChange>,
}

/// A change of a folder, with everything that undoing it needs.
#[derive(Clone, Debug)]
pub(in crate::store) enum FolderChange {
    Created { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    Removed { path: PathBuf, bytes: Vec<u8> },
}

static FAULTS: LazyLock<Mutex<HashMap<PathBuf, Faults>>> = LazyLock::new(Mutex::default);

impl FaultPlan {
    fn fails(self, step: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Once(failing) => step == failing,
            Self::From(failing) => step >= failing,
        }
    }
}

impl Faults {
    /// Returns the faults that [`plan`](Self::plan) made for the folder at `path`, if any.
    pub(super) fn planned(path: &Path) -> Self {
        let faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(path).cloned().unwrap_or_default()
    }

    /// Makes faults for the folder at `path`, which is opened later. No step fails yet.
    pub(in crate::store) fn plan(path: &Path) -> Self {
        let mut faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        faults.entry(path.to_owned()).or_default().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts steps from 0 again, and lets them fail by `plan`.
    pub(in crate::store) fn start(&self, plan: FaultPlan) {
        let mut state = self.state();
        state.steps.clear();
        state.plan = plan;
    }

    /// Returns the steps since the last [`start`](Self::start).
    pub(in crate::store) fn steps(&self) -> Vec<FolderStep> {
        self.state().steps.clone()
    }

    /// Leaves the folder as a power cut may leave it. A file that was not fsynced keeps its first
    /// half, and zeros follow. Changes of the folder since its last fsync are undone if they are
    /// `lost`, independently of their order.
    ///
    /// No file of the folder may be mapped.
    pub(in crate::store) fn cut_power(&self, mut lost: impl FnMut(&FolderChange) -> bool) {
        let mut state = self.state();
        for path in std::mem::take(&mut state.unsynced) {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(length / 2).unwrap();
            file.set_len(length).unwrap();
        }
        let changes = std::mem::take(&mut state.changes);
        changes.iter().rev().filter(|change| lost(change)).for_each(FolderChange::undo);
    }

    /// Fails by the plan, or records a step that is about to be taken with the files at `paths`.
    pub(super) fn step(&self, step: FolderStep, paths: &[&Path]) -> io::Result<()> {
        let mut state = self.state();
        let number = state.steps.len();
        state.steps.push(step);
        if state.plan.fails(number) {
            return Err(io::Error::other("a fault of the test"));
        }
        state.record(step, paths);
        Ok(())
    }
}

impl State {
    fn record(&mut self, step: FolderStep, paths: &[&Path]) {
        match (step, paths) {
            (FolderStep::Create, [path]) if !path.exists() => {
                self.unsynced.insert((*path).to_owned());
                self.changes.push(FolderChange::Created { path: (*path).to_owned() });
            }
            (FolderStep::FsyncFile, [path]) => _ = self.unsynced.remove(*path),
            (FolderStep::Rename, [from, to]) => self.record_rename(from, to),
            (FolderStep::Remove, [path]) => {
                self.unsynced.remove(*path);
                if let Ok(bytes) = fs::read(path) {
                    self.changes.push(FolderChange::Removed { path: (*path).to_owned(), bytes });
                }
            }
            (FolderStep::FsyncFolder, _) => self.changes.clear(),
            _ => {}
        }
    }

    fn record_rename(&mut self, from: &Path, to: &Path) {
        self.unsynced.remove(to);
        if self.unsynced.remove(from) {
            self.unsynced.insert(to.to_owned());
        }
        let replaced = fs::read(to).ok();
        self.changes.push(FolderChange::Renamed {
            from: from.to_owned(),
            to: to.to_owned(),
            replaced,
        });
    }
}

impl FolderChange {
    /// Makes the folder what it would be without this change but with all others.
    fn undo(&self) {
        match self {
            // The file does not exist if a rename that is not lost gave it another name.
            Self::Created { path } => _ = fs::remove_file(path),
            Self::Renamed { from, to, replaced } => {
                fs::rename(to, from).unwrap();
                if let Some(bytes) = replaced {
                    fs::write(to, bytes).unwrap();
                }
            }
            Self::Removed { path, bytes } => fs::write(path, bytes).unwrap(),
        }
    }
}
