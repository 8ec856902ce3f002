//! Taking articles in: chunk, embed what is new, and seal it into a segment that is not
//! committed.

use std::collections::HashSet;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;
use tracing::{Span, field, instrument};

use crate::{
    Article, EmbedReport, Error, IndexChoice, Language, Progress, Result, Retriever, Role,
    SyncReport, Vectors,
    store::segment::{ArticleDigest, Chunked, LiveSegment, SegmentBuilder, SegmentWords, place_of},
};

/// What adding articles came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AddReport {
    /// Articles added, those that replaced others included.
    pub articles: usize,
    /// Articles that replaced one of the same key.
    pub replaced: usize,
    /// Keys of articles without text; they are kept, but no passage of them is found.
    pub empty: Vec<String>,
    /// Passages whose vectors were taken from those that they replace.
    pub reused: usize,
    /// The embedding of the other passages, those in the cache included.
    pub embedding: EmbedReport,
}

/// An article that comes in.
struct Incoming {
    one: Chunked,
    /// The segment that it is in, and its number there, if it is in the corpus.
    place: Option<(usize, u32)>,
}

/// A passage as it is embedded.
struct Text {
    told: String,
    /// Of its article.
    language: Option<Language>,
    /// The segment and row of its vector, if it is the text of a passage that it replaces.
    known: Option<(usize, u32)>,
}

/// Articles that came in, and what they came to.
#[derive(Default)]
pub(super) struct Ingested {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
    pub(super) empty: Vec<String>,
    pub(super) reused: usize,
    pub(super) embedding: EmbedReport,
}

/// Which of the articles that the corpus has already are taken in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    All,
    /// Those that say something else now, or would be cut otherwise.
    Changed,
}

impl Retriever {
    /// Adds articles; one with the key of an earlier article replaces it.
    ///
    /// All of them are added, or, on an error, none. What is added is found at once by this
    /// retriever, and by others once it is [committed](Self::commit).
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
        let absorbed =
            self.absorb(articles.into_iter().collect(), Among::All, EmbedReport::default())?;
        let Ingested { added, changed: replaced, empty, reused, embedding, .. } = absorbed;
        Ok(AddReport { articles: added + replaced, replaced, empty, reused, embedding })
    }

    /// Adds the articles that are new and replaces those that say something else now; those
    /// that are in the corpus as they are given are left alone, and nothing is embedded for
    /// them.
    ///
    /// Articles are compared by a hash of title, text, metadata and the chunker's settings.
    /// All are taken in, or, on an error, none.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = std::time::Instant::now();
        let absorbed =
            self.absorb(articles.into_iter().collect(), Among::Changed, EmbedReport::default())?;
        let mut report = SyncReport::default();
        report.count(absorbed);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Takes in those of `articles` that are meant. What was embedded `before` is part of the
    /// same work: progress goes on from there.
    pub(super) fn absorb(
        &mut self,
        articles: Vec<Article>,
        among: Among,
        before: EmbedReport,
    ) -> Result<Ingested> {
        let articles = last_of_each_key(articles)?;
        let given = articles.len();
        let incoming = self.incoming(articles, among)?;
        let mut absorbed = Ingested { unchanged: given - incoming.len(), ..Ingested::default() };
        if incoming.is_empty() {
            return Ok(absorbed);
        }
        let texts = incoming.par_iter().map(|incoming| self.texts_of(incoming));
        let texts: Vec<Vec<Text>> = texts.collect();
        let texts: Vec<&Text> = texts.iter().flatten().collect();
        let vectors = self.vectors_of(&texts, before, &mut absorbed)?;
        let passages = texts.iter().map(|text| (text.told.as_str(), text.language));
        let words = SegmentWords::of(&passages.collect::<Vec<_>>())?;
        let mut segments = self.segments().to_vec();
        let mut builder = SegmentBuilder::default();
        for Incoming { one, place } in &incoming {
            builder.push(one)?;
            if one.passages.is_empty() {
                absorbed.empty.push(one.article.key.clone());
            }
            match *place {
                Some((segment, at)) => segments[segment].remove(at)?,
                None => absorbed.added += 1,
            }
        }
        absorbed.changed = incoming.len() - absorbed.added;
        // Its graph, if it is to have one, is built when it is committed.
        let segment = builder.seal(vectors, words, IndexChoice::Exact, self.settings.watch())?;
        segments.push(LiveSegment::all(segment.into()));
        self.join_uncommitted(&mut segments)?;
        *self.segments_mut() = segments;
        self.changed = true;
        Ok(absorbed)
    }

    /// Those of `articles` that are meant, chunked, on the threads of the current `rayon` pool.
    #[instrument(
        name = "chunk",
        level = "debug",
        skip_all,
        fields(articles = articles.len(), taken = field::Empty, passages = field::Empty)
    )]
    fn incoming(&self, articles: Vec<Article>, among: Among) -> Result<Vec<Incoming>> {
        let (settings, segments) = (&self.settings, self.segments());
        let incoming = |article: Article| -> Result<Option<Incoming>> {
            settings.cancel.check()?;
            let digest = ArticleDigest::of(&article, &settings.chunker)?;
            let place = place_of(segments, &article.key)?;
            if let Some((segment, at)) = place
                && among == Among::Changed
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

    /// The vectors of `texts`, in order. Those of passages that they replace are taken from there.
    fn vectors_of(
        &self,
        texts: &[&Text],
        before: EmbedReport,
        absorbed: &mut Ingested,
    ) -> Result<Vectors> {
        let new = texts.iter().filter(|text| text.known.is_none());
        let new: Vec<&str> = new.map(|text| text.told.as_str()).collect();
        absorbed.reused = texts.len() - new.len();
        let vectors;
        (vectors, absorbed.embedding) = self.embed(Role::Passage, &new, before)?;
        if absorbed.reused == 0 {
            return Ok(vectors);
        }
        let mut fresh = 0..;
        let row = |text: &&Text| match text.known {
            Some((segment, row)) => Some((self.segments()[segment].segment().vectors(), row)),
            None => Some((&vectors, fresh.next()?)),
        };
        let rows: Vec<(&Vectors, u32)> = texts.iter().filter_map(row).collect();
        let rows = rows.iter().map(|(vectors, row)| (*vectors, std::slice::from_ref(row)));
        Vectors::gather(vectors.dim(), &rows.collect::<Vec<_>>())
    }

    /// The texts of the passages of an article.
    fn texts_of(&self, incoming: &Incoming) -> Vec<Text> {
        let Incoming { one: Chunked { article, passages, digest }, place } = incoming;
        let known = place.map(|(segment, at)| self.known_texts(segment, at));
        let known = known.transpose().unwrap_or_else(|error| {
            // What replaces a damaged article does not need it.
            tracing::warn!(%error, key = article.key, "no vector of what it replaces is used");
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

    /// Embeds `texts`, observed and cancelled as the settings say; what was embedded `before` is
    /// part of the same work.
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

    /// Joins the last segments that are not committed, so that each is larger than all later
    /// ones together.
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

/// The articles in order, checked, of those with the same key only the last.
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
