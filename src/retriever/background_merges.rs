//! The thread of background merges: when it starts and ends.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{
    merge_queue::{MergeQueue, MergeRequest},
    merge_thread::MergeThread,
};
use crate::{Cancel, Error, Result, Retriever, work::panic_message};

/// The background merges of a retriever. Dropping it ends the running merge and waits for its thread.
#[derive(Debug)]
pub(super) struct BackgroundMerges {
    /// Number of threads; 0 if commits merge.
    threads: usize,
    queue: Arc<MergeQueue>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundMerges {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, queue: Arc::default(), thread: None }
    }

    /// Whether merges run in the background, not in commits.
    pub(super) fn are_on(&self) -> bool {
        self.threads > 0
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn queue(&self) -> &Arc<MergeQueue> {
        &self.queue
    }

    /// Requests merges, by `work` if no thread runs.
    fn request(&mut self, work: MergeThread) -> MergeRequest {
        let (request, is_first) = self.queue.request();
        if is_first {
            // The last thread has ended, or is about to.
            self.join();
            let thread = thread::Builder::new().name("passim-merge".to_owned());
            match thread.spawn(move || work.run()) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => self.queue.fail(Error::Threads(error.into())),
            }
        }
        request
    }

    /// Ends the running merge, whose work is lost, and waits for its thread.
    pub(super) fn stop(&mut self) {
        self.queue.cancel().cancel();
        self.join();
        self.queue.cancel().reset();
    }

    fn join(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if let Err(panic) = thread.join() {
            let panic = panic_message(&*panic);
            tracing::error!(panic, "the thread of background merges panicked");
            self.queue.stop();
        }
    }
}

impl Drop for BackgroundMerges {
    fn drop(&mut self) {
        self.queue.cancel().cancel();
        self.join();
    }
}

impl Retriever {
    /// Waits until the segments of the last commit are merged and their graphs are built, by the
    /// threads of [`merge_threads`](crate::RetrieverBuilder::merge_threads). Starts merges that an
    /// earlier retriever of the index has not finished.
    ///
    /// Until then searches compare all passages of the segments that wait for a graph: they find the
    /// same or more, but take longer. A program that ends after a commit calls this before, since
    /// dropping a retriever ends merges. Uncommitted changes stay uncommitted. Without background
    /// merges it returns at once.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundMerge`] if a merge failed, now or since the last call that reported it.
    ///   The corpus is unharmed.
    /// - [`Error::Cancelled`] by the [handle](crate::RetrieverBuilder::cancel) of the retriever. The
    ///   merges go on.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, HnswParams, IndexChoice, Retriever};
    ///
    /// let graph = IndexChoice::Hnsw(HnswParams::default());
    /// let mut retriever = Retriever::builder().index(graph).in_memory()?;
    /// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
    /// retriever.commit()?;
    /// retriever.wait_for_merges()?;
    /// assert!(retriever.stats().segments[0].has_graph);
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn wait_for_merges(&mut self) -> Result<()> {
        self.merges.queue().take_failure()?;
        while let Some(request) = self.request_merges() {
            if self.merges.queue().wait(request, &self.settings.cancel)? {
                break;
            }
        }
        self.follow_merges()
    }

    /// Starts the merges that the last commit needs, unless one failed recently.
    pub(super) fn start_merges(&mut self) {
        if !self.merges.queue().is_pausing() {
            self.request_merges();
        }
    }

    /// Requests the merges that the last commit needs; `None` if it needs none and none runs.
    pub(super) fn request_merges(&mut self) -> Option<MergeRequest> {
        let work = self.merge_thread();
        if self.merges.are_on() && work.is_due() {
            Some(self.merges.request(work))
        } else {
            self.merges.queue().running_request()
        }
    }

    /// The handle that ends waiting for merges.
    pub(super) fn cancel_handle(&self) -> &Cancel {
        &self.settings.cancel
    }

    fn merge_thread(&self) -> MergeThread {
        MergeThread {
            corpus: Arc::clone(&self.corpus),
            queue: Arc::clone(self.merges.queue()),
            threads: self.merges.threads(),
            index: self.settings.index,
            dim: self.embedder().dim(),
            progress: self.settings.progress.clone(),
        }
    }
}
