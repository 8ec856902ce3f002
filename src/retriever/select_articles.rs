//! Articles that are selected by a filter: their keys, and their removal.

use tracing::instrument;

#[cfg(doc)]
use crate::Error;
use crate::{Filter, Result, Retriever, Searcher, store::segment::LiveSegment};

impl Searcher {
    /// Returns the keys of the articles that `filter` matches, in ascending order of their bytes.
    /// Articles without passages are included.
    ///
    /// # Errors
    ///
    /// - [`Error::Filter`] if a value is invalid, or for a [closure](Filter::custom), which decides on
    ///   passages.
    /// - [`Error::FilterType`] if no article has values of the kind that it compares with.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Filter, Retriever};
    ///
    /// let article = |key: &str, year: i64| Article::new(key, "Text.").metadata("year", year);
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([article("a", 2023), article("b", 2024), article("c", 2025)])?;
    /// assert_eq!(retriever.keys_where(&Filter::range("year", 2024..))?, ["b", "c"]);
    /// assert_eq!(retriever.remove_where(&Filter::range("year", ..2025))?, 2);
    /// assert_eq!(retriever.articles(), 1);
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn keys_where(&self, filter: &Filter) -> Result<Vec<String>> {
        let view = self.view();
        let mut keys = Vec::new();
        for (segment, articles) in view.segments.iter().zip(view.matching_articles(filter)?) {
            for article in articles.iter() {
                keys.push(segment.sealed().key(article)?.to_owned());
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

impl Retriever {
    /// Returns the keys of the articles that `filter` matches, also of uncommitted ones; see
    /// [`Searcher::keys_where`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::keys_where`].
    pub fn keys_where(&self, filter: &Filter) -> Result<Vec<String>> {
        self.current().keys_where(filter)
    }

    /// Removes the articles that `filter` matches; returns their number. Searchers find them until the
    /// next [commit](Self::commit).
    ///
    /// On an error no article is removed.
    ///
    /// # Errors
    ///
    /// As [`Searcher::keys_where`].
    #[instrument(level = "debug", skip_all)]
    pub fn remove_where(&mut self, filter: &Filter) -> Result<usize> {
        self.follow_merges()?;
        let matching = self.searcher.view().matching_articles(filter)?;
        let mut segments = self.segments().to_vec();
        let mut removed = 0;
        for (segment, articles) in segments.iter_mut().zip(&matching) {
            for article in articles.iter() {
                segment.remove(article)?;
                removed += 1;
            }
        }
        self.replace_after_removal(segments, removed);
        Ok(removed)
    }

    /// Continues with `segments`, from which `removed` articles were removed.
    pub(super) fn replace_after_removal(&mut self, segments: Vec<LiveSegment>, removed: usize) {
        if removed > 0 {
            *self.segments_mut() = segments;
            self.changed = true;
        }
    }
}
