//! Adds articles: one function of named stages, from given articles to a searchable segment.

mod embedded;

use std::time::Instant;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use tracing::{Span, field, instrument};

use super::{merge_segments::MergePlan, unindexed_segment::UnindexedSegment};
#[cfg(doc)]
use crate::Error;
use crate::{
    AddReport, Article, EmbedReport, IndexChoice, Language, Progress, Result, Retriever, Role,
    SyncReport, Vectors,
    language::AnalyzedLanguage,
    store::segment::{
        ArticleDigest, ArticlePlace, Chunked, LiveSegment, SegmentBuilder, SegmentPieces,
        SegmentWords, find_article,
    },
    text::{IngestReport, check_articles, last_of_each_key},
    vector::{VectorRow, to_row},
};

/// Treatment of articles whose key is already in the corpus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnExisting {
    Replace,
    /// Replaces only articles whose content hash or chunker settings changed.
    ReplaceChanged,
}

/// The articles of a call that are stored.
struct Selection {
    articles: Vec<SelectedArticle>,
    /// Number of articles that are left out, because the corpus has them already.
    unchanged: usize,
}

struct SelectedArticle {
    article: Article,
    digest: ArticleDigest,
    replaces: Option<ArticlePlace>,
}

/// The article of a key that the corpus has, if any.
struct ExistingArticle {
    place: Option<ArticlePlace>,
    /// Whether it has the content hash of the article that replaces it.
    is_unchanged: bool,
}

struct IncomingArticle {
    chunked: Chunked,
    replaces: Option<ArticlePlace>,
}

/// Input of the embedder and of the lexical index for one passage.
struct PassageInput {
    /// The text in context, as it is embedded.
    text: String,
    /// Language of the article.
    language: Option<AnalyzedLanguage>,
    /// Vector of a passage with the same text in the replaced article.
    stored: Option<StoredVector>,
}

#[derive(Clone, Copy)]
struct StoredVector {
    segment: usize,
    row: u32,
}

impl IncomingArticle {
    /// Returns the inputs of the passages, none with a stored vector.
    fn passage_inputs(&self) -> impl Iterator<Item = PassageInput> {
        let Chunked { article, passages, digest } = &self.chunked;
        let language = digest.language.and_then(Language::analyzed);
        passages.iter().map(move |passage| PassageInput {
            text: passage.text_in_context(article),
            language,
            stored: None,
        })
    }
}

/// Embedded texts in the order in which they were given.
pub(super) struct EmbeddedBatch {
    pub(super) vectors: Vectors,
    pub(super) report: EmbedReport,
}

impl Retriever {
    /// Adds articles. An article replaces an earlier one of the same key.
    ///
    /// On an error no article is added. This retriever finds the articles at once, searchers
    /// find them after the [commit](Self::commit).
    ///
    /// # Errors
    ///
    /// - [`Error::EmptyKey`] for an article without a key.
    /// - [`Error::ArticleTooLarge`] for an article over [`Article::MAX_BYTES`].
    /// - [`Error::NestedList`] for a metadata list that holds a list.
    /// - [`Error::TooLarge`] for more than 2^24 bytes of title and metadata.
    /// - [`Error::Corrupt`] if the keys of the index are damaged.
    /// - [`Error::Cancelled`].
    /// - [`Error::Write`] if the file of the
    ///   [cache](crate::RetrieverBuilder::embedding_cache) cannot be written.
    /// - The embedder's own error.
    #[instrument(level = "debug", skip_all)]
    pub fn add(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        let articles = articles.into_iter().collect();
        let ingested = self.ingest(articles, OnExisting::Replace, EmbedReport::default())?;
        Ok(ingested.into())
    }

    /// Adds new articles and replaces changed ones; unchanged articles are neither stored nor
    /// embedded again.
    ///
    /// Articles are compared by a hash of title, declared language, text, metadata and the
    /// chunker's settings. On an error no article is added or replaced.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = Instant::now();
        let articles = articles.into_iter().collect();
        let ingested = self.ingest(articles, OnExisting::ReplaceChanged, EmbedReport::default())?;
        let mut report = SyncReport::default();
        report.count(ingested);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Stores the `articles` that `on_existing` selects in an uncommitted segment. Progress continues
    /// from the counts of `embedded_before`.
    pub(super) fn ingest(
        &mut self,
        articles: Vec<Article>,
        on_existing: OnExisting,
        embedded_before: EmbedReport,
    ) -> Result<IngestReport> {
        check_articles(&articles)?;
        self.follow_merges()?;
        let articles = last_of_each_key(articles);
        let selection = self.select(articles, on_existing)?;
        let unchanged = selection.unchanged;
        if selection.articles.is_empty() {
            return Ok(IngestReport { unchanged, ..IngestReport::default() });
        }
        let selection = detect_languages(selection)?;
        let incoming = self.chunk(selection)?;
        let inputs = self.passage_inputs(&incoming);
        let embedded = self.embed_new(&inputs, embedded_before)?;
        let report = IngestReport {
            reused: inputs.iter().filter(|input| input.stored.is_some()).count(),
            embedding: embedded.report,
            ..report(unchanged, &incoming)
        };
        let vectors = self.combine_vectors(&inputs, embedded.vectors)?;
        let segment = self.build_segment(&incoming, &inputs, vectors)?;
        self.publish_in_memory(&incoming, segment)?;
        Ok(report)
    }

