//! A small segment with changed bytes in its lexical index and corrected checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, Index, Kind};

/// The section of the lexical index.
const LEXICAL: u32 = 110;
/// Bytes of the version, the number of passages and the analysis: with others the index is rebuilt.
const HEAD: usize = 16;

thread_local! {
    static INDEX: Index = Index::default();
    static SEGMENT: CraftedFile = Index::fresh_segment();
}

fuzz_target!(|bytes: &[u8]| {
    let mut file = SEGMENT.with(Clone::clone);
    let mut words = file.section(LEXICAL).to_vec();
    let body = words.len() - HEAD;
    for change in bytes.as_chunks::<3>().0 {
        let [low, high, byte] = *change;
        words[HEAD + usize::from(u16::from_le_bytes([low, high])) % body] = byte;
    }
    file.replace(LEXICAL, words);
    let (bytes, id) = file.bytes(Kind::Segment, 1);
    INDEX.with(|index| {
        index.remove_all();
        index.write("segment-1.passim", &bytes);
        index.write_manifest(id, None, None);
        _ = index.use_all();
    });
});
