//! The distinct pieces of a passage.

use std::sync::OnceLock;

use xxhash_rust::xxh3::Xxh3Default;

use crate::{Result, embed::PieceRows};

/// Umlauts, broken words, numbers, marks, other scripts, upper case, words of several pieces, and data.
const SAMPLE: &str = "Der Rückstau am Nord-Ostsee-Kanal kostete 3.470,50 € (rund 4,1 Mio. US-$). \
    Bundesverfassungsgerichtspräsidentin Aerzte fuer ueber neue Qualitaetskategorie Straße STRASSE \
    Auf-\nsichtsrat Kranken\u{AD}\nversicherung REGIERUNGS-\nBEZIRK Ski-\u{2028}springen \
    Wohnungs\u{AD}bau A\u{308}rzte naïve café don't e-mail foo_bar x86 C++ 東京 αβγ \
    Peatlands' carbon-storing unbelievable antidisestablishmentarianism ﬁnden 5km v1.2.3 \
    eUK98iEG8IR3YvDzy012TccHIFEVmg+J8sbayuNEuzESRf1vhN+a18Wz0HasDo9TpzVsiJE/ \
    eUK98iEG8IR3YvDzy012TccHIFEVmg+J8sbayuNE /usr/lib/x86_64-linux-gnu/libc6-2.36/ \
    3f786850e387550fdab836ed d41d8cd98f00b204 d41d8cd98f00b20 1234567890123456 123456789012345";

/// The distinct pieces of a passage, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PieceList(Vec<u16>);

impl PieceList {
    /// The pieces of `text`.
    pub(crate) fn of(text: &str, rows: &PieceRows) -> Self {
        let mut pieces: Vec<u16> = rows.count(text).iter().map(|counted| counted.piece).collect();
        pieces.sort_unstable();
        Self(pieces)
    }

    /// Decodes the bytes of a list; `None` if they are none of a model with `rows` rows.
    pub(crate) fn from_bytes(bytes: &[u8], rows: usize) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks();
        let pieces: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        let ascends = pieces.is_sorted_by(|a, b| a < b);
        let exist = pieces.last().is_none_or(|last| usize::from(*last) < rows);
        (rest.is_empty() && ascends && exist).then_some(Self(pieces))
    }

    /// The bytes to store.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|piece| piece.to_le_bytes()).collect()
    }

    pub(super) fn pieces(&self) -> &[u16] {
        &self.0
    }
}

/// Returns the fingerprint of the pieces in this build: of the bundled model and of the rules that
/// split texts. Lists of another fingerprint cannot be compared.
///
/// # Errors
///
/// The errors of [`PieceRows::bundled`].
pub(crate) fn fingerprint() -> Result<u64> {
    static CURRENT: OnceLock<u64> = OnceLock::new();
    if let Some(fingerprint) = CURRENT.get() {
        return Ok(*fingerprint);
    }
    let rows = PieceRows::bundled()?;
    let mut hasher = Xxh3Default::new();
    hasher.update(&rows.hash().to_le_bytes());
    for counted in rows.count(SAMPLE) {
        hasher.update(&counted.piece.to_le_bytes());
        hasher.update(&counted.count.to_le_bytes());
    }
    Ok(*CURRENT.get_or_init(|| hasher.digest()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Stored lists have it. A change makes all of them outdated, so it must be intended.
    #[test]
    fn the_pieces_are_the_known_ones() {
        assert_eq!(
            fingerprint().unwrap(),
            12_791_184_720_929_487_711,
            "the pieces of texts have changed"
        );
    }

    #[test]
    fn bytes_that_are_no_list_are_refused() {
        for bytes in [&[1][..], &[2, 0, 2, 0], &[2, 0, 1, 0], &[9, 0], &[0, 1]] {
            assert_eq!(PieceList::from_bytes(bytes, 9), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn lists_survive_their_bytes(text in "(\\PC{0,12} ?){0,40}") {
            let rows = PieceRows::bundled().unwrap();
            let list = PieceList::of(&text, &rows);
            prop_assert_eq!(PieceList::from_bytes(&list.to_bytes(), rows.len()), Some(list));
        }
    }
}
