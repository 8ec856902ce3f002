//! The retriever: takes articles in, chunks, embeds and indexes them, lets them be found.

mod builder;

use std::{collections::HashSet, fmt, path::Path, sync::Arc};

use rayon::prelude::*;
use tracing::instrument;

use crate::{
    Article, Cancel, Chunker, EmbedReport, EmbedStage, Error, Hits, IndexChoice, Progress, Query,
    Result, Role, Searcher, Vectors,
    segment::{Chunked, LiveSegment, Segment},
    store,
};

pub use builder::RetrieverBuilder;

/// A corpus of articles that can be searched.
///
/// It is written by one owner (`&mut self`); [`searcher`](Self::searcher) gives
/// snapshots that other threads search meanwhile.
///
/// # Examples
///
/// ```
/// use passim::{Article, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
///     Article::new("brot.txt", "Ein Sauerteig braucht Mehl, Wasser und Geduld."),
/// ])?;
/// let hits = retriever.search("What do peat bogs store?")?;
/// assert_eq!(hits[0].article, "moor.txt");
/// assert_eq!(hits[0].range, 0..59);
/// # Ok::<(), passim::Error>(())
/// ```
pub struct Retriever {
    searcher: Searcher,
    settings: Settings,
}

/// What a retriever is told when it is built.
struct Settings {
    chunker: Chunker,
    index: IndexChoice,
    workers: Option<usize>,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    cancel: Cancel,
}

impl fmt::Debug for Retriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retriever")
            .field("searcher", &self.searcher)
            .field("chunker", &self.settings.chunker)
            .field("index", &self.settings.index)
            .finish_non_exhaustive()
    }
}

/// What adding articles came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AddReport {
    /// Articles added, those that replaced others included.
    pub articles: usize,
    /// Articles that replaced one of the same key.
    pub replaced: usize,
    /// Keys of articles without text; they are kept, but no passage of them is found.
    pub empty: Vec<String>,
    /// The embedding of the passages.
    pub embedding: EmbedReport,
}

impl Retriever {
    /// An empty corpus in memory, with the bundled German and English model.
    ///
    /// # Errors
    ///
    /// None in practice: the bundled model is part of the crate.
    pub fn in_memory() -> Result<Self> {
        Self::builder().in_memory()
    }

    /// Settings for a retriever.
    #[must_use]
    pub fn builder() -> RetrieverBuilder {
        RetrieverBuilder::default()
    }

