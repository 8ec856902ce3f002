//! Statistics of the whole corpus, which searches may share for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{corpus_change::CorpusTotals, shard_state::ShardState};
use crate::{Result, search::language_totals::LanguageTotals};

/// The statistics that searches share up to an age.
#[derive(Debug)]
pub(super) struct StatisticsCache {
    /// Zero if each search reads its own.
    max_age: Duration,
    state: Mutex<CacheState>,
}

#[derive(Debug, Default)]
struct CacheState {
    last: Option<Arc<Statistics>>,
    /// Number of writes of this client.
    writes: u64,
}

/// Statistics of the corpus at one time.
#[derive(Debug)]
pub(super) struct Statistics {
    read_at: Instant,
    /// Number of passages of each shard.
    pub(super) shard_passages: Vec<usize>,
    /// Whether each shard has a graph.
    pub(super) has_graph: Vec<bool>,
    /// Sum of the lengths of all passages, in terms.
    pub(super) words: u64,
    /// Number and sum of the vectors by language.
    pub(super) by_language: LanguageTotals,
    /// Number of passages with each term that was asked for.
    doc_freqs: Mutex<FxHashMap<i64, i64>>,
}

impl StatisticsCache {
    pub(super) fn new(max_age: Duration) -> Self {
        Self { max_age, state: Mutex::default() }
    }

    /// Returns the last statistics, unless they are too old.
    pub(super) fn current(&self) -> Option<Arc<Statistics>> {
        let last = self.state().last.clone();
        last.filter(|last| last.read_at.elapsed() < self.max_age)
    }

    /// Lets the next search read new ones, after a write of this client.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.last = None;
        state.writes += 1;
    }

    /// Returns the number of writes of this client.
    pub(super) fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Keeps `statistics` for other searches, unless this client has written since there were
    /// `writes`: they can lack the last one.
    pub(super) fn keep(&self, statistics: &Arc<Statistics>, writes: u64) {
        let mut state = self.state();
        if !self.max_age.is_zero() && state.writes == writes {
            state.last = Some(Arc::clone(statistics));
        }
    }

    fn state(&self) -> MutexGuard<'_, CacheState> {
        // Each change of the state is complete, so a poisoned one is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Statistics {
    /// Sums the states of the shards, of vectors of dimension `dim`; a missing shard has no passages.
    pub(super) fn new(shards: &[Option<ShardState>], dim: usize) -> Result<Self> {
        let mut totals = CorpusTotals::none(dim);
        shards.iter().flatten().try_for_each(|shard| totals.merge(&shard.totals))?;
        let passages = shards.iter().map(|shard| match shard {
            Some(shard) => shard.totals.passage_count(),
            None => Ok(0),
        });
        let has_graph = |shard: &Option<ShardState>| shard.as_ref().is_some_and(|s| s.has_graph);
        Ok(Self {
            read_at: Instant::now(),
            shard_passages: passages.collect::<Result<_>>()?,
            has_graph: shards.iter().map(has_graph).collect(),
            words: totals.words.unsigned_abs(),
            by_language: totals.by_language()?,
            doc_freqs: Mutex::default(),
        })
    }

    /// Returns for each group of terms the sum of the numbers of passages with each term. `read`
    /// returns the numbers of given terms by shard; none for a term that no passage has.
    ///
    /// A group that no passage had is read again, since a passage with a new word must be found.
    pub(super) fn doc_freqs(
        &self,
        groups: &[Vec<i64>],
        read: impl FnOnce(&[i64]) -> Result<Vec<BTreeMap<i64, i64>>>,
    ) -> Result<Vec<i64>> {
        let known = || self.doc_freqs.lock().unwrap_or_else(PoisonError::into_inner);
        let unread = unread_terms(&known(), groups);
        if !unread.is_empty() {
            let by_shard = read(&unread)?;
            let sum = |term| by_shard.iter().filter_map(|shard| shard.get(term)).sum::<i64>();
            known().extend(unread.iter().map(|term| (*term, sum(term))));
        }
        let known = known();
        Ok(groups.iter().map(|group| sum_of(&known, group)).collect())
    }
}

/// Returns the terms of those `groups` that no passage had, or that have a term that is not known.
fn unread_terms(known: &FxHashMap<i64, i64>, groups: &[Vec<i64>]) -> Vec<i64> {
    let is_read = |group: &&Vec<i64>| {
        group.iter().all(|term| known.contains_key(term)) && sum_of(known, group) > 0
    };
    groups.iter().filter(|group| !is_read(group)).flatten().copied().collect()
}

fn sum_of(doc_freqs: &FxHashMap<i64, i64>, group: &[i64]) -> i64 {
    group.iter().filter_map(|term| doc_freqs.get(term)).sum()
}
