//! The parallel embedding stage. Its vectors are in the order of the texts and do not depend on the
//! number of threads.

use std::{
    cmp::Reverse,
    fmt,
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use rustc_hash::FxHashMap;
use serde::Serialize;
use tracing::{Span, field, instrument};

use super::{
    EmbeddedTexts,
    cache::{CachedRows, EmbeddingCache},
    token_batches::batches,
};
use crate::{
    Cancel, Embedder, Error, Interrupt, LongTexts, Phase, Progress, Result, Role, Vectors,
    vector::VectorRow, work::parallel::parallel_map,
};

/// Counts of one run of an [`EmbedStage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbedReport {
    /// Number of texts given.
    pub texts: usize,
    /// Texts whose vectors came from the [cache](EmbedStage::cache).
    pub cached: usize,
    /// Texts that equal an earlier text of the run and share its new vector.
    pub repeated: usize,
    /// Total length of the embedded texts, in tokens of the embedder.
    pub tokens: usize,
    /// Embedded texts over the embedder's limit that it embedded [in pieces](LongTexts::Split).
    pub split: usize,
    /// Embedded texts over the embedder's limit that it [cut](LongTexts::Cut). Texts found in the
    /// cache are not counted.
    pub truncated: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl EmbedReport {
    /// Adds the counts of this run to the progress of the next one of the same operation.
    pub(crate) fn added_to(self, reached: Progress) -> Progress {
        Progress {
            done: self.texts + reached.done,
            total: self.texts + reached.total,
            tokens: self.tokens + reached.tokens,
            ..reached
        }
    }

    /// Counts the next run of the same operation for [`added_to`](Self::added_to).
    pub(crate) fn count(&mut self, run: Self) {
        self.texts += run.texts;
        self.tokens += run.tokens;
    }
}

/// Embeds many texts on several threads.
///
/// Plain threads take batches of texts of similar length from a queue. They are not workers of a
/// `rayon` pool, because a model may itself wait for such workers. The batches depend on the texts
/// and on `batch_tokens`, not on the number of threads. A text that is given several times is
/// embedded once.
///
/// # Asynchronous code
///
/// [`run`](Self::run) blocks: call it by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{EmbedStage, Role, StaticEmbedder};
///
/// let embedder = StaticEmbedder::bundled()?;
/// let (vectors, report) = EmbedStage::new(&embedder)
///     .embed_threads(2)
///     .run(Role::Passage, &["Ein Moor speichert Wasser.", "A bog stores water."])?;
/// assert_eq!((vectors.len(), report.truncated), (2, 0));
/// # Ok::<(), passim::Error>(())
/// ```
pub struct EmbedStage<'a> {
    embedder: &'a dyn Embedder,
    embed_threads: usize,
    batch_tokens: usize,
    batch_texts: usize,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    interrupt: Interrupt<'a>,
    cache: Option<EmbeddingCache>,
}

impl fmt::Debug for EmbedStage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedStage")
            .field("model", self.embedder.identity())
            .field("embed_threads", &self.embed_threads)
            .field("batch_tokens", &self.batch_tokens)
            .field("batch_texts", &self.batch_texts)
            .finish_non_exhaustive()
    }
}

impl<'a> EmbedStage<'a> {
    /// Creates a stage with the [number of threads](Embedder::max_concurrency) and the batch size, in
    /// [tokens](Embedder::batch_tokens) and [texts](Embedder::batch_texts), that `embedder` prefers.
    pub fn new(embedder: &'a dyn Embedder) -> Self {
        Self {
            embedder,
            embed_threads: embedder.max_concurrency(),
            batch_tokens: embedder.batch_tokens(),
            batch_texts: embedder.batch_texts(),
            progress: None,
            interrupt: Interrupt::none(),
            cache: None,
        }
    }