    /// Selects the articles to store, on the current `rayon` pool.
    fn select(&self, articles: Vec<Article>, on_existing: OnExisting) -> Result<Selection> {
        let given = articles.len();
        let selected = articles
            .into_par_iter()
            .filter_map(|article| self.select_article(article, on_existing).transpose());
        let articles: Vec<SelectedArticle> = selected.collect::<Result<_>>()?;
        Ok(Selection { unchanged: given - articles.len(), articles })
    }

    /// Returns `None` if `on_existing` leaves the article out.
    fn select_article(
        &self,
        article: Article,
        on_existing: OnExisting,
    ) -> Result<Option<SelectedArticle>> {
        self.settings.cancel.check()?;
        let digest = ArticleDigest::of(&article, &self.settings.chunker)?;
        let existing = self.existing(&article.key, &digest)?;
        let is_left_out = existing.is_unchanged && on_existing == OnExisting::ReplaceChanged;
        let replaces = existing.place;
        Ok((!is_left_out).then_some(SelectedArticle { article, digest, replaces }))
    }

    /// Finds the article that one of this `key` and `digest` replaces.
    fn existing(&self, key: &str, digest: &ArticleDigest) -> Result<ExistingArticle> {
        let place = find_article(self.segments(), key)?;
        let is_unchanged = match place {
            Some(ArticlePlace { segment, number }) => {
                self.segments()[segment].sealed().content_hash(number)? == digest.content
            }
            None => false,
        };
        Ok(ExistingArticle { place, is_unchanged })
    }

