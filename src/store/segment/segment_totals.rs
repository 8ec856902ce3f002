//! Number and sum of a segment's vectors by language, read or computed when they are first needed.

use super::{LiveSegment, Segment};
use crate::{
    Error, Result,
    format::{
        decode_error::{DecodeError, require},
        tag::Tag,
    },
    language::AnalyzedLanguage,
    search::language_totals::LanguageTotals,
};

/// Length of the counts of all groups.
const COUNTS_LEN: usize = AnalyzedLanguage::GROUPS * size_of::<u64>();

impl LiveSegment {
    /// Number and sum of the live vectors.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the totals, the words or the vectors are damaged.
    pub(crate) fn language_totals(&self) -> Result<&LanguageTotals> {
        let segment = self.sealed();
        let totals = segment.totals()?;
        if self.live_rows().is_none() {
            return Ok(totals);
        }
        if let Some(live) = self.live_totals.get() {
            return Ok(live);
        }
        let mut live = totals.clone();
        for row in self.removed_rows() {
            let language = segment.language(row)?;
            let subtracted = live.subtract(language, self.vector(row)?);
            subtracted.ok_or_else(|| Error::Corrupt {
                origin: segment.origin(),
                fault: "the totals of the languages count other passages than the segment",
            })?;
        }
        Ok(self.live_totals.get_or_init(|| live))
    }
}

impl Segment {
    /// Number and sum of all vectors, live or not.
    fn totals(&self) -> Result<&LanguageTotals> {
        if let Some(totals) = self.totals.get() {
            return Ok(totals);
        }
        let totals = match self.read_totals()? {
            Some(totals) => totals,
            None => self.sum_vectors()?,
        };
        Ok(self.totals.get_or_init(|| totals))
    }

    /// The bytes of the section of the totals: the counts of all groups, then the sums of those that
    /// are not empty.
    pub(super) fn totals_bytes(&self) -> Result<Vec<u8>> {
        let totals = self.totals()?;
        let mut bytes: Vec<u8> = totals.counts().iter().flat_map(|n| n.to_le_bytes()).collect();
        let stored = totals.counts().iter().zip(totals.sums()).filter(|(count, _)| **count > 0);
        bytes.extend(stored.flat_map(|(_, sum)| sum).flat_map(|value| value.to_le_bytes()));
        Ok(bytes)
    }

    /// The totals in its file; `None` without them.
    fn read_totals(&self) -> Result<Option<LanguageTotals>> {
        let Some(file) = &self.file else { return Ok(None) };
        let read = || {
            if file.optional_column::<u8>(Tag::LanguageTotals)?.is_empty() {
                return Ok(None);
            }
            let totals = decode(file.checked_bytes(Tag::LanguageTotals)?, self.dim());
            let totals = totals.filter(|totals| {
                totals.counts().iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
                    == Some(u64::from(self.len()))
            });
            require(totals.is_some(), "the totals of the languages do not match the vectors")?;
            Ok(totals)
        };
        read().map_err(|error: DecodeError| error.in_file(file.path()))
    }

    /// Compares the stored totals with the vectors.
    pub(super) fn verify_totals(&self) -> Result<()> {
        let is_same = *self.totals()? == self.sum_vectors()?;
        let checked = require(is_same, "the totals of the languages differ from the vectors");
        checked.map_err(|error| error.in_file(self.origin()))
    }

    fn sum_vectors(&self) -> Result<LanguageTotals> {
        let mut totals = LanguageTotals::empty(self.dim());
        for row in 0..self.len() {
            totals.add(self.language(row)?, self.checked_vector(row)?);
        }
        Ok(totals)
    }
}

/// Decodes totals of vectors of dimension `dim`; `None` if the bytes are none.
fn decode(bytes: &[u8], dim: usize) -> Option<LanguageTotals> {
    let (counts, sums) = bytes.split_at_checked(COUNTS_LEN)?;
    let (counts, _) = counts.as_chunks();
    let counts = counts.iter().map(|count| u64::from_le_bytes(*count)).collect::<Vec<_>>();
    let counts: [u64; AnalyzedLanguage::GROUPS] = counts.try_into().ok()?;
    let (sums, rest) = sums.as_chunks();
    let stored = counts.iter().filter(|count| **count > 0).count();
    if !rest.is_empty() || sums.len() != stored * dim {
        return None;
    }
    let mut sums = sums.chunks_exact(dim);
    let sums = counts.map(|count| match count {
        0 => Some(vec![0; dim]),
        _ => sums.next().map(|sum| sum.iter().map(|value| i64::from_le_bytes(*value)).collect()),
    });
    let [german, english, others] = sums;
    LanguageTotals::from_parts(counts, [german?, english?, others?])
}
