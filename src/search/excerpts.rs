//! Excerpts: hits with the passages around them, read from their articles.

use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::view::{StoredArticle, View};
use crate::{Error, Hit, Passage, Result};

/// A part of an article with one or several hits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Excerpt {
    /// Key of the article.
    pub article: String,
    /// Title of the article.
    pub title: Option<String>,
    /// Byte range in the article's text.
    pub range: Range<usize>,
    /// The article's text at `range`.
    pub text: String,
    /// The highest score of its hits.
    pub score: f32,
    /// Byte ranges of its hits in the article's text, ascending. An excerpt of sentences lies within
    /// its hit.
    pub hits: Vec<Range<usize>>,
}

/// Hits with their articles.
pub(crate) struct HitArticles<'h> {
    pub(super) hits: &'h [Hit],
    articles: Vec<HitArticle>,
}

/// An article with the hits in it.
struct HitArticle {
    stored: StoredArticle,
    /// The rank of the best hit at each passage, by the number of the passage.
    ranks: FxHashMap<usize, usize>,
}

/// An excerpt with the rank of its best hit, from 0.
struct RankedExcerpt {
    rank: usize,
    excerpt: Excerpt,
}

impl<'h> HitArticles<'h> {
    /// Reads the articles of `hits` from `view`.
    ///
    /// # Errors
    ///
    /// [`Error::StaleHit`] if the passage of a hit is not in this state of the corpus.
    pub(crate) fn read<V: View>(view: &V, hits: &'h [Hit]) -> Result<Self> {
        let mut articles: Vec<HitArticle> = Vec::new();
        let mut positions: FxHashMap<&str, usize> = FxHashMap::default();
        for (rank, hit) in hits.iter().enumerate() {
            if !positions.contains_key(hit.article.as_str()) {
                positions.insert(&hit.article, articles.len());
                let stored = view.article(&hit.article)?.ok_or_else(|| stale_hit(hit))?;
                articles.push(HitArticle { stored, ranks: FxHashMap::default() });
            }
            articles[positions[hit.article.as_str()]].add(rank, hit)?;
        }
        Ok(Self { hits, articles })
    }

    /// Returns each hit with `around` passages before and after it; excerpts that touch are one.
    /// They are in the order of their best hits.
    pub(crate) fn excerpts(&self, around: usize) -> Vec<Excerpt> {
        self.excerpts_of(|_| true, around)
    }

    /// Returns the excerpts of the hits whose ranks `is_wanted`, with `around` passages each.
    pub(super) fn excerpts_of(
        &self,
        is_wanted: impl Fn(usize) -> bool,
        around: usize,
    ) -> Vec<Excerpt> {
        let articles = self.articles.iter();
        let excerpts = articles.flat_map(|article| article.excerpts(self.hits, around, &is_wanted));
        let mut excerpts: Vec<RankedExcerpt> = excerpts.collect();
        excerpts.sort_by_key(|ranked| ranked.rank);
        excerpts.into_iter().map(|ranked| ranked.excerpt).collect()
    }
}

impl HitArticle {
    /// Adds `hit`, which is in this article.
    fn add(&mut self, rank: usize, hit: &Hit) -> Result<()> {
        let text = &self.stored.article.text;
        let is_hit = |passage: &Passage| {
            passage.range == hit.range && text[passage.range.clone()] == hit.text
        };
        let number = self.stored.passages.iter().position(is_hit);
        self.ranks.entry(number.ok_or_else(|| stale_hit(hit))?).or_insert(rank);
        Ok(())
    }

    /// Returns the runs of passages that are at most `around` from a hit whose rank `is_wanted`.
    fn excerpts(
        &self,
        hits: &[Hit],
        around: usize,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Vec<RankedExcerpt> {
        let wanted = self.ranks.iter().filter(|(_, rank)| is_wanted(**rank));
        let ranks: FxHashMap<usize, usize> = wanted.map(|(at, rank)| (*at, *rank)).collect();
        let end = self.stored.passages.len();
        let near = |at: &usize| {
            at.saturating_sub(around)..at.saturating_add(around).saturating_add(1).min(end)
        };
        let mut shown: Vec<usize> = ranks.keys().flat_map(near).collect();
        shown.sort_unstable();
        shown.dedup();
        let runs = shown.chunk_by(|before, after| before + 1 == *after);
        runs.map(|run| self.excerpt(run, &ranks, hits)).collect()
    }

    /// Returns the excerpt of `run`, a run of adjacent passages; `ranks` holds the ranks of its hits.
    fn excerpt(
        &self,
        run: &[usize],
        ranks: &FxHashMap<usize, usize>,
        hits: &[Hit],
    ) -> RankedExcerpt {
        let StoredArticle { article, passages } = &self.stored;
        let ranges = || run.iter().map(|at| passages[*at].range.clone());
        let start = ranges().map(|range| range.start).min().expect("a run has a passage");
        let end = ranges().map(|range| range.end).max().expect("a run has a passage");
        let found: Vec<usize> = run.iter().filter_map(|at| ranks.get(at).copied()).collect();
        let rank = found.iter().copied().min().expect("a run is around a hit");
        let excerpt = Excerpt {
            article: article.key.clone(),
            title: article.title.clone(),
            text: article.text[start..end].to_owned(),
            range: start..end,
            score: found.iter().map(|rank| hits[*rank].score).fold(f32::NEG_INFINITY, f32::max),
            hits: found.into_iter().map(|rank| hits[rank].range.clone()).collect(),
        };
        RankedExcerpt { rank, excerpt }
    }
}

fn stale_hit(hit: &Hit) -> Error {
    Error::StaleHit { article: hit.article.clone(), range: hit.range.clone() }
}
