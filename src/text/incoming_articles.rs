//! Articles that are about to be stored: their validation, and what tells a changed one.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3Default;

use super::EmbeddedArticle;
use crate::{Article, Chunker, Error, Markup, Result};

/// Hash of an article's content and of the chunker settings.
pub(crate) type ContentHash = [u64; 2];

/// Returns the hash of title, declared language, metadata, markup and text of `article`, and of the
/// settings of `chunker`.
///
/// `head` is the encoded head of the article without a detected language, so that detecting it
/// again is never a change.
pub(crate) fn content_hash(head: &[u8], article: &Article, chunker: &Chunker) -> ContentHash {
    hash_after(&chunker.fingerprint(), head, article)
}

/// Returns the hash of the content of `embedded`, as [`content_hash`] does, and of its passages and
/// vectors; that of the corpus if it is read from one.
pub(crate) fn embedded_content_hash(head: &[u8], embedded: &EmbeddedArticle) -> ContentHash {
    let hash = || hash_after(&embedded.fingerprint(), head, embedded.article());
    embedded.stored_hash.unwrap_or_else(hash)
}

/// Returns the hash of `article` with `fingerprint`, which identifies its passages.
fn hash_after(fingerprint: &[u8; 24], head: &[u8], article: &Article) -> ContentHash {
    let mut hasher = Xxh3Default::new();
    hasher.update(fingerprint);
    hasher.update(&(head.len() as u64).to_le_bytes());
    hasher.update(head);
    hasher.update(&[u8::from(article.markup == Markup::Markdown)]);
    hasher.update(article.text.as_bytes());
    bytemuck::cast(hasher.digest128().to_le_bytes())
}

/// Checks the keys, the sizes and the metadata of `articles`.
///
/// # Errors
///
/// - [`Error::EmptyKey`] for an article without a key.
/// - [`Error::ArticleTooLarge`] for an article over [`Article::MAX_BYTES`].
/// - [`Error::NestedList`] for a metadata list that holds a list.
pub(crate) fn check_articles<'a>(articles: impl IntoIterator<Item = &'a Article>) -> Result<()> {
    let articles: Vec<&Article> = articles.into_iter().collect();
    if let Some(position) = articles.iter().position(|article| article.key.is_empty()) {
        return Err(Error::EmptyKey { position });
    }
    let limit = Article::MAX_BYTES;
    if let Some(article) = articles.iter().find(|article| article.text.len() > limit) {
        let key = article.key.clone();
        return Err(Error::ArticleTooLarge { key, bytes: article.text.len(), limit });
    }
    articles.into_iter().try_for_each(check_metadata)
}

fn check_metadata(article: &Article) -> Result<()> {
    match article.metadata.iter().find(|(_, value)| value.is_nested()) {
        Some((name, _)) => Err(Error::NestedList { key: article.key.clone(), name: name.clone() }),
        None => Ok(()),
    }
}

/// Returns the last article of each key, in ascending order of the keys.
pub(crate) fn last_of_each_key(articles: Vec<Article>) -> Vec<Article> {
    last_by_key(articles, |article| &article.key)
}

/// Returns the last embedded article of each key, in ascending order of the keys.
pub(crate) fn last_embedded_of_each_key(articles: Vec<EmbeddedArticle>) -> Vec<EmbeddedArticle> {
    last_by_key(articles, |embedded| &embedded.article().key)
}

fn last_by_key<A>(articles: Vec<A>, key: impl Fn(&A) -> &String) -> Vec<A> {
    let by_key = articles.into_iter().map(|article| (key(&article).clone(), article));
    by_key.collect::<BTreeMap<String, A>>().into_values().collect()
}
