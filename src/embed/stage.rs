//! The parallel embedding stage: texts in, vectors out in the same order, whatever the
//! number of workers.

use std::{
    cmp::Reverse,
    fmt,
    ops::Range,
    slice,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;
use tracing::{Span, field, instrument};

use crate::{
    Cancel, Embedder, Error, LongTexts, Phase, Progress, Result, Role, Vectors, workers::share_out,
};

/// What the embedding of many texts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbedReport {
    /// Texts embedded.
    pub texts: usize,
    /// Their length in the embedder's tokens.
    pub tokens: usize,
    /// Texts over the embedder's limit that it embedded piece by piece.
    pub split: usize,
    /// Texts over the embedder's limit, of which it read only the beginning.
    pub truncated: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Embeds many texts on several threads.
///
/// Batches of texts of like length are taken from a queue by plain threads, never by
/// workers of a `rayon` pool: a model may wait for such workers itself. Which texts are in a
/// batch depends on the texts alone, not on the number of workers.
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
    batch_tokens: usize,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    cancel: Cancel,
}

impl fmt::Debug for EmbedStage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedStage")
            .field("model", self.embedder.identity())
            .field("workers", &self.workers)
            .field("batch_tokens", &self.batch_tokens)
            .finish_non_exhaustive()
    }
}

impl<'a> EmbedStage<'a> {
    /// A stage with as many workers as `embedder` can use.
    pub fn new(embedder: &'a dyn Embedder) -> Self {
        let (workers, cancel) = (embedder.max_workers(), Cancel::new());
        Self { embedder, workers, batch_tokens: 1_024, progress: None, cancel }
    }

    /// Threads to embed on, 1 or more.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Tokens that a worker takes at a time, 1 or more; at least one text, and 1,024 tokens
    /// without this call.
    ///
    /// This is the grain of progress and cancelling, and bounds what an embedder can put into
    /// one run of its model. How many texts share a run is the embedder's own choice.
    #[must_use]
    pub fn batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens;
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
    /// [`Error::Setting`] without workers or tokens in a batch, [`Error::Cancelled`],
    /// and what the embedder returns; [`Error::Rows`] and [`Error::Dimension`] if it
    /// does not return one vector of its dimension for every text.
    #[instrument(
        name = "embed",
        level = "debug",
        skip_all,
        fields(texts = texts.len(), tokens = field::Empty, workers = self.workers)
    )]
    pub fn run(&self, role: Role, texts: &[&str]) -> Result<(Vectors, EmbedReport)> {
        Error::check_setting("workers", self.workers, 1.., "1 or more")?;
        Error::check_setting("batch_tokens", self.batch_tokens, 1.., "1 or more")?;
        let started = Instant::now();
        let queue = Queue::new(self, texts)?;
        Span::current().record("tokens", queue.tokens.iter().sum::<usize>());
        let vectors = queue.embed(role)?;
        Ok((vectors, EmbedReport { seconds: started.elapsed().as_secs_f64(), ..queue.report() }))
    }

    /// The length of each text in tokens.
    fn tokens_of(&self, texts: &[&str]) -> Result<Vec<usize>> {
        /// Enough that taking a job costs nothing beside it.
        const AT_ONCE: usize = 64;
        let parts: Vec<&[&str]> = texts.chunks(AT_ONCE).collect();
        let counts = share_out(self.workers, parts.len(), |part| {
            self.cancel.check()?;
            let counts = parts[part].iter().map(|text| self.embedder.count_tokens(text));
            counts.collect::<Result<Vec<_>>>()
        })?;
        Ok(counts.concat())
    }
}

/// The texts of a run, in the order in which they are embedded.
struct Queue<'a> {
    stage: &'a EmbedStage<'a>,
    texts: &'a [&'a str],
    /// Length of each text.
    tokens: Vec<usize>,
    /// Positions of the texts, longest first.
    order: Vec<usize>,
    /// Where in `order` the texts of each batch are.
    batches: Vec<Range<usize>>,
    reached: Mutex<Progress>,
}

