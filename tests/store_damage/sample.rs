//! A small index with files of all kinds, and its right answers.

use std::{
    collections::BTreeMap,
    fs,
    panic::{self, AssertUnwindSafe, catch_unwind},
    path::Path,
};

use passim::{
    Article, Error, Filter, Hits, HnswParams, IndexChoice, Markup, Mode, Query, Result, Retriever,
    RetrieverBuilder, Route, Searcher,
};
use tempfile::TempDir;

use passim_testkit::{
    FakeEmbedder, Seeded,
    counting_allocator::peak_growth,
    crafted_file::{CraftedFile, FileId, file_id},
};

pub const MANIFEST: &str = "manifest.passim";
/// Bytes that reading may allocate beyond the size of the files.
const SPARE_BYTES: usize = 2 << 20;
const PARAMS: HnswParams = HnswParams { m: 4, ef_construction: 12 };
const QUESTIONS: [&str; 2] = ["Moor Wald Zug", "river snow engine Moor"];

/// Contents of files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An index and its right answers.
pub struct Sample {
    folder: TempDir,
    pub files: Files,
    /// The files of an earlier generation.
    pub older: Files,
    right: Answers,
}

/// The answers of an index, or its errors.
struct Answers {
    hits: Vec<Result<Hits>>,
    articles: Vec<Result<Option<Article>>>,
    keys: Result<Vec<String>>,
}

/// The operation that found the damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// Opening the index.
    Opening,
    /// Searching, or reading an article or the keys.
    Reading,
    /// `verify`; all answers were right.
    Verifying,
    /// None.
    Nowhere,
}

pub fn builder(index: IndexChoice) -> RetrieverBuilder {
    Retriever::builder().embedder(FakeEmbedder::new(8)).index(index).merge_threads(0)
}

fn open(path: &Path) -> Result<Retriever> {
    Retriever::builder().embedder(FakeEmbedder::new(8)).open(path)
}

fn article(key: usize, random: &mut Seeded) -> Article {
    const WORDS: [&str; 8] = ["Moor", "Zug", "Brot", "Wald", "bridge", "river", "engine", "snow"];
    let words: Vec<_> = (0..4).map(|_| WORDS[random.below(8)]).collect();
    let text = format!("# Kopf {}\n\n{} und {key}.", key % 5, words.join(" "));
    let article = Article::new(format!("{key}.md"), text).metadata("even", key.is_multiple_of(2));
    article.title(format!("Über {}", words[0])).metadata("key", key.to_string())
}

/// A temporary folder in memory, if the system has one: an fsync there costs nothing.
pub fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn read(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    files.filter(|(name, _)| name != "lock").collect()
}

fn queries() -> impl Iterator<Item = Query> {
    QUESTIONS.into_iter().flat_map(|question| {
        let query = || Query::new(question).k(4);
        let even = query().filter(Filter::equals("even", true));
        [query().mode(Mode::Dense).ef_search(16), query().exact(), even, query().recall(0.3)]
    })
}

impl Answers {
    fn of(searcher: &Searcher) -> Self {
        let keys = ["0.md", "3.md", "77.md", "205.md", "leer.md", "none"];
        Self {
            hits: queries().map(|query| searcher.search(query)).collect(),
            articles: keys.iter().map(|key| searcher.article(key)).collect(),
            keys: searcher.keys().map(|key| key.map(str::to_owned)).collect(),
        }
    }

    /// Whether no answer is an error; panics if an answer differs from `right`.
    fn are_complete(&self, right: &Self) -> bool {
        let hits = self.hits.iter().zip(&right.hits).map(|(one, right)| is_right(one, right));
        let articles = self.articles.iter().zip(&right.articles);
        let articles = articles.map(|(one, right)| is_right(one, right));
        let all: Vec<bool> =
            hits.chain(articles).chain([is_right(&self.keys, &right.keys)]).collect();
        all.into_iter().all(|right| right)
    }
}

pub fn is_right<T: PartialEq + std::fmt::Debug>(answer: &Result<T>, right: &Result<T>) -> bool {
    match answer {
        Ok(answer) => {
            assert_eq!(answer, right.as_ref().unwrap(), "another answer");
            true
        }
        Err(error) => {
            assert!(is_damage(error), "{error:?}");
            false
        }
    }
}

pub fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. } | Error::Version { .. })
}

/// Runs `work` on the index in `folder`; it must neither panic nor allocate much more than the size
/// of the files.
pub fn bounded<T>(folder: &Path, what: &str, work: impl FnOnce() -> T) -> T {
    let (outcome, peak) = peak_growth(|| catch_unwind(AssertUnwindSafe(work)));
    let bytes: u64 =
        fs::read_dir(folder).unwrap().map(|one| one.unwrap().metadata().unwrap().len()).sum();
    let allowed = usize::try_from(bytes).unwrap() + SPARE_BYTES;
    assert!(peak <= allowed, "{what}: {peak} bytes of memory for {bytes} of files");
    outcome.unwrap_or_else(|_| panic!("{what}: a panic, printed above"))
}