    /// Chunks the selected articles on the current `rayon` pool.
    #[instrument(
        level = "debug",
        skip_all,
        fields(
            articles = selection.articles.len() + selection.unchanged,
            taken = selection.articles.len(),
            passages = field::Empty
        )
    )]
    fn chunk(&self, selection: Selection) -> Result<Vec<IncomingArticle>> {
        let articles = selection.articles.into_par_iter();
        let incoming = articles.map(|selected| self.chunk_article(selected));
        let incoming: Vec<IncomingArticle> = incoming.collect::<Result<_>>()?;
        let passages: usize = incoming.iter().map(|article| article.chunked.passages.len()).sum();
        Span::current().record("passages", passages);
        Ok(incoming)
    }

    fn chunk_article(&self, selected: SelectedArticle) -> Result<IncomingArticle> {
        self.settings.cancel.check()?;
        let SelectedArticle { article, digest, replaces } = selected;
        let passages = self.settings.chunker.passages(&article, self.embedder())?;
        Ok(IncomingArticle { chunked: Chunked { article, passages, digest }, replaces })
    }

    /// Returns the inputs of all passages in order, each with the stored vector of the same text
    /// in the replaced article.
    fn passage_inputs(&self, incoming: &[IncomingArticle]) -> Vec<PassageInput> {
        let inputs: Vec<Vec<PassageInput>> =
            incoming.par_iter().map(|article| self.article_inputs(article)).collect();
        inputs.into_iter().flatten().collect()
    }

    fn article_inputs(&self, incoming: &IncomingArticle) -> Vec<PassageInput> {
        let stored = self.reusable_vectors(incoming);
        let with_stored = |input: PassageInput| {
            let stored = stored.get(&input.text).copied();
            PassageInput { stored, ..input }
        };
        incoming.passage_inputs().map(with_stored).collect()
    }

    /// Returns the vectors of the replaced article by text; none if nothing is replaced.
    fn reusable_vectors(&self, incoming: &IncomingArticle) -> FxHashMap<String, StoredVector> {
        let Some(place) = incoming.replaces else { return FxHashMap::default() };
        self.stored_vectors(place).unwrap_or_else(|error| {
            // Replacing an article repairs its damage, so a damaged one is embedded again.
            let key = &incoming.chunked.article.key;
            tracing::warn!(%error, key, "the vectors of a damaged article are not reused");
            FxHashMap::default()
        })
    }

    /// Returns the vectors of the article at `place` by text.
    fn stored_vectors(&self, place: ArticlePlace) -> Result<FxHashMap<String, StoredVector>> {
        let ArticlePlace { segment, number } = place;
        let sealed = self.segments()[segment].sealed();
        let article = sealed.article(number)?;
        let mut stored = FxHashMap::default();
        for (row, passage) in sealed.rows_of(number)?.zip(sealed.passages_of(number, &article)?) {
            if sealed.has_current_context(row)? {
                sealed.checked_vector(row)?;
                stored.insert(passage.text_in_context(&article), StoredVector { segment, row });
            }
        }
        Ok(stored)
    }

    /// Embeds the passages that have no stored vector.
    fn embed_new(&self, inputs: &[PassageInput], before: EmbedReport) -> Result<EmbeddedBatch> {
        let new = inputs.iter().filter(|input| input.stored.is_none());
        let texts: Vec<&str> = new.map(|input| input.text.as_str()).collect();
        self.embed(Role::Passage, &texts, before)
    }

    /// Embeds `texts` with the configured progress callback and cancellation. Progress continues
    /// from the counts of `before`.
    pub(super) fn embed(
        &self,
        role: Role,
        texts: &[&str],
        before: EmbedReport,
    ) -> Result<EmbeddedBatch> {
        let mut stage = self.searcher.models().stage().cancel(&self.settings.cancel);
        if let Some(cache) = &self.settings.cache {
            stage = stage.cache(cache);
        }
        let report_progress = |reached: Progress| {
            if let Some(progress) = &self.settings.progress {
                progress(before.added_to(reached));
            }
        };
        let (vectors, report) = stage.progress(&report_progress).run(role, texts)?;
        Ok(EmbeddedBatch { vectors, report })
    }

    /// Returns the vectors of all `inputs` in order. Inputs without a stored vector take the next one
    /// of `new`.
    fn combine_vectors(&self, inputs: &[PassageInput], new: Vectors) -> Result<Vectors> {
        if inputs.len() == new.len() {
            return Ok(new);
        }
        let mut new_rows = 0..to_row(new.len());
        let row = |input: &PassageInput| {
            if let Some(StoredVector { segment, row }) = input.stored {
                return VectorRow { vectors: self.segments()[segment].sealed().vectors(), row };
            }
            let row = new_rows.next().expect("every passage without a vector was embedded");
            VectorRow { vectors: &new, row }
        };
        Vectors::gather(new.dim(), inputs.iter().map(row))
    }

    /// Builds a segment of the incoming articles. Row `i` of `vectors` belongs to `inputs[i]`.
    fn build_segment(
        &self,
        incoming: &[IncomingArticle],
        inputs: &[PassageInput],
        vectors: Vectors,
    ) -> Result<LiveSegment> {
        let passages = inputs.iter().map(|input| (input.text.as_str(), input.language));
        let words = SegmentWords::of(&passages.collect::<Vec<_>>())?;
        let texts: Vec<&str> = inputs.iter().map(|input| input.text.as_str()).collect();
        let pieces = SegmentPieces::of(&texts)?;
        let mut builder = SegmentBuilder::default();
        incoming.iter().try_for_each(|article| builder.push(&article.chunked))?;
        let segment = UnindexedSegment { builder, vectors, words, pieces };
        // The commit builds graphs, so an uncommitted segment has none.
        segment.seal(IndexChoice::Exact, self.settings.monitor())
    }

    /// Removes the replaced articles and makes those of `segment` searchable for this retriever.
    fn publish_in_memory(
        &mut self,
        incoming: &[IncomingArticle],
        segment: LiveSegment,
    ) -> Result<()> {
        // An error leaves the corpus as it was, because the list is a copy.
        let mut segments = self.segments().to_vec();
        for place in incoming.iter().filter_map(|article| article.replaces) {
            segments[place.segment].remove(place.number)?;
        }
        segments.push(segment);
        let plan = MergePlan::for_uncommitted(&segments, self.committed);
        *self.segments_mut() = self.merge_without_graphs(plan)?;
        self.changed = true;
        Ok(())
    }
}

/// Counts the articles of one ingestion.
fn report(unchanged: usize, incoming: &[IncomingArticle]) -> IngestReport {
    let without_text = incoming.iter().filter(|article| article.chunked.passages.is_empty());
    let changed = incoming.iter().filter(|article| article.replaces.is_some()).count();
    IngestReport {
        added: incoming.len() - changed,
        changed,
        unchanged,
        empty: without_text.map(|article| article.chunked.article.key.clone()).collect(),
        ..IngestReport::default()
    }
}

/// Detects the language of each article that declares none.
fn detect_languages(selection: Selection) -> Result<Selection> {
    let detected = selection.articles.into_par_iter().map(|selected| {
        let digest = selected.digest.with_detected_language(&selected.article)?;
        Ok(SelectedArticle { digest, ..selected })
    });
    Ok(Selection { articles: detected.collect::<Result<_>>()?, ..selection })
}
