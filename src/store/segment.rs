//! A segment: some articles with their passages, vectors and index, sealed for good.
//!
//! It is a set of columns, which lie in memory or in a mapped file. What is removed is not
//! taken out of a segment but left out of its live rows; what is added goes into another
//! segment. Searchers share segments with the writer.

mod bytes_column;
mod cite;
mod filter_columns;
mod filter_rows;
mod integrity;
mod live_segment;
mod segment_builder;
mod segment_record;
mod segment_words;

use std::{
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
        sections::{FileId, Kind, Section, Sections, Tag},
    },
    vector::{SegmentIndex, to_row},
};

use bytes_column::{BytesColumn, BytesColumnTags};
use filter_columns::CachedHeads;
use integrity::SegmentFile;
use segment_record::{SegmentRecord, StoredHead};

pub(crate) use live_segment::{LiveSegment, place_of};
pub(crate) use segment_builder::{ArticleDigest, Chunked, SegmentBuilder};
pub(crate) use segment_words::Words;

const KEYS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Keys, ends: Tag::KeyEnds, sums: Tag::KeySums };
const HEADS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Heads, ends: Tag::HeadEnds, sums: Tag::HeadSums };
const TEXTS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Texts, ends: Tag::TextEnds, sums: Tag::TextSums };

/// A passage: start, end, start and end of its heading (or [`NO_HEADING`]), tokens, whether the
/// title is embedded, checksum of its text and heading, and [`CONTEXT_VERSION`]. Places are in the article's
/// text.
type PassageRow = [u32; 8];

/// The way in which [`Passage::text_in_context`] puts together what is embedded; to be raised
/// when it changes, so that no vector of the way before is taken for one of the new.
const CONTEXT_VERSION: u32 = 1;

const NO_HEADING: u32 = u32::MAX;

/// Hash of what an article says and how it was cut.
pub(crate) type ContentHash = [u64; 2];

/// Articles, the vectors of all their passages in order, and the index over them.
pub(crate) struct Segment {
    keys: BytesColumn,
    /// The articles in the order of their keys.
    key_order: Column<u32>,
    heads: BytesColumn,
    texts: BytesColumn,
    contents: Column<ContentHash>,
    /// Row of the first passage of every article.
    first_rows: Column<u32>,
    passages: Column<PassageRow>,
    vectors: Arc<Vectors>,
    index: SegmentIndex,
    words: Words,
    /// `None` in memory.
    file: Option<SegmentFile>,
    /// All heads, once a filter has asked for them.
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
    /// The segment in a file; what is in it is read when it is needed.
    pub(crate) fn open(map: MappedFile) -> Result<Self> {
        let path = map.path().to_owned();
        let open = |map| {
            let sections = Sections::open(map, Kind::Segment)?;
            Self::of(sections)
        };
        open(map).map_err(|refusal: DecodeError| refusal.about(path.display()))
    }

    fn of(sections: Sections) -> Result<Self, DecodeError> {
        let record: Option<SegmentRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
        let record = record.ok_or(DecodeError::Corrupt("its record is not readable"))?;
        let dim = usize::try_from(record.dim).ok().filter(|dim| *dim > 0);
        let values = sections.array(Tag::Vectors)?;
        let sums = sections.array(Tag::VectorSums)?;
        let vectors = dim.and_then(|dim| Vectors::in_file(dim, values, sums));
        let vectors = Arc::new(vectors.ok_or(DecodeError::Corrupt("its vectors are not whole"))?);
        let place = sections.place(Tag::Vectors)?;
        sections.map().advise_random(place.start, place.len());
        let segment = Self {
            keys: BytesColumn::open(&sections, KEYS)?,
            key_order: sections.array(Tag::KeyOrder)?,
            heads: BytesColumn::open(&sections, HEADS)?,
            texts: BytesColumn::open(&sections, TEXTS)?,
            contents: sections.array(Tag::ContentHashes)?,
            first_rows: sections.array(Tag::FirstRows)?,
            passages: sections.array(Tag::Passages)?,
            index: SegmentIndex::open(&record.index, &sections, Arc::clone(&vectors))?,
            vectors,
            words: Words::default(),
            file: Some(SegmentFile::new(sections)),
            head_cache: OnceLock::new(),
        };
        segment.check_lengths(&record)?;
        Ok(segment)
    }

    fn check_lengths(&self, record: &SegmentRecord) -> Result<(), DecodeError> {
        let (articles, passages) = (self.first_rows.len(), self.passages.len());
        let as_recorded = articles as u64 == record.articles && passages as u64 == record.passages;
        require(as_recorded, "it has another number of articles or passages than it says")?;
        let alike = self.contents.len() == articles && self.key_order.len() == articles;
        require(alike, "its columns are not of one length")?;
        let each = self.vectors.len() == passages && self.index.len() == passages;
        require(each, "it has another number of passages than of vectors")
    }

