//! A segment: articles with their passages, vectors and indexes, immutable once sealed.
//!
//! A segment is a set of columns, in memory or in a mapped file. Removing an article clears its
//! rows in the set of live rows; adding an article makes a new segment. The writer and all
//! searchers share segments.

mod bytes_column;
mod filter_columns;
mod filter_rows;
mod integrity;
mod live_segment;
mod passage_row;
mod segment_builder;
mod segment_record;
mod segment_words;

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    Article, Error, HnswIndex, HnswParams, Neighbors, Passage, Result, SearchParams, VectorIndex,
    Vectors,
    format::{
        codec,
        column::{Column, MappedFile},
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Section, Sections, Tag, short_sum},
    },
    search::view::{PassagePlace, StoredPassage},
    vector::{SegmentIndex, to_row},
};

use bytes_column::{BytesColumn, BytesColumnTags};
use filter_columns::CachedHeads;
use integrity::SegmentFile;
use passage_row::PassageRow;
use segment_record::{HeadRecord, SegmentRecord, StoredHead};

pub(crate) use live_segment::{ArticlePlace, LiveSegment, find_article};
pub(crate) use segment_builder::{ArticleDigest, Chunked, SegmentBuilder};
pub(crate) use segment_words::SegmentWords;

const KEYS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Keys, ends: Tag::KeyEnds, checksums: Tag::KeySums };
const HEADS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Heads, ends: Tag::HeadEnds, checksums: Tag::HeadSums };
const TEXTS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Texts, ends: Tag::TextEnds, checksums: Tag::TextSums };

/// Hash of an article's content and of the chunker settings.
pub(crate) type ContentHash = [u64; 2];

