//! Calibration of the graphs of a vector store.

use std::sync::Arc;

use tracing::instrument;

use super::VectorStore;
use crate::{
    CalibrationReport, Error, Result, Vectors,
    store::{Questions, calibrate_segments::calibrate_all},
};

impl VectorStore {
    /// Maximum number of neighbors for which graphs are calibrated. A search by recall for more
    /// neighbors compares every vector.
    pub const CALIBRATED_K: usize = 100;

    /// Measures the recall of the graphs on `queries`, and reports the smallest `ef_search` that
    /// reaches `target_recall`, `0.0 < target_recall <= 1.0`. Afterwards searches can request this
    /// or another [recall](crate::SearchEffort::Recall).
    ///
    /// Choose queries like those of users, which are not vectors of the store. Proving a recall of
    /// 0.98 takes at least 133 queries, 0.99 takes 268;
    /// [`Calibration`](crate::Calibration) documents what is proven. The graphs are those of the last
    /// commit, so calibrate after it. The recall is that of the merged result of all segments, and is
    /// also measured for [filters](crate::Calibration#filters). The next commit stores the
    /// calibration and the queries. A commit that builds a graph measures all graphs again. Adding
    /// or removing vectors leaves the calibration unchanged until then.
    ///
    /// # Errors
    ///
    /// After an error the store keeps its previous calibration.
    ///
    /// - [`Error::Fraction`] if `target_recall` is out of range.
    /// - [`Error::Setting`] without queries.
    /// - [`Error::Dimension`] if the queries have another dimension.
    /// - [`Error::Corrupt`] if a file is damaged.
    /// - [`Error::Cancelled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{IdSearchParams, SearchEffort, VectorStore, Vectors};
    ///
    /// let mut store = VectorStore::in_memory(2)?;
    /// store.add(&[17, 4], Vectors::normalized(2, vec![1.0, 0.0, 0.6, 0.8])?)?;
    /// store.commit()?;
    /// let report = store.calibrate(0.98, &Vectors::normalized(2, vec![0.9, 0.1])?)?;
    /// assert!(report.is_reached(), "so small a store has no graph");
    ///
    /// let effort = SearchEffort::Recall(0.98);
    /// let found = store.search(&[1.0, 0.1], &IdSearchParams { effort, ..Default::default() })?;
    /// assert_eq!(found.neighbors[0].id, 17);
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(
        name = "calibrate_vectors",
        level = "debug",
        skip_all,
        fields(queries = queries.len(), target_recall)
    )]
    pub fn calibrate(
        &mut self,
        target_recall: f32,
        queries: &Vectors,
    ) -> Result<CalibrationReport> {
        Error::check_fraction("target_recall", target_recall)?;
        Error::check_setting("queries", queries.len(), 1.., "1 or more")?;
        if queries.dim() != self.dim() {
            return Err(Error::Dimension { expected: self.dim(), got: queries.dim() });
        }
        let questions = Questions { target_recall, vectors: queries.clone() };
        let mut segments = self.segments().to_vec();
        let cancel = &self.settings.cancel;
        calibrate_all(&mut segments, Self::CALIBRATED_K, &questions, cancel)?;
        let report = CalibrationReport::of(&segments, &questions);
        *self.segments_mut() = segments;
        Arc::make_mut(&mut self.reader.snapshot).questions = Some(Arc::new(questions));
        Ok(report)
    }

    /// Reports whether the graphs reach the recall of the last [`calibrate`](Self::calibrate) now;
    /// `None` before the first calibration.
    #[must_use]
    pub fn calibration(&self) -> Option<CalibrationReport> {
        let questions = self.reader.snapshot.questions.as_deref();
        questions.map(|questions| CalibrationReport::of(self.segments(), questions))
    }
}
