//! Backups of an index in a folder.

use std::path::Path;

use tracing::instrument;

use super::searcher::SnapshotSource;
use crate::{
    BackupReport, Error, Result, Retriever, Searcher,
    store::{self, CorpusContents},
};

impl Retriever {
    /// Copies the last commit to the folder at `path`, which is empty or does not exist.
    ///
    /// The copy is an index of its own: open it like any other. Uncommitted changes and the
    /// embedding cache are not copied. Every byte is compared with its checksum on the way, and
    /// bytes are copied, not linked, because a link would share its damage with the original.
    ///
    /// The copy becomes an index in its last step, once all of its files are fsynced. A crash or a
    /// power cut leaves a folder that does not open, and an error removes what was copied. The
    /// exception is a failed fsync of the folder after the last step: the copy is whole, but may not
    /// survive a power cut.
    ///
    /// # Errors
    ///
    /// - [`Error::NotInFolder`] for a corpus in memory.
    /// - [`Error::FolderNotEmpty`] if the folder has files, such as those of another backup.
    /// - [`Error::Locked`] if another backup to this folder is under way.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    /// - [`Error::Read`] or [`Error::Write`] if a file cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever, Searcher};
    ///
    /// # let temp = tempfile::tempdir().unwrap();
    /// # let folder = temp.path().join("index");
    /// # let copy = temp.path().join("backup");
    /// let mut retriever = Retriever::create(&folder)?;
    /// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
    /// retriever.commit()?;
    /// assert_eq!(retriever.backup(&copy)?.generation, 1);
    ///
    /// assert_eq!(Searcher::open(&copy)?.search("peat bogs")?[0].article, "moor.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all)]
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.searcher.backup(path)
    }
}

impl Searcher {
    /// Copies the last commit to the folder at `path`, as [`Retriever::backup`] does.
    ///
    /// A writer can commit meanwhile; the copy is one of its commits. It is the last one when the
    /// backup starts, which may be newer than the one that this searcher answers from.
    ///
    /// # Errors
    ///
    /// As [`Retriever::backup`].
    #[instrument(level = "debug", skip_all)]
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        let SnapshotSource::Folder(folder) = &self.source else { return Err(Error::NotInFolder) };
        store::copy_generation::<CorpusContents>(folder, path.as_ref())
    }
}