/// Articles, the vectors of all their passages in order, and the index over them.
pub(crate) struct Segment {
    keys: BytesColumn,
    /// Article numbers, sorted by key.
    key_order: Column<u32>,
    heads: BytesColumn,
    texts: BytesColumn,
    contents: Column<ContentHash>,
    /// Row of the first passage of each article.
    first_rows: Column<u32>,
    passages: Column<PassageRow>,
    vectors: Arc<Vectors>,
    index: SegmentIndex,
    words: SegmentWords,
    /// `None` for a segment in memory.
    file: Option<SegmentFile>,
    /// All heads, read when a filter first needs them.
    head_cache: OnceLock<CachedHeads>,
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
        let segment = sections.and_then(Self::from_sections);
        segment.map_err(|error| error.in_file(path.display()))
    }

    fn from_sections(sections: Sections) -> Result<Self, DecodeError> {
        let record: Option<SegmentRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
        let record =
            record.ok_or(DecodeError::Corrupt("the record of the segment cannot be decoded"))?;
        let vectors = Arc::new(open_vectors(&sections, record.dim)?);
        let segment = Self {
            keys: BytesColumn::open(&sections, KEYS)?,
            key_order: sections.column(Tag::KeyOrder)?,
            heads: BytesColumn::open(&sections, HEADS)?,
            texts: BytesColumn::open(&sections, TEXTS)?,
            contents: sections.column(Tag::ContentHashes)?,
            first_rows: sections.column(Tag::FirstRows)?,
            passages: sections.column(Tag::Passages)?,
            index: SegmentIndex::open(&record.index, &sections, Arc::clone(&vectors))?,
            vectors,
            words: SegmentWords::default(),
            file: Some(SegmentFile::new(sections)),
            head_cache: OnceLock::new(),
        };
        segment.check_lengths(&record)?;
        Ok(segment)
    }

    fn check_lengths(&self, record: &SegmentRecord) -> Result<(), DecodeError> {
        let articles = self.first_rows.len();
        let passages = self.passages.len();
        let is_recorded = articles as u64 == record.articles && passages as u64 == record.passages;
        require(is_recorded, "the record counts other articles or passages than the columns hold")?;
        let has_articles = self.contents.len() == articles && self.key_order.len() == articles;
        require(has_articles, "the columns of the articles differ in length")?;
        let has_passages = self.vectors.len() == passages && self.index.len() == passages;
        require(has_passages, "passages and vectors differ in number")
    }

    /// Calls `write` with the sections of the file: the record and all columns.
    pub(crate) fn with_sections<T>(
        &self,
        write: impl FnOnce(&[Section]) -> Result<T>,
    ) -> Result<T> {
        let record = SegmentRecord {
            articles: self.articles() as u64,
            passages: u64::from(self.len()),
            dim: self.vectors.dim() as u64,
            index: self.index.record(),
        };
        let record = codec::encode(&record, "bytes in the record of a segment")?;
        let checksums = self.vectors.sums();
        let mut sections: Vec<Section> = vec![Section::new(Tag::Record, &record)];
        sections.extend(self.keys.sections(KEYS));
        sections.push(Section::new(Tag::KeyOrder, self.key_order.as_bytes()));
        sections.extend(self.heads.sections(HEADS));
        sections.extend(self.texts.sections(TEXTS));
        sections.push(Section::new(Tag::ContentHashes, self.contents.as_bytes()));
        sections.push(Section::new(Tag::FirstRows, self.first_rows.as_bytes()));
        sections.push(Section::new(Tag::Passages, self.passages.as_bytes()));
        sections.push(Section::new(Tag::Vectors, bytemuck::cast_slice(self.vectors.as_slice())));
        sections.push(Section::new(Tag::VectorSums, checksums.as_bytes()));
        sections.extend(self.index.sections());
        sections.extend(self.words_section()?);
        write(&sections)
    }

    /// The segment's file; `None` in memory.
    pub(crate) fn id(&self) -> Option<FileId> {
        self.file.as_ref().map(|file| file.sections.id())
    }

    /// Number of passages, live or not.
    pub(crate) fn len(&self) -> u32 {
        to_row(self.passages.len())
    }

    /// Number of articles, live or not.
    pub(crate) fn articles(&self) -> usize {
        self.first_rows.len()
    }

    /// Dimension of the vectors.
    pub(crate) fn dim(&self) -> usize {
        self.vectors.dim()
    }

    /// Whether a graph indexes the vectors.
    pub(crate) fn has_graph(&self) -> bool {
        self.index.graph().is_some()
    }

    /// The parameters of its graph, if there is one.
    pub(crate) fn graph_params(&self) -> Option<HnswParams> {
        self.index.graph().map(HnswIndex::params)
    }

    /// The key of article `number`.
    pub(crate) fn key(&self, number: u32) -> Result<&str> {
        let key = self.directory()?.keys.text(number as usize);
        key.ok_or_else(|| self.damaged(number))
    }

    /// The number of the article with this key, live or not.
    pub(crate) fn find(&self, key: &str) -> Result<Option<u32>> {
        let place = self.first_key(0, |stored| stored < key)?;
        let Some(number) = self.key_order.get(place) else { return Ok(None) };
        Ok((self.key(*number)? == key).then_some(*number))
    }

    /// The numbers of all articles, live or not, in the order of their keys.
    pub(crate) fn key_order(&self) -> Result<&[u32]> {
        Ok(&self.directory()?.key_order)
    }

    /// The first position in the key order, `from` or later, whose key is not `before`.
    fn first_key(&self, from: usize, before: impl Fn(&str) -> bool) -> Result<usize> {
        let order = &self.directory()?.key_order;
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
        let key = self.directory()?.key(number)?.to_owned();
        let StoredHead { title, declared: language, metadata, .. } = self.head(number)?;
        let text = self.texts.text(number as usize).ok_or_else(|| self.damaged(number))?.to_owned();
        Ok(Article { key, title, text, language, metadata })
    }

    /// The content hash of article `number`.
    pub(crate) fn content_hash(&self, number: u32) -> Result<ContentHash> {
        Ok(self.directory()?.contents[number as usize])
    }

    /// The rows of the passages of article `number`.
    pub(crate) fn rows_of(&self, number: u32) -> Result<Range<u32>> {
        let first_rows = self.first_rows()?;
        let next_article = first_rows.get(number as usize + 1).copied();
        Ok(first_rows[number as usize]..next_article.unwrap_or(self.len()))
    }

    /// The passages of `article`, which has the number `number`, each within its text.
    pub(crate) fn passages_of(&self, number: u32, article: &Article) -> Result<Vec<Passage>> {
        let passages = self.rows_of(number)?.map(|row| self.passage(row));
        let is_inside = |range: &Range<usize>| article.text.get(range.clone()).is_some();
        let checked = passages.map(|passage| {
            let fits = is_inside(&passage.range) && passage.heading.iter().all(is_inside);
            if fits { Ok(passage) } else { Err(self.damaged(number)) }
        });
        checked.collect()
    }

    /// The vectors of all passages, by row.
    pub(crate) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The article of `row`.
    fn article_of(&self, row: u32) -> u32 {
        // Articles without passages share their first row with the next: the last wins.
        to_row(self.first_rows.partition_point(|first| *first <= row) - 1)
    }

    fn passage(&self, row: u32) -> Passage {
        self.passages[row as usize].passage()
    }

    /// Reads the head of article `number` and compares its checksum.
    fn head(&self, number: u32) -> Result<StoredHead> {
        let head = self.heads.get(number as usize).and_then(HeadRecord::decode);
        head.ok_or_else(|| self.damaged(number))
    }

    /// Reads the passage in `row`, checked by its checksum.
    pub(crate) fn read(&self, row: u32) -> Result<StoredPassage> {
        let number = self.article_of(row);
        let StoredHead { title, language, metadata, .. } = self.head(number)?;
        let Passage { range, titled, .. } = self.passage(row);
        let PassageText { text, heading } = self.passage_text(row, number)?;
        let article = self.key(number)?.to_owned();
        Ok(StoredPassage { article, title, language, range, text, heading, metadata, titled })
    }

    /// Returns the place of the passage in `row` in the order that breaks ties.
    pub(crate) fn place(&self, row: u32) -> Result<PassagePlace<'_>> {
        let article = self.article_of(row);
        let key = Cow::Borrowed(self.key(article)?);
        Ok(PassagePlace { key, number: row - self.first_rows[article as usize] })
    }

    /// The text and heading of the passage in `row`, of article `number`, checked by their checksum.
    fn passage_text(&self, row: u32, number: u32) -> Result<PassageText> {
        self.read_passage_text(row, number).ok_or_else(|| self.damaged(number))
    }

    /// `None` if the passage lies outside its article or does not match its checksum.
    fn read_passage_text(&self, row: u32, number: u32) -> Option<PassageText> {
        let owned = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let stored = &self.passages[row as usize];
        let passage = stored.passage();
        // The passage has its own checksum, so a hit does not read its whole article.
        let article = self.texts.get_unverified(number as usize)?;
        let text = article.get(passage.range)?;
        let Some(heading) = passage.heading else {
            let is_whole = short_sum(&[text]) == stored.checksum;
            return Some(PassageText { text: owned(text)?, heading: None }).filter(|_| is_whole);
        };
        let heading = article.get(heading)?;
        let is_whole = short_sum(&[text, heading]) == stored.checksum;
        let excerpt = PassageText { text: owned(text)?, heading: Some(owned(heading)?) };
        is_whole.then_some(excerpt)
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        self.searchable()?.index.search(query, params)
    }

    /// The error of an article whose stored bytes do not match their checksums.
    fn damaged(&self, number: u32) -> Error {
        let article = match self.keys.text(number as usize) {
            Some(key) => format!("article `{key}`"),
            None => format!("article number {number}"),
        };
        let origin = match &self.file {
            Some(file) => format!("{article} in {}", file.path()),
            None => article,
        };
        let fault = "its stored bytes are invalid; remove the article and add it again";
        Error::Corrupt { origin, fault }
    }

    /// Whether the embedded text of `row` was put together as it would be now.
    pub(crate) fn has_current_context(&self, row: u32) -> bool {
        self.passages[row as usize].has_current_context()
    }

    /// Advises the system that the whole file is about to be read in order.
    pub(crate) fn advise_sequential(&self) {
        if let Some(file) = &self.file {
            file.sections.file().advise_sequential();
        }
    }
}

/// Text and heading of a passage.
struct PassageText {
    text: String,
    heading: Option<String>,
}

fn open_vectors(sections: &Sections, dim: u64) -> Result<Vectors, DecodeError> {
    let values = sections.column(Tag::Vectors)?;
    let checksums = sections.column(Tag::VectorSums)?;
    let dim = usize::try_from(dim).ok().filter(|dim| *dim > 0);
    let vectors = dim.and_then(|dim| Vectors::in_file(dim, values, checksums));
    let place = sections.byte_range(Tag::Vectors)?;
    sections.file().advise_random(place.start, place.len());
    vectors.ok_or(DecodeError::Corrupt("the vectors do not fill whole rows"))
}
