//! The retriever: takes articles in, chunks, embeds and indexes them, lets them be found.

mod builder;
mod calibrate;

use std::{collections::HashSet, fmt, path::Path, sync::Arc};

use rayon::prelude::*;
use serde::Serialize;
use tracing::instrument;

use crate::{
    Article, Cancel, Chunker, EmbedReport, EmbedStage, Error, Hits, IndexChoice, Progress, Query,
    Result, Role, Searcher, Vectors,
    segment::{Chunked, LiveSegment, Segment},
    store,
};

pub use builder::RetrieverBuilder;
pub use calibrate::{CalibrationReport, GraphCalibration};

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
    /// `None` until it is calibrated.
    kept: Option<calibrate::Kept>,
}

/// What a retriever is told when it is built.
struct Settings {
    chunker: Chunker,
    index: IndexChoice,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    /// [`Error::Write`] if it cannot be written, [`Error::TooLarge`] for an article that is
    /// over 2^28 bytes together with its metadata and passages.
    #[instrument(level = "debug", skip_all)]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (articles, vectors) = joined(&self.searcher.segments, self.searcher.embedder.dim())?;
        let identity = self.searcher.embedder.identity();
        store::save(path.as_ref(), identity, &articles, &vectors)
    }

    /// Adds articles; one with the key of an earlier article replaces it.
    ///
    /// All of them are added, or, on an error, none. Where this builds a graph, it is
    /// [calibrated](Self::calibrate), too, if the corpus is.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyKey`] for an article without key, [`Error::ArticleTooLarge`] for one
    /// over [`Article::MAX_BYTES`], [`Error::Cancelled`], and what the embedder returns.
    #[instrument(level = "debug", skip_all)]
    pub fn add(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        let articles = last_of_each_key(articles)?;
        if articles.is_empty() {
            return Ok(AddReport::default());
        }
        let chunked = self.chunk(articles)?;
        let (vectors, embedding) = self.embed(&chunked)?;
        let empty = chunked.iter().filter(|one| one.passages.is_empty());
        let empty = empty.map(|one| one.article.key.clone()).collect();

        let mut segments = self.searcher.segments.clone();
        let mut replaced = 0;
        for one in &chunked {
            let key = &one.article.key;
            replaced += usize::from(segments.iter_mut().any(|segment| segment.remove(key)));
        }
        let articles = chunked.len();
        self.searcher.segments = self.merged(segments, chunked, &vectors)?;
        Ok(AddReport { articles, replaced, empty, embedding })
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

    /// The keys of all articles, in the order they were added.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.searcher.keys()
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
        let in_context = |one: &Chunked| -> Vec<String> {
            one.passages.iter().map(|passage| passage.text_in_context(&one.article)).collect()
        };
        let texts: Vec<String> = articles.par_iter().flat_map_iter(in_context).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.stage().run(Role::Passage, &texts)
    }

    /// The stage that texts are embedded by, observed and cancelled as the settings say.
    fn stage(&self) -> EmbedStage<'_> {
        let Settings { progress, cancel, .. } = &self.settings;
        let stage = self.searcher.stage().cancel(cancel);
        match progress {
            Some(progress) => stage.progress(progress),
            None => stage,
        }
    }

    /// `segments` with the new articles in one more, which takes in the newest of them that
    /// would be too small beside it; and those that are mostly dead sealed anew.
    ///
    /// A segment without a graph is cheap to take in, one with a graph is taken in if it is
    /// not more than twice as large as what is gathered. So every segment is more than twice
    /// as large as all later ones together, there are about log n of them, and a passage is
    /// indexed about log n times.
    fn merged(
        &self,
        mut segments: Vec<LiveSegment>,
        new: Vec<Chunked>,
        vectors: &Vectors,
    ) -> Result<Vec<LiveSegment>> {
        segments.retain(|segment| segment.articles() > 0);
        let cheap = self.settings.index.graph_from().min(IndexChoice::GRAPH_FROM);
        let (mut from, mut gathered) = (segments.len(), vectors.len());
        for segment in segments.iter().rev() {
            if segment.passages() >= cheap && segment.passages() > 2 * gathered {
                break;
            }
            gathered += segment.passages();
            from -= 1;
        }
        let taken = segments.split_off(from);
        for segment in segments.iter_mut().filter(|segment| segment.is_mostly_dead()) {
            let (articles, vectors) = segment.survivors();
            *segment = self.sealed(articles, vectors)?;
        }
        let (mut articles, old) = joined(&taken, vectors.dim())?;
        articles.extend(new);
        if !articles.is_empty() {
            let vectors = Vectors::concat(vectors.dim(), [&old, vectors])?;
            segments.push(self.sealed(articles, vectors)?);
        }
        Ok(segments)
    }

    fn sealed(&self, articles: Vec<Chunked>, vectors: Vectors) -> Result<LiveSegment> {
        let Settings { index, cancel, .. } = &self.settings;
        let segment = LiveSegment::all(Segment::seal(articles, vectors, *index, cancel)?);
        match &self.kept {
            Some(kept) => self.calibrated(segment, kept),
            None => Ok(segment),
        }
    }
}

