//! Rebuilds an index with another model: one function of named stages, from the articles of the last
//! generation to a generation of new vectors.

use std::path::Path;

use tracing::instrument;

use super::{ingest::OnExisting, merge_segments::MergePlan, searcher::Snapshot};
use crate::{
    EmbedReport, Result, Retriever, RetrieverBuilder,
    store::{OpenedStore, SortedArticles, Store, segment::LiveSegment},
    text::next_batch,
};

impl RetrieverBuilder {
    /// Embeds all articles of the index in the folder at `path` with the model of this builder, and
    /// replaces the index by the result in one step.
    ///
    /// The articles are read from the index: keys, titles, texts, markup, languages and metadata
    /// stay the same. They are chunked again, by the [chunker](Self::chunker) of this builder or,
    /// without it, of the index. Its calibration is dropped, since it holds for the old vectors.
    ///
    /// Until the last step the index stays as it was, for searchers in any process. After an error, a
    /// [cancellation](Self::cancel) or the end of the process the index is the old one, and the
    /// rebuild can be repeated; it starts again, but a
    /// [cache](Self::embedding_cache) has the vectors that were embedded. As with a
    /// [commit](Retriever::commit), a failed fsync of the folder is the exception: others see the
    /// new index, but it may not survive a power cut.
    ///
    /// Open searchers keep the old index. Their [`reload`](crate::Searcher::reload) returns
    /// [`Error::ModelMismatch`](crate::Error::ModelMismatch) until they are opened with the new
    /// model.
    ///
    /// The folder needs space for about three times the larger index during the rebuild. New
    /// passages are written to files after every [`checkpoint`](Self::checkpoint).
    ///
    /// # Errors
    ///
    /// - As [`open`](Self::open), without
    ///   [`Error::ModelMismatch`](crate::Error::ModelMismatch).
    /// - As [`Retriever::add`] and [`Retriever::commit`].
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if an article is damaged: it names the article,
    ///   which must be removed or replaced before.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Embedder, Retriever, StaticEmbedder};
    /// # use passim::{Interrupt, ModelIdentity, Result, Role, Vectors};
    /// # struct Lengths(ModelIdentity);
    /// # impl Lengths {
    /// #     fn new() -> Self { Self(ModelIdentity { name: "lengths".into(), hash: 1 }) }
    /// # }
    /// # impl Embedder for Lengths {
    /// #     fn identity(&self) -> &ModelIdentity { &self.0 }
    /// #     fn dim(&self) -> usize { 2 }
    /// #     fn max_tokens(&self) -> Option<usize> { None }
    /// #     fn count_tokens(&self, text: &str) -> Result<usize> { Ok(text.len() / 4) }
    /// #     fn embed(&self, _: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
    /// #         let value = |text: &&str| [1.0, text.len() as f32];
    /// #         Vectors::normalized(2, texts.iter().flat_map(value).collect())
    /// #     }
    /// # }
    ///
    /// # let temp = tempfile::tempdir().unwrap();
    /// # let folder = temp.path().join("index");
    /// let mut retriever = Retriever::builder().embedder(Lengths::new()).create(&folder)?;
    /// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
    /// retriever.commit()?;
    /// drop(retriever);
    ///
    /// let better = StaticEmbedder::bundled()?;
    /// let retriever = Retriever::builder().embedder(better).rebuild(&folder)?;
    /// assert_eq!(retriever.search("peat bogs")?[0].article, "moor.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all)]
    pub fn rebuild(self, path: impl AsRef<Path>) -> Result<Retriever> {
        let embedder = self.checked_embedder()?;
        let OpenedStore { mut store, generation } = Store::open(path.as_ref())?;
        store.set_model(&*embedder, self.probes(&*embedder)?);
        let empty = Snapshot {
            generation: generation.manifest.generation,
            manifest: Some(generation.id),
            bytes_on_disk: generation.bytes(),
            ..Snapshot::default()
        };
        let mut retriever = self.retriever(embedder, Some(store), empty)?;
        let rebuilt = retriever.replace_all(&generation.segments);
        if rebuilt.is_err() {
            retriever.in_store(Store::discard_staged);
        }
        rebuilt.map(|()| retriever)
    }
}

impl Retriever {
    /// Replaces the corpus by the articles of `segments`, embedded again, and commits.
    fn replace_all(&mut self, segments: &[LiveSegment]) -> Result<()> {
        let sorted = SortedArticles::new(segments);
        let mut articles = sorted.map(|article| article?.read());
        let mut embedded = EmbedReport::default();
        let mut since_checkpoint = 0;
        loop {
            let batch = next_batch(&mut articles)?;
            if batch.is_empty() {
                break;
            }
            let ingested = self.ingest(batch, OnExisting::Replace, embedded)?.embedding;
            embedded.texts += ingested.texts;
            embedded.tokens += ingested.tokens;
            since_checkpoint += ingested.texts;
            if since_checkpoint >= self.settings.checkpoint {
                self.stage_segments()?;
                since_checkpoint = 0;
            }
        }
        // The generation has another model even if it has no article.
        self.changed = true;
        // The graphs are built before the new index replaces the old one.
        self.commit_merged().map(drop)
    }

    /// Writes the new segments to files, which no generation names yet.
    fn stage_segments(&mut self) -> Result<()> {
        let plan = MergePlan::for_checkpoint(self.segments(), self.settings.checkpoint, &[]);
        let merged = self.merge_without_graphs(plan)?;
        let staged = self.in_store(|store| store.stage(&merged))?;
        // Segments in files are not merged before the next checkpoint.
        self.committed = staged.len();
        *self.segments_mut() = staged;
        Ok(())
    }

    fn in_store<T>(&self, action: impl FnOnce(&mut Store) -> T) -> T {
        let mut publisher = self.corpus.lock();
        action(publisher.store().expect("only an index in a folder is rebuilt"))
    }
}
