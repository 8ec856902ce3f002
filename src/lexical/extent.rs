//! What is kept of each passage: how long it is, and the language by whose rules it has its terms.

use crate::Language;

/// Bits of the number of terms; those above are of the language.
const TERMS: u32 = 30;
const MOST: u32 = (1 << TERMS) - 1;

/// The number of terms of a passage, and its language, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent(u32);

impl Extent {
    /// Of a passage with so many `terms`; more than a billion count as that.
    pub(super) fn new(terms: u32, language: Option<Language>) -> Self {
        let language = match language {
            None => 0,
            Some(Language::German) => 1,
            Some(Language::English) => 2,
        };
        Self(terms.min(MOST) | language << TERMS)
    }

    /// That of `row` in `extents`, as they are stored.
    #[inline]
    pub(super) fn of(extents: &[[u8; 4]], row: u32) -> Self {
        Self(u32::from_le_bytes(extents[row as usize]))
    }

    pub(super) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// Number of terms.
    #[inline]
    pub(super) fn terms(self) -> u32 {
        self.0 & MOST
    }

    /// The language, if it is a known one.
    #[inline]
    pub(super) fn language(self) -> Option<Language> {
        match self.0 >> TERMS {
            1 => Some(Language::German),
            2 => Some(Language::English),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_come_back_as_they_were() {
        let languages = Language::ALL.map(Some).into_iter().chain([None]);
        for language in languages {
            for terms in [0, 1, MOST, u32::MAX] {
                let stored = [Extent::new(terms, language).to_le_bytes()];
                let extent = Extent::of(&stored, 0);
                assert_eq!((extent.terms(), extent.language()), (terms.min(MOST), language));
            }
        }
    }
}