/// The live articles of `segments` with the vectors of their passages, of dimension `dim`.
fn joined(segments: &[LiveSegment], dim: usize) -> Result<(Vec<Chunked>, Vectors)> {
    let (articles, vectors): (Vec<_>, Vec<_>) = segments.iter().map(LiveSegment::survivors).unzip();
    Ok((articles.concat(), Vectors::concat(dim, &vectors)?))
}

/// The articles in order, checked, of those with the same key only the last.
fn last_of_each_key(articles: impl IntoIterator<Item = Article>) -> Result<Vec<Article>> {
    let articles: Vec<Article> = articles.into_iter().collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HnswParams, ModelIdentity, Role};

    /// One passage a text, at an angle that its length decides.
    struct ByLength(ModelIdentity);

    impl crate::Embedder for ByLength {
        fn identity(&self) -> &ModelIdentity {
            &self.0
        }

        fn dim(&self) -> usize {
            2
        }

        fn max_tokens(&self) -> Option<usize> {
            None
        }

        fn count_tokens(&self, _: &str) -> Result<usize> {
            Ok(1)
        }

        fn embed(&self, _: Role, texts: &[&str]) -> Result<Vectors> {
            let angles = texts.iter().map(|text| f32::from(u8::try_from(text.len()).unwrap_or(0)));
            Vectors::normalized(
                2,
                angles.flat_map(|x| [(x / 99.0).cos(), (x / 99.0).sin()]).collect(),
            )
        }
    }

    fn retriever(index: IndexChoice) -> Retriever {
        let identity = ModelIdentity { name: "by length".to_owned(), hash: 1 };
        Retriever::builder().embedder(ByLength(identity)).index(index).in_memory().unwrap()
    }

    fn articles(keys: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
        keys.map(|key| Article::new(key.to_string(), "x".repeat(key % 200 + 1)))
    }

    fn sizes(retriever: &Retriever) -> Vec<usize> {
        retriever.searcher.segments.iter().map(LiveSegment::passages).collect()
    }

    #[test]
    fn every_segment_is_larger_than_all_later_ones_together() {
        let index = IndexChoice::Hnsw(HnswParams { m: 4, ef_construction: 8 });
        let mut retriever = retriever(index);
        let mut end = 0;
        for step in [90, 70, 50, 30, 1, 1, 1, 1, 1, 40, 2, 2, 200, 1, 7, 7, 7] {
            retriever.add(articles(end..end + step)).unwrap();
            end += step;
            let sizes = sizes(&retriever);
            assert_eq!(sizes.iter().sum::<usize>(), end);
            for (at, size) in sizes.iter().enumerate() {
                assert!(*size > 2 * sizes[at + 1..].iter().sum::<usize>(), "{sizes:?}");
            }
        }
    }

    #[test]
    fn small_segments_are_one_and_equal_hits_keep_their_order() {
        let mut retriever = retriever(IndexChoice::default());
        for key in 0..300 {
            retriever.add(articles(key..key + 1)).unwrap();
        }
        assert_eq!(sizes(&retriever), [300]);
        for key in (0..300).filter(|key| key % 200 != 7) {
            retriever.remove(&key.to_string());
        }
        retriever.add(articles(407..408)).unwrap();
        let hits = retriever.search("x".repeat(8)).unwrap();
        let keys: Vec<_> = hits.iter().map(|hit| hit.article.as_str()).collect();
        assert_eq!(keys, ["7", "207", "407"]);
        assert!(retriever.keys().eq(["7", "207", "407"]));
    }

    #[test]
    fn cancelling_ends_the_building_of_the_graph_too() {
        let cancel = Cancel::new();
        let at_the_end = cancel.clone();
        let identity = ModelIdentity { name: "by length".to_owned(), hash: 1 };
        let mut retriever = Retriever::builder()
            .embedder(ByLength(identity))
            .index(IndexChoice::Hnsw(HnswParams::default()))
            .cancel(&cancel)
            .progress(move |progress| {
                if progress.done == progress.total {
                    at_the_end.cancel();
                }
            })
            .in_memory()
            .unwrap();
        assert!(matches!(retriever.add(articles(0..100)), Err(Error::Cancelled)));
        assert_eq!(retriever.articles(), 0);
    }

    #[test]
    fn an_article_that_could_not_be_saved_is_not_taken() {
        let long = Article::new("long", "x".repeat(Article::MAX_BYTES + 1));
        let error = retriever(IndexChoice::Exact).add([long]).unwrap_err();
        assert!(matches!(&error, Error::ArticleTooLarge { key, .. } if key == "long"), "{error}");
    }
}
