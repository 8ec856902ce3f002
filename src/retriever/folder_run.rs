//! State of a running sync of files: the records of its files, old and new, and what it keeps.

use std::{
    collections::BTreeMap,
    path::{MAIN_SEPARATOR, PathBuf},
};

use super::sync::SyncRun;
use crate::{
    Article, Error, UnreadSource,
    store::{FileRecord, FolderStamps, RecordedArticle},
    text::{ArticleBatch, ContentHash, FileStamp, FoundFile, UnreadEntry, key_hash, with_causes},
};

/// State of a running sync of files.
pub(super) struct FolderRun {
    pub(super) key_prefix: String,
    pub(super) sync: SyncRun,
    /// Articles that were read and not yet stored.
    pub(super) batch: ArticleBatch,
    /// Articles of files that cannot be read now, with the content that was read last.
    pub(super) kept: BTreeMap<String, ContentHash>,
    /// Records of earlier syncs that were not taken yet.
    before: BTreeMap<String, FileRecord>,
    /// Records of this sync.
    pub(super) after: FolderStamps,
    /// Whether a record of this sync differs from the one before.
    pub(super) is_outdated: bool,
    /// Whether the stored stamps are marked as those of an earlier sync.
    pub(super) is_begun: bool,
}

/// The articles and errors of a file that is read.
#[derive(Default)]
pub(super) struct FileContent {
    articles: BTreeMap<String, ContentHash>,
    /// Keys of articles that cannot be stored.
    invalid: Vec<String>,
    errors: Vec<String>,
}

/// Content of an article that was never read, which no article has.
const UNREAD: ContentHash = [0; 2];

impl FileContent {
    /// The content of a file that cannot be read at all.
    pub(super) fn of_error(error: &Error) -> Self {
        Self { errors: vec![with_causes(error)], ..Self::default() }
    }

    pub(super) fn add_error(&mut self, error: &Error) {
        self.errors.push(with_causes(error));
    }

    pub(super) fn add_invalid(&mut self, key: String, error: &Error) {
        self.add_error(error);
        self.invalid.push(key);
    }

    /// Whether every article was read.
    pub(super) fn is_whole(&self) -> bool {
        self.errors.is_empty()
    }
}

impl FolderRun {
    /// Begins a sync by the current rules and settings, whose hash is `fingerprint`, after that which
    /// left `stamps`.
    pub(super) fn new(key_prefix: String, stamps: FolderStamps, fingerprint: [u64; 2]) -> Self {
        let FolderStamps { fingerprint: stored, files: mut before, is_finished } = stamps;
        for record in before.values_mut() {
            // A sync that did not end may have committed articles that are not recorded.
            record.is_complete &= is_finished;
            record.stamp = record.stamp.filter(|_| stored == fingerprint);
        }
        let after = FolderStamps { fingerprint, files: BTreeMap::new(), is_finished: true };
        Self {
            key_prefix,
            sync: SyncRun::default(),
            batch: ArticleBatch::new(),
            kept: BTreeMap::new(),
            before,
            after,
            is_outdated: stored != fingerprint || !is_finished,
            is_begun: false,
        }
    }

    /// Whether the records of this sync differ from those before.
    pub(super) fn has_new_stamps(&self) -> bool {
        self.is_outdated || !self.before.is_empty()
    }

    /// Takes the record of `file`; `None` if it has none.
    pub(super) fn take_record(&mut self, file: &FoundFile) -> Option<FileRecord> {
        self.before.remove(file.name()?)
    }

    /// Takes the articles of an unchanged `file`, which are those of `record`.
    pub(super) fn take_unchanged(&mut self, file: &FoundFile, record: FileRecord) {
        for article in &record.articles {
            if self.sync.given.contains(&article.key) {
                self.sync.report.files.duplicate_keys.push(article.key.clone());
            } else {
                self.sync.report.unchanged += 1;
            }
        }
        self.sync.given.add(record.articles.iter().map(|article| key_hash(&article.key)));
        self.is_outdated |= !record.is_complete;
        self.set_record(file, FileRecord { is_complete: true, ..record });
    }

