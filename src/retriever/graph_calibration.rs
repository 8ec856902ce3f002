//! Calibration of the graphs of a corpus, and of each graph that a later commit builds.

use std::sync::Arc;

use tracing::instrument;

use super::{ingest::EmbeddedBatch, searcher::Snapshot};
use crate::{
    CalibrationReport, EmbedReport, Error, Result, Retriever, Role,
    store::{Questions, calibrate_segments::calibrate_all},
};

impl Retriever {
    /// Maximum number of hits for which graphs are calibrated. A query by recall for more hits
    /// compares every passage.
    pub const CALIBRATED_K: usize = 100;

    /// Measures the recall of the graphs on `questions`, and reports the smallest `ef_search` that
    /// reaches `target_recall`, `0.0 < target_recall <= 1.0`. Afterwards queries can request this or
    /// another [recall](crate::Query::recall).
    ///
    /// Choose questions like those that users will ask. Proving a recall of .98 takes at least 133
    /// questions, .99 takes 268. [`Calibration`](crate::Calibration) documents what is proven. A corpus without a
    /// graph is searched exactly, so one question suffices.
    ///
    /// The graphs are those of the last commit, so calibrate after it; the call
    /// [waits](Self::wait_for_merges) for those that are being built. The recall is that of the merged
    /// result of all segments, and is also measured for [filters](crate::Calibration#filters). The
    /// next commit stores the calibration and the vectors of the questions. All graphs are measured
    /// again before one that is built later is published; [`calibration`](Self::calibration) returns
    /// the outcome. Adding or removing articles leaves the calibration unchanged until then.
    ///
    /// # Errors
    ///
    /// After an error the corpus keeps its previous calibration.
    ///
    /// - [`Error::Fraction`] if `target_recall` is out of range.
    /// - [`Error::Setting`] without questions, [`Error::EmptyQuery`] for a question without text.
    /// - [`Error::Corrupt`] if the index is damaged.
    /// - [`Error::Cancelled`].
    /// - [`Error::Write`] if the file of the cache cannot be written.
    /// - The embedder's own error.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Query, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
    /// let report = retriever.calibrate(0.98, &["Was speichern Moore?"])?;
    /// assert!(report.is_reached(), "so small a corpus has no graph");
    /// let hits = retriever.search(Query::new("Was steckt in Mooren?").recall(0.98))?;
    /// assert_eq!(hits[0].article, "moor.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all, fields(questions = questions.len(), target_recall))]
    pub fn calibrate(
        &mut self,
        target_recall: f32,
        questions: &[impl AsRef<str>],
    ) -> Result<CalibrationReport> {
        self.wait_for_merges()?;
        self.calibrate_present(target_recall, questions)
    }

    /// Calibrates the graphs that there are now.
    pub(super) fn calibrate_present(
        &mut self,
        target_recall: f32,
        questions: &[impl AsRef<str>],
    ) -> Result<CalibrationReport> {
        Error::check_fraction("target_recall", target_recall)?;
        Error::check_setting("questions", questions.len(), 1.., "1 or more")?;
        let texts: Vec<&str> = questions.iter().map(AsRef::as_ref).collect();
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(Error::EmptyQuery);
        }
        let EmbeddedBatch { vectors, .. } =
            self.embed(Role::Query, &texts, EmbedReport::default())?;
        let questions = Arc::new(Questions { target_recall, vectors });
        self.follow_merges()?;
        let mut segments = self.segments().to_vec();
        calibrate_all(&mut segments, Self::CALIBRATED_K, &questions, &self.settings.cancel)?;
        *self.segments_mut() = segments;
        let report = CalibrationReport::of(self.segments(), &questions);
        Arc::make_mut(&mut self.searcher.snapshot).questions = Some(questions);
        self.changed = true;
        Ok(report)
    }

    /// Reports whether the graphs reach the recall of the last [`calibrate`](Self::calibrate) now;
    /// `None` before the first calibration.
    #[must_use]
    pub fn calibration(&self) -> Option<CalibrationReport> {
        let Snapshot { segments, questions, .. } = &*self.current().snapshot;
        questions.as_ref().map(|questions| CalibrationReport::of(segments, questions))
    }
}
