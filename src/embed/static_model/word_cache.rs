//! A cache of words with their pieces, so that frequent words are split once.

/// Maximum number of cached words, a power of two.
const ENTRIES: usize = 4096;
/// Maximum length of a cached word in bytes.
const MAX_WORD: usize = 32;
/// Maximum number of pieces of a cached word.
const MAX_PIECES: usize = 7;

/// A direct-mapped cache: the hash of a word chooses its entry, and a new word replaces the old one.
#[derive(Default)]
pub(super) struct WordCache {
    entries: Vec<CachedWord>,
}

/// A word with the rows of its pieces, in one cache line.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct CachedWord {
    word: [u8; MAX_WORD],
    rows: [u32; MAX_PIECES],
    /// Length of the word in bytes; 0 in an empty entry.
    len: u8,
    pieces: u8,
}

impl WordCache {
    /// Returns the rows of the pieces of `word`, which is not empty.
    #[inline]
    pub(super) fn get(&self, word: &[u8], hash: u64) -> Option<&[u32]> {
        // The cache has no entries before its first word.
        let entry = self.entries.get(position(hash))?;
        let cached = &entry.word[..usize::from(entry.len)];
        (cached == word).then(|| &entry.rows[..usize::from(entry.pieces)])
    }

    /// Inserts `word` with the `rows` of its pieces, unless either is too long.
    pub(super) fn insert(&mut self, word: &[u8], hash: u64, rows: &[u32]) {
        if word.len() > MAX_WORD || rows.len() > MAX_PIECES {
            return;
        }
        // Allocated at the first word: models of whole words never need it.
        if self.entries.is_empty() {
            self.entries.resize(ENTRIES, CachedWord::default());
        }
        let entry = &mut self.entries[position(hash)];
        entry.len = u8::try_from(word.len()).expect("at most `MAX_WORD`");
        entry.pieces = u8::try_from(rows.len()).expect("at most `MAX_PIECES`");
        entry.word[..word.len()].copy_from_slice(word);
        entry.rows[..rows.len()].copy_from_slice(rows);
    }
}

/// Position of the entry of a word with this hash.
#[inline]
fn position(hash: u64) -> usize {
    (hash >> 40) as usize & (ENTRIES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_cached_until_another_replaces_it() {
        let mut cache = WordCache::default();
        assert_eq!(cache.get(b"haus", 7), None);
        cache.insert(b"hausboot", 7, &[1, 2]);
        assert_eq!(cache.get(b"hausboot", 7), Some(&[1, 2][..]));
        assert_eq!(cache.get(b"haus", 7), None);
        cache.insert("tür".as_bytes(), 7, &[3]);
        assert_eq!(cache.get(b"hausboot", 7), None);
        assert_eq!(cache.get("tür".as_bytes(), 7), Some(&[3][..]));
    }

    #[test]
    fn long_words_are_not_cached() {
        let mut cache = WordCache::default();
        cache.insert(&[b'a'; MAX_WORD], 1, &[0; MAX_PIECES]);
        cache.insert(&[b'a'; MAX_WORD + 1], 2, &[0]);
        cache.insert(&[b'a'; MAX_WORD + 256], 3, &[0]);
        cache.insert(b"a", 4, &[0; MAX_PIECES + 1]);
        assert_eq!(cache.get(&[b'a'; MAX_WORD], 1), Some(&[0; MAX_PIECES][..]));
        for (word, hash) in [(MAX_WORD + 1, 2), (MAX_WORD + 256, 3), (1, 4)] {
            assert_eq!(cache.get(&vec![b'a'; word], hash), None);
        }
    }
}
