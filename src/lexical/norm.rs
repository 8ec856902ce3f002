//! Norms: the number of terms of each passage, whether it is noise, and its language if known.

use crate::language::AnalyzedLanguage;

/// Number of low bits that hold the number of terms.
const LENGTH_BITS: u32 = 29;
/// Position of the bit of noise.
const NOISE_BIT: u32 = LENGTH_BITS;
/// Position of the bits of the language.
const LANGUAGE_BIT: u32 = NOISE_BIT + 1;
const MAX_LENGTH: u32 = (1 << LENGTH_BITS) - 1;

/// Length, noise and language of a passage, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PassageNorm(u32);

impl PassageNorm {
    /// Returns the norm of a passage of `length` terms; more than [`MAX_LENGTH`] count as that many.
    pub(super) fn new(length: u32, is_noise: bool, language: Option<AnalyzedLanguage>) -> Self {
        let language = match language {
            None => 0,
            Some(AnalyzedLanguage::German) => 1,
            Some(AnalyzedLanguage::English) => 2,
        };
        Self(length.min(MAX_LENGTH) | u32::from(is_noise) << NOISE_BIT | language << LANGUAGE_BIT)
    }

    /// Reads the norm of `row` in the stored `norms`.
    #[inline]
    pub(super) fn of(norms: &[[u8; 4]], row: u32) -> Self {
        Self(u32::from_le_bytes(norms[row as usize]))
    }

    /// Returns the sum of the lengths in `norms`; `None` if one has no valid language.
    pub(super) fn checked_sum(norms: &[[u8; 4]]) -> Option<u64> {
        let norms = norms.iter().map(|bytes| Self(u32::from_le_bytes(*bytes)));
        let mut sum = 0;
        let mut valid = true;
        for norm in norms {
            sum += u64::from(norm.length());
            valid &= norm.0 >> LANGUAGE_BIT <= 2;
        }
        valid.then_some(sum)
    }

    pub(super) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// Number of terms.
    #[inline]
    pub(super) fn length(self) -> u32 {
        self.0 & MAX_LENGTH
    }

    #[inline]
    pub(super) fn is_noise(self) -> bool {
        self.0 >> NOISE_BIT & 1 == 1
    }

    /// The language, if it is known.
    #[inline]
    pub(super) fn language(self) -> Option<AnalyzedLanguage> {
        match self.0 >> LANGUAGE_BIT {
            1 => Some(AnalyzedLanguage::German),
            2 => Some(AnalyzedLanguage::English),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_round_trip() {
        let languages = AnalyzedLanguage::ALL.map(Some).into_iter().chain([None]);
        for language in languages {
            for length in [0, 1, MAX_LENGTH, u32::MAX] {
                for is_noise in [false, true] {
                    let stored = [PassageNorm::new(length, is_noise, language).to_le_bytes()];
                    let norm = PassageNorm::of(&stored, 0);
                    assert_eq!(norm.length(), length.min(MAX_LENGTH));
                    assert_eq!((norm.is_noise(), norm.language()), (is_noise, language));
                    assert_eq!(PassageNorm::checked_sum(&stored), Some(norm.length().into()));
                }
            }
        }
        assert_eq!(PassageNorm::checked_sum(&[[0xff; 4]]), None);
    }
}
