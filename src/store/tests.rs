//! Makes every step of every kind of commit fail: once, or with all later steps before a power cut.

mod copying;
mod folder_syncing;
mod rebuilding;
mod scenarios;
mod sharing;

use std::{fs, path::Path};

use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    LiveSegment, StoredSegment,
    file_names::{LOCK, MANIFEST},
    folder::{
        FolderStep,
        faults::{FaultPlan, Faults, FolderChange},
    },
    read,
};
use crate::{Article, Error, Hits, Query, Result, Retriever, Searcher, Vectors};
use scenarios::{QUESTIONS, Scenario};

/// The state of an index as a searcher observes it.
#[derive(Clone, Debug, PartialEq)]
struct Observed {
    generation: u64,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
struct Content {
    articles: Vec<Article>,
    answers: Vec<Hits>,
    calibration: Option<ObservedCalibration>,
}

#[derive(Clone, Debug, PartialEq)]
struct ObservedCalibration {
    target_recall: f32,
    questions: Vectors,
}

impl Observed {
    fn by(searcher: &Searcher) -> Self {
        let keys = searcher.keys().map(Result::unwrap);
        let articles = keys.map(|key| searcher.article(key).unwrap().unwrap()).collect();
        let exact = QUESTIONS.map(|question| Query::new(question).exact());
        let answers = searcher.search_many(&exact).unwrap();
        let questions = searcher.snapshot.questions.as_deref();
        let calibration = questions.map(|questions| ObservedCalibration {
            target_recall: questions.target_recall,
            questions: questions.vectors.clone(),
        });
        if calibration.is_some() {
            let by_recall = QUESTIONS.map(|question| Query::new(question).recall(0.4));
            searcher.search_many(&by_recall).unwrap();
        }
        let content = Content { articles, answers, calibration };
        Self { generation: searcher.generation(), content }
    }

    /// The state that a new reader of the folder observes.
    fn in_folder(folder: &Path, scenario: &Scenario) -> Self {
        Self::by(&scenario.builder().open_searcher(folder).unwrap())
    }
}

/// A scenario with the expected states and the steps of its commits.
struct Rehearsal {
    scenario: &'static Scenario,
    /// Folder of the index before the scenario.
    before: TempDir,
    /// The states before the first commit and after each one.
    states: Vec<Observed>,
    steps: Vec<FolderStep>,
}

/// A copy of an index that a writer has changed without a commit.
struct ChangedIndex {
    folder: TempDir,
    faults: Faults,
    writer: Retriever,
}

impl Rehearsal {
    fn of(scenario: &'static Scenario) -> Self {
        let before = temporary_folder();
        scenario.prepare(&mut scenario.builder().create(before.path()).unwrap());
        let states = expected_states(scenario);
        let mut rehearsal = Self { scenario, before, states, steps: Vec::new() };
        assert_eq!(Observed::in_folder(rehearsal.before.path(), scenario), *rehearsal.first());
        let ChangedIndex { folder, faults, mut writer } = rehearsal.changed_index();
        faults.start(FaultPlan::Never);
        (scenario.commit)(&mut writer).unwrap();
        rehearsal.steps = faults.steps();
        let last = Observed::in_folder(folder.path(), scenario);
        assert_eq!(last, *rehearsal.last(), "{}", scenario.name);
        rehearsal
    }

    fn first(&self) -> &Observed {
        self.states.first().expect("there is a state before the first commit")
    }

    fn last(&self) -> &Observed {
        self.states.last().expect("there is a state before the first commit")
    }

