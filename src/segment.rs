//! A segment: some articles with their passages, vectors and index, sealed for good.
//!
//! What is removed is not taken out of a segment but left out of its live rows; what is
//! added goes into another segment. Searchers share segments with the writer.

use std::{fmt, sync::Arc};

use rustc_hash::FxHashMap;

use crate::{
    Article, Calibration, Cancel, Found, Hit, IndexChoice, Neighbor, Passage, Result, RowSet,
    SearchParams, VectorIndex, Vectors, index::as_rows, query::Filter,
};

/// An article with its passages, in order.
#[derive(Clone, Debug)]
pub(crate) struct Chunked {
    pub(crate) article: Arc<Article>,
    pub(crate) passages: Arc<[Passage]>,
}

/// Articles, the vectors of all their passages in order, and the index over them.
pub(crate) struct Segment {
    articles: Vec<Chunked>,
    /// Row of the first passage of every article.
    first_rows: Vec<u32>,
    by_key: FxHashMap<String, usize>,
    vectors: Arc<Vectors>,
    index: Box<dyn VectorIndex>,
    has_graph: bool,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("articles", &self.articles.len())
            .field("passages", &self.vectors.len())
            .finish_non_exhaustive()
    }
}

impl Segment {
    /// Seals `articles`; row `i` of `vectors` belongs to the `i`th of all their passages.
    pub(crate) fn seal(
        articles: Vec<Chunked>,
        vectors: Vectors,
        choice: IndexChoice,
        cancel: &Cancel,
    ) -> Result<Self> {
        let has_graph = choice.builds_graph(vectors.len());
        let vectors = Arc::new(vectors);
        let index = Box::new(choice.build(Arc::clone(&vectors), cancel)?);
        let by_key = articles.iter().enumerate();
        let by_key = by_key.map(|(at, chunked)| (chunked.article.key.clone(), at)).collect();
        let first_rows = articles.iter().scan(0, |next, chunked| {
            let first = *next;
            *next += as_rows(chunked.passages.len());
            Some(first)
        });
        Ok(Self { first_rows: first_rows.collect(), articles, by_key, vectors, index, has_graph })
    }

    /// Number of passages, live or not.
    fn len(&self) -> u32 {
        as_rows(self.vectors.len())
    }

    /// The article and passage of `row`.
    fn passage(&self, row: u32) -> (&Article, &Passage) {
        // Articles without passages share their first row with the next: the last wins.
        let at = self.first_rows.partition_point(|first| *first <= row) - 1;
        let Chunked { article, passages } = &self.articles[at];
        (article, &passages[(row - self.first_rows[at]) as usize])
    }

    fn hit(&self, neighbor: Neighbor) -> Hit {
        let (article, passage) = self.passage(neighbor.row);
        let text = |range: &std::ops::Range<usize>| article.text[range.clone()].to_owned();
        Hit {
            similarity: neighbor.similarity,
            article: article.key.clone(),
            title: article.title.clone(),
            range: passage.range.clone(),
            text: text(&passage.range),
            heading: passage.heading.as_ref().map(text),
            metadata: article.metadata.clone(),
        }
    }
}

/// A segment with what is still alive of it.
#[derive(Clone)]
pub(crate) struct LiveSegment {
    segment: Arc<Segment>,
    articles: Arc<RowSet>,
    passages: Arc<RowSet>,
    /// Of the graph, if there is one. Beside the segment, not in it: searchers that share
    /// the segment keep the calibration that they began with.
    calibration: Option<Arc<Calibration>>,
}

impl fmt::Debug for LiveSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSegment")
            .field("segment", &self.segment)
            .field("live_articles", &self.articles())
            .field("live_passages", &self.passages())
            .finish_non_exhaustive()
    }
}

impl LiveSegment {
    /// All of `segment`.
    pub(crate) fn all(segment: Segment) -> Self {
        Self {
            articles: Arc::new(RowSet::all(as_rows(segment.articles.len()))),
            passages: Arc::new(RowSet::all(segment.len())),
            segment: Arc::new(segment),
            calibration: None,
        }
    }

    /// Number of live articles.
    pub(crate) fn articles(&self) -> usize {
        self.articles.len()
    }

    /// Number of live passages.
    pub(crate) fn passages(&self) -> usize {
        self.passages.len()
    }

    /// Whether more than half of the passages are dead.
    pub(crate) fn is_mostly_dead(&self) -> bool {
        self.passages.len() * 2 < self.segment.len() as usize
    }

    /// The keys of the live articles, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.articles.iter().map(|at| self.segment.articles[at as usize].article.key.as_str())
    }

    /// The live article of this key.
    pub(crate) fn article(&self, key: &str) -> Option<&Article> {
        let at = self.live_position(key)?;
        Some(&self.segment.articles[at].article)
    }

    /// Removes the article of this key; false if it is not here.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let Some(at) = self.live_position(key) else { return false };
        let first = self.segment.first_rows[at];
        let end = first + as_rows(self.segment.articles[at].passages.len());
        let live = Arc::make_mut(&mut self.passages);
        (first..end).for_each(|row| _ = live.remove(row));
        Arc::make_mut(&mut self.articles).remove(as_rows(at))
    }

    /// The live articles, and the vectors of their passages.
    pub(crate) fn survivors(&self) -> (Vec<Chunked>, Vectors) {
        let articles = self.articles.iter().map(|at| self.segment.articles[at as usize].clone());
        let live: Vec<usize> = self.passages.iter().map(|row| row as usize).collect();
        (articles.collect(), self.segment.vectors.select(&live))
    }

    /// The live neighbors of `query` that `filter` allows, closest first.
    pub(crate) fn search(
        &self,
        query: &[f32],
        params: &SearchParams,
        filter: Option<&Filter>,
    ) -> Result<Found> {
        let filtered = filter.map(|filter| self.filtered(filter));
        let (allowed, calibration) = (filtered.as_ref().or(self.allowed()), self.calibration());
        self.segment.index.search(query, &SearchParams { allowed, calibration, ..*params })
    }

    /// The live rows that `filter` allows.
    fn filtered(&self, filter: &Filter) -> RowSet {
        let mut rows = RowSet::none(self.segment.len());
        for row in self.passages.iter() {
            let (article, passage) = self.segment.passage(row);
            if filter.allows(article, passage) {
                rows.insert(row);
            }
        }
        rows
    }

    /// The live rows; `None` if all are.
    fn allowed(&self) -> Option<&RowSet> {
        let all_live = self.passages.len() == self.segment.len() as usize;
        (!all_live).then_some(&*self.passages)
    }

    /// What was measured of the graph, if there is one and it was.
    pub(crate) fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_deref()
    }

    /// Measures how many of the live rows closest to `queries` the graph finds, if there is
    /// one, for up to `k` neighbors.
    pub(crate) fn calibrate(&mut self, k: usize, queries: &Vectors, cancel: &Cancel) -> Result<()> {
        if self.segment.has_graph {
            let (allowed, cancel) = (self.allowed(), Some(cancel));
            let params = SearchParams { k, allowed, cancel, ..SearchParams::default() };
            let measured = Calibration::measure(&*self.segment.index, queries, &params)?;
            self.calibration = Some(Arc::new(measured));
        }
        Ok(())
    }

    /// The hit that `neighbor` of this segment stands for.
    pub(crate) fn hit(&self, neighbor: Neighbor) -> Hit {
        self.segment.hit(neighbor)
    }

    fn live_position(&self, key: &str) -> Option<usize> {
        let at = *self.segment.by_key.get(key)?;
        self.articles.contains(as_rows(at)).then_some(at)
    }
}
