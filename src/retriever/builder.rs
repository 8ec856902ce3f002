//! The settings of a retriever, checked in one place before any work is done.

use std::{fmt, path::Path, sync::Arc};

use crate::{
    Cancel, Chunker, Embedder, Error, IndexChoice, Progress, Result, Retriever, Searcher,
    StaticEmbedder, retriever::Settings, store,
};

/// Settings for a [`Retriever`]; they are checked when it is made.
///
/// # Examples
///
/// ```
/// use passim::{Chunker, Retriever};
///
/// let retriever = Retriever::builder()
///     .chunker(Chunker::default().max_tokens(120))
///     .progress(|progress| eprintln!("{} of {}", progress.done, progress.total))
///     .in_memory()?;
/// assert_eq!(retriever.passages(), 0);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Default)]
pub struct RetrieverBuilder {
    embedder: Option<Arc<dyn Embedder>>,
    chunker: Chunker,
    index: IndexChoice,
    workers: Option<usize>,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
    cancel: Cancel,
}

impl fmt::Debug for RetrieverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrieverBuilder")
            .field("model", &self.embedder.as_ref().map(Embedder::identity))
            .field("chunker", &self.chunker)
            .field("index", &self.index)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

impl RetrieverBuilder {
    /// The embedding model; without this call the bundled one.
    #[must_use]
    pub fn embedder(mut self, embedder: impl Embedder + 'static) -> Self {
        self.embedder = Some(Arc::new(embedder));
        self
    }

    /// How articles are cut into passages.
    #[must_use]
    pub fn chunker(mut self, chunker: Chunker) -> Self {
        self.chunker = chunker;
        self
    }

    /// Which index is built over the passages.
    #[must_use]
    pub fn index(mut self, index: IndexChoice) -> Self {
        self.index = index;
        self
    }

    /// Threads to embed on, 1 or more; without this call as many as the model can use.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Called from the embedding threads while articles are added; the graph is built
    /// after its last call.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// A handle that ends adding, loading and calibrating: between batches while texts are
    /// embedded, between vectors while they are linked, between questions while the recall
    /// is measured.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// An empty corpus in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a setting is out of range.
    pub fn in_memory(self) -> Result<Retriever> {
        self.chunker.check()?;
        self.index.check()?;
        if let Some(workers) = self.workers {
            Error::check_setting("workers", workers, 1.., "1 or more")?;
        }
        let embedder = match self.embedder {
            Some(embedder) => embedder,
            None => Arc::new(StaticEmbedder::bundled()?),
        };
        let Self { chunker, index, workers, progress, cancel, .. } = self;
        Ok(Retriever {
            searcher: Searcher { embedder, segments: Vec::new(), workers },
            settings: Settings { chunker, index, progress, cancel },
            kept: None,
        })
    }

    /// Reads a corpus that was [saved](Retriever::save) and builds its index.
    ///
    /// Its articles keep the passages they have; new ones are cut by this builder's chunker.
    ///
    /// # Errors
    ///
    /// As [`in_memory`](Self::in_memory); [`Error::Read`] if the file cannot be read,
    /// [`Error::Corrupt`] or [`Error::Version`] if it is not what was saved,
    /// [`Error::ModelMismatch`] if it was made with another model.
    pub fn load(self, path: impl AsRef<Path>) -> Result<Retriever> {
        let mut retriever = self.in_memory()?;
        let embedder = &retriever.searcher.embedder;
        let (articles, vectors) = store::load(path.as_ref(), embedder.identity(), embedder.dim())?;
        if !articles.is_empty() {
            let segment = retriever.sealed(articles, vectors)?;
            retriever.searcher.segments.push(segment);
        }
        Ok(retriever)
    }
}
