//! Laws of backups: each is one commit, whole, while a writer goes on.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use passim::{Article, Error, Retriever};
use passim_testkit::{
    FakeEmbedder, Seeded,
    index_model::{IndexState, builder},
};

const SEED: u64 = 77;

#[test]
fn backups_beside_a_writer_are_whole_commits() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("index");
    let mut writer = builder().create(&folder).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let backups = scope.spawn(|| {
            let reader = builder().open_searcher(&folder).unwrap();
            let mut generations = Vec::new();
            let mut state = IndexState::default();
            let mut random = Seeded(SEED);
            while generations.len() < 3 || !done.load(Relaxed) {
                let copy = temp.path().join(format!("backup {}", generations.len()));
                let report = reader.backup(&copy).unwrap();
                let copied = builder().open(&copy).unwrap();
                state = std::mem::take(&mut state).at(SEED, report.generation);
                state.check(&copied.searcher(), &mut random).unwrap();
                let verified = copied.verify().unwrap();
                assert_eq!((verified.files, verified.bytes), (report.files, report.bytes));
                drop(copied);
                fs::remove_dir_all(copy).unwrap();
                generations.push(report.generation);
            }
            generations
        });
        let mut state = IndexState::default();
        // The rounds compact and sync as well.
        while state.generation < 150 {
            let round = state.round(SEED);
            round.edit(&mut writer).unwrap();
            round.commit(&mut writer).unwrap();
            state = state.after(&round);
        }
        done.store(true, Relaxed);
        let generations = backups.join().unwrap();
        assert!(generations.is_sorted(), "{generations:?}");
        assert!(generations.first() < generations.last(), "{generations:?}");
    });
    assert!(writer.verify().unwrap().is_sound());
}

#[test]
fn a_writer_copies_its_last_commit() {
    let temp = tempfile::tempdir().unwrap();
    let model = || Retriever::builder().embedder(FakeEmbedder::new(8));
    let mut retriever = model().create(temp.path().join("index")).unwrap();
    retriever.add([Article::new("a", "Moore wachsen langsam.")]).unwrap();
    retriever.commit().unwrap();
    retriever.add([Article::new("b", "Der Zug fährt.")]).unwrap();
    let copy = temp.path().join("deep/backup");
    assert_eq!(retriever.backup(&copy).unwrap().generation, 1);
    let mut copied = model().open(&copy).unwrap();
    assert_eq!((copied.articles(), retriever.articles()), (1, 2));
    copied.add([Article::new("c", "Brot braucht Zeit.")]).unwrap();
    copied.commit().unwrap();
    assert!(retriever.article("c").unwrap().is_none());
}

#[test]
fn a_backup_goes_to_an_empty_folder_alone() {
    let temp = tempfile::tempdir().unwrap();
    let model = || Retriever::builder().embedder(FakeEmbedder::new(8));
    let index = temp.path().join("index");
    let retriever = model().create(&index).unwrap();
    let copy = temp.path().join("backup");
    retriever.backup(&copy).unwrap();
    let other = temp.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes.txt"), "mine").unwrap();
    for target in [&index, &copy, &other] {
        let error = retriever.backup(target).unwrap_err();
        let is_named = matches!(&error, Error::FolderNotEmpty { path } if path == target);
        assert!(is_named, "{error}");
    }
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    let file = other.join("notes.txt");
    assert!(matches!(retriever.backup(&file), Err(Error::Write { .. })));

    let in_memory = model().in_memory().unwrap();
    assert!(matches!(in_memory.backup(temp.path().join("x")), Err(Error::NotInFolder)));
    assert!(matches!(in_memory.searcher().backup("x"), Err(Error::NotInFolder)));
    assert!(!temp.path().join("x").exists());
}
