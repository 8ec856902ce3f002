//! A crate of its own because its test runs it again as reading processes beside the writer.
//!
//! With one writer and many readers, each answer is that of the generation of its searcher.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use passim::{Retriever, Searcher};

use passim_testkit::{
    Seeded,
    child::{self, Task},
    index_model::{IndexState, builder},
};

const SEED: u64 = 31;
/// Time that the writer works.
const TIME: Duration = Duration::from_secs(12);

/// The work of a reader.
#[derive(Debug, Default)]
struct ReaderCounts {
    answers: usize,
    generations: u64,
    /// Reloads that found a merge of the same generation.
    merges: u64,
    reloads: usize,
}

/// A searcher that follows the writer, and one that stays at an earlier generation.
struct Reader {
    searcher: Searcher,
    state: IndexState,
    behind: (Searcher, IndexState),
    random: Seeded,
    count: ReaderCounts,
}

impl Reader {
    fn new(searcher: Searcher, seed: u64) -> Self {
        let state = IndexState::default().at(SEED, searcher.generation());
        let behind = (searcher.clone(), state.clone());
        Self { searcher, state, behind, random: Seeded(seed), count: ReaderCounts::default() }
    }

    /// Reloads and checks both searchers.
    fn step(&mut self) {
        let before = self.searcher.generation();
        let moved = self.searcher.reload().unwrap();
        let now = self.searcher.generation();
        // A merge in the background moves a searcher within its generation.
        assert!(now >= before && (moved || now == before), "from {before} to {now}");
        self.state = std::mem::take(&mut self.state).at(SEED, now);
        self.count.answers += self.state.check(&self.searcher, &mut self.random).unwrap();
        self.count.generations += u64::from(now > before);
        self.count.merges += u64::from(moved && now == before);
        self.count.reloads += 1;
        let (searcher, state) = &self.behind;
        self.count.answers += state.check(searcher, &mut self.random).unwrap();
        if self.random.below(40) == 0 {
            self.behind = (self.searcher.clone(), self.state.clone());
        }
        thread::sleep(Duration::from_millis(1));
    }

    /// Continues with a searcher that was opened later.
    fn replace(&mut self, searcher: Searcher) {
        assert!(searcher.generation() >= self.searcher.generation());
        self.searcher = searcher;
    }
}

/// Reads until the file `done` exists.
#[test]
#[ignore = "the other test runs it as a child process"]
fn in_child() {
    let Some(Task { name, folder }) = child::task() else { return };
    let open = || builder().open_searcher(&folder).unwrap();
    let mut reader = Reader::new(open(), u64::from(std::process::id()));
    while !folder.with_file_name("done").exists() {
        if reader.random.below(4) == 0 {
            reader.replace(open());
        }
        reader.step();
    }
    println!("{name}: {:?}", reader.count);
    assert!(reader.count.generations > 20 && reader.count.answers > 1_000, "{:?}", reader.count);
}

/// The work of the writer.
#[derive(Debug, Default)]
struct WriterCounts {
    operations: usize,
    commits: u64,
    rollbacks: usize,
}

/// Commits round after round, with edits between them that are rolled back.
fn write(writer: &mut Retriever) -> WriterCounts {
    let mut state = IndexState::default();
    let mut random = Seeded(SEED);
    let mut written = WriterCounts::default();
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        if random.below(3) == 0 {
            for _ in 0..=random.below(3) {
                state.edit(&mut random).make(writer).unwrap();
                written.operations += 1;
            }
            writer.rollback();
            written.operations += 1;
            written.rollbacks += 1;
        }
        let round = state.round(SEED);
        round.edit(writer).unwrap();
        round.commit(writer).unwrap();
        state = state.after(&round);
        written.operations += round.operations();
        written.commits = state.generation;
        assert_eq!(writer.stats().generation, state.generation);
    }
    state.check(&writer.searcher(), &mut random).unwrap();
    written
}

fn reading_child(name: &str, folder: &Path) -> Child {
    child::command(&[], name, folder).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn readers_see_exactly_the_content_of_their_generation() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let mut writer = builder().create(&folder).unwrap();
    let children = ["first process", "second process"].map(|name| reading_child(name, &folder));
    let done = AtomicBool::new(false);
    let threads = [0, 1].map(|seed| Reader::new(writer.searcher(), seed));
    thread::scope(|scope| {
        let readers = threads.map(|mut reader| {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    reader.step();
                }
                reader.count
            })
        });
        let written = write(&mut writer);
        done.store(true, Relaxed);
        fs::write(temp.path().join("done"), "").unwrap();
        println!("writer: {written:?}");
        for reader in readers {
            println!("thread: {:?}", reader.join().unwrap());
        }
    });
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let count = text.lines().find(|line| line.contains("ReaderCounts"));
        println!("{}", count.unwrap());
    }
    assert!(writer.verify().unwrap().is_sound());
    drop(writer);
    let left = fs::read_dir(&folder).unwrap().count();
    let report = builder().open(&folder).unwrap().verify().unwrap();
    assert_eq!(left, report.files + 1);
}
