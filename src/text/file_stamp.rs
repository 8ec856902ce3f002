//! Stamps of files, by which a sync knows that a file is unchanged.

use std::{
    fs::Metadata,
    time::{SystemTime, UNIX_EPOCH},
};

use xxhash_rust::xxh3::Xxh3Default;

/// Minimum age of a modification time that identifies the content of a file, in nanoseconds.
///
/// File systems count modification times in steps, of 2 seconds on FAT. A file that is written again
/// in the same step keeps its time.
const SETTLED_AFTER: i64 = 3_000_000_000;

/// Length and times of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Length in bytes.
    pub(crate) length: u64,
    /// Time of the last modification, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Time of the last change of content or metadata, in nanoseconds since 1970; 0 on systems other
    /// than Unix. No program can set it back.
    pub(crate) changed: i64,
}

/// Identifies the bytes of a file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    /// `None` if the file may have changed since without another state.
    pub(crate) state: Option<FileState>,
    /// Hash of the bytes.
    pub(crate) hash: [u64; 2],
}

/// Hashes the bytes of a file while they are read.
pub(super) struct StampBuilder {
    before: Option<FileState>,
    started: i64,
    hasher: Box<Xxh3Default>,
}

impl FileState {
    /// The state of a file with this `metadata`; `None` if its times cannot be represented.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        let modified = nanoseconds(metadata.modified().ok()?)?;
        Some(Self { length: metadata.len(), modified, changed: changed(metadata)? })
    }

    /// Whether a later write gives the file another state. `now` is the time before it was read.
    fn is_settled(self, now: i64) -> bool {
        self.modified < now.saturating_sub(SETTLED_AFTER)
    }
}

impl StampBuilder {
    /// Begins before the first byte of a file with this `metadata` is read.
    pub(super) fn new(metadata: &Metadata) -> Self {
        Self {
            before: FileState::of(metadata),
            started: nanoseconds(SystemTime::now()).unwrap_or(i64::MIN),
            hasher: Box::default(),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Ends after the last byte was read. The file now has this `metadata`.
    pub(super) fn finish(self, metadata: &Metadata) -> FileStamp {
        let is_same = FileState::of(metadata) == self.before;
        let state = self.before.filter(|state| is_same && state.is_settled(self.started));
        FileStamp { state, hash: bytemuck::cast(self.hasher.digest128().to_le_bytes()) }
    }
}

/// Nanoseconds from 1970 to `time`; `None` before 1678 and after 2262.
fn nanoseconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).ok(),
        Err(error) => i64::try_from(error.duration().as_nanos()).ok().map(|before| -before),
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;

    metadata.ctime().checked_mul(1_000_000_000)?.checked_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it fails on Unix")]
fn changed(_: &Metadata) -> Option<i64> {
    Some(0)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_new_file_has_a_hash_and_no_state() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = |bytes: &str, age: u64| {
            fs::write(&file, bytes).unwrap();
            let opened = File::options().write(true).open(&file).unwrap();
            opened.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            let metadata = fs::metadata(&file).unwrap();
            let mut builder = StampBuilder::new(&metadata);
            builder.update(bytes.as_bytes());
            builder.finish(&metadata)
        };
        let [new, old, other] = [stamp("alpha", 0), stamp("alpha", 60), stamp("gamma", 60)];
        assert_eq!((new.state, old.state.map(|state| state.length)), (None, Some(5)));
        assert!(new.hash == old.hash && old.hash != other.hash);
        let future = File::options().write(true).open(&file).unwrap();
        future.set_modified(SystemTime::now() + Duration::from_hours(1)).unwrap();
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(StampBuilder::new(&metadata).finish(&metadata).state, None, "not yet");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_has_no_state() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = File::options().write(true).open(&file).unwrap();
        opened.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        let before = fs::metadata(&file).unwrap();
        let builder = StampBuilder::new(&before);
        fs::write(&file, "alpha").unwrap();
        assert_eq!(builder.finish(&fs::metadata(&file).unwrap()).state, None);
        assert_eq!(nanoseconds(UNIX_EPOCH - Duration::from_nanos(5)), Some(-5));
    }
}
