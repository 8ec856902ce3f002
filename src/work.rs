//! Progress and cancellation of long operations, threads and buffers that they share.

#[cfg(any(feature = "http", feature = "postgres"))]
pub(crate) mod backoff;
mod fair_mutex;
mod interrupt;
mod latest;
mod model_call;
pub(crate) mod parallel;
mod scratch_pool;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub(crate) use fair_mutex::FairMutex;
pub use interrupt::{Interrupt, InterruptReason};
pub(crate) use latest::Latest;
pub(crate) use model_call::{call_model, panic_message};

use crate::{Error, Result};

pub(crate) use scratch_pool::ScratchPool;

/// Phase of a long operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Taking the articles of a [sync](crate::Retriever::sync), or the files of
    /// [`sync_folder`](crate::Retriever::sync_folder). It is reported if their number is known from the
    /// start, and the other phases are reported in between.
    Read,
    /// Embedding texts.
    Embed,
    /// Adding vectors to a graph.
    BuildGraph,
}

/// Progress of a long operation, passed to the callback of
/// [`RetrieverBuilder::progress`](crate::RetrieverBuilder::progress), of `postgres::CorpusBuilder` or
/// [`HnswIndex::build_monitored`](crate::HnswIndex::build_monitored).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Phase that the numbers refer to.
    pub phase: Phase,
    /// Number of articles or files taken, of texts embedded, or of vectors added, so far. A vector is
    /// added to the lowest layer of a graph in four stages; each counts as a quarter.
    pub done: usize,
    /// Number of articles or files to take, of texts to embed, or of vectors to add. During a
    /// [sync](crate::Retriever::sync) the number of texts grows as articles are taken.
    pub total: usize,
    /// Number of tokens embedded so far; 0 in other phases than [`Phase::Embed`].
    pub tokens: usize,
}

/// Progress callback that threads share.
pub(crate) type ProgressCallback = Arc<dyn Fn(Progress) + Send + Sync>;

/// Progress callback and cancellation handle of a long operation.
#[derive(Clone, Copy)]
pub(crate) struct WorkMonitor<'a> {
    cancel: &'a Cancel,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl<'a> WorkMonitor<'a> {
    pub(crate) fn new(cancel: &'a Cancel, progress: Option<&'a (dyn Fn(Progress) + Sync)>) -> Self {
        Self { cancel, progress }
    }

    /// Returns this monitor without progress reports.
    pub(crate) fn silent(self) -> Self {
        Self { progress: None, ..self }
    }

    /// Checks that the operation is not cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if it is.
    pub(crate) fn check(self) -> Result<()> {
        self.cancel.check()
    }

    /// Reports that `done` of `total` articles or files were taken.
    pub(crate) fn report_read(self, done: usize, total: usize) {
        if let Some(progress) = self.progress {
            progress(Progress { phase: Phase::Read, done, total, tokens: 0 });
        }
    }

    /// Reports that the build of a graph is done for `done` of `total` vectors.
    pub(crate) fn report_linked(self, done: usize, total: usize) {
        if let Some(progress) = self.progress {
            progress(Progress { phase: Phase::BuildGraph, done, total, tokens: 0 });
        }
    }
}

/// Handle that cancels long operations from another thread.
///
/// Clones share their state.
///
/// # Examples
///
/// ```
/// use passim::Cancel;
///
/// let cancel = Cancel::new();
/// let clone = cancel.clone();
/// std::thread::spawn(move || clone.cancel()).join().unwrap();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Creates a handle that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the running operation, and each later one, with [`Error::Cancelled`] as soon as it
    /// checks the handle, until [`reset`](Self::reset) is called.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Clears the cancellation, so that operations run again.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Returns whether [`cancel`](Self::cancel) was called since the last
    /// [`reset`](Self::reset).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns whether the handles share their state.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Checks that the handle is not cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if it is.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}
