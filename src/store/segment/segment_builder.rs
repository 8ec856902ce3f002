//! Builds a segment from new articles and from articles of other segments.

use std::sync::{Arc, OnceLock};

use super::{
    Segment, SegmentPieces, SegmentWords,
    article_columns::ArticleColumns,
    bytes_column::BytesColumnBuilder,
    first_rows::FirstRows,
    passage_row::{PassageRow, TableHeaderRow},
};
use crate::{
    Article, Chunker, EmbeddedArticle, HnswIndex, IndexChoice, Language, Markup, Passage, Result,
    Vectors,
    format::{head_record::HeadRecord, lazy_checked::LazyChecked},
    lexical,
    text::{ContentHash, content_hash, embedded_content_hash},
    vector::to_row,
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
    content_hashes: Vec<ContentHash>,
    first_rows: Vec<u32>,
    passages: Vec<PassageRow>,
    table_headers: Vec<TableHeaderRow>,
    markdown_without_passages: Vec<u32>,
}

impl ArticleDigest {
    /// The digest of `article`; the hash covers its content and the settings of `chunker`.
    pub(crate) fn of(article: &Article, chunker: &Chunker) -> Result<Self> {
        let head = HeadRecord::encode(article, None)?;
        let content = content_hash(&head, article, chunker);
        Ok(Self { head, content, language: article.language })
    }

    /// The digest of `embedded`; the hash covers its content, its passages and its vectors.
    pub(crate) fn of_embedded(embedded: &EmbeddedArticle) -> Result<Self> {
        let article = embedded.article();
        let head = HeadRecord::encode(article, None)?;
        let content = embedded_content_hash(&head, embedded);
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
    lexical::detect(&article.text).map(Language::from)
}

impl SegmentBuilder {
    /// Whether no article was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.first_rows.is_empty()
    }

    /// Adds a new article.
    pub(crate) fn push(&mut self, chunked: &Chunked) -> Result<()> {
        let Chunked { article, passages, digest } = chunked;
        if passages.is_empty() && article.markup == Markup::Markdown {
            self.markdown_without_passages.push(to_row(self.first_rows.len()));
        }
        self.begin(&article.key, digest.content);
        self.heads.push(&digest.head);
        self.texts.push(article.text.as_bytes());
        for passage in passages {
            self.table_headers.extend(TableHeaderRow::new(to_row(self.passages.len()), passage)?);
            self.passages.push(PassageRow::new(article, passage)?);
        }
        Ok(())
    }

    /// Adds article `number` of `segment`; every string is checked as it is copied.
    pub(crate) fn copy(&mut self, segment: &Segment, number: u32) -> Result<()> {
        let columns = segment.columns.get()?;
        if columns.markdown_without_passages.binary_search(&number).is_ok() {
            self.markdown_without_passages.push(to_row(self.first_rows.len()));
        }
        self.begin(segment.key(number)?, segment.content_hash(number)?);
        let damaged = || segment.damaged(number);
        self.heads.push(columns.heads.get(number as usize).ok_or_else(damaged)?);
        self.texts.push(columns.texts.get(number as usize).ok_or_else(damaged)?);
        let rows = segment.rows_of(number)?;
        let first = to_row(self.passages.len());
        for header in columns.table_headers_of(rows.clone()) {
            self.table_headers.push(header.at(first + (header.row() - rows.start)));
        }
        self.passages.extend(&columns.passages[rows.start as usize..rows.end as usize]);
        Ok(())
    }

    fn begin(&mut self, key: &str, content: ContentHash) {
        self.keys.push(key.as_bytes());
        self.content_hashes.push(content);
        self.first_rows.push(to_row(self.passages.len()));
    }

    /// Seals the segment; row `i` of `vectors`, `words` and `pieces` belongs to
    /// passage `i`.
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
        pieces: SegmentPieces,
        choice: IndexChoice,
        monitor: WorkMonitor,
    ) -> Result<Segment> {
        assert_eq!(vectors.len(), self.passages.len(), "each passage has a vector");
        let vectors = Arc::new(vectors);
        let index = choice.build(Arc::clone(&vectors), monitor)?;
        let keys = self.keys.seal();
        let articles = to_row(self.first_rows.len());
        let passages = to_row(self.passages.len());
        let key = |number: u32| keys.get_unverified(number as usize);
        let is_ordered = (1..articles).all(|number| key(number - 1) <= key(number));
        assert!(is_ordered, "articles are added in the order of their keys");
        let columns = ArticleColumns {
            keys,
            key_order: (0..articles).collect(),
            heads: self.heads.seal(),
            texts: self.texts.seal(),
            content_hashes: self.content_hashes.into(),
            passages: self.passages.into(),
            table_headers: self.table_headers.into(),
            markdown_without_passages: self.markdown_without_passages.into(),
        };
        Ok(Segment {
            columns: LazyChecked::in_memory(columns),
            first_rows: LazyChecked::in_memory(FirstRows::new(self.first_rows.into(), passages)),
            graph_params: index.graph().map(HnswIndex::params),
            index: LazyChecked::in_memory(index),
            vectors,
            words,
            pieces: Some(pieces),
            totals: OnceLock::new(),
            head_cache: OnceLock::new(),
            articles,
            passages,
            file: None,
        })
    }
}
