//! Laws of `sync_folder` and `try_sync`: the corpus equals the files, only changed files are read, and
//! what cannot be read is kept.

mod model;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passim::{
    Article, ArticleFiles, Cancel, Chunker, CommitSchedule, Error, Phase, Progress, Retriever,
    RetrieverBuilder, SyncReport, UnreadSource,
};
use passim_testkit::{EmbedLog, FakeEmbedder};
use tempfile::TempDir;

/// A folder of files, and a place for an index.
pub(crate) struct Workplace(TempDir);

impl Workplace {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("files/sub")).unwrap();
        Self(folder)
    }

    /// A workplace with these files, which are an hour old.
    fn with(files: &[(&str, &str)]) -> Self {
        let workplace = Self::new();
        for (name, text) in files {
            workplace.write(name, text);
        }
        workplace
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.0.path().join("index")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files().join(name)
    }

    /// Writes a file that was modified an hour ago.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
        set_age(&self.path(name), 3_600);
    }

    /// The files with stamps of the index.
    fn stamp_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.index()).unwrap().map(|entry| entry.unwrap().path());
        let is_stamps = |path: &PathBuf| path.to_str().unwrap().contains("/stamps-");
        entries.filter(is_stamps).collect()
    }
}

/// Sets the modification time of a file to `seconds` ago.
pub(crate) fn set_age(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

pub(crate) fn builder() -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::new(8)).merge_threads(0)
}

pub(crate) fn keys(retriever: &Retriever) -> Vec<String> {
    retriever.keys().map(|key| key.unwrap().to_owned()).collect()
}

fn text(retriever: &Retriever, key: &str) -> String {
    retriever.article(key).unwrap().unwrap().text
}

/// Files found, skipped, hashed and parsed.
fn counts(report: &SyncReport) -> [usize; 4] {
    let files = &report.files;
    [files.found, files.skipped, files.hashed, files.parsed]
}

const LINES: &str = "{\"id\": 1, \"text\": \"eins\"}\n{\"id\": 2, \"text\": \"zwei\"}\n";
const BAD_LINES: &str = "{\"id\": 1, \"text\": \"neu\"}\n{\"id\": 2,\n";

#[test]
fn a_second_sync_opens_no_file() {
    let workplace = Workplace::with(&[
        ("a.txt", "alpha"),
        ("sub/b.md", "# Beta\n\nbeta"),
        ("c.jsonl", LINES),
        ("empty.jsonl", ""),
    ]);
    let log = EmbedLog::default();
    let open = || {
        let builder = Retriever::builder().embedder(FakeEmbedder::new(8).logging(&log));
        builder.verify_model(false).open_or_create(workplace.index()).unwrap()
    };
    let report = open().sync_folder(workplace.files()).unwrap();
    assert_eq!((report.added, counts(&report)), (4, [4, 0, 0, 4]));
    log.lock().unwrap().clear();
    let stamps = fs::metadata(&workplace.stamp_files()[0]).unwrap().modified().unwrap();
    for _ in 0..2 {
        let mut retriever = open();
        let report = retriever.sync_folder(workplace.files()).unwrap();
        assert_eq!((report.unchanged, counts(&report)), (4, [4, 4, 0, 0]));
        assert_eq!(retriever.stats().generation, 1, "there was nothing to commit");
        assert_eq!(keys(&retriever), ["1", "2", "a.txt", "sub/b.md"]);
    }
    let [file] = &workplace.stamp_files()[..] else { panic!("one file") };
    assert_eq!(fs::metadata(file).unwrap().modified().unwrap(), stamps, "nothing was written");
    assert!(log.lock().unwrap().is_empty());
}

#[test]
fn changed_files_are_read_and_touched_ones_hashed() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("b.txt", "beta"), ("c.txt", "gamma")]);
    let mut retriever = builder().in_memory().unwrap();
    retriever.sync_folder(workplace.files()).unwrap();
    set_age(&workplace.path("a.txt"), 1_800);
    workplace.write("b.txt", "betaa");
    fs::remove_file(workplace.path("c.txt")).unwrap();
    workplace.write("d.txt", "delta");
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.added, report.changed, report.removed, report.unchanged), (1, 1, 1, 1));
    assert_eq!(counts(&report), [3, 0, 1, 2]);
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!(counts(&report), [3, 3, 0, 0], "the stamp of the touched file is new");
    assert_eq!(text(&retriever, "b.txt"), "betaa");
}