    /// Sets the maximum number of threads that embed, 1 or more.
    #[must_use]
    pub fn embed_threads(mut self, embed_threads: usize) -> Self {
        self.embed_threads = embed_threads;
        self
    }

    /// Sets the maximum number of tokens of a batch, 1 or more. A longer text is a batch of its own.
    ///
    /// Progress is reported once per batch, and the stage checks for cancellation before each. One
    /// call of the embedder receives one batch; the embedder chooses how many of its texts share a
    /// run of the model.
    #[must_use]
    pub fn batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens;
        self
    }

    /// Sets the maximum number of texts of a batch, 1 or more.
    #[must_use]
    pub fn batch_texts(mut self, texts: usize) -> Self {
        self.batch_texts = texts;
        self
    }

    /// Calls `progress` after every batch, from the thread that embedded it.
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Ends the run with [`Error::Cancelled`] once `cancel` is used. An embedder that ignores its
    /// [`Interrupt`] completes the batches under way first.
    #[must_use]
    pub fn cancel(self, cancel: &'a Cancel) -> Self {
        self.interrupt(Interrupt::new(None, Some(cancel)))
    }

    /// Ends the run with [`Error::Cancelled`] or [`Error::TimedOut`] once `interrupt` is due.
    /// Replaces the handle of [`cancel`](Self::cancel).
    #[must_use]
    pub fn interrupt(mut self, interrupt: Interrupt<'a>) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Takes vectors from `cache` and embeds only the texts that are not in it.
    ///
    /// New vectors enter the cache batch by batch. After an error no further batch starts, but the
    /// batches under way are completed, and the vectors of all batches that succeeded stay in the
    /// cache. The next run embeds only the others.
    #[must_use]
    pub fn cache(mut self, cache: &EmbeddingCache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Embeds `texts`; row `i` of the vectors belongs to `texts[i]`.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if the number of threads, `batch_tokens` or `batch_texts` is 0.
    /// - [`Error::Cancelled`] or [`Error::TimedOut`] if the run was interrupted.
    /// - [`Error::VectorCount`] or [`Error::ModelDimension`] if the embedder does not return one vector
    ///   of its dimension for every text.
    /// - [`Error::Write`] if the file of the cache cannot be written.
    /// - [`Error::Embed`] if the embedder panics, or the embedder's own error.
    ///
    /// # Panics
    ///
    /// If the progress callback panics: the panic propagates after the other threads have stopped.
    #[instrument(
        name = "embed",
        level = "debug",
        skip_all,
        fields(texts = texts.len(), tokens = field::Empty, embed_threads = self.embed_threads)
    )]
    pub fn run(&self, role: Role, texts: &[&str]) -> Result<(Vectors, EmbedReport)> {
        Error::check_setting("embed_threads", self.embed_threads, 1.., "1 or more")?;
        Error::check_setting("batch_tokens", self.batch_tokens, 1.., "1 or more")?;
        Error::check_setting("batch_texts", self.batch_texts, 1.., "1 or more")?;
        let started = Instant::now();
        let texts = DistinctTexts::of(texts);
        let cached = match &self.cache {
            Some(cache) => cache.find(self.embedder, role, &texts.distinct),
            None => CachedRows::none(self.embedder.dim(), texts.distinct.len()),
        };
        let queue = BatchQueue::new(self, role, texts, cached)?;
        let StageOutput { vectors, embedded_tokens } = queue.embed()?;
        Span::current().record("tokens", embedded_tokens.iter().sum::<usize>());
        let seconds = started.elapsed().as_secs_f64();
        Ok((vectors, EmbedReport { seconds, ..queue.report(&embedded_tokens) }))
    }

    /// Returns the length of each text in tokens: an estimate from its bytes if the embedder
    /// [counts while it embeds](Embedder::counts_while_embedding).
    fn count_or_estimate(&self, texts: &[&str]) -> Result<Vec<usize>> {
        /// Typical for English and German.
        const BYTES_PER_TOKEN: usize = 5;
        /// Large enough that taking a job from the queue costs nothing in comparison.
        const TEXTS_PER_JOB: usize = 64;
        if self.embedder.counts_while_embedding() {
            return Ok(texts.iter().map(|text| text.len() / BYTES_PER_TOKEN).collect());
        }
        let jobs: Vec<&[&str]> = texts.chunks(TEXTS_PER_JOB).collect();
        let counts = parallel_map(self.embed_threads, jobs.len(), |job| {
            self.interrupt.check()?;
            let counts = jobs[job].iter().map(|text| self.embedder.call_count_tokens(text));
            counts.collect::<Result<Vec<_>>>()
        })?;
        Ok(counts.concat())
    }
}

