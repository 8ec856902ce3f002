//! Every step of commits of all kinds fails: once, or with all that follow, as in a power cut.

mod scenes;

use std::{fs, path::Path};

use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    file_names::{LOCK, MANIFEST, name_of},
    folder::{
        FolderStep,
        faults::{Change, Faults},
    },
    read,
};
use crate::{Article, Error, Hits, Query, Result, Retriever, Searcher, Vectors};
use scenes::{QUESTIONS, Scene};

/// What an index is to those who use it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    generation: u64,
    contents: Contents,
}

#[derive(Clone, Debug, PartialEq)]
struct Contents {
    articles: Vec<Article>,
    answers: Vec<Hits>,
    calibration: Option<(f32, Vectors)>,
}

impl Seen {
    fn by(searcher: &Searcher) -> Self {
        let keys = searcher.keys().map(Result::unwrap);
        let articles = keys.map(|key| searcher.article(key).unwrap().unwrap()).collect();
        let questions = searcher.snapshot.questions.as_deref();
        let calibration = questions.map(|one| (one.target_recall, one.vectors.clone()));
        let answers = searcher.search_many(&QUESTIONS.map(|one| Query::new(one).exact())).unwrap();
        if calibration.is_some() {
            searcher.search_many(&QUESTIONS.map(|one| Query::new(one).recall(0.4))).unwrap();
        }
        let contents = Contents { articles, answers, calibration };
        Self { generation: searcher.generation(), contents }
    }

    /// What a reader of the folder sees.
    fn at(path: &Path, scene: &Scene) -> Self {
        Self::by(&scene.builder().open_searcher(path).unwrap())
    }
}

/// A scene, what is seen before and after each of its commits, and the steps of them.
struct Play {
    scene: &'static Scene,
    before: TempDir,
    seen: Vec<Seen>,
    steps: Vec<FolderStep>,
}

impl Play {
    fn of(scene: &'static Scene) -> Self {
        let before = in_memory();
        scene.begin(&mut scene.builder().create(before.path()).unwrap());
        // What is to be seen is told by a corpus that knows no files.
        let mut twin = scene.builder().in_memory().unwrap();
        scene.begin(&mut twin);
        let mut seen = vec![Seen::by(&twin.searcher())];
        for change in scene.course {
            change(&mut twin).unwrap();
            twin.commit().unwrap();
            seen.push(Seen::by(&twin.searcher()));
        }
        let mut play = Self { scene, before, seen, steps: Vec::new() };
        assert_eq!(Seen::at(play.before.path(), scene), *play.first());
        let (folder, faults, mut writer) = play.start();
        faults.fail_at(None, false);
        (scene.commit)(&mut writer).unwrap();
        play.steps = faults.steps();
        assert_eq!(Seen::at(folder.path(), scene), *play.last(), "{}", scene.name);
        play
    }

    fn first(&self) -> &Seen {
        &self.seen[0]
    }

    fn last(&self) -> &Seen {
        &self.seen[self.seen.len() - 1]
    }

