//! Adds articles whose passages are embedded elsewhere: the same stages without chunking and
//! without the model.

use std::time::Instant;

use rayon::prelude::*;
use tracing::instrument;

use super::{IncomingArticle, OnExisting, PassageInput, report};
#[cfg(doc)]
use crate::Error;
use crate::{
    AddReport, EmbeddedArticle, Result, Retriever, SyncReport, Vectors,
    store::segment::{ArticleDigest, Chunked},
    text::{IngestReport, check_articles, check_dimension, last_embedded_of_each_key},
};

/// An article that is stored, with the given vectors of its passages.
struct IncomingEmbedded {
    incoming: IncomingArticle,
    vectors: Vectors,
}

impl Retriever {
    /// Adds articles with given passages and vectors; neither the model nor the
    /// [chunker](Self::chunker) is called. An article replaces an earlier one of the same key.
    ///
    /// The vectors must be those of the [model](Self::embedder) of the corpus, which embeds the
    /// questions, for [`Passage::text_in_context`](crate::Passage::text_in_context). Words, filters,
    /// commits and all other operations treat these articles like others. A
    /// [sync](Self::sync) or [upsert](Self::upsert) of the same article replaces its passages by
    /// those of the chunker, and keeps the vectors of equal texts; a
    /// [rebuild](crate::RetrieverBuilder::rebuild) with another model embeds it like all others.
    ///
    /// On an error no article is added. This retriever finds the articles at once, searchers
    /// find them after the [commit](Self::commit).
    ///
    /// # Errors
    ///
    /// - [`Error::Dimension`] if vectors do not have the dimension of the model.
    /// - As [`add`](Self::add), without the errors of models and caches.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, EmbedStage, EmbeddedArticle, Retriever, Role, StaticEmbedder};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// let article = Article::new("moor.txt", "Moore speichern viel Kohlenstoff.");
    /// let passages = retriever.chunker().passages(&article, retriever.embedder())?;
    /// let texts: Vec<String> = passages.iter().map(|p| p.text_in_context(&article)).collect();
    ///
    /// // Anywhere, with the same model:
    /// let model = StaticEmbedder::bundled()?;
    /// let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    /// let (vectors, _) = EmbedStage::new(&model).run(Role::Passage, &texts)?;
    ///
    /// let report = retriever.add_embedded([EmbeddedArticle::new(article, passages, vectors)?])?;
    /// assert_eq!((report.given, report.embedding.texts), (1, 0));
    /// assert_eq!(retriever.search("What do peat bogs store?")?[0].article, "moor.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all)]
    pub fn add_embedded(
        &mut self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<AddReport> {
        let articles = articles.into_iter().collect();
        Ok(self.ingest_embedded(articles, OnExisting::Replace)?.into())
    }

    /// Adds new articles with given passages and vectors, and replaces changed ones, as
    /// [`add_embedded`](Self::add_embedded) does; unchanged articles are not stored again.
    ///
    /// An article is unchanged if title, declared language, text, markup, metadata, passages and
    /// vectors are those that were stored by `add_embedded` or by this function.
    ///
    /// # Errors
    ///
    /// As [`add_embedded`](Self::add_embedded).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert_embedded(
        &mut self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        report.count(self.ingest_changed_embedded(articles.into_iter().collect())?);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Stores those of `articles` that are new or changed, in an uncommitted segment.
    pub(crate) fn ingest_changed_embedded(
        &mut self,
        articles: Vec<EmbeddedArticle>,
    ) -> Result<IngestReport> {
        self.ingest_embedded(articles, OnExisting::ReplaceChanged)
    }

    /// Stores the `articles` that `on_existing` selects in an uncommitted segment.
    fn ingest_embedded(
        &mut self,
        articles: Vec<EmbeddedArticle>,
        on_existing: OnExisting,
    ) -> Result<IngestReport> {
        check_articles(articles.iter().map(EmbeddedArticle::article))?;
        let dim = self.embedder().dim();
        check_dimension(&articles, dim)?;
        let articles = last_embedded_of_each_key(articles);
        let given = articles.len();
        let incoming = articles
            .into_par_iter()
            .filter_map(|article| self.select_embedded(article, on_existing).transpose());
        let incoming: Vec<IncomingEmbedded> = incoming.collect::<Result<_>>()?;
        let unchanged = given - incoming.len();
        if incoming.is_empty() {
            return Ok(IngestReport { unchanged, ..IngestReport::default() });
        }
        let vectors = Vectors::concat(dim, incoming.iter().map(|article| &article.vectors))?;
        let incoming: Vec<IncomingArticle> =
            incoming.into_iter().map(|article| article.incoming).collect();
        let inputs: Vec<PassageInput> =
            incoming.par_iter().flat_map_iter(IncomingArticle::passage_inputs).collect();
        let segment = self.build_segment(&incoming, &inputs, vectors)?;
        let report = IngestReport { given: inputs.len(), ..report(unchanged, &incoming) };
        self.publish_in_memory(&incoming, segment)?;
        Ok(report)
    }

    /// Detects the language of the article; `None` if `on_existing` leaves it out.
    fn select_embedded(
        &self,
        embedded: EmbeddedArticle,
        on_existing: OnExisting,
    ) -> Result<Option<IncomingEmbedded>> {
        self.settings.cancel.check()?;
        let digest = ArticleDigest::of_embedded(&embedded)?;
        let EmbeddedArticle { article, passages, vectors, .. } = embedded;
        let existing = self.existing(&article.key, &digest)?;
        if existing.is_unchanged && on_existing == OnExisting::ReplaceChanged {
            return Ok(None);
        }
        let digest = digest.with_detected_language(&article)?;
        let chunked = Chunked { article, passages, digest };
        let incoming = IncomingArticle { chunked, replaces: existing.place };
        Ok(Some(IncomingEmbedded { incoming, vectors }))
    }
}