    /// The record and all columns, to be written with [`Kind::Segment`].
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
        let sums = self.vectors.sums();
        let mut parts: Vec<Section> = vec![(Tag::Record, &record)];
        parts.extend(self.keys.parts(KEYS));
        parts.push((Tag::KeyOrder, self.key_order.as_bytes()));
        parts.extend(self.heads.parts(HEADS));
        parts.extend(self.texts.parts(TEXTS));
        parts.push((Tag::ContentHashes, self.contents.as_bytes()));
        parts.push((Tag::FirstRows, self.first_rows.as_bytes()));
        parts.push((Tag::Passages, self.passages.as_bytes()));
        parts.push((Tag::Vectors, bytemuck::cast_slice(self.vectors.as_slice())));
        parts.push((Tag::VectorSums, sums.as_bytes()));
        parts.extend(self.index.parts());
        parts.extend(self.words_section()?);
        write(&parts)
    }

    /// The file that it is in.
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

    /// Number of values in a vector.
    pub(crate) fn dim(&self) -> usize {
        self.vectors.dim()
    }

    /// Whether it is searched by a graph.
    pub(crate) fn has_graph(&self) -> bool {
        self.index.graph().is_some()
    }

    /// The shape of its graph, if there is one.
    pub(crate) fn graph_params(&self) -> Option<HnswParams> {
        self.index.graph().map(HnswIndex::params)
    }

    /// The key of article `at`.
    pub(crate) fn key(&self, at: u32) -> Result<&str> {
        let key = self.directory()?.keys.text(at as usize);
        key.ok_or_else(|| self.damaged(at))
    }

    /// The article of this key.
    pub(crate) fn find(&self, key: &str) -> Result<Option<u32>> {
        let place = self.first_key(0, |stored| stored < key)?;
        let Some(at) = self.key_order.get(place) else { return Ok(None) };
        Ok((self.key(*at)? == key).then_some(*at))
    }

    /// The place in the order of keys, `from` or later, of the first key that is not `before`.
    fn first_key(&self, from: usize, before: impl Fn(&str) -> bool) -> Result<usize> {
        let order = &self.directory()?.key_order;
        let (mut start, mut end) = (from, order.len());
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

    /// Article `at`.
    pub(crate) fn article(&self, at: u32) -> Result<Article> {
        let key = self.directory()?.key(at)?.to_owned();
        let StoredHead { title, declared: language, metadata, .. } = self.head(at)?;
        let text = self.texts.text(at as usize).ok_or_else(|| self.damaged(at))?.to_owned();
        Ok(Article { key, title, text, language, metadata })
    }

    /// The hash of the content of article `at`.
    pub(crate) fn content(&self, at: u32) -> Result<ContentHash> {
        Ok(self.directory()?.contents[at as usize])
    }

    /// The rows of the passages of article `at`.
    pub(crate) fn rows_of(&self, at: u32) -> Result<Range<u32>> {
        let first_rows = self.first_rows()?;
        let end = first_rows.get(at as usize + 1).copied();
        Ok(first_rows[at as usize]..end.unwrap_or(self.len()))
    }

    /// The passages of `article`, which is article `at`.
    pub(crate) fn passages_of(&self, at: u32, article: &Article) -> Result<Vec<Passage>> {
        let passages = self.rows_of(at)?.map(|row| self.passage(row));
        let is_placed = |range: &Range<usize>| article.text.get(range.clone()).is_some();
        let checked = passages.map(|passage| {
            let placed = is_placed(&passage.range) && passage.heading.iter().all(is_placed);
            if placed { Ok(passage) } else { Err(self.damaged(at)) }
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
        let [start, end, heading_start, heading_end, tokens, titled, ..] =
            self.passages[row as usize];
        let range = |start: u32, end: u32| start as usize..end as usize;
        Passage {
            range: range(start, end),
            heading: (heading_start != NO_HEADING).then(|| range(heading_start, heading_end)),
            titled: titled != 0,
            tokens: tokens as usize,
        }
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        self.searchable()?.index.search(query, params)
    }

    /// That article `at` is not what was written.
    fn damaged(&self, at: u32) -> Error {
        let article = match self.keys.text(at as usize) {
            Some(key) => format!("article `{key}`"),
            None => format!("article number {at}"),
        };
        let origin = match &self.file {
            Some(file) => format!("{article} in {}", file.path()),
            None => article,
        };
        let check = "a checksum does not match; it can be removed and added again";
        Error::Corrupt { origin, check }
    }

    /// Whether the text of the passage of `row` was put together as it would be now.
    pub(crate) fn has_current_context(&self, row: u32) -> bool {
        let [.., told] = self.passages[row as usize];
        told == CONTEXT_VERSION
    }

    /// Tells the system that all of it is about to be read in order.
    pub(crate) fn advise_sequential(&self) {
        if let Some(file) = &self.file {
            file.sections.map().read_in_order();
        }
    }
}
