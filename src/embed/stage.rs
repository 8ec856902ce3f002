//! The parallel embedding stage: texts in, vectors out in the same order, whatever the
//! number of threads.

use std::{
    cmp::Reverse,
    collections::hash_map::Entry,
    fmt,
    ops::Range,
    slice,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use rustc_hash::FxHashMap;
use serde::Serialize;
use tracing::{Span, field, instrument};

use super::cache::{CachedRows, EmbeddingCache, check_rows};
use crate::{
    Cancel, Embedder, Error, LongTexts, Phase, Progress, Result, Role, Vectors,
    work::parallel::parallel_map,
};

/// What the embedding of many texts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbedReport {
    /// Texts that were given; each got its vector.
    pub texts: usize,
    /// Those of them whose vectors came from the [cache](EmbedStage::cache).
    pub cached: usize,
    /// Those of them that are the same as an earlier one that was embedded, and got its vector.
    pub repeated: usize,
    /// Length of the others, which were embedded, in the embedder's tokens.
    pub tokens: usize,
    /// Embedded texts over the embedder's limit that it embedded piece by piece.
    pub split: usize,
    /// Embedded texts over the embedder's limit, of which it read only the beginning. A text
    /// whose vector is in the cache was counted when it was embedded.
    pub truncated: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Embeds many texts on several threads.
///
/// Batches of texts of like length are taken from a queue by plain threads, never by
/// workers of a `rayon` pool: a model may wait for such threads itself. Which texts are in a
/// batch depends on the texts alone, not on the number of threads. A text that is given several
/// times is embedded once.
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
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    cancel: Cancel,
    cache: Option<EmbeddingCache>,
}

impl fmt::Debug for EmbedStage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedStage")
            .field("model", self.embedder.identity())
            .field("embed_threads", &self.embed_threads)
            .field("batch_tokens", &self.batch_tokens)
            .finish_non_exhaustive()
    }
}

impl<'a> EmbedStage<'a> {
    /// A stage with as many threads as `embedder` can use.
    pub fn new(embedder: &'a dyn Embedder) -> Self {
        let (embed_threads, batch_tokens) = (embedder.max_concurrency(), embedder.batch_tokens());
        Self {
            embedder,
            embed_threads,
            batch_tokens,
            progress: None,
            cancel: Cancel::new(),
            cache: None,
        }
    }

    /// Threads to embed on, 1 or more.
    #[must_use]
    pub fn embed_threads(mut self, embed_threads: usize) -> Self {
        self.embed_threads = embed_threads;
        self
    }

    /// Tokens that a worker takes at a time, 1 or more, but at least one text; without this call
    /// what the [embedder](Embedder::batch_tokens) says.
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

    /// Takes vectors from `cache`, embeds only texts that it does not have, and puts their
    /// vectors into it, batch by batch: what was embedded is kept if the run ends early.
    #[must_use]
    pub fn cache(mut self, cache: &EmbeddingCache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Embeds `texts`; row `i` of the vectors belongs to `texts[i]`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] without threads or tokens in a batch, [`Error::Cancelled`],
    /// and what the embedder returns; [`Error::VectorCount`] and [`Error::Dimension`] if it
    /// does not return one vector of its dimension for every text; [`Error::Write`] if the file
    /// of the cache cannot be written.
    #[instrument(
        name = "embed",
        level = "debug",
        skip_all,
        fields(texts = texts.len(), tokens = field::Empty, embed_threads = self.embed_threads)
    )]
    pub fn run(&self, role: Role, texts: &[&str]) -> Result<(Vectors, EmbedReport)> {
        Error::check_setting("embed_threads", self.embed_threads, 1.., "1 or more")?;
        Error::check_setting("batch_tokens", self.batch_tokens, 1.., "1 or more")?;
        let started = Instant::now();
        let (distinct, places) = distinct(texts);
        let known = match &self.cache {
            Some(cache) => cache.find(self.embedder, role, &distinct),
            None => CachedRows::nothing(self.embedder.dim(), distinct.len()),
        };
        let queue = BatchQueue::new(self, role, Given { distinct, places, known })?;
        let (vectors, tokens) = queue.embed()?;
        Span::current().record("tokens", tokens.iter().sum::<usize>());
        let seconds = started.elapsed().as_secs_f64();
        Ok((vectors, EmbedReport { seconds, ..queue.report(&tokens) }))
    }

    /// The length of each text in tokens; about, if the embedder counts while it embeds.
    fn tokens_of(&self, texts: &[&str]) -> Result<Vec<usize>> {
        /// About what a token has in English and German.
        const BYTES_PER_TOKEN: usize = 5;
        /// Enough that taking a job costs nothing beside it.
        const AT_ONCE: usize = 64;
        if self.embedder.counts_while_embedding() {
            return Ok(texts.iter().map(|text| text.len() / BYTES_PER_TOKEN).collect());
        }
        let parts: Vec<&[&str]> = texts.chunks(AT_ONCE).collect();
        let counts = parallel_map(self.embed_threads, parts.len(), |part| {
            self.cancel.check()?;
            let counts = parts[part].iter().map(|text| self.embedder.count_tokens(text));
            counts.collect::<Result<Vec<_>>>()
        })?;
        Ok(counts.concat())
    }
}

/// The texts of a run, and what is known of them.
struct Given<'a> {
    /// Each text once.
    distinct: Vec<&'a str>,
    /// Of each text that was given, where it is in `distinct`.
    places: Vec<usize>,
    /// The vectors that the cache has.
    known: CachedRows,
}

