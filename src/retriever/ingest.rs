//! Ingestion: chunks articles, embeds new passages, and seals them into an uncommitted segment.

use std::collections::HashSet;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;
use tracing::{Span, field, instrument};

use crate::{
    Article, EmbedReport, Error, IndexChoice, Language, Progress, Result, Retriever, Role,
    SyncReport, Vectors,
    store::segment::{ArticleDigest, Chunked, LiveSegment, SegmentBuilder, SegmentWords, place_of},
    vector::{VectorRow, to_row},
};

/// Report of [`Retriever::add`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AddReport {
    /// Articles added, those that replaced others included.
    pub articles: usize,
    /// Articles that replaced one of the same key.
    pub replaced: usize,
    /// Keys of articles without text, which are stored but have no passages.
    pub empty: Vec<String>,
    /// Passages whose vectors were reused from the replaced articles.
    pub reused: usize,
    /// Embedding of all other passages, including cached ones.
    pub embedding: EmbedReport,
}

/// A chunked article with its place in the corpus.
struct Incoming {
    one: Chunked,
    /// Segment and number of the article that it replaces.
    place: Option<(usize, u32)>,
}

/// The text of a passage in context, as it is embedded.
struct Text {
    told: String,
    /// Language of the article.
    language: Option<Language>,
    /// Segment and row of the vector of a replaced passage with the same text.
    known: Option<(usize, u32)>,
}

/// Counts of one ingestion.
#[derive(Default)]
pub(super) struct Ingested {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
    pub(super) empty: Vec<String>,
    pub(super) reused: usize,
    pub(super) embedding: EmbedReport,
}

/// Treatment of articles whose key is already in the corpus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnExisting {
    Replace,
    /// Replaces only articles whose content hash or chunker settings changed.
    ReplaceChanged,
}

impl Retriever {
    /// Adds articles; one with the key of an earlier article replaces it.
    ///
    /// All of them are added, or, on an error, none. This retriever finds them at once, others
    /// after the [commit](Self::commit).
    ///
    /// # Errors
    ///
    /// [`Error::EmptyKey`] for an article without key, [`Error::ArticleTooLarge`] for one
    /// over [`Article::MAX_BYTES`], [`Error::TooLarge`] for more than 2^24 bytes of title and
    /// metadata, [`Error::Corrupt`] if the keys of the index are damaged,
    /// [`Error::Cancelled`], and what the embedder returns; [`Error::Write`] if the file of the
    /// [cache](crate::RetrieverBuilder::embedding_cache) cannot be written.
    #[instrument(level = "debug", skip_all)]
    pub fn add(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        let ingested = self.ingest(
            articles.into_iter().collect(),
            OnExisting::Replace,
            EmbedReport::default(),
        )?;
        let Ingested { added, changed: replaced, empty, reused, embedding, .. } = ingested;
        Ok(AddReport { articles: added + replaced, replaced, empty, reused, embedding })
    }

    /// Adds new articles and replaces changed ones; unchanged articles are neither stored nor
    /// embedded again.
    ///
    /// Articles are compared by a hash of title, text, metadata and the chunker's settings.
    /// All of them are applied, or, on an error, none.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = std::time::Instant::now();
        let ingested = self.ingest(
            articles.into_iter().collect(),
            OnExisting::ReplaceChanged,
            EmbedReport::default(),
        )?;
        let mut report = SyncReport::default();
        report.count(ingested);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Ingests those of `articles` that `on_existing` selects. Progress continues from the counts
    /// of `before`.
    pub(super) fn ingest(
        &mut self,
        articles: Vec<Article>,
        on_existing: OnExisting,
        before: EmbedReport,
    ) -> Result<Ingested> {
        let mut articles = last_of_each_key(articles)?;
        articles.sort_by(|a, b| a.key.cmp(&b.key));
        let given = articles.len();
        let incoming = self.incoming(articles, on_existing)?;
        let mut ingested = Ingested { unchanged: given - incoming.len(), ..Ingested::default() };
        if incoming.is_empty() {
            return Ok(ingested);
        }
        let texts = incoming.par_iter().map(|incoming| self.texts_of(incoming));
        let texts: Vec<Vec<Text>> = texts.collect();
        let texts: Vec<&Text> = texts.iter().flatten().collect();
        let vectors = self.vectors_of(&texts, before, &mut ingested)?;
        let passages = texts.iter().map(|text| (text.told.as_str(), text.language));
        let words = SegmentWords::of(&passages.collect::<Vec<_>>())?;
        let mut segments = self.segments().to_vec();
        let mut builder = SegmentBuilder::default();
        for Incoming { one, place } in &incoming {
            builder.push(one)?;
            if one.passages.is_empty() {
                ingested.empty.push(one.article.key.clone());
            }
            match *place {
                Some((segment, at)) => segments[segment].remove(at)?,
                None => ingested.added += 1,
            }
        }
        ingested.changed = incoming.len() - ingested.added;
        // The commit builds graphs, so an uncommitted segment has none.
        let segment = builder.seal(vectors, words, IndexChoice::Exact, self.settings.monitor())?;
        segments.push(LiveSegment::all(segment.into()));
        self.join_uncommitted(&mut segments)?;
        *self.segments_mut() = segments;
        self.changed = true;
        Ok(ingested)
    }

