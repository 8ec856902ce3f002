//! A segment: articles with their passages, vectors and indexes, immutable once sealed.
//!
//! A segment is a set of columns, in memory or in a mapped file. Removing an article clears its
//! rows in the set of live rows; adding an article makes a new segment. The writer and all
//! searchers share segments.

mod article_columns;
mod bytes_column;
mod filter_columns;
mod filter_rows;
mod first_rows;
mod integrity;
mod live_segment;
mod matching_rows;
mod passage_row;
mod segment_builder;
mod segment_pieces;
mod segment_record;
mod segment_totals;
mod segment_words;

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    Article, Error, HnswIndex, HnswParams, Passage, Result, VectorIndex, Vectors,
    format::{
        codec,
        column::{Column, MappedFile},
        decode_error::{DecodeError, require},
        head_record::StoredHead,
        lazy_checked::LazyChecked,
        sections::{FileId, Kind, Section, Sections},
        tag::Tag,
    },
    search::{
        language_totals::LanguageTotals,
        view::{PassagePlace, StoredPassage},
    },
    text::ContentHash,
    vector::{SegmentIndex, open_vectors},
};

use article_columns::{ArticleColumns, PassageText};
use filter_columns::CachedHeads;
use first_rows::FirstRows;
use segment_record::SegmentRecord;

pub(crate) use live_segment::{ArticlePlace, LiveSegment, find_article};
pub(crate) use segment_builder::{ArticleDigest, Chunked, SegmentBuilder};
pub(crate) use segment_pieces::SegmentPieces;
pub(crate) use segment_words::SegmentWords;

/// Articles, the vectors of all their passages in order, and the index over them.
pub(crate) struct Segment {
    columns: LazyChecked<ArticleColumns>,
    /// Checked apart from the columns: removing an article reads nothing else.
    first_rows: LazyChecked<FirstRows>,
    index: LazyChecked<SegmentIndex>,
    /// Each row is checked by its own checksum.
    vectors: Arc<Vectors>,
    words: SegmentWords,
    /// `None` in a file without pieces of the current fingerprint.
    pieces: Option<SegmentPieces>,
    /// Read or computed when first needed.
    totals: OnceLock<LanguageTotals>,
    /// All heads, read when a filter first needs them.
    head_cache: OnceLock<CachedHeads>,
    articles: u32,
    passages: u32,
    /// `None` without a graph.
    graph_params: Option<HnswParams>,
    /// `None` in memory.
    file: Option<Arc<Sections>>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("articles", &self.articles())
            .field("passages", &self.len())
            .field("file", &self.id())
            .finish_non_exhaustive()
    }
}

impl Segment {
    /// Opens the segment in `map`; content is read and checked when it is first needed.
    pub(crate) fn open(map: MappedFile) -> Result<Self> {
        let path = map.path().to_owned();
        let sections = Sections::open(map, Kind::Segment);
        let segment = sections.and_then(|sections| Self::from_sections(Arc::new(sections)));
        segment.map_err(|error| error.in_file(path.display()))
    }

    fn from_sections(sections: Arc<Sections>) -> Result<Self, DecodeError> {
        let record: Option<SegmentRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
        let record =
            record.ok_or(DecodeError::Corrupt("the record of the segment cannot be decoded"))?;
        let vectors = Arc::new(open_vectors(&sections, record.dim)?);
        let columns = ArticleColumns::open(&sections)?;
        let first_rows: Column<u32> = sections.column(Tag::FirstRows)?;
        let index = SegmentIndex::open(&record.index, &sections, Arc::clone(&vectors))?;
        let articles = fits(record.articles, first_rows.len())?;
        let passages = fits(record.passages, vectors.len())?;
        let has_lengths = columns.have_lengths(first_rows.len(), vectors.len());
        require(has_lengths, "the columns of the articles differ in length")?;
        require(index.len() == vectors.len(), "passages and vectors differ in number")?;
        Ok(Self {
            columns: LazyChecked::in_file(columns, &sections),
            first_rows: LazyChecked::in_file(FirstRows::new(first_rows, passages), &sections),
            graph_params: index.graph().map(HnswIndex::params),
            index: LazyChecked::in_file(index, &sections),
            vectors,
            words: SegmentWords::default(),
            pieces: SegmentPieces::open(&sections, passages as usize)?,
            totals: OnceLock::new(),
            head_cache: OnceLock::new(),
            articles,
            passages,
            file: Some(sections),
        })
    }