    /// Takes an article with this content, which is stored unless a later file hides it.
    pub(super) fn take_article(
        &mut self,
        article: Article,
        content: ContentHash,
        is_hidden: bool,
        file: &mut FileContent,
    ) {
        let earlier = file.articles.insert(article.key.clone(), content);
        if is_hidden || earlier.is_some() {
            self.sync.report.files.duplicate_keys.push(article.key.clone());
        }
        if !is_hidden {
            self.batch.push(article);
        }
    }

    /// Records a `file` that was read, with all of its articles.
    pub(super) fn take_read(&mut self, file: &FoundFile, stamp: FileStamp, content: FileContent) {
        self.give(&content.articles);
        let articles = recorded(content.articles);
        let record = FileRecord { stamp: Some(stamp), is_complete: true, articles };
        self.is_outdated = true;
        self.set_record(file, record);
    }

    /// Keeps the articles of a `file` of which some, or all, could not be read.
    ///
    /// They are those of its `record` and of the lines that could be read.
    pub(super) fn keep_file(
        &mut self,
        file: &FoundFile,
        record: Option<FileRecord>,
        content: FileContent,
    ) {
        let FileContent { articles, invalid, errors } = content;
        let is_unread = articles.is_empty() && invalid.is_empty();
        let before = record.clone();
        let FileRecord { stamp, is_complete, articles: earlier } = record.unwrap_or_default();
        let is_complete = is_complete || file.single_key().is_some();
        let mut kept: BTreeMap<String, ContentHash> = BTreeMap::new();
        let single = file.single_key().map(str::to_owned);
        kept.extend(invalid.into_iter().chain(single).map(|key| (key, UNREAD)));
        kept.extend(earlier.into_iter().map(|article| (article.key, article.content)));
        let is_unread_now = |(key, _): &(&String, _)| !articles.contains_key(*key);
        let hiding = kept.iter().filter(is_unread_now);
        for (key, content) in hiding {
            // The last of several files counts, and files are taken last to first.
            self.kept.entry(key.clone()).or_insert(*content);
        }
        self.give(&articles);
        let keys = kept.keys().filter(|key| !articles.contains_key(*key)).cloned().collect();
        self.keep(file.path().to_owned(), keys, is_complete, errors);
        kept.extend(articles);
        // The bytes of the record may come back.
        let stamp = stamp.filter(|_| is_unread);
        let record = FileRecord { stamp, is_complete, articles: recorded(kept) };
        self.is_outdated |= before.as_ref() != Some(&record);
        self.set_record(file, record);
    }

    /// Keeps the articles of the files at or below a path that could not be listed.
    pub(super) fn keep_below(&mut self, entry: UnreadEntry) {
        let UnreadEntry { path, name, error, .. } = entry;
        let names = name.map(|name| self.names_below(&name)).unwrap_or_default();
        let mut is_complete = !names.is_empty();
        let mut keys = Vec::new();
        for name in names {
            let record = self.before.remove(&name).expect("`names_below` returns names of records");
            is_complete &= record.is_complete;
            keys.extend(record.articles.iter().map(|article| article.key.clone()));
            self.after.files.insert(name, record);
        }
        self.keep(path, keys, is_complete, vec![with_causes(&error)]);
    }

    /// Returns the names of the records at or below the path `name`.
    fn names_below(&self, name: &str) -> Vec<String> {
        let below = format!("{}{MAIN_SEPARATOR}", name.trim_end_matches(MAIN_SEPARATOR));
        let own = self.before.get_key_value(name).map(|(name, _)| name);
        let files = self.before.range(below.clone()..).map(|(name, _)| name);
        own.into_iter().chain(files.take_while(|name| name.starts_with(&below))).cloned().collect()
    }

