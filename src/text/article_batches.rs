//! Batches of the articles that a call takes, and what it was given so far.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_128;

use super::EmbeddedArticle;
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

/// Returns the next batch of articles, which is empty at the end.
pub(crate) fn next_batch<A: BatchItem>(
    articles: &mut impl Iterator<Item = Result<A>>,
) -> Result<Vec<A>> {
    let mut bytes = 0;
    let mut batch = Vec::new();
    while batch.len() < ARTICLES_AT_ONCE && bytes < BYTES_AT_ONCE {
        let Some(article) = articles.next() else { break };
        let article = article?;
        bytes += article.article().text.len();
        batch.push(article);
    }
    Ok(batch)
}

/// The articles that a sync was given so far.
#[derive(Default)]
pub(crate) struct GivenArticles {
    /// Hashes of their keys.
    keys: FxHashSet<u128>,
    count: usize,
}

impl GivenArticles {
    /// Adds a batch that was stored.
    pub(crate) fn add(&mut self, keys: impl IntoIterator<Item = u128>) {
        for key in keys {
            self.keys.insert(key);
            self.count += 1;
        }
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

fn key_hash(key: &str) -> u128 {
    xxh3_128(key.as_bytes())
}
