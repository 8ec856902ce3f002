//! The articles of a corpus in ascending order of their keys, merged from its segments.

use std::{cmp::Ordering, slice};

use super::segment::LiveSegment;
use crate::{Article, EmbeddedArticle, Result, Vectors, vector::VectorRow};

/// Iterates over all live articles in ascending order of the bytes of their keys.
///
/// A key that cannot be read is an error in its place; the others follow.
pub(crate) struct SortedArticles<'s> {
    sources: Vec<SegmentArticles<'s>>,
}

/// A live article whose key was read.
#[derive(Clone, Copy)]
pub(crate) struct SortedArticle<'s> {
    pub(crate) key: &'s str,
    segment: &'s LiveSegment,
    number: u32,
}

/// The articles of one segment that were not returned yet.
struct SegmentArticles<'s> {
    segment: &'s LiveSegment,
    /// Articles after `next`, live or not, in the order of their keys.
    rest: slice::Iter<'s, u32>,
    next: Option<Result<SortedArticle<'s>>>,
}

impl SortedArticle<'_> {
    /// Reads the article.
    pub(crate) fn read(&self) -> Result<Article> {
        self.segment.sealed().article(self.number)
    }

    /// Reads the article with its passages and vectors.
    pub(crate) fn read_embedded(&self) -> Result<EmbeddedArticle> {
        let sealed = self.segment.sealed();
        let article = sealed.article(self.number)?;
        let passages = sealed.passages_of(self.number, &article)?;
        let vectors = sealed.vectors();
        let rows = sealed.rows_of(self.number)?.map(|row| VectorRow { vectors, row });
        let vectors = Vectors::gather(vectors.dim(), rows)?;
        let content = sealed.content_hash(self.number)?;
        EmbeddedArticle::stored(article, passages, vectors, content)
    }
}

impl<'s> SortedArticles<'s> {
    pub(crate) fn new(segments: &'s [LiveSegment]) -> Self {
        Self { sources: segments.iter().map(SegmentArticles::new).collect() }
    }
}

impl<'s> Iterator for SortedArticles<'s> {
    type Item = Result<SortedArticle<'s>>;

    fn next(&mut self) -> Option<Self::Item> {
        let sources = self.sources.iter_mut().filter(|source| source.next.is_some());
        sources.min_by(|a, b| a.order(b))?.take_next()
    }
}

impl<'s> SegmentArticles<'s> {
    fn new(segment: &'s LiveSegment) -> Self {
        let (rest, error) = match segment.sealed().key_order() {
            Ok(order) => (order.iter(), None),
            Err(error) => ([].iter(), Some(Err(error))),
        };
        let mut articles = Self { segment, rest, next: error };
        if articles.next.is_none() {
            articles.take_next();
        }
        articles
    }

    /// Returns the next article and reads the key of the one after it.
    fn take_next(&mut self) -> Option<Result<SortedArticle<'s>>> {
        let segment = self.segment;
        let live = self.rest.find(|number| segment.is_live(**number));
        let following = live.map(|number| {
            let key = segment.sealed().key(*number)?;
            Ok(SortedArticle { key, segment, number: *number })
        });
        std::mem::replace(&mut self.next, following)
    }

    /// Orders segments by their next keys, errors first.
    fn order(&self, other: &Self) -> Ordering {
        match (&self.next, &other.next) {
            (Some(Ok(next)), Some(Ok(other_next))) => next.key.cmp(other_next.key),
            (next, other_next) => {
                let is_key = |next: &Option<Result<SortedArticle>>| matches!(next, Some(Ok(_)));
                is_key(next).cmp(&is_key(other_next))
            }
        }
    }
}