/// A write in the same step of the clock would leave the time as it is.
#[test]
fn files_of_the_last_seconds_are_hashed() {
    let workplace = Workplace::new();
    let mut retriever = builder().in_memory().unwrap();
    for (age, expected) in [(0, [1, 0, 1, 0]), (1, [1, 0, 1, 0]), (10, [1, 1, 0, 0])] {
        fs::write(workplace.path("a.txt"), format!("alpha {age}")).unwrap();
        set_age(&workplace.path("a.txt"), age);
        retriever.sync_folder(workplace.files()).unwrap();
        assert_eq!(counts(&retriever.sync_folder(workplace.files()).unwrap()), expected, "{age}");
    }
    // A modification time of the future.
    let file = File::options().write(true).open(workplace.path("a.txt")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_hours(1)).unwrap();
    for _ in 0..2 {
        assert_eq!(counts(&retriever.sync_folder(workplace.files()).unwrap()), [1, 0, 1, 0]);
    }
}

/// The time of the last change of metadata shows it. Other systems have none: they do not notice it.
#[cfg(unix)]
#[test]
fn a_modification_time_that_is_set_back_is_noticed() {
    let workplace = Workplace::new();
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let write = |text: &str| {
        fs::write(workplace.path("a.txt"), text).unwrap();
        let file = File::options().write(true).open(workplace.path("a.txt")).unwrap();
        file.set_modified(time).unwrap();
    };
    let mut retriever = builder().in_memory().unwrap();
    write("alpha");
    retriever.sync_folder(workplace.files()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    write("gamma");
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.changed, counts(&report)), (1, [1, 0, 0, 1]));
    assert_eq!(text(&retriever, "a.txt"), "gamma");
}

#[test]
fn unreadable_files_keep_their_articles() {
    let workplace = Workplace::with(&[
        ("a.txt", "alpha"),
        ("b.md", "beta"),
        ("c.jsonl", LINES),
        ("d.txt", "delta"),
        ("e.jsonl", "{\"id\": \"e\", \"text\": \"e\"}"),
    ]);
    let mut retriever = builder().create(workplace.index()).unwrap();
    retriever.sync_folder(workplace.files()).unwrap();

    workplace.write("a.txt", b"w\xE4lder");
    workplace.write("b.md", "---\n: [\n---\nbeta");
    workplace.write("c.jsonl", BAD_LINES);
    fs::remove_file(workplace.path("d.txt")).unwrap();
    workplace.write("e.jsonl", b"\xff\xff\xff");
    for round in 0..3 {
        let report = retriever.sync_folder(workplace.files()).unwrap();
        let first = round == 0;
        assert_eq!((report.removed, report.changed), (usize::from(first), usize::from(first)));
        assert_eq!(report.kept, 4, "{report:?}");
        assert_eq!(keys(&retriever), ["1", "2", "a.txt", "b.md", "e"]);
        assert_eq!((text(&retriever, "1"), text(&retriever, "2")), ("neu".into(), "zwei".into()));
        let unread = |source: &UnreadSource| {
            let path = source.path.as_ref().unwrap();
            let name = path.strip_prefix(workplace.files()).unwrap().to_str().unwrap();
            (name.to_owned(), source.keys.clone().unwrap().join(" "), source.errors.len())
        };
        let unread: Vec<_> = report.unread.iter().map(unread).collect();
        let expected = [("a.txt", "a.txt"), ("b.md", "b.md"), ("c.jsonl", "2"), ("e.jsonl", "e")];
        let expected = expected.map(|(name, keys)| (name.to_owned(), keys.to_owned(), 1));
        assert_eq!(unread, expected);
        assert!(report.unread[0].errors[0].contains("a.txt"), "{report:?}");
        if round == 1 {
            drop(retriever);
            retriever = builder().open(workplace.index()).unwrap();
        }
    }

    workplace.write("a.txt", "alpha");
    fs::remove_file(workplace.path("b.md")).unwrap();
    workplace.write("c.jsonl", "{\"id\": 1, \"text\": \"neu\"}");
    fs::remove_file(workplace.path("e.jsonl")).unwrap();
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.removed, report.kept, report.unread.len()), (3, 0, 0));
    assert_eq!(keys(&retriever), ["1", "a.txt"]);
}

