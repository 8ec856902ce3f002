//! Batches of the articles that a call takes, and what it was given so far.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_128;

use super::{EmbeddedArticle, UnreadSource};
use crate::{Article, Error, Result};

/// Articles per batch: enough to keep all threads busy.
const ARTICLES_AT_ONCE: usize = 256;
/// Approximate maximum bytes of text per batch.
const BYTES_AT_ONCE: usize = 1 << 22;

/// An article in a batch, with or without vectors.
pub(crate) trait BatchItem {
    fn article(&self) -> &Article;
}

impl BatchItem for Article {
    fn article(&self) -> &Article {
        self
    }
}

impl BatchItem for EmbeddedArticle {
    fn article(&self) -> &Article {
        &self.article
    }
}

/// A batch of articles that grows.
pub(crate) struct ArticleBatch<A = Article> {
    articles: Vec<A>,
    /// Length of their texts.
    bytes: usize,
}

impl<A: BatchItem> ArticleBatch<A> {
    pub(crate) fn new() -> Self {
        Self { articles: Vec::new(), bytes: 0 }
    }

    pub(crate) fn push(&mut self, article: A) {
        self.bytes += article.article().text.len();
        self.articles.push(article);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.articles.len() >= ARTICLES_AT_ONCE || self.bytes >= BYTES_AT_ONCE
    }

    /// Returns its articles, and leaves it empty.
    pub(crate) fn take(&mut self) -> Vec<A> {
        self.bytes = 0;
        std::mem::take(&mut self.articles)
    }
}

/// Returns the next batch of articles, which is empty at the end.
pub(crate) fn next_batch<A: BatchItem>(
    articles: &mut impl Iterator<Item = Result<A>>,
) -> Result<Vec<A>> {
    let mut batch = ArticleBatch::new();
    while !batch.is_full() {
        let Some(article) = articles.next() else { break };
        batch.push(article?);
    }
    Ok(batch.take())
}

/// The articles that a sync was given so far, and those that it keeps for sources that could not be
/// read.
#[derive(Default)]
pub(crate) struct GivenArticles {
    /// Hashes of the keys that were given.
    keys: FxHashSet<u128>,
    count: usize,
    /// Hashes of the keys of sources that could not be read.
    kept: FxHashSet<u128>,
    /// Whether a source could not be read whose keys are unknown.
    keeps_all: bool,
}

/// Numbers of articles that a sync was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotGiven {
    pub(crate) removed: usize,
    /// Kept, because their source could not be read.
    pub(crate) kept: usize,
}

impl GivenArticles {
    /// Adds the articles of these hashes, which were stored.
    pub(crate) fn add(&mut self, keys: impl IntoIterator<Item = u128>) {
        for key in keys {
            self.keys.insert(key);
            self.count += 1;
        }
    }

    /// Keeps the articles that `source`, which could not be read, may have.
    pub(crate) fn keep(&mut self, source: &UnreadSource) {
        match &source.keys {
            Some(keys) => self.kept.extend(keys.iter().map(|key| key_hash(key))),
            None => self.keeps_all = true,
        }
    }

    /// Decides whether the article `key` of the corpus is removed, and counts it if it was not given.
    pub(crate) fn removes(&self, key: &str, counts: &mut NotGiven) -> bool {
        if self.contains(key) {
            return false;
        }
        let is_kept = self.keeps_all || self.kept.contains(&key_hash(key));
        let count = if is_kept { &mut counts.kept } else { &mut counts.removed };
        *count += 1;
        !is_kept
    }

    /// Whether an article of this key was given.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.keys.contains(&key_hash(key))
    }

    /// Converts the position of an article in the next batch into its position in the call.
    pub(crate) fn with_position_in_call(&self, error: Error) -> Error {
        match error {
            Error::EmptyKey { position } => Error::EmptyKey { position: self.count + position },
            other => other,
        }
    }
}

/// Returns the hashes of the keys of `articles`.
pub(crate) fn key_hashes(articles: &[Article]) -> Vec<u128> {
    articles.iter().map(|article| key_hash(&article.key)).collect()
}

/// Returns the hash of an article's key.
pub(crate) fn key_hash(key: &str) -> u128 {
    xxh3_128(key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_sources_keep_their_articles() {
        let mut given = GivenArticles::default();
        given.add(key_hashes(&[Article::new("a", "")]));
        given.keep(&UnreadSource::articles(["a", "b"], "gone"));
        let mut counts = NotGiven::default();
        assert_eq!(
            ["a", "b", "c"].map(|key| given.removes(key, &mut counts)),
            [false, false, true]
        );
        assert_eq!(counts, NotGiven { removed: 1, kept: 1 });
        given.keep(&Error::Cancelled.into());
        assert!(!given.removes("c", &mut counts));
        assert_eq!(counts, NotGiven { removed: 1, kept: 2 });
    }
}
