//! Recently cut words with their pieces, so that a word is cut once.

/// Maximum number of cached words, a power of two.
const ENTRIES: usize = 4096;
/// Bytes of the longest word that is kept.
const LONGEST: usize = 32;
/// Most pieces of a word that is kept.
const MAX_PIECES: usize = 7;

/// The pieces of words, each word in the place that its hash gives it, where it replaces another.
#[derive(Default)]
pub(super) struct WordCache {
    entries: Vec<CachedWord>,
}

/// A word with the rows of its pieces, in one line of the processor's cache.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct CachedWord {
    word: [u8; LONGEST],
    rows: [u32; MAX_PIECES],
    /// Bytes of the word; 0 where there is none.
    len: u8,
    pieces: u8,
}

impl WordCache {
    /// The rows of the pieces of `word`, which is not empty, if it is kept.
    #[inline]
    pub(super) fn get(&self, word: &[u8], hash: u64) -> Option<&[u32]> {
        let entry = self.entries.get(place(hash))?;
        let kept = &entry.word[..usize::from(entry.len)];
        (kept == word).then(|| &entry.rows[..usize::from(entry.pieces)])
    }

    /// Keeps `word` with the `rows` of its pieces, unless either is too long.
    pub(super) fn put(&mut self, word: &[u8], hash: u64, rows: &[u32]) {
        let [Ok(len), Ok(pieces)] = [word.len(), rows.len()].map(u8::try_from) else { return };
        if word.len() > LONGEST || rows.len() > MAX_PIECES {
            return;
        }
        // A model of which no word was cut takes no memory for it.
        if self.entries.is_empty() {
            self.entries.resize(ENTRIES, CachedWord::default());
        }
        let entry = &mut self.entries[place(hash)];
        (entry.len, entry.pieces) = (len, pieces);
        entry.word[..word.len()].copy_from_slice(word);
        entry.rows[..rows.len()].copy_from_slice(rows);
    }
}

/// Where a word with this hash is kept.
#[inline]
fn place(hash: u64) -> usize {
    (hash >> 40) as usize & (ENTRIES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_until_another_takes_its_place() {
        let mut memo = WordCache::default();
        assert_eq!(memo.get(b"haus", 7), None);
        memo.put(b"hausboot", 7, &[1, 2]);
        assert_eq!(memo.get(b"hausboot", 7), Some(&[1, 2][..]));
        assert_eq!(memo.get(b"haus", 7), None);
        memo.put("tür".as_bytes(), 7, &[3]);
        assert_eq!(memo.get(b"hausboot", 7), None);
        assert_eq!(memo.get("tür".as_bytes(), 7), Some(&[3][..]));
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let mut memo = WordCache::default();
        memo.put(&[b'a'; LONGEST], 1, &[0; MAX_PIECES]);
        memo.put(&[b'a'; LONGEST + 1], 2, &[0]);
        memo.put(&[b'a'; LONGEST + 256], 3, &[0]);
        memo.put(b"a", 4, &[0; MAX_PIECES + 1]);
        assert_eq!(memo.get(&[b'a'; LONGEST], 1), Some(&[0; MAX_PIECES][..]));
        for (word, hash) in [(LONGEST + 1, 2), (LONGEST + 256, 3), (1, 4)] {
            assert_eq!(memo.get(&vec![b'a'; word], hash), None);
        }
    }
}
