//! Terms and their postings in the files of tantivy: the one home of `tantivy`.
//!
//! Only its dictionary and its postings are used: no writer, no searcher, no threads. It is given
//! the files that it looks for by [`Files`], from memory.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use tantivy::{
    Index, InvertedIndexReader, SegmentReader, TERMINATED, TantivyError,
    columnar::ColumnarWriter,
    directory::{
        CompositeWrite, Directory, FileHandle, FileSlice, OwnedBytes, WatchCallback, WatchHandle,
        WritePtr,
        error::{DeleteError, OpenReadError, OpenWriteError},
        footer::Footer,
    },
    postings::{BlockSegmentPostings, FieldSerializer, TermInfo},
    schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    termdict::TermMerger,
};

use super::stable::Stable;
use crate::format::column::Array;

/// The row after all others.
pub(super) const END: u32 = TERMINATED;

/// Postings that are stored together.
const BLOCK: usize = 128;

/// What is stored of each term in a row: how often it is there.
const RECORD: IndexRecordOption = IndexRecordOption::WithFreqs;

/// A row, and how often a term is in it.
pub(super) type Posting = (u32, u32);

/// The files that are stored: the terms, their postings, and an empty one of positions.
#[derive(Debug, Default)]
pub(super) struct Stored<T> {
    pub(super) terms: T,
    pub(super) postings: T,
    pub(super) positions: T,
}

/// Takes terms in ascending order of their bytes.
pub(super) struct Sink<'w, 'f>(FieldSerializer<'w, &'f mut Vec<u8>>);

impl Sink<'_, '_> {
    /// Adds a term that is in `postings`, which are in order of their rows.
    pub(super) fn term(&mut self, term: &[u8], postings: &[Posting]) -> io::Result<()> {
        let rows = u32::try_from(postings.len()).map_err(io::Error::other)?;
        self.0.new_term(term, rows, true)?;
        for &(row, times) in postings {
            self.0.write_doc(row, times, &[]);
        }
        self.0.close_term()
    }
}

/// The files of what `fill` gives to the sink.
pub(super) fn write<E: From<io::Error>>(
    fill: impl FnOnce(&mut Sink<'_, '_>) -> Result<(), E>,
) -> Result<Stored<Vec<u8>>, E> {
    let mut stored = Stored::<Vec<u8>>::default();
    let (_, field) = schema();
    {
        let mut terms = CompositeWrite::wrap(&mut stored.terms);
        let mut postings = CompositeWrite::wrap(&mut stored.postings);
        let mut positions = CompositeWrite::wrap(&mut stored.positions);
        let serializer = FieldSerializer::create(
            RECORD,
            // Lengths are kept beside the files.
            0,
            terms.for_field(field),
            postings.for_field(field),
            positions.for_field(field),
            None,
        )?;
        let mut sink = Sink(serializer);
        fill(&mut sink)?;
        sink.0.close()?;
        terms.close()?;
        postings.close()?;
        positions.close()?;
    }
    for file in [&mut stored.terms, &mut stored.postings, &mut stored.positions] {
        append_footer(file)?;
    }
    Ok(stored)
}

/// Ends a file as tantivy expects it. The checksum is never looked at: files of an index have
/// one of their own.
fn append_footer(file: &mut Vec<u8>) -> io::Result<()> {
    let start = file.len();
    let footer = Footer { version: tantivy::version().clone(), crc: 0 };
    serde_json::to_writer(&mut *file, &footer)?;
    let len = u32::try_from(file.len() - start).map_err(io::Error::other)?;
    file.extend(len.to_le_bytes());
    file.extend(FOOTER_MAGIC.to_le_bytes());
    Ok(())
}

/// The last number of a file of tantivy.
const FOOTER_MAGIC: u32 = 1337;

fn schema() -> (Schema, Field) {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default().set_index_option(RECORD).set_fieldnorms(false);
    let field =
        schema.add_text_field("terms", TextOptions::default().set_indexing_options(indexing));
    (schema.build(), field)
}

/// Terms and their postings, opened.
pub(super) struct Inverted {
    reader: Arc<InvertedIndexReader>,
}

impl fmt::Debug for Inverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inverted").field("terms", &self.terms()).finish()
    }
}

impl Inverted {
    /// Opens the parts of `bytes` that are the stored files; they are not copied.
    pub(super) fn open(
        bytes: Array<u8>,
        parts: Stored<std::ops::Range<usize>>,
        rows: u32,
    ) -> Result<Self, TantivyError> {
        let bytes = OwnedBytes::new(Stable::new(bytes));
        let part = |range| FileSlice::new(Arc::new(bytes.slice(range)));
        let (schema, field) = schema();
        let files = Files {
            meta: meta(&schema, rows)?,
            stored: Stored {
                terms: part(parts.terms),
                postings: part(parts.postings),
                positions: part(parts.positions),
            },
        };
        let index = Index::open(files)?;
        let segment = index.searchable_segments()?.pop();
        let segment = segment.ok_or_else(|| io::Error::other("no segment"))?;
        let reader = SegmentReader::open(&segment)?.inverted_index(field)?;
        Ok(Self { reader })
    }

    /// Number of different terms.
    pub(super) fn terms(&self) -> usize {
        self.reader.terms().num_terms()
    }

    /// In how many rows `term` is.
    pub(super) fn rows_with(&self, term: &str) -> io::Result<u32> {
        let info = self.reader.terms().get(term)?;
        Ok(info.map_or(0, |info| info.doc_freq))
    }