    /// Reads a corpus that was [saved](Self::save), with the bundled model.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().load(path)
    }

    /// Writes all articles, passages and vectors to one file; the graph is built anew
    /// when it is loaded.
    ///
    /// The file is replaced in one step: whatever happens, the old or the new one is there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    #[instrument(level = "debug", skip_all)]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (articles, vectors) = joined(&self.searcher.segments, self.searcher.embedder.dim())?;
        let identity = self.searcher.embedder.identity();
        store::save(path.as_ref(), identity, &articles, &vectors)
    }

    /// Adds articles; one with the key of an earlier article replaces it.
    ///
    /// All of them are added, or, on an error, none.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyKey`] for an article without key, [`Error::Cancelled`], and what the
    /// embedder returns.
    #[instrument(level = "debug", skip_all)]
    pub fn add(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        let articles = last_of_each_key(articles)?;
        let keys: Vec<String> = articles.iter().map(|article| article.key.clone()).collect();
        let chunked = self.chunk(articles)?;
        let (vectors, embedding) = self.embed(&chunked)?;
        let empty = chunked.iter().filter(|one| one.passages.is_empty());
        let empty = empty.map(|one| one.article.key.clone()).collect();

        let mut segments = self.searcher.segments.clone();
        let mut replaced = 0;
        for key in &keys {
            replaced += usize::from(segments.iter_mut().any(|segment| segment.remove(key)));
        }
        self.searcher.segments = self.merged(segments, chunked, &vectors)?;
        Ok(AddReport { articles: keys.len(), replaced, empty, embedding })
    }

    /// Removes the article of this key; false if there is none.
    pub fn remove(&mut self, key: &str) -> bool {
        let removed = self.searcher.segments.iter_mut().any(|segment| segment.remove(key));
        self.searcher.segments.retain(|segment| segment.articles() > 0);
        removed
    }

    /// The passages that are most similar to `query`; see [`Searcher::search`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search`].
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        self.searcher.search(query)
    }

    /// The hits of every query, searched for in parallel; see [`Searcher::search_many`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search_many`].
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        self.searcher.search_many(queries)
    }

    /// A snapshot of the corpus for other threads; what is added or removed later does
    /// not change it.
    #[must_use]
    pub fn searcher(&self) -> Searcher {
        self.searcher.clone()
    }

    /// The article of this key.
    #[must_use]
    pub fn article(&self, key: &str) -> Option<&Article> {
        self.searcher.article(key)
    }

    /// Number of articles.
    #[must_use]
    pub fn articles(&self) -> usize {
        self.searcher.articles()
    }

    /// Number of passages.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.searcher.passages()
    }

    /// Chunks `articles` on the threads of the current `rayon` pool.
    fn chunk(&self, articles: Vec<Article>) -> Result<Vec<Chunked>> {
        let Settings { chunker, cancel, .. } = &self.settings;
        let chunk = |article: Article| {
            cancel.check()?;
            let passages = chunker.passages(&article, &*self.searcher.embedder)?.into();
            Ok(Chunked { article: Arc::new(article), passages })
        };
        articles.into_par_iter().map(chunk).collect()
    }

    /// Embeds all passages of `articles`, in order.
    fn embed(&self, articles: &[Chunked]) -> Result<(Vectors, EmbedReport)> {
        let Settings { workers, progress, cancel, .. } = &self.settings;
        let in_context = |one: &Chunked| -> Vec<String> {
            one.passages.iter().map(|passage| passage.text_in_context(&one.article)).collect()
        };
        let texts: Vec<String> = articles.par_iter().flat_map_iter(in_context).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut stage = EmbedStage::new(&*self.searcher.embedder).cancel(cancel);
        if let Some(workers) = workers {
            stage = stage.workers(*workers);
        }
        if let Some(progress) = progress {
            stage = stage.progress(progress);
        }
        stage.run(Role::Passage, &texts)
    }

    /// `segments` with one more, of the new articles and of the segments that are too
    /// small, or too dead, to stand beside it.
    ///
    /// From the newest to the oldest, a segment is taken in that is not larger than what
    /// was gathered so far. So each is more than twice as large as the next, a corpus
    /// of n passages has about log n segments, and a passage is indexed anew about
    /// log n times.
    fn merged(
        &self,
        segments: Vec<LiveSegment>,
        new: Vec<Chunked>,
        vectors: &Vectors,
    ) -> Result<Vec<LiveSegment>> {
        let (mut kept, mut taken) = (Vec::new(), Vec::new());
        let mut gathered = vectors.len().max(IndexChoice::GRAPH_FROM);
        for segment in segments.into_iter().rev() {
            if segment.passages() <= gathered || segment.is_mostly_dead() {
                gathered += segment.passages();
                taken.push(segment);
            } else {
                kept.push(segment);
            }
        }
        kept.reverse();
        taken.reverse();
        let (mut articles, old) = joined(&taken, vectors.dim())?;
        articles.extend(new);
        if !articles.is_empty() {
            let vectors = Vectors::concat(vectors.dim(), [&old, vectors])?;
            let segment = Segment::seal(articles, vectors, self.settings.index)?;
            kept.push(LiveSegment::all(segment));
        }
        Ok(kept)
    }
}

/// The live articles of `segments` with the vectors of their passages, of dimension `dim`.
fn joined(segments: &[LiveSegment], dim: usize) -> Result<(Vec<Chunked>, Vectors)> {
    let (articles, vectors): (Vec<_>, Vec<_>) = segments.iter().map(LiveSegment::survivors).unzip();
    Ok((articles.concat(), Vectors::concat(dim, &vectors)?))
}

/// The articles in order, of those with the same key only the last.
fn last_of_each_key(articles: impl IntoIterator<Item = Article>) -> Result<Vec<Article>> {
    let articles: Vec<Article> = articles.into_iter().collect();
    if let Some(position) = articles.iter().position(|article| article.key.is_empty()) {
        return Err(Error::EmptyKey { position });
    }
    let mut seen = HashSet::new();
    let mut last: Vec<bool> =
        articles.iter().rev().map(|article| seen.insert(article.key.clone())).collect();
    last.reverse();
    Ok(articles
        .into_iter()
        .zip(last)
        .filter_map(|(article, last)| last.then_some(article))
        .collect())
}