#[cfg(unix)]
#[test]
fn dangling_links_keep_their_articles() {
    let workplace = Workplace::with(&[("target", "alpha"), ("lines", LINES), ("z.txt", "z")]);
    let link = |to: &str, name: &str| {
        _ = fs::remove_file(workplace.path(name));
        std::os::unix::fs::symlink(workplace.path(to), workplace.path(name)).unwrap();
    };
    link("target", "a.txt");
    link("lines", "b.jsonl");
    let mut retriever = builder().in_memory().unwrap();
    assert_eq!(retriever.sync_folder(workplace.files()).unwrap().added, 4);
    link("nowhere", "a.txt");
    link("nowhere", "b.jsonl");
    fs::remove_file(workplace.path("z.txt")).unwrap();
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.kept, report.removed, report.unread.len()), (3, 1, 2));
    // The bytes of the last sync come back.
    link("target", "a.txt");
    link("lines", "b.jsonl");
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.unchanged, report.kept, report.files.parsed), (3, 0, 0));
    // A link that is gone is no file.
    fs::remove_file(workplace.path("b.jsonl")).unwrap();
    assert_eq!(retriever.sync_folder(workplace.files()).unwrap().removed, 2);
}

/// A path over the limit of the system makes a folder unreadable, even for its owner.
#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_folder_keeps_the_articles_below_it() {
    let deep = |root: &Path| {
        let path = (0..15).fold(root.to_owned(), |path, _| path.join("x".repeat(200)));
        fs::create_dir_all(&path).unwrap();
        path
    };
    let workplace = Workplace::with(&[("z.txt", "z")]);
    let folder = workplace.path("sub").join("far");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.txt"), "alpha").unwrap();
    fs::write(folder.join("b.jsonl"), LINES).unwrap();
    let mut retriever = builder().create(workplace.index()).unwrap();
    assert_eq!(retriever.sync_folder(workplace.files()).unwrap().added, 4);

    fs::remove_dir_all(&folder).unwrap();
    let lower = deep(&workplace.0.path().join("lower"));
    let upper = deep(&folder);
    fs::rename(workplace.0.path().join("lower"), upper.join("lower")).unwrap();
    assert!(!lower.exists());
    fs::remove_file(workplace.path("z.txt")).unwrap();
    // The files below the folder are gone, so the articles of other files are removed. Nothing is
    // known of the folder that cannot be listed, so those are kept.
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.kept, report.removed, report.unread.len()), (4, 0, 1), "{report:?}");
    assert_eq!(report.unread[0].keys, None);
    // A folder that is filtered out is none of the files.
    let filtered = ArticleFiles::new(workplace.files()).filter(|path| !path.ends_with("sub/far"));
    let report = retriever.sync_folder(filtered).unwrap();
    assert_eq!((report.removed, report.unread.len()), (4, 0));
}

/// The first sync knows no articles of such a file, which another one may have.
#[test]
fn nothing_is_removed_for_an_unknown_source() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("c.jsonl", BAD_LINES)]);
    let mut retriever = builder().create(workplace.index()).unwrap();
    retriever.sync([Article::new("2", "zwei"), Article::new("3", "drei")]).unwrap();
    for _ in 0..2 {
        let report = retriever.sync_folder(workplace.files()).unwrap();
        assert_eq!((report.removed, report.kept, &report.unread[0].keys), (0, 2, &None));
        assert_eq!(keys(&retriever), ["1", "2", "3", "a.txt"]);
    }
    // A file that is one article has the key of its path.
    workplace.write("c.jsonl", "");
    workplace.write("a.txt", b"\xff");
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.removed, report.kept), (3, 1));
    assert_eq!(keys(&retriever), ["a.txt"]);
}

