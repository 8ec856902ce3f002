//! A segment with the set of its live articles.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::Segment;
use crate::{
    Calibration, Filter, Neighbors, Result, RowSet, SearchParams,
    format::{
        column::MappedFile,
        sections::{FileId, Section},
    },
    lexical::LiveIndex,
    search::language_totals::LanguageTotals,
    store::{corpus_contents::CorpusContents, removals::Removals, stored_segment::StoredSegment},
    vector::{FilterShare, MeasuredPart, to_row},
};

/// A segment without the articles removed from it.
#[derive(Clone)]
pub(crate) struct LiveSegment {
    segment: Arc<Segment>,
    articles: Arc<RowSet>,
    passages: Arc<RowSet>,
    /// Calibration of the graph, if there is one. It is kept beside the shared segment, so that a
    /// searcher keeps the calibration of its generation.
    calibration: Option<Arc<Calibration>>,
    removals: Arc<Removals>,
    /// The removed rows, computed when first needed.
    removed: OnceLock<Removed>,
    /// The totals of the live vectors if rows were removed, computed when first needed.
    pub(super) live_totals: OnceLock<LanguageTotals>,
}

/// Rows that were removed from a segment.
#[derive(Clone)]
struct Removed {
    /// In ascending order.
    rows: Vec<u32>,
    /// Number of terms in the live passages.
    live_terms: u64,
}

/// An article of a corpus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArticlePlace {
    /// Position of its segment.
    pub(crate) segment: usize,
    /// Its number in the segment.
    pub(crate) number: u32,
}