    /// The postings of `term`, at their first row; `None` if it is in no row.
    pub(super) fn cursor(&self, term: &str) -> io::Result<Option<Cursor>> {
        let info = self.reader.terms().get(term)?;
        info.map(|info| Cursor::new(&self.reader, &info)).transpose()
    }
}

/// A place in the postings of a term.
pub(super) struct Cursor {
    postings: BlockSegmentPostings,
    /// In the block of postings; what follows the last row there is [`END`].
    at: usize,
}

impl Cursor {
    /// Of the term that is told by `info`, at its first row.
    fn new(reader: &InvertedIndexReader, info: &TermInfo) -> io::Result<Self> {
        Ok(Self { postings: reader.read_block_postings_from_terminfo(info, RECORD)?, at: 0 })
    }

    /// The row that it is at, or [`END`].
    #[inline]
    pub(super) fn row(&self) -> u32 {
        self.postings.doc(self.at)
    }

    /// How often the term is in the row.
    #[inline]
    pub(super) fn times(&self) -> u32 {
        self.postings.freq(self.at)
    }

    /// Goes to the next row.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.at += 1;
        if self.at == BLOCK {
            self.at = 0;
            self.postings.advance();
        }
    }

    /// Goes on to the first row from `row` on, unless it is there or behind.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) {
        if self.row() < row {
            self.at = self.postings.seek(row);
        }
    }

    /// Gives `take` the rows below `end` that follow, each with how often the term is there.
    #[inline]
    pub(super) fn read_to(&mut self, end: u32, mut take: impl FnMut(u32, u32)) {
        while self.row() < end {
            let rows = self.postings.docs().iter().zip(self.postings.freqs()).skip(self.at);
            let mut read = 0;
            for (&row, &times) in rows.take_while(|(row, _)| **row < end) {
                take(row, times);
                read += 1;
            }
            self.at += read;
            if self.at == BLOCK {
                self.at = 0;
                self.postings.advance();
            }
        }
    }
}

/// Gives `take` each term of `parts`, in ascending order, with the postings in those parts that
/// it is in, each with the number of its part.
pub(super) fn merged<E: From<io::Error>>(
    parts: &[&Inverted],
    mut take: impl FnMut(&[u8], &mut dyn Iterator<Item = io::Result<(usize, Cursor)>>) -> Result<(), E>,
) -> Result<(), E> {
    let streams = parts.iter().map(|part| part.reader.terms().stream());
    let mut terms = TermMerger::new(streams.collect::<io::Result<_>>()?);
    while terms.advance() {
        let mut postings = terms
            .current_segment_ords_and_term_infos()
            .map(|(at, info)| Ok((at, Cursor::new(&parts[at].reader, &info)?)));
        take(terms.key(), &mut postings)?;
    }
    Ok(())
}

/// What tantivy finds in its folder: the stored files, and those that it reads but nobody needs.
#[derive(Clone, Debug)]
struct Files {
    meta: Vec<u8>,
    stored: Stored<FileSlice>,
}

impl Clone for Stored<FileSlice> {
    fn clone(&self) -> Self {
        let Self { terms, postings, positions } = self;
        Self { terms: terms.clone(), postings: postings.clone(), positions: positions.clone() }
    }
}

/// Describes one segment of `rows`.
fn meta(schema: &Schema, rows: u32) -> io::Result<Vec<u8>> {
    let segment = serde_json::json!({
        "segment_id": "00000000-0000-0000-0000-000000000000",
        "max_doc": rows,
        "deletes": null,
    });
    let schema = serde_json::to_value(schema)?;
    let meta = serde_json::json!({ "segments": [segment], "schema": schema, "opstamp": 0 });
    Ok(serde_json::to_vec(&meta)?)
}

/// The file with this extension, if it is one of those without columns, parts or content.
fn empty(extension: &str) -> io::Result<Option<Vec<u8>>> {
    let mut file = Vec::new();
    match extension {
        "fast" => file.extend_from_slice(no_columns()?),
        "fieldnorm" => CompositeWrite::wrap(&mut file).close()?,
        "store" => {}
        _ => return Ok(None),
    }
    append_footer(&mut file)?;
    Ok(Some(file))
}

/// A table without columns. Making it needs far more memory than it has, so it is made once.
fn no_columns() -> io::Result<&'static [u8]> {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(table) = TABLE.get() {
        return Ok(table);
    }
    let mut table = Vec::new();
    ColumnarWriter::default().serialize(0, None, &mut table)?;
    Ok(TABLE.get_or_init(|| table))
}

impl Directory for Files {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let file = match extension.unwrap_or_default() {
            "term" => self.stored.terms.clone(),
            "idx" => self.stored.postings.clone(),
            "pos" => self.stored.positions.clone(),
            other => {
                let empty = empty(other)
                    .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
                FileSlice::from(empty.ok_or_else(|| missing(path))?)
            }
        };
        Ok(Arc::new(file))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(path == Path::new(META))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path == Path::new(META) { Ok(self.meta.clone()) } else { Err(missing(path)) }
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::FileDoesNotExist(path.to_owned()))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

/// The file that describes a folder of tantivy.
const META: &str = "meta.json";

fn missing(path: &Path) -> OpenReadError {
    OpenReadError::FileDoesNotExist(PathBuf::from(path))
}

fn read_only() -> io::Error {
    io::Error::from(io::ErrorKind::ReadOnlyFilesystem)
}