#[test]
fn an_article_that_cannot_be_stored_is_unread() {
    let title = "t".repeat(17 << 20);
    let line = format!("{{\"id\": 2, \"title\": \"{title}\", \"text\": \"zwei\"}}\n");
    let workplace = Workplace::with(&[("c.jsonl", LINES)]);
    let mut retriever = builder().in_memory().unwrap();
    retriever.sync_folder(workplace.files()).unwrap();
    workplace.write("c.jsonl", format!("{line}{{\"id\": 3, \"text\": \"drei\"}}"));
    let report = retriever.sync_folder(workplace.files()).unwrap();
    // Article 1 can be that of a line that was not read.
    assert_eq!((report.added, report.kept, report.removed), (1, 2, 0), "{:?}", report.files);
    assert_eq!(keys(&retriever), ["1", "2", "3"]);
}

#[test]
fn folders_with_different_prefixes_share_a_corpus() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("c.jsonl", LINES)]);
    let files = |prefix: &str| ArticleFiles::new(workplace.files()).key_prefix(prefix);
    let mut retriever = builder().create(workplace.index()).unwrap();
    retriever.add([Article::new("own", "own")]).unwrap();
    retriever.sync_folder(files("one/")).unwrap();
    retriever.sync_folder(files("two/")).unwrap();
    fs::remove_file(workplace.path("c.jsonl")).unwrap();
    let report = retriever.sync_folder(files("one/")).unwrap();
    assert_eq!((report.removed, counts(&report)), (2, [1, 1, 0, 0]));
    assert_eq!(keys(&retriever), ["one/a.txt", "own", "two/1", "two/2", "two/a.txt"]);
    assert_eq!(workplace.stamp_files().len(), 2);
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.added, report.removed), (1, 5), "without a prefix, all others are removed");
}

#[test]
fn several_folders_are_one() {
    let workplace =
        Workplace::with(&[("a.txt", "alpha"), ("sub/a.txt", "beta"), ("sub/b.txt", "b")]);
    let files = ArticleFiles::new(workplace.files()).recursive(false).also(workplace.path("sub"));
    let mut retriever = builder().in_memory().unwrap();
    for counted in [[3, 0, 0, 3], [3, 3, 0, 0]] {
        let report = retriever.sync_folder(files.clone()).unwrap();
        assert_eq!(counts(&report), counted);
        assert_eq!(report.files.duplicate_keys, ["a.txt"]);
        assert_eq!(text(&retriever, "a.txt"), "beta", "the last file counts");
    }
    fs::remove_file(workplace.path("sub/a.txt")).unwrap();
    let report = retriever.sync_folder(files).unwrap();
    assert_eq!((report.changed, report.removed, report.files.parsed), (1, 0, 1));
    assert_eq!(text(&retriever, "a.txt"), "alpha");
    // Below another folder, the same file has another key.
    workplace.write("sub/a.txt", "beta");
    retriever.sync_folder(workplace.files()).unwrap();
    let report = retriever.sync_folder(workplace.path("sub")).unwrap();
    assert_eq!((keys(&retriever), report.files.parsed), (vec!["a.txt".into(), "b.txt".into()], 2));
}

#[test]
fn changes_by_other_means_are_undone() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("b.txt", "beta"), ("c.jsonl", LINES)]);
    let mut retriever = builder().create(workplace.index()).unwrap();
    retriever.sync_folder(workplace.files()).unwrap();
    retriever.remove("a.txt").unwrap();
    retriever.add([Article::new("1", "other"), Article::new("new", "new")]).unwrap();
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.added, report.changed, report.removed), (1, 1, 1));
    assert_eq!(counts(&report), [3, 1, 0, 2]);
    assert_eq!((keys(&retriever).len(), text(&retriever, "1")), (4, "eins".into()));
    retriever.sync([]).unwrap();
    assert_eq!(retriever.sync_folder(workplace.files()).unwrap().added, 4);
}

