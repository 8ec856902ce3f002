//! Calibration of the graphs of a corpus, and of each graph that a later commit builds.

use std::sync::Arc;

use tracing::instrument;

use super::{ingest::EmbeddedBatch, searcher::Snapshot};
use crate::{
    CalibrationReport, EmbedReport, Error, Result, Retriever, Role,
    store::{Questions, segment::LiveSegment},
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
    /// [waits](Self::wait_for_merges) for those that are being built. The next commit stores the
    /// calibration and the vectors of the questions. Graphs that are built later are calibrated
    /// before they are published; [`calibration`](Self::calibration) returns the outcome. Removing
    /// articles leaves the calibration of a graph unchanged until the graph is built again.
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
        let segments = self.segments().iter();
        let calibrated = segments.map(|segment| self.calibrated(segment.clone(), &questions));
        *self.segments_mut() = calibrated.collect::<Result<_>>()?;
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

    /// Measures the recall of the graph of `segment`, if there is one, on `questions`.
    pub(super) fn calibrated(
        &self,
        mut segment: LiveSegment,
        questions: &Questions,
    ) -> Result<LiveSegment> {
        segment.calibrate(Self::CALIBRATED_K, &questions.vectors, &self.settings.cancel)?;
        Ok(segment)
    }
}