    /// Calls `write` with the sections of the file: the record and all columns.
    pub(crate) fn with_sections<T>(
        &self,
        write: impl FnOnce(&[Section]) -> Result<T>,
    ) -> Result<T> {
        let index = self.index.get()?;
        let columns = self.columns.get()?;
        let record = SegmentRecord {
            articles: u64::from(self.articles),
            passages: u64::from(self.passages),
            dim: self.vectors.dim() as u64,
            index: index.record(),
        };
        let record = codec::encode(&record, "bytes in the record of a segment")?;
        let checksums = self.vectors.sums();
        let totals = self.totals_bytes()?;
        let mut sections: Vec<Section> = vec![Section::new(Tag::Record, &record)];
        sections.extend(columns.sections());
        sections.push(self.first_rows.get()?.section());
        sections.extend(columns.passage_sections());
        sections.push(Section::new(Tag::Vectors, bytemuck::cast_slice(self.vectors.as_slice())));
        sections.push(Section::new(Tag::VectorSums, checksums.as_bytes()));
        sections.push(Section::new(Tag::LanguageTotals, &totals));
        sections.extend(index.sections());
        sections.extend(self.words_section()?);
        if let Some(pieces) = &self.pieces {
            sections.extend(pieces.sections()?);
        }
        write(&sections)
    }

    /// The segment's file; `None` in memory.
    pub(crate) fn id(&self) -> Option<FileId> {
        self.file.as_ref().map(|file| file.id())
    }

    /// Number of passages, live or not.
    pub(crate) fn len(&self) -> u32 {
        self.passages
    }

    /// Number of articles, live or not.
    pub(crate) fn articles(&self) -> usize {
        self.articles as usize
    }

    /// Dimension of the vectors.
    pub(crate) fn dim(&self) -> usize {
        self.vectors.dim()
    }

    /// Whether a graph indexes the vectors.
    pub(crate) fn has_graph(&self) -> bool {
        self.graph_params.is_some()
    }

    /// The parameters of its graph, if there is one.
    pub(crate) fn graph_params(&self) -> Option<HnswParams> {
        self.graph_params
    }

    /// The key of article `number`.
    pub(crate) fn key(&self, number: u32) -> Result<&str> {
        self.columns.get()?.key(number).ok_or_else(|| self.damaged(number))
    }

    /// The number of the article with this key, live or not.
    pub(crate) fn find(&self, key: &str) -> Result<Option<u32>> {
        let place = self.first_key(0, |stored| stored < key)?;
        let Some(number) = self.key_order()?.get(place) else { return Ok(None) };
        Ok((self.key(*number)? == key).then_some(*number))
    }

    /// The numbers of all articles, live or not, in the order of their keys.
    pub(crate) fn key_order(&self) -> Result<&[u32]> {
        Ok(&self.columns.get()?.key_order)
    }