#[test]
fn lost_and_damaged_stamps_are_read_again() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("c.jsonl", LINES)]);
    let mut retriever = builder().create(workplace.index()).unwrap();
    retriever.sync_folder(workplace.files()).unwrap();
    let [path] = &workplace.stamp_files()[..] else { panic!("one file") };
    let bytes = fs::read(path).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let mut newer = bytes.clone();
    newer[8] = 2;
    for damaged in [&[][..], b"foreign", &bytes[..bytes.len() - 1], &flipped, &newer] {
        fs::write(path, damaged).unwrap();
        let report = retriever.sync_folder(workplace.files()).unwrap();
        assert_eq!((counts(&report), report.unchanged, report.embedded), ([2, 0, 0, 2], 3, 0));
        assert_eq!(fs::read(path).unwrap(), bytes, "the stamps are written again");
    }
    fs::remove_file(path).unwrap();
    fs::remove_file(workplace.path("a.txt")).unwrap();
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((counts(&report), report.removed), ([1, 0, 0, 1], 1));
    // A backup has no stamps.
    let copy = workplace.0.path().join("copy");
    retriever.backup(&copy).unwrap();
    let report = builder().open(copy).unwrap().sync_folder(workplace.files()).unwrap();
    assert_eq!((counts(&report), report.unchanged), ([1, 0, 0, 1], 2));
}

#[test]
fn other_settings_read_all_files_again() {
    let workplace = Workplace::with(&[("a.txt", "alpha beta gamma delta"), ("c.jsonl", LINES)]);
    let open = |tokens| {
        let builder = builder().chunker(Chunker::default().max_tokens(tokens));
        builder.open_or_create(workplace.index()).unwrap()
    };
    open(100).sync_folder(workplace.files()).unwrap();
    let mut retriever = open(2);
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.changed, counts(&report)), (3, [2, 0, 0, 2]));
    assert!(retriever.passages() > 3);
    let decoding = ArticleFiles::new(workplace.files()).decode(true);
    let report = retriever.sync_folder(decoding.clone()).unwrap();
    assert_eq!((report.unchanged, counts(&report)), (3, [2, 0, 0, 2]));
    assert_eq!(counts(&retriever.sync_folder(decoding).unwrap()), [2, 2, 0, 0]);
}

#[test]
fn the_total_of_files_is_known_from_the_start() {
    let names = (0..20).map(|number| format!("{number}.txt"));
    let workplace = Workplace::new();
    names.for_each(|name| workplace.write(&name, &name));
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let recorder = Arc::clone(&seen);
    let cancel = Cancel::new();
    let cancel_at_5 = cancel.clone();
    let mut retriever = builder()
        .cancel(&cancel)
        .progress(move |progress| {
            recorder.lock().unwrap().push(progress);
            if (progress.phase, progress.done) == (Phase::Read, 5) {
                cancel_at_5.cancel();
            }
        })
        .in_memory()
        .unwrap();
    let read = |progress: &[Progress]| -> Vec<[usize; 2]> {
        let read = progress.iter().filter(|progress| progress.phase == Phase::Read);
        read.map(|progress| [progress.done, progress.total]).collect()
    };
    assert!(matches!(retriever.sync_folder(workplace.files()), Err(Error::Cancelled)));
    assert_eq!(read(&seen.lock().unwrap()), [0, 1, 2, 3, 4, 5].map(|done| [done, 20]));
    assert_eq!(retriever.articles(), 0);
    cancel.reset();
    assert!(matches!(retriever.sync_folder(workplace.files()), Err(Error::Cancelled)));
    assert_eq!(retriever.articles(), 0, "the files of a batch are stored together");
}

#[test]
fn a_sync_counts_its_articles_if_their_number_is_known() {
    let seen: Arc<Mutex<Vec<[usize; 2]>>> = Arc::default();
    let recorder = Arc::clone(&seen);
    let mut retriever = builder()
        .progress(move |progress| {
            if progress.phase == Phase::Read {
                recorder.lock().unwrap().push([progress.done, progress.total]);
            }
        })
        .in_memory()
        .unwrap();
    let articles = |number: usize| Article::new(number.to_string(), "alpha");
    retriever.sync((0..300).map(articles)).unwrap();
    assert_eq!(
        seen.lock().unwrap().drain(..).collect::<Vec<_>>(),
        [[0, 300], [256, 300], [300, 300], [300, 300]]
    );
    retriever.sync((0..300).filter(|number| number % 2 == 0).map(articles)).unwrap();
    assert!(seen.lock().unwrap().is_empty(), "the number is not known");
    let items = [Ok(articles(1)), Err(UnreadSource::article("0", "gone")), Ok(articles(2))];
    retriever.try_sync(items).unwrap();
    assert_eq!(seen.lock().unwrap().last(), Some(&[3, 3]));
}

