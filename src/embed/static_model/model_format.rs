//! The byte layout of a model file: checks it and locates its sections. `docs/MODEL_FORMAT.md`
//! specifies it.

use std::ops::{Range, RangeInclusive};

use xxhash_rust::xxh3::Xxh3;

use crate::{
    format::{
        decode_error::{DecodeError, require, u32_at, u64_at},
        file_signature::FileSignature,
    },
    vector::kernel::Packing,
};

const SIGNATURE: FileSignature = FileSignature {
    magic: *b"\x89PSM\r\n\x1a\n",
    oldest: 1,
    newest: 1,
    foreign: "the first bytes are not those of a model file",
};

// Each offset is the end of the field before it.
const RULES_AT: usize = FileSignature::LEN;
const POOLING_AT: usize = RULES_AT + size_of::<u32>();
const DIM_AT: usize = POOLING_AT + size_of::<u32>();
const BITS_AT: usize = DIM_AT + size_of::<u32>();
const ROWS_AT: usize = BITS_AT + size_of::<u32>();
const STARTS_AT: usize = ROWS_AT + size_of::<u32>();
// Four bytes of zeros.
const VOCABULARY_AT: usize = STARTS_AT + 2 * size_of::<u32>();
const SCALES_AT: usize = VOCABULARY_AT + SPAN_LEN;
const CODES_AT: usize = SCALES_AT + SPAN_LEN;
const NAME_AT: usize = CODES_AT + SPAN_LEN;
const NAME_END: usize = NAME_AT + 32;
const HEADER_LEN: usize = 128;

/// An offset and a length.
const SPAN_LEN: usize = 2 * size_of::<u64>();
const CHECKSUM_LEN: usize = size_of::<u64>();
const ALIGN: usize = 64;

const DIMS: Range<usize> = 2..4097;
/// Valid magnitudes of scales, `2^-64..=2^64`: a sum of billions of rows neither overflows nor
/// underflows.
const SCALES: RangeInclusive<f32> = 1.0 / SCALE_END..=SCALE_END;
const SCALE_END: f32 = 18_446_744_073_709_551_616.0;

/// The rules that split a text into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextRules {
    /// Rules 1: [`Composed`](super::char_rules::Composed).
    Composed,
    /// Rules 2: [`Uncased`](super::char_rules::Uncased).
    Uncased,
}

/// The weight of a piece that occurs `n` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowPooling {
    /// Pooling 1: `1 + ln n`.
    LogCount,
    /// Pooling 2: `n`, which gives the sum the direction of the mean.
    Mean,
}

/// Settings and sections of a valid model file.
pub(super) struct ModelLayout {
    /// Name of the model, for people.
    pub(super) name: String,
    /// Hash of everything but the name.
    pub(super) hash: u128,
    pub(super) rules: TextRules,
    pub(super) pooling: RowPooling,
    /// Number of values in a row.
    pub(super) dim: usize,
    pub(super) packing: Packing,
    /// Number of pieces that start a word: the first rows.
    pub(super) starts: u32,
    /// The front-coded pieces.
    pub(super) vocabulary: Range<usize>,
    /// The packed rows.
    pub(super) codes: Range<usize>,
    rows: u32,
    scales: Range<usize>,
    row_len: usize,
}