/// The texts of a run without their repetitions.
struct DistinctTexts<'a> {
    /// Each text once, in the order of its first occurrence.
    distinct: Vec<&'a str>,
    /// For each given text, its position in `distinct`.
    positions: Vec<usize>,
    /// For each distinct text, how often it was given.
    repeats: Vec<usize>,
}

impl<'a> DistinctTexts<'a> {
    fn of(texts: &[&'a str]) -> Self {
        let mut by_text: FxHashMap<&str, usize> = FxHashMap::default();
        by_text.reserve(texts.len());
        let mut distinct = Vec::with_capacity(texts.len());
        let mut repeats = Vec::with_capacity(texts.len());
        let mut positions = Vec::with_capacity(texts.len());
        for text in texts {
            let position = *by_text.entry(text).or_insert(distinct.len());
            if position == distinct.len() {
                distinct.push(*text);
                repeats.push(0);
            }
            repeats[position] += 1;
            positions.push(position);
        }
        Self { distinct, positions, repeats }
    }
}

/// The texts that a run embeds, divided into batches.
struct BatchQueue<'a> {
    stage: &'a EmbedStage<'a>,
    role: Role,
    texts: DistinctTexts<'a>,
    /// The vectors of the distinct texts that the cache has.
    cached: CachedRows,
    /// Positions of the distinct texts that are embedded, longest text first.
    order: Vec<usize>,
    /// Length of each text in `order`, as [`count_or_estimate`](EmbedStage::count_or_estimate)
    /// returns it.
    tokens: Vec<usize>,
    /// The range in `order` of each batch.
    batches: Vec<Range<usize>>,
    reached: Mutex<Progress>,
}

/// Result of a run.
struct StageOutput {
    /// Row `i` is the vector of given text `i`.
    vectors: Vectors,
    /// Length in tokens of each text that was embedded, which the cached and repeated ones are not.
    embedded_tokens: Vec<usize>,
}

impl<'a> BatchQueue<'a> {
    fn new(
        stage: &'a EmbedStage<'a>,
        role: Role,
        texts: DistinctTexts<'a>,
        cached: CachedRows,
    ) -> Result<Self> {
        let new: Vec<usize> =
            (0..cached.rows.len()).filter(|at| cached.rows[*at].is_none()).collect();
        let new_texts: Vec<&str> = new.iter().map(|at| texts.distinct[*at]).collect();
        let lengths = stage.count_or_estimate(&new_texts)?;
        let mut by_length: Vec<_> = new.into_iter().zip(lengths).collect();
        // Longest first: texts of a batch have similar lengths, and no thread starts a long batch
        // when the others have finished.
        by_length.sort_by_key(|(_, tokens)| Reverse(*tokens));
        let (order, tokens): (Vec<_>, Vec<_>) = by_length.into_iter().unzip();
        let batches = batches(&tokens, stage.batch_tokens, stage.batch_texts);
        let total = texts.positions.len();
        let reached = Mutex::new(Progress { phase: Phase::Embed, done: 0, total, tokens: 0 });
        Ok(Self { stage, role, texts, cached, order, tokens, batches, reached })
    }