    /// Chunks those of `articles` that `on_existing` selects, on the current `rayon` pool.
    #[instrument(
        name = "chunk",
        level = "debug",
        skip_all,
        fields(articles = articles.len(), taken = field::Empty, passages = field::Empty)
    )]
    fn incoming(&self, articles: Vec<Article>, on_existing: OnExisting) -> Result<Vec<Incoming>> {
        let (settings, segments) = (&self.settings, self.segments());
        let incoming = |article: Article| -> Result<Option<Incoming>> {
            settings.cancel.check()?;
            let digest = ArticleDigest::of(&article, &settings.chunker)?;
            let place = place_of(segments, &article.key)?;
            if let Some((segment, at)) = place
                && on_existing == OnExisting::ReplaceChanged
                && segments[segment].segment().content(at)? == digest.content
            {
                return Ok(None);
            }
            let digest = digest.with_detected_language(&article)?;
            let passages = settings.chunker.passages(&article, &*self.searcher.embedder)?;
            Ok(Some(Incoming { one: Chunked { article, passages, digest }, place }))
        };
        let taken = articles.into_par_iter().filter_map(|article| incoming(article).transpose());
        let taken: Vec<Incoming> = taken.collect::<Result<_>>()?;
        let passages: usize = taken.iter().map(|incoming| incoming.one.passages.len()).sum();
        Span::current().record("taken", taken.len()).record("passages", passages);
        Ok(taken)
    }

    /// Returns the vectors of `texts`, in order; reuses those of replaced passages.
    fn vectors_of(
        &self,
        texts: &[&Text],
        before: EmbedReport,
        ingested: &mut Ingested,
    ) -> Result<Vectors> {
        let new = texts.iter().filter(|text| text.known.is_none());
        let new: Vec<&str> = new.map(|text| text.told.as_str()).collect();
        ingested.reused = texts.len() - new.len();
        let vectors;
        (vectors, ingested.embedding) = self.embed(Role::Passage, &new, before)?;
        if ingested.reused == 0 {
            return Ok(vectors);
        }
        let mut new_rows = 0..to_row(vectors.len());
        let row = |text: &&Text| {
            if let Some((segment, row)) = text.known {
                return VectorRow { vectors: self.segments()[segment].segment().vectors(), row };
            }
            let row = new_rows.next().expect("each new text was embedded");
            VectorRow { vectors: &vectors, row }
        };
        Vectors::gather(vectors.dim(), texts.iter().map(row))
    }

    /// The texts of the passages of an article.
    fn texts_of(&self, incoming: &Incoming) -> Vec<Text> {
        let Incoming { one: Chunked { article, passages, digest }, place } = incoming;
        let known = place.map(|(segment, at)| self.known_texts(segment, at));
        let known = known.transpose().unwrap_or_else(|error| {
            // A damaged article can be replaced: its vectors are not needed.
            tracing::warn!(%error, key = article.key, "the replaced article is damaged: its vectors are not reused");
            None
        });
        let known = known.unwrap_or_default();
        let texts = passages.iter().map(|passage| passage.text_in_context(article));
        let language = digest.language;
        texts.map(|told| Text { known: known.get(&told).copied(), language, told }).collect()
    }

    /// The texts of the passages of article `at` of `segment`, with the places of their vectors.
    fn known_texts(&self, segment: usize, at: u32) -> Result<FxHashMap<String, (usize, u32)>> {
        let sealed = self.segments()[segment].segment();
        let article = sealed.article(at)?;
        let mut known = FxHashMap::default();
        for (row, passage) in sealed.rows_of(at)?.zip(sealed.passages_of(at, &article)?) {
            if sealed.has_current_context(row) {
                sealed.vectors().checked_row(row as usize)?;
                known.insert(passage.text_in_context(&article), (segment, row));
            }
        }
        Ok(known)
    }

    /// Embeds `texts` with the configured progress callback and cancellation. Progress continues
    /// from the counts of `before`.
    pub(super) fn embed(
        &self,
        role: Role,
        texts: &[&str],
        before: EmbedReport,
    ) -> Result<(Vectors, EmbedReport)> {
        let mut stage = self.searcher.stage().cancel(&self.settings.cancel);
        if let Some(cache) = &self.settings.cache {
            stage = stage.cache(cache);
        }
        let Some(progress) = &self.settings.progress else { return stage.run(role, texts) };
        let from_there = |reached: Progress| {
            progress(Progress {
                done: reached.done + before.texts,
                total: reached.total + before.texts,
                tokens: reached.tokens + before.tokens,
                ..reached
            });
        };
        stage.progress(&from_there).run(role, texts)
    }

    /// Joins the last uncommitted segments, so that each is larger than all later ones together.
    fn join_uncommitted(&self, segments: &mut Vec<LiveSegment>) -> Result<()> {
        let mut from = segments.len() - 1;
        let mut gathered = segments[from].passages();
        while from > self.committed && segments[from - 1].passages() <= gathered {
            from -= 1;
            gathered += segments[from].passages();
        }
        if from + 1 < segments.len() { self.join_from(from, segments) } else { Ok(()) }
    }
}

/// Checks keys and sizes, and keeps the last article of each key, in order.
fn last_of_each_key(articles: Vec<Article>) -> Result<Vec<Article>> {
    if let Some(position) = articles.iter().position(|article| article.key.is_empty()) {
        return Err(Error::EmptyKey { position });
    }
    if let Some(article) = articles.iter().find(|one| one.text.len() > Article::MAX_BYTES) {
        let (key, bytes) = (article.key.clone(), article.text.len());
        return Err(Error::ArticleTooLarge { key, bytes, limit: Article::MAX_BYTES });
    }
    let mut seen = HashSet::new();
    let mut last: Vec<bool> =
        articles.iter().rev().map(|article| seen.insert(article.key.as_str())).collect();
    last.reverse();
    Ok(articles
        .into_iter()
        .zip(last)
        .filter_map(|(article, last)| last.then_some(article))
        .collect())
}