impl ModelLayout {
    /// Reads and checks a model file, except for the contents of the vocabulary.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let hash = check_envelope(bytes)?;
        let dim = u32_at(bytes, DIM_AT) as usize;
        require(DIMS.contains(&dim), "the dimension is not in 2..=4096")?;
        let packing = Packing::from_bits(u32_at(bytes, BITS_AT));
        let packing =
            packing.ok_or(DecodeError::Corrupt("the bits per value are not 3, 4 or 8"))?;
        let rows = u32_at(bytes, ROWS_AT);
        let starts = u32_at(bytes, STARTS_AT);
        require(rows > starts, "there are too few rows for the pieces")?;
        let layout = Self {
            name: name(bytes)?,
            hash,
            rules: text_rules(bytes)?,
            pooling: pooling(bytes)?,
            dim,
            packing,
            starts,
            vocabulary: span(bytes, VOCABULARY_AT)?,
            codes: span(bytes, CODES_AT)?,
            rows,
            scales: span(bytes, SCALES_AT)?,
            row_len: packing
                .row_len(dim)
                .ok_or(DecodeError::Corrupt("a row does not fill whole bytes"))?,
        };
        layout.check_sections(bytes)?;
        Ok(layout)
    }

    /// Returns the row of texts without a known piece.
    pub(super) fn unknown(&self) -> u32 {
        self.rows - 1
    }

    /// Returns the step between two codes of `row`.
    pub(super) fn scale(&self, bytes: &[u8], row: u32) -> f32 {
        f32::from_bits(u32_at(bytes, self.scales.start + row as usize * size_of::<f32>()))
    }

    /// Returns the packed values of `row`.
    pub(super) fn row<'b>(&self, bytes: &'b [u8], row: u32) -> &'b [u8] {
        let start = self.codes.start + row as usize * self.row_len;
        &bytes[start..start + self.row_len]
    }

    /// Checks that the sections fill the file, and that every row has a scale and a direction.
    fn check_sections(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        let zeros = |range: Range<usize>| bytes[range].iter().all(|&byte| byte == 0);
        require(
            zeros(STARTS_AT + size_of::<u32>()..VOCABULARY_AT),
            "the reserved bytes of the header are not zero",
        )?;
        require(zeros(NAME_END..HEADER_LEN), "the reserved bytes of the header are not zero")?;
        let mut end = HEADER_LEN;
        for section in [&self.vocabulary, &self.scales, &self.codes] {
            require(
                section.start == end.next_multiple_of(ALIGN),
                "a section does not start after the previous one",
            )?;
            require(zeros(end..section.start), "the bytes between two sections are not zero")?;
            end = section.end;
        }
        let checksum_at = bytes.len() - CHECKSUM_LEN;
        require(
            end.next_multiple_of(ALIGN) == checksum_at,
            "the file continues after its last section",
        )?;
        require(zeros(end..checksum_at), "the bytes after the last section are not zero")?;
        let rows = u64::from(self.rows);
        require(
            self.scales.len() as u64 == rows * 4,
            "the number of scales is not the number of rows",
        )?;
        require(
            self.codes.len() as u64 == rows * self.row_len as u64,
            "the length of the codes does not match the number of rows",
        )?;
        let has_direction = |row| {
            SCALES.contains(&self.scale(bytes, row).abs())
                && !self.packing.is_zero(self.row(bytes, row))
        };
        require((0..self.rows).all(has_direction), "a row has no direction")
    }
}

/// Checks magic number, version and checksum; returns the hash of everything but the name.
fn check_envelope(bytes: &[u8]) -> Result<u128, DecodeError> {
    SIGNATURE.check(bytes, HEADER_LEN + CHECKSUM_LEN)?;
    let checksum_at = bytes.len() - CHECKSUM_LEN;
    // The name is hashed last, so that one pass yields the hash without it and the checksum.
    let mut state = Xxh3::new();
    state.update(&bytes[..NAME_AT]);
    state.update(&bytes[NAME_END..checksum_at]);
    let hash = state.digest128();
    state.update(&bytes[NAME_AT..NAME_END]);
    require(u64_at(bytes, checksum_at) == state.digest(), "the checksum does not match")?;
    Ok(hash)
}

fn text_rules(bytes: &[u8]) -> Result<TextRules, DecodeError> {
    match u32_at(bytes, RULES_AT) {
        1 => Ok(TextRules::Composed),
        2 => Ok(TextRules::Uncased),
        _ => Err(DecodeError::Corrupt("the text rules are unknown")),
    }
}

fn pooling(bytes: &[u8]) -> Result<RowPooling, DecodeError> {
    match u32_at(bytes, POOLING_AT) {
        1 => Ok(RowPooling::LogCount),
        2 => Ok(RowPooling::Mean),
        _ => Err(DecodeError::Corrupt("the pooling is unknown")),
    }
}

/// Reads and checks the offset and length at `at`; returns the range of the section.
fn span(bytes: &[u8], at: usize) -> Result<Range<usize>, DecodeError> {
    let start = u64_at(bytes, at);
    let len = u64_at(bytes, at + size_of::<u64>());
    let body = HEADER_LEN as u64..=(bytes.len() - CHECKSUM_LEN) as u64;
    let range = start.checked_add(len).and_then(|end| {
        let is_inside = *body.start() <= start && end <= *body.end();
        if !is_inside {
            return None;
        }
        Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    });
    let aligned = range.filter(|range| range.start.is_multiple_of(ALIGN));
    aligned.ok_or(DecodeError::Corrupt("a section is misaligned or exceeds the file"))
}

fn name(bytes: &[u8]) -> Result<String, DecodeError> {
    let name = std::str::from_utf8(&bytes[NAME_AT..NAME_END]).ok();
    let name = name.map(|name| name.trim_end_matches('\0')).filter(|name| !name.contains('\0'));
    name.map(str::to_owned)
        .ok_or(DecodeError::Corrupt("the name is not UTF-8 or has a zero inside"))
}
