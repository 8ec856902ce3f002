//! Long work from outside: how far it is, and how to stop it.

pub(crate) mod parallel;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{Error, Result};

/// What a long operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Embedding texts.
    Embed,
    /// Linking vectors into a graph.
    BuildGraph,
}

/// How far a long operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is counted.
    pub phase: Phase,
    /// Texts embedded, or vectors linked, so far.
    pub done: usize,
    /// Texts to embed, or vectors to link, in all; in a [sync](crate::Retriever::sync) as far
    /// as it is known yet.
    pub total: usize,
    /// Tokens embedded so far; 0 while vectors are linked.
    pub tokens: usize,
}

/// Whom long work tells how far it is, and who may end it.
#[derive(Clone, Copy)]
pub(crate) struct WorkMonitor<'a> {
    cancel: &'a Cancel,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl<'a> WorkMonitor<'a> {
    pub(crate) fn new(cancel: &'a Cancel, progress: Option<&'a (dyn Fn(Progress) + Sync)>) -> Self {
        Self { cancel, progress }
    }

    /// [`Error::Cancelled`] if the work is to end.
    pub(crate) fn check(self) -> Result<()> {
        self.cancel.check()
    }

    /// Tells that `done` vectors of `total` are linked.
    pub(crate) fn linked(self, done: usize, total: usize) {
        if let Some(progress) = self.progress {
            progress(Progress { phase: Phase::BuildGraph, done, total, tokens: 0 });
        }
    }
}

/// Stops an operation that runs in another thread; clones stop the same one.
///
/// # Examples
///
/// ```
/// use passim::Cancel;
///
/// let cancel = Cancel::new();
/// let for_ctrl_c = cancel.clone();
/// for_ctrl_c.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A handle that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the operation to end with [`Error::Cancelled`] as soon as it can.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Makes the handle usable again.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// [`Error::Cancelled`] if [`cancel`](Self::cancel) was called.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}