    /// The first position in the key order, `from` or later, whose key is not `before`.
    fn first_key(&self, from: usize, before: impl Fn(&str) -> bool) -> Result<usize> {
        let order = self.key_order()?;
        let mut start = from;
        let mut end = order.len();
        while start < end {
            let middle = start.midpoint(end);
            if before(self.key(order[middle])?) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(start)
    }

    /// Article `number`.
    pub(crate) fn article(&self, number: u32) -> Result<Article> {
        let key = self.key(number)?.to_owned();
        let StoredHead { title, declared: language, metadata, .. } = self.head(number)?;
        let text = self.columns.get()?.text(number).ok_or_else(|| self.damaged(number))?.to_owned();
        let markup = self.columns.get()?.markup_of(number, self.rows_of(number)?);
        Ok(Article { key, title, text, markup, language, metadata })
    }

    /// The content hash of article `number`.
    pub(crate) fn content_hash(&self, number: u32) -> Result<ContentHash> {
        Ok(self.columns.get()?.content_hashes[number as usize])
    }

    /// The rows of the passages of article `number`.
    pub(crate) fn rows_of(&self, number: u32) -> Result<Range<u32>> {
        Ok(self.first_rows.get()?.rows_of(number))
    }

    /// The passages of `article`, which has the number `number`, each within its text.
    pub(crate) fn passages_of(&self, number: u32, article: &Article) -> Result<Vec<Passage>> {
        let columns = self.columns.get()?;
        let passages = self.rows_of(number)?.map(|row| columns.passage(row));
        let is_inside = |range: &Range<usize>| article.text.get(range.clone()).is_some();
        let checked = passages.map(|passage| {
            let mut context = passage.heading.iter().chain(&passage.table_header);
            let fits = is_inside(&passage.range) && context.all(is_inside);
            if fits { Ok(passage) } else { Err(self.damaged(number)) }
        });
        checked.collect()
    }

    /// The vectors of all passages, by row.
    pub(crate) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The vector of the passage in `row`, checked by its checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] with the key of the article.
    pub(crate) fn checked_vector(&self, row: u32) -> Result<&[f32]> {
        match self.vectors.checked_row(row as usize) {
            Err(_) => Err(self.damaged(self.article_of(row)?)),
            vector => vector,
        }
    }

    /// The number of the article of `row`.
    pub(crate) fn article_of(&self, row: u32) -> Result<u32> {
        Ok(self.first_rows.get()?.article_of(row))
    }

    /// Reads the head of article `number` and compares its checksum.
    fn head(&self, number: u32) -> Result<StoredHead> {
        self.columns.get()?.head(number).ok_or_else(|| self.damaged(number))
    }

    /// Reads the passage in `row`, checked by its checksum.
    pub(crate) fn read(&self, row: u32) -> Result<StoredPassage> {
        let number = self.article_of(row)?;
        let StoredHead { title, language, metadata, .. } = self.head(number)?;
        let Passage { range, markup, titled, .. } = self.columns.get()?.passage(row);
        let PassageText { text, heading, table_header } = self.passage_text(row, number)?;
        let article = self.key(number)?.to_owned();
        Ok(StoredPassage {
            article,
            title,
            language,
            range,
            text,
            heading,
            table_header,
            markup,
            metadata,
            titled,
        })
    }

    /// Returns the place of the passage in `row` in the order that breaks ties.
    pub(crate) fn place(&self, row: u32) -> Result<PassagePlace<'_>> {
        let article = self.article_of(row)?;
        let key = Cow::Borrowed(self.key(article)?);
        Ok(PassagePlace { key, number: row - self.rows_of(article)?.start })
    }

    /// The text and heading of the passage in `row`, of article `number`, checked by their checksum.
    fn passage_text(&self, row: u32, number: u32) -> Result<PassageText> {
        self.columns.get()?.passage_text(row, number).ok_or_else(|| self.damaged(number))
    }

    /// The error of an article whose stored bytes do not match their checksums.
    fn damaged(&self, number: u32) -> Error {
        let key = self.columns.get().ok().and_then(|columns| columns.key(number));
        let article = key
            .map_or_else(|| format!("article number {number}"), |key| format!("article `{key}`"));
        let origin = match &self.file {
            Some(file) => format!("{article} in {}", file.path()),
            None => article,
        };
        let fault = "its stored bytes are invalid; remove the article and add it again";
        Error::Corrupt { origin, fault }
    }

    /// Whether the embedded text of `row` was put together as it would be now.
    pub(crate) fn has_current_context(&self, row: u32) -> Result<bool> {
        Ok(self.columns.get()?.passages[row as usize].has_current_context())
    }

    /// Advises the system that the whole file is about to be read in order.
    pub(crate) fn advise_sequential(&self) {
        if let Some(file) = &self.file {
            file.file().advise_sequential();
        }
    }
}

/// Checks that a column has the recorded length, and returns it.
fn fits(recorded: u64, len: usize) -> Result<u32, DecodeError> {
    let len = u32::try_from(len).ok().filter(|len| u64::from(*len) == recorded);
    len.ok_or(DecodeError::Corrupt(
        "the record counts other articles or passages than the columns hold",
    ))
}