#[test]
fn try_sync_keeps_what_could_not_be_read() {
    let article = |key: &str, text: &str| Article::new(key, text);
    let mut retriever = builder().in_memory().unwrap();
    retriever.sync(["a", "b", "c", "d"].map(|key| article(key, key))).unwrap();
    let items = [
        Err(UnreadSource::articles(["a", "b", "unknown"], "the disk is gone")),
        Ok(article("b", "beta")),
        Ok(article("e", "e")),
    ];
    let report = retriever.try_sync(items).unwrap();
    assert_eq!((report.added, report.changed, report.removed, report.kept), (1, 1, 2, 1));
    assert_eq!(
        (keys(&retriever), text(&retriever, "b")),
        (["a", "b", "e"].map(String::from).into(), "beta".into())
    );
    assert_eq!(report.unread[0].errors, ["the disk is gone"]);
    // An error without keys can be that of any article.
    let items = [Ok(article("e", "epsilon")), Err(Error::Cancelled)];
    let report = retriever.try_sync(items).unwrap();
    assert_eq!((report.changed, report.removed, report.kept), (1, 0, 2));
    assert_eq!(report.unread[0].keys, None);
    // An article that cannot be added is a fault of the caller, as with `sync`.
    let items = [Ok(article("", "no key")), Err(Error::Cancelled)];
    assert!(matches!(retriever.try_sync(items), Err(Error::EmptyKey { position: 0 })));
}

#[test]
fn a_sync_of_endless_errors_can_be_cancelled() {
    let cancel = Cancel::new();
    let mut retriever = builder().cancel(&cancel).in_memory().unwrap();
    let mut read = 0;
    let items = std::iter::from_fn(|| {
        read += 1;
        if read == 100 {
            cancel.cancel();
        }
        Some(Err::<Article, _>(UnreadSource::article("a", "the disk is gone")))
    });
    assert!(matches!(retriever.try_sync(items), Err(Error::Cancelled)));
    assert_eq!(read, 100);
}

#[test]
fn a_shared_retriever_syncs_folders() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("c.jsonl", LINES)]);
    let retriever = builder().create(workplace.index()).unwrap();
    let shared = retriever.into_shared(CommitSchedule::default()).unwrap();
    shared.add([Article::new("other", "other")]).unwrap();
    let report = shared.sync_folder(workplace.files()).unwrap();
    assert_eq!((report.added, report.removed, shared.searcher().articles()), (3, 1, 3));
    assert_eq!(counts(&shared.sync_folder(workplace.files()).unwrap()), [2, 2, 0, 0]);
    let unread: [Result<Article, UnreadSource>; 1] = [Err(UnreadSource::article("1", "gone"))];
    let report = shared.try_sync(unread).unwrap();
    assert_eq!((report.kept, report.removed), (1, 2));
    shared.close().unwrap();
}

#[test]
fn a_missing_folder_changes_nothing() {
    let workplace = Workplace::with(&[("a.txt", "alpha"), ("b.png", "")]);
    let mut retriever = builder().in_memory().unwrap();
    retriever.sync_folder(workplace.files()).unwrap();
    let missing = ArticleFiles::new(workplace.files()).also(workplace.path("missing"));
    assert!(matches!(retriever.sync_folder(missing), Err(Error::Read { .. })));
    let other = retriever.sync_folder(workplace.path("b.png"));
    assert!(matches!(other, Err(Error::FileKind { .. })));
    assert_eq!(retriever.articles(), 1);
    // A file can be selected, and an empty folder is one without articles.
    assert_eq!(retriever.sync_folder(workplace.path("a.txt")).unwrap().unchanged, 1);
    assert_eq!(retriever.sync_folder(workplace.path("sub")).unwrap().removed, 1);
}

#[test]
fn unknown_fields_are_counted() {
    let workplace =
        Workplace::with(&[("c.jsonl", "{\"id\": 1, \"titel\": \"x\", \"text\": \"\"}")]);
    let mut retriever = builder().in_memory().unwrap();
    let report = retriever.sync_folder(workplace.files()).unwrap();
    assert_eq!(report.files.unknown_fields.get("titel"), Some(&1));
    assert_eq!(report.empty, ["1"]);
}
