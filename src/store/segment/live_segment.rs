//! A segment with what is still alive of it.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use super::{Segment, SegmentBuilder};
use crate::{
    Calibration, Cancel, Filter, Hit, Neighbors, Result, RowSet, SearchParams, Vectors,
    format::sections::FileId, lexical::Live, search::fusion::Scored, vector::to_row,
};

/// A segment, less the articles that were removed from it.
#[derive(Clone)]
pub(crate) struct LiveSegment {
    segment: Arc<Segment>,
    articles: Arc<RowSet>,
    passages: Arc<RowSet>,
    /// Of the graph, if there is one. Beside the segment, not in it: searchers that share
    /// the segment keep the calibration that they began with.
    calibration: Option<Arc<Calibration>>,
    /// The file that names the articles removed, if it names all of them.
    removals: Option<FileId>,
    /// The rows that were removed, once they were asked for.
    removed: OnceLock<Removed>,
}

/// Rows that were removed from a segment.
#[derive(Clone)]
struct Removed {
    /// In ascending order.
    rows: Vec<u32>,
    /// Number of words in the passages that are left.
    live_terms: u64,
}

/// The segment and number of the live article of this key.
pub(crate) fn place_of(segments: &[LiveSegment], key: &str) -> Result<Option<(usize, u32)>> {
    // New articles are looked for more often than old ones.
    for (segment, live) in segments.iter().enumerate().rev() {
        if let Some(at) = live.find(key)? {
            return Ok(Some((segment, at)));
        }
    }
    Ok(None)
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
    pub(crate) fn all(segment: Arc<Segment>) -> Self {
        Self {
            articles: Arc::new(RowSet::all(to_row(segment.articles()))),
            passages: Arc::new(RowSet::all(segment.len())),
            segment,
            calibration: None,
            removals: None,
            removed: OnceLock::new(),
        }
    }

    /// The segment as it was sealed.
    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The same articles, now in `segment`, which holds the same.
    pub(crate) fn moved_to(&self, segment: Arc<Segment>) -> Self {
        Self { segment, ..self.clone() }
    }

    /// Number of live articles.
    pub(crate) fn articles(&self) -> usize {
        self.articles.len()
    }

    /// Number of live passages.
    pub(crate) fn passages(&self) -> usize {
        self.passages.len()
    }

    /// Number of articles that were removed.
    pub(crate) fn removed(&self) -> usize {
        self.segment.articles() - self.articles()
    }

    /// The articles that were removed, in ascending order.
    pub(crate) fn removed_articles(&self) -> Vec<u32> {
        let all = 0..to_row(self.segment.articles());
        all.filter(|at| !self.articles.contains(*at)).collect()
    }

    /// The file that names all of them.
    pub(crate) fn removals_file(&self) -> Option<FileId> {
        self.removals
    }

    /// Notes that `file` names all of them.
    pub(crate) fn set_removals_file(&mut self, file: FileId) {
        self.removals = Some(file);
    }

    /// The live articles.
    pub(super) fn live_articles(&self) -> &RowSet {
        &self.articles
    }

    /// The live articles by their numbers.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        self.articles.iter()
    }

    /// The keys of the live articles, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Result<&str>> {
        self.articles.iter().map(|at| self.segment.key(at))
    }

    /// The number of the live article of this key.
    pub(crate) fn find(&self, key: &str) -> Result<Option<u32>> {
        Ok(self.segment.find(key)?.filter(|at| self.articles.contains(*at)))
    }

    /// Removes article `at`, which is live.
    pub(crate) fn remove(&mut self, at: u32) -> Result<()> {
        let rows = self.segment.rows_of(at)?;
        let live = Arc::make_mut(&mut self.passages);
        rows.for_each(|row| _ = live.remove(row));
        Arc::make_mut(&mut self.articles).remove(at);
        self.removals = None;
        self.removed.take();
        Ok(())
    }

    /// Copies the live articles into `builder`, and returns the rows of their passages.
    pub(crate) fn copy_into(&self, builder: &mut SegmentBuilder) -> Result<Vec<u32>> {
        self.segment.advise_sequential();
        self.articles.iter().try_for_each(|at| builder.copy(&self.segment, at))?;
        Ok(self.passages.iter().collect())
    }

    /// The neighbors of `query` among the rows `allowed`, all if `None`, closest first.
    pub(crate) fn closest(
        &self,
        query: &[f32],
        params: &SearchParams,
        allowed: Option<&RowSet>,
    ) -> Result<Neighbors> {
        let calibration = self.calibration();
        self.segment.search(query, &SearchParams { allowed, calibration, ..*params })
    }

    /// The lexical index, and what is alive of it.
    pub(crate) fn live_lexical(&self) -> Result<Live<'_>> {
        let index = self.lexical()?;
        let Removed { rows, live_terms } = self.removed.get_or_init(|| {
            let all = 0..self.segment.len();
            let is_live = self.live_rows();
            let rows: Vec<u32> =
                all.filter(|row| is_live.is_some_and(|live| !live.contains(*row))).collect();
            Removed { live_terms: index.terms_without(&rows), rows }
        });
        Ok(Live { index, removed: rows, terms: *live_terms })
    }

    /// The live rows that `filter` allows; `None` if all rows of the segment are.
    pub(crate) fn allowed_by(&self, filter: Option<&Filter>) -> Result<Option<Cow<'_, RowSet>>> {
        match filter {
            Some(filter) => Ok(Some(Cow::Owned(self.filtered(filter)?))),
            None => Ok(self.live_rows().map(Cow::Borrowed)),
        }
    }

    /// The live rows; `None` if all are.
    pub(crate) fn live_rows(&self) -> Option<&RowSet> {
        let all_live = self.passages.len() == self.segment.len() as usize;
        (!all_live).then_some(&*self.passages)
    }

    /// What was measured of the graph, if there is one and it was.
    pub(crate) fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_deref()
    }

    /// Takes over what was measured of the graph.
    pub(crate) fn set_calibration(&mut self, calibration: Option<Calibration>) {
        self.calibration = calibration.map(Arc::new);
    }

    /// Measures how many of the live rows closest to `queries` the graph finds, if there is
    /// one, for up to `k` neighbors.
    pub(crate) fn calibrate(&mut self, k: usize, queries: &Vectors, cancel: &Cancel) -> Result<()> {
        let segment = self.segment.searchable()?;
        if let Some(graph) = segment.index.graph() {
            let (allowed, cancel) = (self.live_rows(), Some(cancel));
            let params = SearchParams { k, allowed, cancel, ..SearchParams::default() };
            let measured = Calibration::measure(graph, queries, &params)?;
            self.calibration = Some(Arc::new(measured));
        }
        Ok(())
    }

    /// The vector of `row`, after its checksum was compared.
    pub(crate) fn vector(&self, row: u32) -> Result<&[f32]> {
        self.segment.vectors().checked_row(row as usize)
    }

    /// The number of the article of `row`.
    pub(crate) fn article_of(&self, row: u32) -> u32 {
        self.segment.article_of(row)
    }

    /// The hit that `scored` of this segment stands for.
    pub(crate) fn hit(&self, scored: Scored) -> Result<Hit> {
        self.segment.hit(scored)
    }
}
