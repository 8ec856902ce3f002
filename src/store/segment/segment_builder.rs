//! Builds a segment from new articles and from articles of other segments.

use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::Xxh3Default;

use super::{
    ContentHash, Segment, SegmentWords, bytes_column::BytesColumnBuilder, passage_row::PassageRow,
    segment_record::HeadRecord,
};
use crate::{
    Article, Chunker, IndexChoice, Language, Passage, Result, Vectors, vector::to_row,
    work::WorkMonitor,
};

/// An article with its passages, in order.
#[derive(Clone, Debug)]
pub(crate) struct Chunked {
    pub(crate) article: Article,
    pub(crate) passages: Vec<Passage>,
    pub(crate) digest: ArticleDigest,
}

/// The encoded head of an article and its content hash.
#[derive(Clone, Debug)]
pub(crate) struct ArticleDigest {
    head: Vec<u8>,
    pub(crate) content: ContentHash,
    /// Declared by the article, else detected.
    pub(crate) language: Option<Language>,
}

/// The columns of a segment under construction. Articles are added in the order of their keys, so
/// that the order of rows breaks ties by key and passage number.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuilder {
    keys: BytesColumnBuilder,
    heads: BytesColumnBuilder,
    texts: BytesColumnBuilder,
    contents: Vec<ContentHash>,
    first_rows: Vec<u32>,
    passages: Vec<PassageRow>,
}

impl ArticleDigest {
    /// The digest of `article`; the hash covers its content and the settings of `chunker`.
    pub(crate) fn of(article: &Article, chunker: &Chunker) -> Result<Self> {
        // The hash excludes a detected language, so that detecting it again is never a change.
        let head = HeadRecord::encode(article, None)?;
        let mut hasher = Xxh3Default::new();
        hasher.update(&chunker.fingerprint());
        hasher.update(&(head.len() as u64).to_le_bytes());
        hasher.update(&head);
        hasher.update(article.text.as_bytes());
        let content = bytemuck::cast(hasher.digest128().to_le_bytes());
        Ok(Self { head, content, language: article.language })
    }

    /// Detects the language of `article`, whose digest this is, unless the article declares one.
    pub(crate) fn with_detected_language(mut self, article: &Article) -> Result<Self> {
        if self.language.is_none() {
            self.language = detect_language(article);
            self.head = HeadRecord::encode(article, self.language)?;
        }
        Ok(self)
    }
}

pub(super) fn detect_language(article: &Article) -> Option<Language> {
    crate::lexical::detect(&article.text)
}

impl SegmentBuilder {
    /// Whether no article was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.first_rows.is_empty()
    }

    /// Adds a new article.
    pub(crate) fn push(&mut self, chunked: &Chunked) -> Result<()> {
        let Chunked { article, passages, digest } = chunked;
        self.begin(&article.key, digest.content);
        self.heads.push(&digest.head);
        self.texts.push(article.text.as_bytes());
        for passage in passages {
            self.passages.push(PassageRow::new(article, passage)?);
        }
        Ok(())
    }

    /// Adds article `number` of `segment`; every string is checked as it is copied.
    pub(crate) fn copy(&mut self, segment: &Segment, number: u32) -> Result<()> {
        self.begin(segment.key(number)?, segment.content_hash(number)?);
        let damaged = || segment.damaged(number);
        self.heads.push(segment.heads.get(number as usize).ok_or_else(damaged)?);
        self.texts.push(segment.texts.get(number as usize).ok_or_else(damaged)?);
        let rows = segment.rows_of(number)?;
        self.passages.extend(&segment.passages[rows.start as usize..rows.end as usize]);
        Ok(())
    }

    fn begin(&mut self, key: &str, content: ContentHash) {
        self.keys.push(key.as_bytes());
        self.contents.push(content);
        self.first_rows.push(to_row(self.passages.len()));
    }

    /// Seals the segment; row `i` of `vectors` and of `words` belongs to passage `i`.
    ///
    /// # Errors
    ///
    /// [`Error::VectorCount`] if there are not as many vectors as passages.
    ///
    /// # Panics
    ///
    /// If articles were not added in the order of their keys.
    pub(crate) fn seal(
        self,
        vectors: Vectors,
        words: SegmentWords,
        choice: IndexChoice,
        monitor: WorkMonitor,
    ) -> Result<Segment> {
        assert_eq!(vectors.len(), self.passages.len(), "each passage has a vector");
        let vectors = Arc::new(vectors);
        let index = choice.build(Arc::clone(&vectors), monitor)?;
        let keys = self.keys.seal();
        let articles = self.first_rows.len();
        let key = |number: usize| keys.get_unverified(number);
        let is_ordered = (1..articles).all(|number| key(number - 1) <= key(number));
        assert!(is_ordered, "articles are added in the order of their keys");
        let key_order: Vec<u32> = (0..to_row(articles)).collect();
        Ok(Segment {
            keys,
            key_order: key_order.into(),
            heads: self.heads.seal(),
            texts: self.texts.seal(),
            contents: self.contents.into(),
            first_rows: self.first_rows.into(),
            passages: self.passages.into(),
            vectors,
            index,
            words,
            file: None,
            head_cache: OnceLock::new(),
        })
    }
}
