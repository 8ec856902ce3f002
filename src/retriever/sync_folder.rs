//! Synchronization of a corpus with files, of which only the changed ones are read.

use std::{fs, time::Instant};

use tracing::{Span, field, instrument};
use xxhash_rust::xxh3::Xxh3Default;

use super::folder_run::{FileContent, FolderRun};
use crate::{
    Article, ArticleFiles, Error, Result, Retriever, SyncReport,
    store::{
        FileRecord,
        segment::{ArticleDigest, find_article},
    },
    text::{ContentHash, FileState, FoundFile, FoundFiles, ReadArticle, check_articles},
};

impl Retriever {
    /// Makes the corpus equal to the files of a folder and commits. Only files that changed since the
    /// last call are read, and what cannot be read is kept.
    ///
    /// `files` is a path, or [`ArticleFiles`] with settings. The articles are those of
    /// [`read_articles`](crate::read_articles); of several with one key the last one counts. Articles
    /// whose keys do not begin with the [key prefix](ArticleFiles::key_prefix) are left alone, so
    /// folders with different prefixes can share a corpus. Without a prefix all articles that are not
    /// in the files are removed.
    ///
    /// **Unchanged files.** The index records the length, the times and a hash of each file. A file
    /// with the recorded length and times is not opened. If they differ and the hash is equal, the
    /// file is not parsed. In both cases the corpus must have the recorded articles with their
    /// content, so changes by other methods are undone. All files are parsed again after another
    /// release of this crate, with another [chunker](crate::RetrieverBuilder::chunker), and if the record is
    /// lost or damaged; their unchanged articles are not embedded again.
    ///
    /// A change that leaves the length and all times of a file as they were is not noticed. On Unix
    /// these include the time of the last change of its metadata, which programs cannot set. On
    /// other systems, a file of the same length whose modification time is set back is taken for
    /// unchanged. A modification time of less than 3 seconds before the file was read is not relied
    /// on: the next call hashes the file.
    ///
    /// **Unreadable files.** A file or folder that cannot be read, or a line of it, does not end the
    /// call. The articles that it had when it was last read stay as they are, and the report lists
    /// the [errors](SyncReport::unread). If the record does not tell which articles those are, no
    /// article is removed. That is so for JSON Lines and folders that were never read without an
    /// error, and after a call that an error or a crash ended. [`ArticleFiles::filter`] leaves out
    /// what can never be read. A folder that cannot be listed keeps its articles, unless another file
    /// has articles of the same keys.
    ///
    /// **Commits** are those of [`sync`](Self::sync), and so are progress and cancellation.
    /// [`Phase::Read`](crate::Phase::Read) counts files, whose number is known from the start. Cancel
    /// is also checked between files. A corpus in memory keeps its record in memory.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] if one of the selected paths itself does not exist or cannot be read, and
    ///   [`Error::FileKind`] if it is a file of another type. Nothing changes.
    /// - [`Error::Write`] if the record cannot be written. If that happens after the last commit, the
    ///   articles are committed, and the next call reads more files than it must.
    /// - As [`add`](Self::add) and [`commit`](Self::commit), without the errors of invalid articles,
    ///   which are unreadable.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::Retriever;
    ///
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("moor.txt"), "Moore speichern Wasser.")?;
    /// std::fs::write(folder.path().join("zug.txt"), "Der Zug fährt.")?;
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// let report = retriever.sync_folder(&folder)?;
    /// assert_eq!((report.added, report.files.parsed), (2, 2));
    ///
    /// std::fs::write(folder.path().join("moor.txt"), "Moore speichern viel Wasser.")?;
    /// std::fs::remove_file(folder.path().join("zug.txt"))?;
    /// let report = retriever.sync_folder(&folder)?;
    /// assert_eq!((report.changed, report.removed, report.files.parsed), (1, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Two folders in one corpus:
    ///
    /// ```
    /// use passim::{ArticleFiles, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// let samples = ArticleFiles::new("examples/articles");
    /// retriever.sync_folder(samples.clone().key_prefix("old/"))?;
    /// let report = retriever.sync_folder(samples.key_prefix("new/"))?;
    /// assert_eq!((report.added, report.removed, retriever.articles()), (20, 0, 40));
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all, fields(report = field::Empty))]
    pub fn sync_folder(&mut self, files: impl Into<ArticleFiles>) -> Result<SyncReport> {
        let started = Instant::now();
        self.merges.queue().take_failure()?;
        let files = files.into();
        let FoundFiles { files: found, unread } = files.find()?;
        let mut run = self.begin_folder(&files);
        run.sync.report.files.found = found.len();
        self.settings.monitor().report_read(0, found.len());
        // The last article of a key counts. The last file is therefore taken first, so that the
        // articles that it hides are known when their files are compared with the corpus.
        for (taken, file) in found.iter().rev().enumerate() {
            self.settings.cancel.check()?;
            self.sync_file(file, &mut run)?;
            self.settings.monitor().report_read(taken + 1, found.len());
        }
        self.store_batch(&mut run)?;
        for entry in unread {
            run.keep_below(entry);
        }
        self.end_folder(run, started)
    }

    /// Reads the stamps of the last sync of `files`.
    fn begin_folder(&self, files: &ArticleFiles) -> FolderRun {
        let key_prefix = files.prefix().to_owned();
        let stamps = self.corpus.lock().file_stamps(&key_prefix);
        FolderRun::new(key_prefix, stamps, self.reading_fingerprint(files))
    }

    /// Identifies everything besides the bytes of a file that its stored articles depend on.
    fn reading_fingerprint(&self, files: &ArticleFiles) -> [u64; 2] {
        let mut hasher = Xxh3Default::new();
        // Another version may read the same bytes as other articles.
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.update(&self.settings.chunker.fingerprint());
        hasher.update(&[u8::from(files.decodes())]);
        bytemuck::cast(hasher.digest128().to_le_bytes())
    }

    /// Takes the articles of `file`, which is read only if it changed.
    fn sync_file(&mut self, file: &FoundFile, run: &mut FolderRun) -> Result<()> {
        let record = run.take_record(file);
        let metadata = match fs::metadata(file.path()) {
            Ok(metadata) if metadata.is_file() => metadata,
            // Also if the file is gone: the next sync does not find it, and removes its articles.
            Err(source) => {
                let error = Error::Read { path: file.path().to_owned(), source };
                run.keep_file(file, record, FileContent::of_error(&error));
                return Ok(());
            }
            // A link to a folder, or a special file.
            Ok(_) => {
                run.is_outdated |= record.is_some();
                return Ok(());
            }
        };
        let Some(mut record) = record else { return self.read_file(file, None, run) };
        if self.confirm_unchanged(file, FileState::of(&metadata), &mut record, run)? {
            run.take_unchanged(file, record);
            return Ok(());
        }
        self.read_file(file, Some(record), run)
    }

    /// Returns whether `file`, which is in this `state`, has the bytes of its `record`, and the corpus
    /// their articles. Updates the stamp if only the state differs.
    fn confirm_unchanged(
        &self,
        file: &FoundFile,
        state: Option<FileState>,
        record: &mut FileRecord,
        run: &mut FolderRun,
    ) -> Result<bool> {
        let Some(stamp) = record.stamp else { return Ok(false) };
        if !is_record_of(record, file) || !self.has_articles(record, run)? {
            return Ok(false);
        }
        if stamp.state.is_some() && stamp.state == state {
            run.sync.report.files.skipped += 1;
            return Ok(true);
        }
        // An error is met again, and reported, when the file is read.
        let Some(now) = file.stamp().ok().filter(|now| now.hash == stamp.hash) else {
            return Ok(false);
        };
        run.sync.report.files.hashed += 1;
        run.is_outdated |= now != stamp;
        record.stamp = Some(now);
        Ok(true)
    }

    /// Whether the corpus has the articles of `record`, but for those that later files hide.
    fn has_articles(&self, record: &FileRecord, run: &FolderRun) -> Result<bool> {
        for article in &record.articles {
            let is_stored = self.stored_content(&article.key)? == Some(article.content);
            if !is_stored && !self.is_hidden(&article.key, run)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a later file hides the articles of this key: it has one itself, or it cannot be read
    /// and the corpus still has its article.
    fn is_hidden(&self, key: &str, run: &FolderRun) -> Result<bool> {
        if run.sync.given.contains(key) {
            return Ok(true);
        }
        let Some(kept) = run.kept.get(key) else { return Ok(false) };
        Ok(self.stored_content(key)? == Some(*kept))
    }

    /// Hash of the content of the article `key`; `None` if there is no such article.
    fn stored_content(&self, key: &str) -> Result<Option<ContentHash>> {
        let Some(place) = find_article(self.segments(), key)? else { return Ok(None) };
        self.segments()[place.segment].sealed().content_hash(place.number).map(Some)
    }

    /// Reads `file`, and takes its articles.
    fn read_file(
        &mut self,
        file: &FoundFile,
        record: Option<FileRecord>,
        run: &mut FolderRun,
    ) -> Result<()> {
        run.sync.report.files.parsed += 1;
        let mut content = FileContent::default();
        let stamp = file.read(|item| self.take_item(item, &mut content, run))?;
        match stamp.filter(|_| content.is_whole()) {
            Some(stamp) => run.take_read(file, stamp, content),
            None => run.keep_file(file, record, content),
        }
        Ok(())
    }

    /// Takes an article of a file, or an error. Stores a full batch.
    fn take_item(
        &mut self,
        item: Result<ReadArticle>,
        content: &mut FileContent,
        run: &mut FolderRun,
    ) -> Result<()> {
        self.settings.cancel.check()?;
        let ReadArticle { article, unknown_fields } = match item {
            Ok(read) => read,
            Err(error) => {
                content.add_error(&error);
                return Ok(());
            }
        };
        run.sync.report.files.count_unknown(unknown_fields);
        match self.checked_content(&article) {
            Ok(hash) => {
                let is_hidden = self.is_hidden(&article.key, run)?;
                run.take_article(article, hash, is_hidden, content);
            }
            Err(error) => content.add_invalid(article.key, &error),
        }
        if run.batch.is_full() { self.store_batch(run) } else { Ok(()) }
    }

    /// Checks `article` as [`add`](Self::add) does; returns the hash of its content.
    fn checked_content(&self, article: &Article) -> Result<ContentHash> {
        check_articles([article])?;
        Ok(ArticleDigest::of(article, &self.settings.chunker)?.content)
    }

    /// Stores the articles that were read, and commits if a checkpoint is due.
    fn store_batch(&mut self, run: &mut FolderRun) -> Result<()> {
        let batch = run.batch.take();
        if batch.is_empty() {
            return Ok(());
        }
        self.begin_stamps(run)?;
        self.sync_batch(batch, &mut run.sync)
    }

    /// Marks the stored stamps as those of an earlier sync, before the first commit.
    fn begin_stamps(&self, run: &mut FolderRun) -> Result<()> {
        if !run.is_begun {
            self.corpus.lock().begin_file_stamps(&run.key_prefix)?;
            run.is_begun = true;
        }
        Ok(())
    }

    /// Removes the articles of no file, commits, and stores the stamps.
    fn end_folder(&mut self, mut run: FolderRun, started: Instant) -> Result<SyncReport> {
        self.remove_not_given(&mut run.sync, &run.key_prefix)?;
        if self.changed {
            self.begin_stamps(&mut run)?;
        }
        self.commit_changes()?;
        if run.is_begun || run.has_new_stamps() {
            self.corpus.lock().set_file_stamps(&run.key_prefix, run.after)?;
        }
        let mut report = run.sync.report;
        report.unread.sort_by(|a, b| a.path.cmp(&b.path));
        report.files.sort_keys();
        report.seconds = started.elapsed().as_secs_f64();
        Span::current().record("report", field::debug(&report));
        Ok(report)
    }
}

/// Whether `record` can be that of `file`. The key of an article depends on the selected folder, which
/// may be another one now.
fn is_record_of(record: &FileRecord, file: &FoundFile) -> bool {
    let Some(key) = file.single_key() else { return true };
    matches!(&record.articles[..], [article] if article.key == key)
}