    fn embed(&self) -> Result<StageOutput> {
        let cached = self.cached();
        if cached > 0 {
            self.report_progress(cached, 0);
        }
        let batches = parallel_map(self.stage.embed_threads, self.batches.len(), |at| {
            self.embed_batch(&self.batches[at])
        })?;
        let vectors = self.in_given_order(&batches)?;
        let embedded_tokens = batches.into_iter().flat_map(|batch| batch.tokens).collect();
        Ok(StageOutput { vectors, embedded_tokens })
    }

    /// Collects the vectors of all given texts from the cached and the new ones.
    fn in_given_order(&self, embedded: &[EmbeddedTexts]) -> Result<Vectors> {
        let from_cache =
            |row: &Option<u32>| row.map(|row| VectorRow { vectors: &self.cached.vectors, row });
        let mut sources: Vec<_> = self.cached.rows.iter().map(from_cache).collect();
        for (batch, range) in embedded.iter().zip(&self.batches) {
            for (row, &at) in (0..).zip(&self.order[range.clone()]) {
                sources[at] = Some(VectorRow { vectors: &batch.vectors, row });
            }
        }
        let rows = self.texts.positions.iter();
        let rows = rows.map(|at| sources[*at].expect("a text is cached or in a batch"));
        Vectors::gather(self.stage.embedder.dim(), rows)
    }

    /// Embeds the texts of a batch and puts their vectors into the cache.
    fn embed_batch(&self, batch: &Range<usize>) -> Result<EmbeddedTexts> {
        let EmbedStage { embedder, interrupt, cache, .. } = self.stage;
        interrupt.check()?;
        let order = &self.order[batch.clone()];
        let texts: Vec<&str> = order.iter().map(|&at| self.texts.distinct[at]).collect();
        let embedded = if embedder.counts_while_embedding() {
            embedder.call_embed_counted(self.role, &texts, *interrupt)?
        } else {
            let vectors = embedder.call_embed(self.role, &texts, *interrupt)?;
            EmbeddedTexts { vectors, tokens: self.tokens[batch.clone()].to_vec() }
        };
        if let Some(cache) = cache {
            cache.insert(*embedder, self.role, &texts, &embedded.vectors)?;
        }
        let given = order.iter().map(|&at| self.texts.repeats[at]).sum();
        self.report_progress(given, embedded.tokens.iter().sum());
        Ok(embedded)
    }

    /// Adds to the progress and calls the user's callback. The lock admits one call at a time, so
    /// that the reported counts only grow.
    fn report_progress(&self, texts: usize, tokens: usize) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.done += texts;
        reached.tokens += tokens;
        if let Some(progress) = self.stage.progress {
            progress(*reached);
        }
    }

    /// Returns the number of given texts whose vectors the cache has.
    fn cached(&self) -> usize {
        let rows = self.cached.rows.iter().zip(&self.texts.repeats);
        rows.filter(|(row, _)| row.is_some()).map(|(_, repeats)| repeats).sum()
    }

    /// Returns the counts of the run; `tokens` holds the length of each embedded text.
    fn report(&self, tokens: &[usize]) -> EmbedReport {
        let embedder = self.stage.embedder;
        let limit = embedder.max_tokens();
        let is_long = |tokens: &&usize| limit.is_some_and(|limit| **tokens > limit);
        let long = tokens.iter().filter(is_long).count();
        let mut report = EmbedReport {
            texts: self.texts.positions.len(),
            cached: self.cached(),
            tokens: tokens.iter().sum(),
            ..EmbedReport::default()
        };
        report.repeated = report.texts - report.cached - self.order.len();
        match embedder.long_texts() {
            LongTexts::Split => report.split = long,
            LongTexts::Cut => report.truncated = long,
        }
        if report.truncated > 0 {
            tracing::warn!(
                truncated = report.truncated,
                limit,
                "texts were cut: the model reads only their beginning"
            );
        }
        report
    }
}
