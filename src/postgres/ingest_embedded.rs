//! Adds articles whose passages are embedded elsewhere.

use std::time::Instant;

use tracing::instrument;

use super::{
    Corpus,
    prepared_article::{HashedEmbedded, PreparedArticles},
    shard_writer::Replace,
};
#[cfg(doc)]
use crate::Error;
use crate::{
    AddReport, EmbeddedArticle, Result, SyncReport,
    text::{IngestReport, check_articles, check_dimension, last_embedded_of_each_key},
};

impl Corpus {
    /// Adds articles with given passages and vectors, as
    /// [`Retriever::add_embedded`](crate::Retriever::add_embedded) does; neither the model nor the
    /// chunker is called. An article replaces an earlier one of the same key.
    ///
    /// # Errors
    ///
    /// - [`Error::Dimension`] if vectors do not have the dimension of the model.
    /// - As [`add`](Self::add), without the errors of models.
    #[instrument(level = "debug", skip_all)]
    pub fn add_embedded(
        &self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<AddReport> {
        let articles = self.hashed_embedded(articles.into_iter().collect())?;
        Ok(self.ingest_embedded(articles, Replace::Always)?.into())
    }

    /// Adds new articles with given passages and vectors, and replaces changed ones, as
    /// [`add_embedded`](Self::add_embedded) does; unchanged articles are not stored again.
    ///
    /// # Errors
    ///
    /// As [`add_embedded`](Self::add_embedded).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert_embedded(
        &self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        report.count(self.ingest_changed_embedded(articles.into_iter().collect())?);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Prepares and writes those of `articles` that are new or changed.
    pub(super) fn ingest_changed_embedded(
        &self,
        articles: Vec<EmbeddedArticle>,
    ) -> Result<IngestReport> {
        let articles = self.hashed_embedded(articles)?;
        let given = articles.len();
        let changed = self.changed(articles, |article| &article.hashed)?;
        let unchanged = given - changed.len();
        let mut report = self.ingest_embedded(changed, Replace::IfChanged)?;
        report.unchanged += unchanged;
        Ok(report)
    }

    /// Checks and hashes `articles`; returns the last one of each key, in the order of the keys.
    fn hashed_embedded(&self, articles: Vec<EmbeddedArticle>) -> Result<Vec<HashedEmbedded>> {
        check_articles(articles.iter().map(EmbeddedArticle::article))?;
        check_dimension(&articles, self.parts.embedder.dim())?;
        let articles = last_embedded_of_each_key(articles).into_iter();
        articles.map(HashedEmbedded::new).collect()
    }

    /// Prepares and writes `articles`.
    fn ingest_embedded(
        &self,
        articles: Vec<HashedEmbedded>,
        replace: Replace,
    ) -> Result<IngestReport> {
        if articles.is_empty() {
            return Ok(IngestReport::default());
        }
        let prepared = PreparedArticles::given(articles, self.parts.embedder.dim())?;
        let written = self.write(&prepared, replace)?;
        Ok(IngestReport { given: prepared.vectors.len(), ..written })
    }
}