    /// A copy of the index before, with the change made and not committed.
    fn start(&self) -> (TempDir, Faults, Retriever) {
        let folder = in_memory();
        for entry in fs::read_dir(self.before.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let faults = Faults::plan(folder.path());
        let mut writer = self.scene.builder().open(folder.path()).unwrap();
        (self.scene.change)(&mut writer).unwrap();
        (folder, faults, writer)
    }

    /// Commits while step `at` fails, and again when nothing does; whether there was an error.
    fn fails_once(&self, at: usize) -> bool {
        let (folder, faults, mut writer) = self.start();
        faults.fail_at(Some(at), false);
        let outcome = (self.scene.commit)(&mut writer);
        let seen = Seen::at(folder.path(), self.scene);
        assert!(self.seen.contains(&seen), "step {at}: {seen:?}");
        assert_eq!(seen, Seen::by(&writer.searcher()), "the writer knows what is published");
        if let Err(error) = &outcome {
            assert!(matches!(error, Error::Write { .. }), "{error}");
            (self.scene.commit)(&mut writer).unwrap();
        } else {
            assert_eq!(seen, *self.last(), "step {at}");
        }
        assert_eq!(Seen::by(&writer.searcher()).contents, self.last().contents, "step {at}");
        drop(writer);
        // What is committed in the end outlasts a power cut like everything else.
        faults.cut_power(|_| true);
        assert_eq!(self.opened(folder.path()).contents, self.last().contents, "step {at}");
        outcome.is_err()
    }

    /// Cuts the power at step `at`; `lost` says what is lost of the folder's changes.
    fn is_cut(&self, at: usize, lost: impl FnMut(&Change) -> bool) {
        let (folder, faults, mut writer) = self.start();
        faults.fail_at(Some(at), true);
        let outcome = (self.scene.commit)(&mut writer);
        drop(writer);
        faults.cut_power(lost);
        faults.fail_at(None, false);
        let seen = Seen::at(folder.path(), self.scene);
        assert!(self.seen.contains(&seen), "step {at}: {seen:?}");
        assert!(outcome.is_err() || seen == *self.last(), "step {at}: what was committed is lost");
        assert_eq!(self.opened(folder.path()), seen, "step {at}");

        let mut writer = self.scene.builder().open(folder.path()).unwrap();
        if seen == *self.first() {
            (self.scene.change)(&mut writer).unwrap();
        }
        (self.scene.commit)(&mut writer).unwrap();
        assert_eq!(Seen::by(&writer.searcher()).contents, self.last().contents, "step {at}");
        drop(writer);
        assert_eq!(self.opened(folder.path()).contents, self.last().contents, "step {at}");
    }

    /// What a writer that opens the folder finds: all of it whole, and nothing else there.
    fn opened(&self, folder: &Path) -> Seen {
        let writer = self.scene.builder().open(folder).unwrap();
        assert!(writer.verify().unwrap().is_sound());
        assert_eq!(names_in(folder), named(folder));
        Seen::by(&writer.searcher())
    }
}

/// A folder in memory, where there is one: nothing here outlasts the test, and syncing costs
/// nothing there.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The files that a folder is to have.
fn named(folder: &Path) -> Vec<String> {
    let manifest = read(folder).unwrap().manifest;
    let files = manifest.files().map(|(kind, file)| name_of(kind, file.number));
    let mut names: Vec<_> = files.chain([LOCK.to_owned(), MANIFEST.to_owned()]).collect();
    names.sort();
    names
}

/// Ways in which a power cut takes back changes of a folder.
const LOSSES: usize = 6;

/// The `kind`th of them: none, all, all but removals, all but renames, or some that `seed`
/// decides.
fn loss(kind: usize, seed: usize) -> impl FnMut(&Change) -> bool {
    let mut count = seed * LOSSES + kind;
    move |change| {
        count += LOSSES << 32;
        match kind % LOSSES {
            0 => false,
            1 => true,
            2 => !matches!(change, Change::Removed { .. }),
            3 => !matches!(change, Change::Renamed { .. }),
            _ => xxh3_64(&count.to_le_bytes()).is_multiple_of(2),
        }
    }
}

/// Lets every step of a scene fail, once, and for good with the power cut after it.
fn outlives(scene: &'static Scene) {
    let play = Play::of(scene);
    let errors = (0..play.steps.len()).filter(|at| play.fails_once(*at)).count();
    let mut cuts = 0;
    for at in 0..=play.steps.len() {
        // While a file is written, it is the same to the folder at every step.
        let is_write = play.steps.get(at) == Some(&FolderStep::Write);
        let kinds = if is_write { at..at + 1 } else { 0..LOSSES };
        for kind in kinds {
            play.is_cut(at, loss(kind, at));
            cuts += 1;
        }
    }
    let steps = play.steps.len();
    println!(
        "{}: {steps} steps failed once, {errors} with an error; {cuts} power cuts",
        scene.name
    );
}

#[test]
fn an_index_outlives_faults_of_merging() {
    outlives(&scenes::MERGE);
}

#[test]
fn an_index_outlives_faults_of_removing() {
    outlives(&scenes::REMOVAL);
}

#[test]
fn an_index_outlives_faults_of_compacting() {
    outlives(&scenes::COMPACTION);
}

#[test]
fn an_index_outlives_faults_of_syncing() {
    outlives(&scenes::SYNC);
}

#[test]
fn an_index_outlives_faults_of_removing_all() {
    outlives(&scenes::EMPTYING);
}

#[test]
fn an_index_outlives_faults_of_its_first_commit() {
    outlives(&scenes::FIRST);
}

#[test]
fn an_index_that_could_not_be_made_can_be_made_later() {
    let scene = &scenes::MERGE;
    let folder = in_memory();
    let faults = Faults::plan(folder.path());
    drop(scene.builder().create(folder.path()).unwrap());
    let steps = faults.steps().len();
    for at in 0..=steps {
        for kind in 0..LOSSES {
            let folder = in_memory();
            let faults = Faults::plan(folder.path());
            faults.fail_at(Some(at), kind % 2 == 0);
            let outcome = scene.builder().create(folder.path()).map(drop);
            assert!(matches!(&outcome, Ok(()) | Err(Error::Write { .. })), "{at}: {outcome:?}");
            faults.cut_power(loss(kind, at));
            faults.fail_at(None, false);
            if outcome.is_ok() {
                scene.builder().open_searcher(folder.path()).unwrap();
            }
            let mut writer = scene.builder().open_or_create(folder.path()).unwrap();
            assert_eq!((writer.articles(), writer.verify().unwrap().files), (0, 1));
            (scene.change)(&mut writer).unwrap();
            assert_eq!(writer.commit().unwrap(), 1);
        }
    }
    println!("{} faults while an index was made", (steps + 1) * LOSSES);
}
