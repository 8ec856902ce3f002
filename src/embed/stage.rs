//! The parallel embedding stage: texts in, vectors out in the same order, whatever the
//! number of workers.

use std::{
    cmp::Reverse,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use serde::Serialize;
use tracing::instrument;

use crate::{Cancel, Embedder, Error, Progress, Result, Role, Vectors};

/// What the embedding of many texts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbedReport {
    /// Texts embedded.
    pub texts: usize,
    /// Their length in the embedder's tokens.
    pub tokens: usize,
    /// Texts over the embedder's limit, of which it read only the beginning.
    pub truncated: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Embeds many texts on several threads.
///
/// Batches of texts of like length are taken from a queue by plain threads, never by
/// workers of a `rayon` pool: a model may wait for such workers itself.
///
/// # Examples
///
/// ```
/// use passim::{EmbedStage, Role, StaticEmbedder};
///
/// let embedder = StaticEmbedder::bundled()?;
/// let (vectors, report) = EmbedStage::new(&embedder)
///     .workers(2)
///     .run(Role::Passage, &["Ein Moor speichert Wasser.", "A bog stores water."])?;
/// assert_eq!((vectors.len(), report.truncated), (2, 0));
/// # Ok::<(), passim::Error>(())
/// ```
pub struct EmbedStage<'a> {
    embedder: &'a dyn Embedder,
    workers: usize,
    batch: usize,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    cancel: Cancel,
}

impl fmt::Debug for EmbedStage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedStage")
            .field("model", self.embedder.identity())
            .field("workers", &self.workers)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl<'a> EmbedStage<'a> {
    /// A stage with as many workers as `embedder` can use.
    pub fn new(embedder: &'a dyn Embedder) -> Self {
        let (workers, cancel) = (embedder.max_workers(), Cancel::new());
        Self { embedder, workers, batch: 32, progress: None, cancel }
    }

    /// Threads to embed on, 1 or more.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Texts that a worker takes at a time, 1 or more.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Calls `progress` after every batch, from the thread that embedded it.
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Ends the run with [`Error::Cancelled`], after the batches under way, when
    /// `cancel` is used.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Embeds `texts`; row `i` of the vectors belongs to `texts[i]`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] without workers or texts in a batch, [`Error::Cancelled`],
    /// and what the embedder returns; [`Error::Rows`] and [`Error::Dimension`] if it
    /// does not return one vector of its dimension for every text.
    #[instrument(level = "debug", skip_all, fields(texts = texts.len(), workers = self.workers))]
    pub fn run(&self, role: Role, texts: &[&str]) -> Result<(Vectors, EmbedReport)> {
        Error::check_setting("workers", self.workers, 1.., "1 or more")?;
        Error::check_setting("batch", self.batch, 1.., "1 or more")?;
        let start = Instant::now();
        let mut order: Vec<usize> = (0..texts.len()).collect();
        // Longest first: texts of a batch are of like length, and no worker is left
        // with a long batch when the others have finished.
        order.sort_by_key(|&at| Reverse(texts[at].len()));
        let queue = Queue::new(self, role, texts, &order);
        let mut batches = queue.drain_on_threads()?;
        batches.sort_unstable_by_key(|batch| batch.at);
        let sorted = Vectors::concat(self.embedder.dim(), batches.iter().map(|b| &b.vectors))?;
        let mut rows = vec![0; order.len()];
        order.iter().enumerate().for_each(|(row, &at)| rows[at] = row);
        let report = EmbedReport {
            texts: texts.len(),
            tokens: batches.iter().map(|batch| batch.tokens).sum(),
            truncated: batches.iter().map(|batch| batch.truncated).sum(),
            seconds: start.elapsed().as_secs_f64(),
        };
        Ok((sorted.select(&rows), report))
    }
}

/// Stops all workers when one of them panics in the user's embedder.
struct StopOnPanic<'q>(&'q Queue<'q>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// What one worker made of one batch.
struct Batch {
    /// Position of the batch in the queue.
    at: usize,
    vectors: Vectors,
    tokens: usize,
    truncated: usize,
}

/// The batches of a run, and the next that no worker has taken.
struct Queue<'a> {
    stage: &'a EmbedStage<'a>,
    role: Role,
    texts: &'a [&'a str],
    batches: Vec<&'a [usize]>,
    next: AtomicUsize,
    reached: Mutex<Progress>,
}

impl<'a> Queue<'a> {
    fn new(
        stage: &'a EmbedStage<'a>,
        role: Role,
        texts: &'a [&'a str],
        order: &'a [usize],
    ) -> Self {
        let reached = Mutex::new(Progress { done: 0, total: texts.len(), tokens: 0 });
        let batches = order.chunks(stage.batch).collect();
        Self { stage, role, texts, batches, next: AtomicUsize::new(0), reached }
    }

    /// Embeds all batches; the order of the result is that in which they were done.
    fn drain_on_threads(&self) -> Result<Vec<Batch>> {
        let workers = self.stage.workers.min(self.batches.len());
        if workers <= 1 {
            return self.drain();
        }
        thread::scope(|scope| {
            let threads: Vec<_> = (0..workers)
                .map(|_| thread::Builder::new().spawn_scoped(scope, || self.drain()))
                .collect();
            let mut all = Vec::with_capacity(self.batches.len());
            let mut failed = None;
            for thread in threads {
                match thread {
                    Err(error) => {
                        self.stop();
                        failed = Some(Error::Threads(error.into()));
                    }
                    Ok(thread) => match thread.join() {
                        Ok(Ok(batches)) => all.extend(batches),
                        Ok(Err(error)) => failed = Some(error),
                        // A panic of the user's embedder goes on in the user's thread.
                        Err(panic) => std::panic::resume_unwind(panic),
                    },
                }
            }
            failed.map_or(Ok(all), Err)
        })
    }

    /// Embeds batches until none is left.
    fn drain(&self) -> Result<Vec<Batch>> {
        let _guard = StopOnPanic(self);
        let mut done = Vec::new();
        while let Some((at, batch)) = self.claim() {
            let embedded = self.stage.cancel.check().and_then(|()| self.embed(at, batch));
            done.push(embedded.inspect_err(|_| self.stop())?);
        }
        Ok(done)
    }

    /// The next batch that no worker has taken, with its position.
    fn claim(&self) -> Option<(usize, &'a [usize])> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        self.batches.get(at).map(|batch| (at, *batch))
    }

    /// Leaves nothing for the other workers to do: the result is lost anyway.
    fn stop(&self) {
        self.next.store(self.batches.len(), Ordering::Relaxed);
    }

    fn embed(&self, at: usize, batch: &[usize]) -> Result<Batch> {
        let embedder = self.stage.embedder;
        let texts: Vec<&str> = batch.iter().map(|&at| self.texts[at]).collect();
        let (mut tokens, mut truncated) = (0, 0);
        for text in &texts {
            let count = embedder.count_tokens(text)?;
            tokens += count;
            truncated += usize::from(embedder.max_tokens().is_some_and(|limit| count > limit));
        }
        let vectors = embedder.embed(self.role, &texts)?;
        if vectors.len() != texts.len() {
            return Err(Error::Rows { expected: texts.len(), got: vectors.len() });
        }
        self.report(texts.len(), tokens);
        Ok(Batch { at, vectors, tokens, truncated })
    }

    /// Counts a batch and tells the user; one at a time, so that counts only grow.
    fn report(&self, texts: usize, tokens: usize) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.done += texts;
        reached.tokens += tokens;
        if let Some(progress) = self.stage.progress {
            progress(*reached);
        }
    }
}