/// The texts of a run that are embedded, in the order in which they are.
struct BatchQueue<'a> {
    stage: &'a EmbedStage<'a>,
    role: Role,
    given: Given<'a>,
    /// Of each text, how often it was given.
    times: Vec<usize>,
    /// Positions of the texts, longest first.
    order: Vec<usize>,
    /// Length of each text in `order`, as [`tokens_of`](EmbedStage::tokens_of) has it.
    tokens: Vec<usize>,
    /// Where in `order` the texts of each batch are.
    batches: Vec<Range<usize>>,
    reached: Mutex<Progress>,
}

impl<'a> BatchQueue<'a> {
    fn new(stage: &'a EmbedStage<'a>, role: Role, given: Given<'a>) -> Result<Self> {
        let rows = &given.known.rows;
        let new: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].is_none()).collect();
        let texts: Vec<&str> = new.iter().map(|at| given.distinct[*at]).collect();
        let mut order: Vec<_> = new.into_iter().zip(stage.tokens_of(&texts)?).collect();
        // Longest first: texts of a batch are of like length, and no worker is left
        // with a long batch when the others have finished.
        order.sort_by_key(|(_, tokens)| Reverse(*tokens));
        let (order, tokens): (Vec<_>, Vec<_>) = order.into_iter().unzip();
        let batches = batches(&tokens, stage.batch_tokens);
        let mut times = vec![0; given.distinct.len()];
        given.places.iter().for_each(|at| times[*at] += 1);
        let total = given.places.len();
        let reached = Mutex::new(Progress { phase: Phase::Embed, done: 0, total, tokens: 0 });
        Ok(Self { stage, role, given, times, order, tokens, batches, reached })
    }

    /// The vectors of all texts that were given, in their order, and the exact lengths of
    /// those that were embedded, in tokens.
    fn embed(&self) -> Result<(Vectors, Vec<usize>)> {
        let Self { stage, given: Given { places, known, .. }, batches, .. } = self;
        let cached = self.cached();
        if cached > 0 {
            self.tell(cached, 0);
        }
        let embedded =
            parallel_map(stage.embed_threads, batches.len(), |at| self.embed_batch(&batches[at]))?;
        let mut rows: Vec<(&Vectors, u32)> =
            known.rows.iter().map(|row| (&known.vectors, row.unwrap_or_default())).collect();
        for ((vectors, _), batch) in embedded.iter().zip(batches) {
            for (row, &at) in (0..).zip(&self.order[batch.clone()]) {
                rows[at] = (vectors, row);
            }
        }
        let rows = places.iter().map(|at| (rows[*at].0, slice::from_ref(&rows[*at].1)));
        let vectors = Vectors::gather(stage.embedder.dim(), &rows.collect::<Vec<_>>())?;
        Ok((vectors, embedded.into_iter().flat_map(|(_, tokens)| tokens).collect()))
    }

    /// The vectors of a batch, and the exact lengths of its texts.
    fn embed_batch(&self, batch: &Range<usize>) -> Result<(Vectors, Vec<usize>)> {
        let Self { stage: EmbedStage { embedder, cancel, cache, .. }, role, .. } = *self;
        cancel.check()?;
        let order = &self.order[batch.clone()];
        let texts: Vec<&str> = order.iter().map(|&at| self.given.distinct[at]).collect();
        let (vectors, tokens) = if embedder.counts_while_embedding() {
            embedder.embed_counted(role, &texts)?
        } else {
            (embedder.embed(role, &texts)?, self.tokens[batch.clone()].to_vec())
        };
        check_rows(*embedder, texts.len(), &vectors)?;
        if tokens.len() != texts.len() {
            return Err(Error::VectorCount { expected: texts.len(), got: tokens.len() });
        }
        if let Some(cache) = cache {
            cache.keep(*embedder, role, &texts, &vectors)?;
        }
        let times = order.iter().map(|&at| self.times[at]).sum();
        self.tell(times, tokens.iter().sum());
        Ok((vectors, tokens))
    }

    /// Counts texts and tells the user; one call at a time, so that counts only grow.
    fn tell(&self, texts: usize, tokens: usize) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.done += texts;
        reached.tokens += tokens;
        if let Some(progress) = self.stage.progress {
            progress(*reached);
        }
    }

    /// How many of the texts that were given the cache has.
    fn cached(&self) -> usize {
        let known = self.given.known.rows.iter().zip(&self.times);
        known.map(|(row, times)| row.map_or(0, |_| *times)).sum()
    }

    /// What came of it; `tokens` are the lengths of the texts that were embedded.
    fn report(&self, tokens: &[usize]) -> EmbedReport {
        let Self { stage, .. } = self;
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
        let (texts, cached) = (self.given.places.len(), self.cached());
        let repeated = texts - cached - self.order.len();
        let tokens = tokens.iter().sum();
        EmbedReport { texts, cached, repeated, tokens, split, truncated, seconds: 0.0 }
    }
}

/// Each of `texts` once, and of each where it is among those.
fn distinct<'a>(texts: &[&'a str]) -> (Vec<&'a str>, Vec<usize>) {
    let mut distinct = Vec::with_capacity(texts.len());
    let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
    seen.reserve(texts.len());
    let place = |&text: &&'a str| match seen.entry(text) {
        Entry::Occupied(entry) => *entry.get(),
        Entry::Vacant(entry) => {
            distinct.push(text);
            *entry.insert(distinct.len() - 1)
        }
    };
    let places = texts.iter().map(place).collect();
    (distinct, places)
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
