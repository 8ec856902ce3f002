//! Calibration of the graphs of a corpus, repeated for each new graph.

use std::sync::Arc;

use serde::Serialize;
use tracing::instrument;

use super::ingest::EmbeddedBatch;
use crate::{
    Calibration, CalibrationStep, EmbedReport, Error, Result, Retriever, Role, SearchParams,
    Shortfall,
    store::{Questions, segment::LiveSegment},
};

/// How far a recall is reached over a corpus.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// The recall that was asked for.
    pub target_recall: f32,
    /// Number of neighbors that the figures are for: the hits of a query by default.
    pub k: usize,
    /// Number of questions that the recall was measured on.
    pub questions: usize,
    /// The graphs of the corpus. What is in none of them is always searched exactly.
    pub graphs: Vec<GraphCalibration>,
}

/// How far a recall is reached by one graph of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GraphCalibration {
    /// Passages in the graph that are not removed.
    pub passages: usize,
    /// The smallest `ef_search` that reaches the recall; if none is known to, the reason with
    /// what to do about it, and queries for this recall compare every passage.
    pub outcome: Result<CalibrationStep, Shortfall>,
    /// All that was measured, in ascending order of `ef_search`.
    pub ladder: Vec<CalibrationStep>,
}

impl CalibrationReport {
    /// Whether every graph is known to reach the recall; so it is if there is none.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.graphs.iter().all(|graph| graph.outcome.is_ok())
    }
}

impl Retriever {
    /// Calibrated queries are for at most this many hits; for more of them, a query by
    /// recall compares every passage.
    pub const CALIBRATED_K: usize = 100;

    /// Measures how well the graphs find what is closest to `questions`, and reports how to
    /// reach `target_recall`, over 0 to 1; from then on a query may ask for this or another
    /// [recall](crate::Query::recall).
    ///
    /// The questions stand for those to come: take real ones, and many; to prove .98 takes
    /// 133 of them, .99 268. [`Calibration`] says what is promised of each graph. A corpus
    /// without a graph needs no questions to prove anything, since its search is exact.
    ///
    /// Graphs are built by [`commit`](Self::commit), so call this after it; the calibration is
    /// committed by the next. The questions' vectors are kept: whenever a commit builds a
    /// graph, it is calibrated, too, and [`calibration`](Self::calibration) tells what came of
    /// it. Removing articles changes no calibration until a graph is built anew for it.
    ///
    /// # Errors
    ///
    /// [`Error::Fraction`] if `target_recall` is out of range, [`Error::Setting`] without
    /// questions, [`Error::EmptyQuery`] for one without text, [`Error::Corrupt`] if the index is
    /// damaged, [`Error::Cancelled`], what the embedder returns, and [`Error::Write`] if the file
    /// of the cache cannot be written. The corpus keeps the calibration it had.
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
        Error::check_fraction("target_recall", target_recall)?;
        Error::check_setting("questions", questions.len(), 1.., "1 or more")?;
        let texts: Vec<&str> = questions.iter().map(AsRef::as_ref).collect();
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(Error::EmptyQuery);
        }
        let EmbeddedBatch { vectors, .. } =
            self.embed(Role::Query, &texts, EmbedReport::default())?;
        let questions = Arc::new(Questions { target_recall, vectors });
        let segments = self.segments().iter();
        let segments: Result<Vec<_>> =
            segments.map(|segment| self.calibrated(segment.clone(), &questions)).collect();
        *self.segments_mut() = segments?;
        let report = self.report(&questions);
        Arc::make_mut(&mut self.searcher.snapshot).questions = Some(questions);
        self.changed = true;
        Ok(report)
    }

    /// How far the recall of the last [`calibrate`](Self::calibrate) is reached now;
    /// `None` before the first.
    #[must_use]
    pub fn calibration(&self) -> Option<CalibrationReport> {
        self.searcher.snapshot.questions.as_ref().map(|questions| self.report(questions))
    }

    /// `segment` with the recall of its graph, if it has one, measured on `questions`.
    pub(super) fn calibrated(
        &self,
        mut segment: LiveSegment,
        questions: &Questions,
    ) -> Result<LiveSegment> {
        segment.calibrate(Self::CALIBRATED_K, &questions.vectors, &self.settings.cancel)?;
        Ok(segment)
    }

    fn report(&self, questions: &Questions) -> CalibrationReport {
        let (target_recall, k) = (questions.target_recall, SearchParams::default().k);
        let graph = |(passages, calibration): (usize, &Calibration)| GraphCalibration {
            passages,
            outcome: calibration.reach(target_recall, k),
            ladder: calibration.steps(k),
        };
        let segments = self.segments().iter();
        let measured = segments.filter_map(|one| Some((one.passages(), one.calibration()?)));
        let graphs = measured.map(graph).collect();
        CalibrationReport { target_recall, k, questions: questions.vectors.len(), graphs }
    }
}