impl<'a> Queue<'a> {
    fn new(stage: &'a EmbedStage<'a>, texts: &'a [&'a str]) -> Result<Self> {
        let tokens = stage.tokens_of(texts)?;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        // Longest first: texts of a batch are of like length, and no worker is left
        // with a long batch when the others have finished.
        order.sort_by_key(|&at| Reverse(tokens[at]));
        let lengths: Vec<usize> = order.iter().map(|&at| tokens[at]).collect();
        let batches = batches(&lengths, stage.batch_tokens);
        let reached =
            Mutex::new(Progress { phase: Phase::Embed, done: 0, total: texts.len(), tokens: 0 });
        Ok(Self { stage, texts, tokens, order, batches, reached })
    }

    /// The vectors of all texts, in the order of the texts.
    fn embed(&self, role: Role) -> Result<Vectors> {
        let (stage, batches) = (self.stage, &self.batches);
        let embedded =
            share_out(stage.workers, batches.len(), |at| self.embed_batch(role, &batches[at]))?;
        // Where the vector of each text is.
        let mut places = vec![(0, 0); self.texts.len()];
        for (batch, range) in batches.iter().enumerate() {
            for (row, &at) in (0..).zip(&self.order[range.clone()]) {
                places[at] = (batch, row);
            }
        }
        let rows = places.iter().map(|(batch, row)| (&embedded[*batch], slice::from_ref(row)));
        Vectors::gather(stage.embedder.dim(), &rows.collect::<Vec<_>>())
    }

    fn embed_batch(&self, role: Role, batch: &Range<usize>) -> Result<Vectors> {
        let Self { stage, order, .. } = self;
        stage.cancel.check()?;
        let texts: Vec<&str> = order[batch.clone()].iter().map(|&at| self.texts[at]).collect();
        let vectors = stage.embedder.embed(role, &texts)?;
        if vectors.len() != texts.len() {
            return Err(Error::Rows { expected: texts.len(), got: vectors.len() });
        }
        self.tell(texts.len(), order[batch.clone()].iter().map(|&at| self.tokens[at]).sum());
        Ok(vectors)
    }

    /// Counts a batch and tells the user; one at a time, so that counts only grow.
    fn tell(&self, texts: usize, tokens: usize) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.done += texts;
        reached.tokens += tokens;
        if let Some(progress) = self.stage.progress {
            progress(*reached);
        }
    }

    fn report(&self) -> EmbedReport {
        let Self { stage, tokens, .. } = self;
        let limit = stage.embedder.max_tokens().unwrap_or(usize::MAX);
        let long = tokens.iter().filter(|tokens| **tokens > limit).count();
        let (split, truncated) = match stage.embedder.long_texts() {
            LongTexts::Split => (long, 0),
            LongTexts::Cut => (0, long),
        };
        if truncated > 0 {
            tracing::warn!(
                truncated,
                limit,
                "texts were cut: the model reads only their beginning"
            );
        }
        let (texts, tokens) = (tokens.len(), tokens.iter().sum());
        EmbedReport { texts, tokens, split, truncated, seconds: 0.0 }
    }
}

/// Ranges of texts of these lengths, one after the other, that together have no more than
/// `budget` tokens, or are a single text.
pub(super) fn batches(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (at, &length) in lengths.iter().enumerate() {
        // A text without tokens still is one, with the special tokens of the model.
        let length = length.max(1);
        if at > start && tokens + length > budget {
            batches.push(start..at);
            (start, tokens) = (at, 0);
        }
        tokens += length;
    }
    if start < lengths.len() {
        batches.push(start..lengths.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_no_more_than_the_budget() {
        assert!(batches(&[], 10).is_empty());
        assert_eq!(batches(&[30, 10, 6, 5, 4, 1, 0], 10), [0..1, 1..2, 2..3, 3..6, 6..7]);
        assert_eq!(batches(&[0, 0, 0], 2), [0..2, 2..3]);
    }
}
