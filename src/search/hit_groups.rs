//! Hits grouped by their articles.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{
    hit::Hit,
    query::Query,
    view::{Candidate, View, ids_of},
};
use crate::Result;

/// The hits of one article, from [`Hits::by_article`](crate::Hits::by_article).
///
/// # Examples
///
/// ```
/// use passim::{Article, Chunker, Query, Retriever};
///
/// let mut retriever =
///     Retriever::builder().chunker(Chunker::default().max_tokens(8)).in_memory()?;
/// retriever.add([
///     Article::new("moor", "Moore speichern Kohlenstoff.\n\nMoore speichern Wasser.\n\nMoore wachsen."),
///     Article::new("brot", "Ein Sauerteig braucht Zeit."),
/// ])?;
/// let hits = retriever.search(Query::new("Was speichert ein Moor?").k(2).group_by_article(2))?;
/// let groups = hits.by_article();
/// assert_eq!(groups.len(), 2);
/// assert_eq!((groups[0].article, groups[0].hits.len()), ("moor", 2));
/// assert_eq!(groups[0].best().score, hits[0].score);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HitGroup<'h> {
    /// Key of the article.
    pub article: &'h str,
    /// Its hits in their order, at least one.
    pub hits: Vec<&'h Hit>,
}

impl<'h> HitGroup<'h> {
    /// Returns the best hit, which gives the group its place.
    #[must_use]
    pub fn best(&self) -> &'h Hit {
        self.hits[0]
    }
}

/// Groups `hits` by article, in the order of the first hit of each.
pub(super) fn by_article(hits: &[Hit]) -> Vec<HitGroup<'_>> {
    let groups = grouped(hits, |hit| hit.article.as_str()).into_iter();
    groups.map(|hits| HitGroup { article: &hits[0].article, hits }).collect()
}

/// Orders `tier` by groups: the candidates of an article follow its first one. Sets their articles.
pub(super) fn group_candidates<V: View>(
    view: &V,
    mut tier: Vec<Candidate>,
) -> Result<Vec<Candidate>> {
    let articles = view.articles(&ids_of(&tier))?;
    for (candidate, article) in tier.iter_mut().zip(articles) {
        candidate.group = Some(article);
    }
    Ok(grouped(tier, |candidate| candidate.group).concat())
}

/// Returns the groups of `candidates`, which are ordered by them; each candidate alone if the query
/// does not group.
pub(super) fn groups_of(candidates: &[Candidate]) -> impl Iterator<Item = &[Candidate]> {
    candidates.chunk_by(|a, b| a.group.is_some() && a.group == b.group)
}

/// Groups reranked `hits` and returns the page of `query`, whose `k` and offset count groups.
pub(super) fn page_of_groups(hits: Vec<Hit>, query: &Query) -> Vec<Hit> {
    let groups = grouped(hits, |hit| hit.article.clone()).into_iter();
    groups.skip(query.offset).take(query.k).flatten().collect()
}

/// Groups `items` by `key`, in the order of the first item of each group.
fn grouped<T, K: Eq + Hash>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut positions = FxHashMap::default();
    for item in items {
        let position = *positions.entry(key(&item)).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}
