//! Articles that are like an article.

use crate::{Error, Filter, Hits, Query, Result, Searcher};

impl Searcher {
    /// The `k` articles that are closest in meaning to the article of this key, each by its best
    /// passage; the article itself is not among them. `None` if there is no such article.
    ///
    /// What is looked for is the mean of the vectors of its passages.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `k` is 0, [`Error::Corrupt`] if a file of the index is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([
    ///     Article::new("moor", "Moore speichern viel Kohlenstoff."),
    ///     Article::new("brot", "Ein Sauerteig braucht Zeit."),
    ///     Article::new("bog", "Peat bogs store a lot of carbon."),
    /// ])?;
    /// let related = retriever.related("moor", 1)?.expect("an article");
    /// assert_eq!(related[0].article, "bog");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn related(&self, key: &str, k: usize) -> Result<Option<Hits>> {
        Error::check_setting("k", k, 1.., "1 or more")?;
        let Some(mean) = self.mean_vector(key)? else { return Ok(None) };
        if mean.iter().all(|value| *value == 0.0) {
            // Nothing is like an article without passages.
            return Ok(Some(Hits::default()));
        }
        let query = Query::from_vector(mean).k(k).per_article(1);
        self.search(query.filter(!Filter::key(key))).map(Some)
    }

    /// The sum of the vectors of the article's passages, which has the direction of their mean;
    /// zeros if it has none.
    fn mean_vector(&self, key: &str) -> Result<Option<Vec<f32>>> {
        let Some((live, at)) = self.place_of(key)? else { return Ok(None) };
        let mut sum = vec![0.0; self.embedder.dim()];
        for row in live.segment().rows_of(at)? {
            sum.iter_mut().zip(live.vector(row)?).for_each(|(sum, value)| *sum += value);
        }
        Ok(Some(sum))
    }
}