impl Sample {
    pub fn new() -> Self {
        // The default hook allocates a backtrace, which would be counted.
        panic::set_hook(Box::new(|info| eprintln!("{info}")));
        let folder = in_memory();
        let mut random = Seeded(5);
        let mut writer = builder(IndexChoice::Hnsw(PARAMS)).create(folder.path()).unwrap();
        writer.add((0..180).map(|key| article(key, &mut random))).unwrap();
        writer.commit().unwrap();
        writer.calibrate(0.3, &QUESTIONS).unwrap();
        writer.remove("7.md").unwrap();
        writer.commit().unwrap();
        drop(writer);
        // So few passages get no graph; the graph of the first segment stays.
        let mut writer = builder(IndexChoice::Auto(PARAMS)).open(folder.path()).unwrap();
        let without_text = Article::new("leer.md", "").markup(Markup::Markdown);
        let later = (200..210).map(|key| article(key, &mut random)).chain([without_text]);
        writer.add(later).unwrap();
        writer.commit().unwrap();
        let older = read(folder.path());
        writer.remove("3.md").unwrap();
        writer.remove("8.md").unwrap();
        writer.calibrate(0.4, &QUESTIONS[..1]).unwrap();
        writer.commit().unwrap();
        let stats = writer.stats();
        assert!(stats.segments.iter().map(|one| one.has_graph).eq([true, false]), "{stats:?}");
        let right = Answers::of(&writer.searcher());
        let by_graph = &right.hits[0].as_ref().unwrap().plan().dense[0];
        assert!(matches!(by_graph.route, Route::Graph { .. }), "{by_graph:?}");
        drop(writer);
        let files = read(folder.path());
        let kinds = ["calibration-", "manifest.", "removals-", "segment-", "segment-"];
        assert!(files.keys().zip(kinds).all(|(name, kind)| name.starts_with(kind)));
        let sample = Self { folder, files, older, right };
        assert_eq!(sample.examine("no damage"), Found::Nowhere);
        sample
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Restores all files.
    pub fn restore(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        self.files.iter().for_each(|(name, bytes)| self.write(name, bytes));
    }

    /// Replaces the file `name` by a new one with `bytes`.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        // Overwriting a file makes some systems flush it at once.
        _ = fs::remove_file(&path);
        fs::write(path, bytes).unwrap();
    }

    /// Examines the index with `bytes` in the file `name`, then restores the file.
    pub fn with(&self, name: &str, bytes: &[u8], what: &str) -> Found {
        self.write(name, bytes);
        let found = self.examine(&format!("{name}: {what}"));
        self.write(name, &self.files[name]);
        found
    }

    /// Reads the whole index; every answer is right or an error that reports damage.
    pub fn examine(&self, what: &str) -> Found {
        bounded(self.path(), what, || {
            let reading = self.read();
            let verified = open(self.path()).and_then(|writer| writer.verify().map(drop));
            let verified = is_right(&verified, &Ok(()));
            match reading {
                Found::Nowhere if !verified => Found::Verifying,
                found => {
                    assert!(!verified || found == Found::Nowhere, "`verify` missed the damage");
                    found
                }
            }
        })
    }

    fn read(&self) -> Found {
        match builder(IndexChoice::Exact).open_searcher(self.path()) {
            Err(error) => {
                assert!(is_damage(&error), "{error:?}");
                Found::Opening
            }
            Ok(searcher) if Answers::of(&searcher).are_complete(&self.right) => Found::Nowhere,
            Ok(_) => Found::Reading,
        }
    }

    /// Writes `bytes` to the file `name` and its new id to the manifest.
    pub fn write_and_name(&self, name: &str, bytes: &[u8]) {
        self.write(name, bytes);
        let mut manifest = CraftedFile::of(&self.files[MANIFEST]);
        let record = &mut manifest.sections[0].bytes;
        let in_record = |id: FileId| id.map(u64::to_le_bytes).concat();
        let old = in_record(file_id(&self.files[name]));
        let at = record.windows(old.len()).position(|window| window == old).unwrap();
        record[at..at + old.len()].copy_from_slice(&in_record(file_id(bytes)));
        self.write(MANIFEST, &manifest.bytes_like(&self.files[MANIFEST]));
    }

    /// Uses an index with forged files in every way: errors must be typed. Returns whether one
    /// occurred.
    pub fn is_refused(&self, what: &str) -> bool {
        let outcome = bounded(self.path(), what, || -> Result<()> {
            let searcher = builder(IndexChoice::Exact).open_searcher(self.path())?;
            let answers = Answers::of(&searcher);
            let mut writer = open(self.path())?;
            let verified = writer.verify().map(drop);
            if verified.is_ok() {
                writer.add([Article::new("new", "Zug und Brot.")])?;
                writer.remove("12.md")?;
                writer.commit()?;
            }
            let errors = answers.hits.into_iter().filter_map(Result::err);
            let errors = errors.chain(answers.articles.into_iter().filter_map(Result::err));
            errors.chain(answers.keys.err()).chain(verified.err()).next().map_or(Ok(()), Err)
        });
        let is_typed = |error: &Error| {
            is_damage(error)
                || matches!(
                    error,
                    Error::NotCalibrated
                        | Error::ModelMismatch { .. }
                        | Error::ModelDrift { .. }
                        | Error::Dimension { .. }
                )
        };
        assert!(outcome.as_ref().err().is_none_or(is_typed), "{what}: {outcome:?}");
        outcome.is_err()
    }
}
