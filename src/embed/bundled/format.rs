//! The bytes of a model file, as `docs/MODEL_FORMAT.md` lays them out: which are valid, where each section lies.

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::refusal::{Refusal, require, require_version, u32_at, u64_at};

/// Not text, not UTF-8, and broken by newline conversion.
const MAGIC: [u8; 8] = *b"\x89PSM\r\n\x1a\n";
const OLDEST: u32 = 1;
const NEWEST: u32 = 1;

// Each offset is the end of the field before it.
const VERSION_AT: usize = MAGIC.len();
const POOLING_AT: usize = VERSION_AT + size_of::<u32>();
const DIM_AT: usize = POOLING_AT + size_of::<u32>();
const BITS_AT: usize = DIM_AT + size_of::<u32>();
const ROWS_AT: usize = BITS_AT + size_of::<u32>();
const STARTS_AT: usize = ROWS_AT + size_of::<u32>();
const VOCABULARY_AT: usize = STARTS_AT + size_of::<u32>();
const SCALES_AT: usize = VOCABULARY_AT + SPAN_LEN;
const CODES_AT: usize = SCALES_AT + SPAN_LEN;
const NAME_AT: usize = CODES_AT + SPAN_LEN;
const NAME_END: usize = NAME_AT + 32;
const HEADER_LEN: usize = 128;

/// An offset and a length.
const SPAN_LEN: usize = 2 * size_of::<u64>();
const CHECKSUM_LEN: usize = size_of::<u64>();
const ALIGN: usize = 64;

/// Pooling `sum of (1 + ln n) * row`, the only one there is.
const POOLING_LOG_COUNT: u32 = 1;
const BITS: u32 = 4;
const DIMS: Range<usize> = 2..4097;
/// The byte of two codes 8, that is, of two zeros.
const ZEROS: u8 = 0x88;

/// Where the sections of a valid model file lie.
pub(super) struct Layout {
    /// Name of the model, for people.
    pub(super) name: String,
    /// Hash of everything but the name.
    pub(super) hash: u128,
    /// Number of values in a row.
    pub(super) dim: usize,
    /// Number of pieces that start a word: the first rows.
    pub(super) starts: u32,
    /// The front-coded pieces.
    pub(super) vocabulary: Range<usize>,
    rows: u32,
    scales: Range<usize>,
    codes: Range<usize>,
}

impl Layout {
    /// Checks the whole of `bytes`, but for what the vocabulary section holds.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        check_envelope(bytes)?;
        let dim = u32_at(bytes, DIM_AT) as usize;
        require(DIMS.contains(&dim) && dim.is_multiple_of(2), "dimension")?;
        let (rows, starts) = (u32_at(bytes, ROWS_AT), u32_at(bytes, STARTS_AT));
        require(rows > starts, "number of rows")?;
        let layout = Self {
            name: name(bytes)?,
            hash: hash(bytes),
            dim,
            starts,
            vocabulary: span(bytes, VOCABULARY_AT)?,
            rows,
            scales: span(bytes, SCALES_AT)?,
            codes: span(bytes, CODES_AT)?,
        };
        layout.check_sections(bytes)?;
        Ok(layout)
    }

    /// The row of a text without any known piece.
    pub(super) fn unknown(&self) -> u32 {
        self.rows - 1
    }

    /// The step between two codes of `row`.
    pub(super) fn scale(&self, bytes: &[u8], row: u32) -> f32 {
        f32::from_bits(u32_at(bytes, self.scales.start + row as usize * size_of::<f32>()))
    }

    /// The codes of `row`, two in each byte.
    pub(super) fn codes<'b>(&self, bytes: &'b [u8], row: u32) -> &'b [u8] {
        let len = self.dim / 2;
        let start = self.codes.start + row as usize * len;
        &bytes[start..start + len]
    }

    /// Checks that there is one scale and one vector with a direction for every row.
    fn check_sections(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let rows = u64::from(self.rows);
        require(self.vocabulary.len() < u32::MAX as usize, "length of the vocabulary")?;
        require(self.scales.len() as u64 == rows * 4, "length of the scales")?;
        require(self.codes.len() as u64 == rows * (self.dim as u64 / 2), "length of the codes")?;
        let directed = |row| {
            self.scale(bytes, row).is_normal()
                && self.codes(bytes, row).iter().any(|&byte| byte != ZEROS)
        };
        require((0..self.rows).all(directed), "a row without a direction")
    }
}

/// Checks what does not depend on the kind of model: magic, version, checksum.
fn check_envelope(bytes: &[u8]) -> Result<(), Refusal> {
    require(bytes.len() >= HEADER_LEN + CHECKSUM_LEN, "length")?;
    require(bytes.starts_with(&MAGIC), "magic")?;
    require_version(u32_at(bytes, VERSION_AT), OLDEST..=NEWEST)?;
    let checksum_at = bytes.len() - CHECKSUM_LEN;
    require(u64_at(bytes, checksum_at) == xxh3_64(&bytes[..checksum_at]), "checksum")?;
    require(u32_at(bytes, POOLING_AT) == POOLING_LOG_COUNT, "pooling")?;
    require(u32_at(bytes, BITS_AT) == BITS, "bits per value")
}

/// The section whose offset and length are written at `at`.
fn span(bytes: &[u8], at: usize) -> Result<Range<usize>, Refusal> {
    let body = (HEADER_LEN as u64, (bytes.len() - CHECKSUM_LEN) as u64);
    let (start, len) = (u64_at(bytes, at), u64_at(bytes, at + size_of::<u64>()));
    let end = start.checked_add(len).filter(|&end| start >= body.0 && end <= body.1);
    let found = end.and_then(|end| Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?));
    let found = found.filter(|found| found.start.is_multiple_of(ALIGN));
    found.ok_or(Refusal::Corrupt("place of a section"))
}

fn name(bytes: &[u8]) -> Result<String, Refusal> {
    let name = std::str::from_utf8(&bytes[NAME_AT..NAME_END]);
    name.map(|name| name.trim_end_matches('\0').to_owned()).map_err(|_| Refusal::Corrupt("name"))
}

/// Hash of what the vectors depend on: all bytes but the name and the checksum, which covers it.
fn hash(bytes: &[u8]) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..NAME_AT]);
    hash.update(&bytes[NAME_END..bytes.len() - CHECKSUM_LEN]);
    hash.digest128()
}