/// Returns the place of the live article with this key.
pub(crate) fn find_article(segments: &[LiveSegment], key: &str) -> Result<Option<ArticlePlace>> {
    // Recent articles are looked up more often than old ones.
    for (segment, live) in segments.iter().enumerate().rev() {
        if let Some(number) = live.find(key)? {
            return Ok(Some(ArticlePlace { segment, number }));
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
    /// `segment` with all of its articles live.
    pub(crate) fn all(segment: Arc<Segment>) -> Self {
        Self {
            articles: Arc::new(RowSet::all(to_row(segment.articles()))),
            passages: Arc::new(RowSet::all(segment.len())),
            segment,
            calibration: None,
            removals: Arc::default(),
            removed: OnceLock::new(),
            live_totals: OnceLock::new(),
        }
    }

    /// The segment with all of its articles.
    pub(crate) fn sealed(&self) -> &Arc<Segment> {
        &self.segment
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

    /// Takes over the files of the removed articles of `committed`, an earlier or the same state of this
    /// segment.
    pub(crate) fn share_removals(&mut self, committed: &Self) {
        Arc::make_mut(&mut self.removals).follow(&committed.removals);
    }

    /// The live articles.
    pub(super) fn live_articles(&self) -> &RowSet {
        &self.articles
    }

    /// The live passages.
    pub(super) fn live_passages(&self) -> &RowSet {
        &self.passages
    }

    /// The numbers of the live articles.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        self.articles.iter()
    }

    /// Returns whether article `number` is live.
    pub(crate) fn is_live(&self, number: u32) -> bool {
        self.articles.contains(number)
    }

    /// The number of the live article with this key.
    pub(crate) fn find(&self, key: &str) -> Result<Option<u32>> {
        Ok(self.segment.find(key)?.filter(|number| self.articles.contains(*number)))
    }

    /// Removes article `number`, which is live.
    pub(crate) fn remove(&mut self, number: u32) -> Result<()> {
        let rows = self.segment.rows_of(number)?;
        let live = Arc::make_mut(&mut self.passages);
        rows.for_each(|row| _ = live.remove(row));
        let is_removed = Arc::make_mut(&mut self.articles).remove(number);
        if is_removed {
            Arc::make_mut(&mut self.removals).add(number);
        }
        self.removed.take();
        self.live_totals.take();
        Ok(())
    }

    /// The neighbors of `query` among the rows `allowed`, all if `None`, closest first. The filter
    /// allows `index_share` of the rows of the whole index.
    pub(crate) fn closest(
        &self,
        query: &[f32],
        params: &SearchParams,
        allowed: Option<&RowSet>,
        index_share: f64,
    ) -> Result<Neighbors> {
        // A hit is read from the columns: their damage shows before the search.
        self.segment.columns.get()?;
        let index = self.segment.index.get()?;
        let calibration = self.calibration.as_deref();
        let params = SearchParams { allowed, calibration, ..*params };
        let segment = allowed.map_or(1.0, |rows| FilterShare::of(rows.len(), self.passages()));
        let share = FilterShare { index: index_share, segment };
        index.search_calibrated(query, &params, share)
    }

    /// The lexical index with its removed rows.
    pub(crate) fn live_lexical(&self) -> Result<LiveIndex<'_>> {
        let index = self.lexical()?;
        let Removed { rows, live_terms } = self.removed.get_or_init(|| {
            let rows: Vec<u32> = self.removed_rows().collect();
            Removed { live_terms: index.terms_without(&rows), rows }
        });
        Ok(LiveIndex { index, removed: rows, terms: *live_terms })
    }

    /// The removed rows, in ascending order.
    pub(super) fn removed_rows(&self) -> impl Iterator<Item = u32> {
        let live_rows = self.live_rows();
        (0..self.segment.len())
            .filter(move |row| live_rows.is_some_and(|live| !live.contains(*row)))
    }

    /// The live rows that `filter` allows; `None` if all rows of the segment are.
    pub(crate) fn allowed_by(&self, filter: Option<&Filter>) -> Result<Option<Arc<RowSet>>> {
        match filter {
            Some(filter) => Ok(Some(Arc::new(self.filtered(filter)?))),
            None => Ok(self.live_rows().map(|_| Arc::clone(&self.passages))),
        }
    }

    /// The live rows; `None` if all are.
    pub(crate) fn live_rows(&self) -> Option<&RowSet> {
        let all_live = self.passages.len() == self.segment.len() as usize;
        (!all_live).then_some(&*self.passages)
    }

    /// The vector of `row`, checked by its checksum.
    pub(crate) fn vector(&self, row: u32) -> Result<&[f32]> {
        self.segment.checked_vector(row)
    }
}

impl StoredSegment for LiveSegment {
    type Contents = CorpusContents;

    fn open(map: MappedFile) -> Result<Self> {
        Ok(Self::all(Arc::new(Segment::open(map)?)))
    }

    fn with_all_items(&self) -> Self {
        Self::all(Arc::clone(&self.segment))
    }

    fn moved_to(&self, copy: &Self) -> Self {
        Self { segment: Arc::clone(&copy.segment), ..self.clone() }
    }

    fn file_id(&self) -> Option<FileId> {
        self.segment.id()
    }

    fn dim(&self) -> usize {
        self.segment.dim()
    }

    fn with_sections<T>(&self, write: impl FnOnce(&[Section]) -> Result<T>) -> Result<T> {
        self.segment.with_sections(write)
    }

    fn items(&self) -> usize {
        self.segment.articles()
    }

    fn live_vectors(&self) -> usize {
        self.passages()
    }

    fn remove_item(&mut self, number: u32) -> Result<()> {
        self.remove(number)
    }

    fn removals(&self) -> &Removals {
        &self.removals
    }

    fn set_removals(&mut self, removals: Removals) {
        self.removals = Arc::new(removals);
    }

    fn has_graph(&self) -> bool {
        self.segment.has_graph()
    }

    fn measured_part(&self) -> Result<MeasuredPart<'_>> {
        Ok(self.segment.index.get()?.measured_part(self.live_rows()))
    }

    fn calibration(&self) -> Option<&Arc<Calibration>> {
        self.calibration.as_ref()
    }

    fn set_calibration(&mut self, calibration: Option<Arc<Calibration>>) {
        self.calibration = calibration;
    }
}
