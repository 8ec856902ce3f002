//! Searching: a snapshot of the corpus that answers questions from any number of threads.

use std::{fmt, sync::Arc, time::Instant};

use rayon::prelude::*;
use tracing::instrument;

use crate::{
    Article, EmbedStage, Embedder, Error, Found, Hits, Neighbor, Query, Result, Role, SearchParams,
    segment::LiveSegment,
};

/// The corpus as it was when [`Retriever::searcher`](crate::Retriever::searcher) was
/// called; cheap to clone, and not changed by what the retriever does later.
#[derive(Clone)]
pub struct Searcher {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) segments: Vec<LiveSegment>,
    /// Threads to embed on, if not as many as the model can use.
    pub(crate) workers: Option<usize>,
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searcher")
            .field("model", self.embedder.identity())
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

impl Searcher {
    /// The passages that are most similar to `query`.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyQuery`] without text, [`Error::Setting`] if `k` is 0, [`Error::Fraction`]
    /// if the recall asked for is out of range, [`Error::NotCalibrated`] if one is and the
    /// corpus has a graph but was not [calibrated](crate::Retriever::calibrate), and what
    /// the embedder returns.
    #[instrument(level = "debug", skip_all)]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        let query = query.into();
        query.check()?;
        let deadline = deadline_of(&query);
        let vectors = self.embedder.embed(Role::Query, &[&query.text])?;
        if vectors.len() != 1 {
            return Err(Error::Rows { expected: 1, got: vectors.len() });
        }
        self.hits(vectors.row(0), &query, deadline)
    }

    /// The hits of every query, in the order of `queries`, searched for in parallel on
    /// the threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for the first query that fails.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len()))]
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        let queries: Vec<Query> = queries.iter().cloned().map(Into::into).collect();
        queries.iter().try_for_each(Query::check)?;
        let deadlines: Vec<_> = queries.iter().map(deadline_of).collect();
        let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
        let (vectors, _) = self.stage().run(Role::Query, &texts)?;
        let hits = |(row, query)| self.hits(vectors.row(row), query, deadlines[row]);
        queries.par_iter().enumerate().map(hits).collect()
    }

    /// The stage that texts are embedded by.
    pub(crate) fn stage(&self) -> EmbedStage<'_> {
        let stage = EmbedStage::new(&*self.embedder);
        match self.workers {
            Some(workers) => stage.workers(workers),
            None => stage,
        }
    }

    /// The article of this key.
    #[must_use]
    pub fn article(&self, key: &str) -> Option<&Article> {
        self.segments.iter().find_map(|segment| segment.article(key))
    }

    /// The keys of all articles, in the order they were added.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(LiveSegment::keys)
    }

    /// Number of articles.
    #[must_use]
    pub fn articles(&self) -> usize {
        self.segments.iter().map(LiveSegment::articles).sum()
    }

    /// Number of passages.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.segments.iter().map(LiveSegment::passages).sum()
    }

    /// The model that the corpus is embedded with.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        &*self.embedder
    }

    /// The closest passages of all segments.
    fn hits(&self, vector: &[f32], query: &Query, deadline: Option<Instant>) -> Result<Hits> {
        let (k, effort, cancel) = (query.k, query.effort, query.cancel.as_ref());
        let params = SearchParams { k, effort, deadline, cancel, ..SearchParams::default() };
        let (mut found, mut plans): (Vec<(Neighbor, &LiveSegment)>, _) = (Vec::new(), Vec::new());
        for segment in &self.segments {
            let Found { neighbors, plan } =
                segment.search(vector, &params, query.filter.as_ref())?;
            found.extend(neighbors.into_iter().map(|one| (one, segment)));
            plans.push(plan);
        }
        // A stable sort: equal ones stay in the order of their segments.
        found.sort_by(|(a, _), (b, _)| b.similarity.total_cmp(&a.similarity));
        found.truncate(query.k);
        let hits = found.into_iter().map(|(neighbor, segment)| segment.hit(neighbor)).collect();
        Ok(Hits { hits, plans })
    }
}

/// When a search for `query` that starts now is to end.
fn deadline_of(query: &Query) -> Option<Instant> {
    // A limit beyond what the clock can tell is none.
    query.time_limit.and_then(|limit| Instant::now().checked_add(limit))
}