    fn changed_index(&self) -> ChangedIndex {
        let folder = temporary_folder();
        for entry in fs::read_dir(self.before.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let faults = Faults::plan(folder.path());
        let mut writer = self.scenario.builder().open(folder.path()).unwrap();
        (self.scenario.change)(&mut writer).unwrap();
        ChangedIndex { folder, faults, writer }
    }

    /// Commits while step `step` fails, and again without a fault. Returns whether the first
    /// commit returned an error.
    fn fail_once(&self, step: usize) -> bool {
        let ChangedIndex { folder, faults, mut writer } = self.changed_index();
        faults.start(FaultPlan::Once(step));
        let outcome = (self.scenario.commit)(&mut writer);
        let observed = Observed::in_folder(folder.path(), self.scenario);
        assert!(self.states.contains(&observed), "step {step}: {observed:?}");
        assert_eq!(observed, Observed::by(&writer.searcher()), "the writer's published state");
        if let Err(error) = &outcome {
            assert!(is_write_error(error), "{error}");
            (self.scenario.commit)(&mut writer).unwrap();
        } else {
            assert_eq!(observed, *self.last(), "step {step}");
        }
        assert_eq!(Observed::by(&writer.searcher()).content, self.last().content, "step {step}");
        drop(writer);
        // The second commit is as durable as one without faults.
        faults.cut_power(|_| true);
        assert_eq!(self.reopened(folder.path()).content, self.last().content, "step {step}");
        outcome.is_err()
    }

    /// Commits while step `step` and all later ones fail, cuts the power, opens the index and
    /// commits again. `lost` selects the changes of the folder that the power cut undoes.
    fn cut_power(&self, step: usize, lost: impl FnMut(&FolderChange) -> bool) {
        let ChangedIndex { folder, faults, mut writer } = self.changed_index();
        faults.start(FaultPlan::From(step));
        let outcome = (self.scenario.commit)(&mut writer);
        drop(writer);
        faults.cut_power(lost);
        faults.start(FaultPlan::Never);
        let observed = Observed::in_folder(folder.path(), self.scenario);
        assert!(self.states.contains(&observed), "step {step}: {observed:?}");
        assert!(outcome.is_err() || observed == *self.last(), "step {step}: a commit is lost");
        assert_eq!(self.reopened(folder.path()), observed, "step {step}");

        let mut writer = self.scenario.builder().open(folder.path()).unwrap();
        if observed == *self.first() {
            (self.scenario.change)(&mut writer).unwrap();
        }
        (self.scenario.commit)(&mut writer).unwrap();
        assert_eq!(Observed::by(&writer.searcher()).content, self.last().content, "step {step}");
        drop(writer);
        assert_eq!(self.reopened(folder.path()).content, self.last().content, "step {step}");
    }

    /// The state that a new writer observes. Every byte matches its checksum, and the folder holds
    /// the files of the generation alone.
    fn reopened(&self, folder: &Path) -> Observed {
        let writer = self.scenario.builder().open(folder).unwrap();
        assert!(writer.verify().unwrap().is_sound());
        assert_eq!(file_names(folder), expected_file_names(folder));
        Observed::by(&writer.searcher())
    }
}

/// Whether a file could not be written, in a commit or in the background.
fn is_write_error(error: &Error) -> bool {
    match error {
        Error::BackgroundMerge(cause) => matches!(**cause, Error::Write { .. }),
        error => matches!(error, Error::Write { .. }),
    }
}

/// Runs the commits of a scenario in memory, where no step can fail.
fn expected_states(scenario: &Scenario) -> Vec<Observed> {
    let mut corpus = scenario.builder().in_memory().unwrap();
    scenario.prepare(&mut corpus);
    let mut states = vec![Observed::by(&corpus.searcher())];
    for change in scenario.commits {
        change(&mut corpus).unwrap();
        corpus.commit().unwrap();
        states.push(Observed::by(&corpus.searcher()));
    }
    states
}

/// A folder in memory if the system has one, since fsync costs nothing there.
pub(in crate::store) fn temporary_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(in crate::store) fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The files of an index of articles; see [`names_of_generation`].
fn expected_file_names(folder: &Path) -> Vec<String> {
    names_of_generation::<LiveSegment>(folder)
}

/// The manifest, the files that it names, and the lock.
pub(in crate::store) fn names_of_generation<S: StoredSegment>(folder: &Path) -> Vec<String> {
    let manifest = read::<S>(folder).unwrap().manifest;
    let files = manifest.files().map(|file| file.file_number().name());
    let mut names: Vec<_> = files.chain([LOCK.to_owned(), MANIFEST.to_owned()]).collect();
    names.sort();
    names
}

/// Number of patterns by which a power cut loses changes of a folder.
pub(in crate::store) const LOSS_PATTERNS: usize = 6;

/// Returns which changes are lost: none, all, all but removals, all but renames, or, in the last
/// two patterns, pseudo-random ones that depend on `seed`.
pub(in crate::store) fn loss(pattern: usize, seed: usize) -> impl FnMut(&FolderChange) -> bool {
    let mut count = seed * LOSS_PATTERNS + pattern;
    move |change| {
        count += LOSS_PATTERNS << 32;
        match pattern {
            0 => false,
            1 => true,
            2 => !matches!(change, FolderChange::Removed { .. }),
            3 => !matches!(change, FolderChange::Renamed { .. }),
            _ => xxh3_64(&count.to_le_bytes()).is_multiple_of(2),
        }
    }
}

/// Makes every step of a scenario fail once, and cuts the power at every step.
fn check(scenario: &'static Scenario) {
    let rehearsal = Rehearsal::of(scenario);
    let steps = rehearsal.steps.len();
    let errors = (0..steps).filter(|step| rehearsal.fail_once(*step)).count();
    let mut cuts = 0;
    for step in 0..=steps {
        // The writes of one file leave the folder alike, so one pattern for each write suffices.
        let is_write = rehearsal.steps.get(step) == Some(&FolderStep::Write);
        let pattern = step % LOSS_PATTERNS;
        let patterns = if is_write { pattern..pattern + 1 } else { 0..LOSS_PATTERNS };
        for pattern in patterns {
            rehearsal.cut_power(step, loss(pattern, step));
            cuts += 1;
        }
    }
    println!(
        "{}: {steps} steps failed once, {errors} of them with an error; {cuts} power cuts",
        scenario.name
    );
}

#[test]
fn merging_survives_each_failing_step() {
    check(&scenarios::MERGE);
}

#[test]
fn background_merges_survive_each_failing_step() {
    check(&scenarios::BACKGROUND_MERGE);
}

#[test]
fn removing_survives_each_failing_step() {
    check(&scenarios::REMOVAL);
}

#[test]
fn compacting_survives_each_failing_step() {
    check(&scenarios::COMPACTION);
}

#[test]
fn syncing_survives_each_failing_step() {
    check(&scenarios::SYNC);
}

#[test]
fn removing_all_survives_each_failing_step() {
    check(&scenarios::EMPTYING);
}

#[test]
fn the_first_commit_survives_each_failing_step() {
    check(&scenarios::FIRST);
}

#[test]
fn creating_an_index_can_be_repeated_after_a_fault() {
    let scenario = &scenarios::MERGE;
    let folder = temporary_folder();
    let faults = Faults::plan(folder.path());
    drop(scenario.builder().create(folder.path()).unwrap());
    let steps = faults.steps().len();
    for step in 0..=steps {
        for pattern in 0..LOSS_PATTERNS {
            let folder = temporary_folder();
            let faults = Faults::plan(folder.path());
            let keeps_failing = pattern % 2 == 0;
            let plan = if keeps_failing { FaultPlan::From(step) } else { FaultPlan::Once(step) };
            faults.start(plan);
            let outcome = scenario.builder().create(folder.path()).map(drop);
            assert!(matches!(&outcome, Ok(()) | Err(Error::Write { .. })), "{step}: {outcome:?}");
            faults.cut_power(loss(pattern, step));
            faults.start(FaultPlan::Never);
            if outcome.is_ok() {
                scenario.builder().open_searcher(folder.path()).unwrap();
            }
            let mut writer = scenario.builder().open_or_create(folder.path()).unwrap();
            assert_eq!((writer.articles(), writer.verify().unwrap().files), (0, 1));
            (scenario.change)(&mut writer).unwrap();
            assert_eq!(writer.commit().unwrap(), 1);
        }
    }
    println!("{} faults while an index was created", (steps + 1) * LOSS_PATTERNS);
}