    /// Keeps the articles of `keys`; all articles unless these are complete.
    fn keep(&mut self, path: PathBuf, keys: Vec<String>, is_complete: bool, errors: Vec<String>) {
        let keys = is_complete.then_some(keys);
        let source = UnreadSource { path: Some(path), keys, errors };
        self.sync.given.keep(&source);
        self.sync.report.unread.push(source);
    }

    fn give(&mut self, articles: &BTreeMap<String, ContentHash>) {
        self.sync.given.add(articles.keys().map(|key| key_hash(key)));
    }

    /// Records `file`. A file that is selected twice has the record of the last time.
    fn set_record(&mut self, file: &FoundFile, record: FileRecord) {
        if let Some(name) = file.name() {
            self.after.files.entry(name.to_owned()).or_insert(record);
        }
    }
}

fn recorded(articles: BTreeMap<String, ContentHash>) -> Vec<RecordedArticle> {
    let article = |(key, content)| RecordedArticle { key, content };
    articles.into_iter().map(article).collect()
}

#[cfg(test)]
mod tests {
    use std::{io, path::MAIN_SEPARATOR_STR};

    use super::*;

    fn record(keys: &[&str], is_complete: bool) -> FileRecord {
        let article = |key: &&str| RecordedArticle { key: (*key).to_owned(), content: [1, 2] };
        FileRecord { stamp: None, is_complete, articles: keys.iter().map(article).collect() }
    }

    fn run(files: &[(&str, FileRecord)], is_finished: bool) -> FolderRun {
        let files = files
            .iter()
            .map(|(name, record)| (name.replace('/', MAIN_SEPARATOR_STR), record.clone()));
        let stamps = FolderStamps { fingerprint: [0; 2], files: files.collect(), is_finished };
        FolderRun::new(String::new(), stamps, [0; 2])
    }

    /// The keys that are kept for the path `name`, which cannot be listed.
    fn kept(run: &mut FolderRun, name: Option<&str>) -> Option<Vec<String>> {
        let path = PathBuf::from(name.unwrap_or("?"));
        let error = Error::read(&path)(io::Error::other("refused"));
        let name = name.map(|name| name.replace('/', MAIN_SEPARATOR_STR));
        run.keep_below(UnreadEntry { path, name, error, is_root: false });
        run.sync.report.unread.pop().expect("a source was added").keys
    }

    #[test]
    fn a_folder_keeps_the_articles_of_its_records() {
        let files = [
            ("/a", record(&["other"], true)),
            ("/a/b", record(&["itself"], true)),
            ("/a/b-c/d.txt", record(&["beside"], true)),
            ("/a/b/c.txt", record(&["c"], true)),
            ("/a/b/d/e.jsonl", record(&["1", "2"], true)),
            ("/a/bc.txt", record(&["after"], true)),
        ];
        let mut started = run(&files, true);
        let keys = kept(&mut started, Some("/a/b")).expect("all records are complete");
        assert_eq!(keys, ["itself", "c", "1", "2"]);
        let below: Vec<_> = started.after.files.into_keys().collect();
        assert_eq!(below.len(), 3, "the records are those of the next sync, too: {below:?}");
        assert_eq!(started.before.len(), 3);
    }

    #[test]
    fn a_folder_without_complete_records_keeps_everything() {
        let files = [("/a/b.txt", record(&["b"], true)), ("/a/c.jsonl", record(&["1"], false))];
        assert_eq!(kept(&mut run(&files, true), Some("/a")), None);
        assert_eq!(kept(&mut run(&files[..1], true), Some("/a")).expect("complete"), ["b"]);
        assert_eq!(kept(&mut run(&files[..1], false), Some("/a")), None, "that sync did not end");
        assert_eq!(kept(&mut run(&files, true), Some("/other")), None);
        assert_eq!(kept(&mut run(&files, true), None), None);
    }
}
