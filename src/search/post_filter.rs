//! Conditions on ranked candidates: phrases, limits per article, and repetitions.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    candidates::FIRST_POOL,
    text_conditions::PhraseCheck,
    view::{ArticleId, Candidate, View, ids_of},
};
use crate::{Interrupt, Query, Result, vector};

/// Filters a ranking by the phrases of a query, its limit per article and `Query::dedup`, best
/// passage first.
pub(super) struct PostFilter<'q, V> {
    query: &'q Query,
    view: &'q V,
    interrupt: Interrupt<'q>,
    /// `None` without phrases.
    phrases: Option<PhraseCheck>,
    kept_of_article: FxHashMap<ArticleId, usize>,
    /// Articles of earlier tiers, to whose groups nothing is added; empty without groups.
    closed: FxHashSet<ArticleId>,
    /// Vectors of the kept passages; empty without `Query::dedup`.
    kept_vectors: Vec<Cow<'q, [f32]>>,
}

/// The candidates of a tier that were kept.
pub(super) struct Kept {
    pub(super) found: Vec<Candidate>,
    /// Whether an interrupt ended the filter before the end of the tier.
    pub(super) is_interrupted: bool,
}

impl<'q, V: View> PostFilter<'q, V> {
    pub(super) fn new(
        query: &'q Query,
        view: &'q V,
        phrases: Option<PhraseCheck>,
        interrupt: Interrupt<'q>,
    ) -> Self {
        Self {
            query,
            view,
            interrupt,
            phrases,
            kept_of_article: FxHashMap::default(),
            closed: FxHashSet::default(),
            kept_vectors: Vec::new(),
        }
    }

    /// Keeps the first `wanted` of `tier` that meet the phrases, repeat no kept passage and exceed no
    /// limit of their article.
    pub(super) fn keep(&mut self, tier: Vec<Candidate>, wanted: usize) -> Result<Kept> {
        let mut kept = Kept { found: Vec::new(), is_interrupted: false };
        if self.is_trivial() {
            kept.found = tier;
            kept.found.truncate(wanted);
            return Ok(kept);
        }
        self.close_groups();
        // Most passages are kept, so a batch of this size is rarely too large.
        for batch in tier.chunks(wanted.clamp(1, FIRST_POOL)) {
            if kept.found.len() >= wanted {
                break;
            }
            // Phrases are checked on texts, which takes long for a large tier.
            kept.is_interrupted = self.phrases.is_some() && self.interrupt.is_due();
            if kept.is_interrupted {
                break;
            }
            let batch = self.meeting_phrases(batch)?;
            kept.found.extend(self.within_limits(batch)?);
        }
        kept.found.truncate(wanted);
        Ok(kept)
    }

    /// Whether it keeps every candidate.
    fn is_trivial(&self) -> bool {
        let has_limit = self.query.article_limit().is_some() || self.query.dedup.is_some();
        self.phrases.is_none() && !has_limit
    }

    /// Ends the groups of earlier tiers, so that they do not depend on the number of tiers.
    fn close_groups(&mut self) {
        if self.query.group_by_article.is_some() {
            let kept = self.kept_of_article.iter().filter(|(_, kept)| **kept > 0);
            self.closed.extend(kept.map(|(article, _)| *article));
        }
    }

    /// Returns the candidates of `batch` that meet the phrases.
    fn meeting_phrases(&mut self, batch: &[Candidate]) -> Result<Vec<Candidate>> {
        let Some(phrases) = &mut self.phrases else { return Ok(batch.to_vec()) };
        let passages = self.view.read(&ids_of(batch))?;
        let read = passages.into_iter().zip(batch);
        let met = read.filter_map(|(passage, candidate)| {
            phrases.is_met_by(&passage.into_hit(candidate)).then_some(*candidate)
        });
        Ok(met.collect())
    }

    /// Returns the candidates of `batch` that repeat no kept passage and exceed no limit of their
    /// article.
    fn within_limits(&mut self, mut batch: Vec<Candidate>) -> Result<Vec<Candidate>> {
        if self.query.article_limit().is_none() && self.query.dedup.is_none() {
            return Ok(batch);
        }
        let ids = ids_of(&batch);
        let mut articles = self.view.articles(&ids)?.into_iter();
        let vectors = match self.query.dedup {
            Some(_) => self.view.vectors(&ids)?.into_iter().map(Some).collect(),
            None => vec![None; ids.len()],
        };
        let mut vectors = vectors.into_iter();
        batch.retain(|_| {
            let article = articles.next().expect("one article for each id");
            let vector = vectors.next().expect("one vector for each id");
            self.try_keep(article, vector)
        });
        Ok(batch)
    }

    /// Records a passage as kept, unless a limit excludes it.
    fn try_keep(&mut self, article: ArticleId, vector: Option<Cow<'q, [f32]>>) -> bool {
        let kept = self.kept_of_article.entry(article).or_insert(0);
        let is_full = self.query.article_limit().is_some_and(|limit| *kept >= limit);
        if is_full || self.closed.contains(&article) {
            return false;
        }
        if let (Some(threshold), Some(vector)) = (self.query.dedup, vector) {
            if self.kept_vectors.iter().any(|kept| vector::similarity(kept, &vector) >= threshold) {
                return false;
            }
            self.kept_vectors.push(vector);
        }
        *kept += 1;
        true
    }
}
