//! The checksums within a segment.

use xxhash_rust::xxh3::xxh3_64;

use crate::crafted_file::{CraftedFile, number};

/// Makes the checksums of keys, heads, texts, passages and vectors right, as far as what they
/// are of can be found.
pub fn fix_checksums(segment: &mut CraftedFile) {
    for tag in [10, 20, 30] {
        let pieces = pieces(segment, tag);
        let checksums = pieces.into_iter().flat_map(checksum).collect();
        segment.replace(tag + 2, checksums);
    }
    fix_passage_checksums(segment);
    let dim = number(segment.section(1), 16, 8).clamp(1, 1 << 20);
    let rows = segment.section(50).chunks_exact(dim * 4);
    let checksums = rows.flat_map(checksum).collect();
    segment.replace(51, checksums);
}

/// The byte strings in section `tag`; those that are not there are empty.
fn pieces(segment: &CraftedFile, tag: u32) -> Vec<&[u8]> {
    let (bytes, ends) = (segment.section(tag), segment.section(tag + 1));
    let mut start = 0;
    let piece = |end: &[u8]| {
        let end = number(end, 0, 8);
        let piece = bytes.get(start..end).unwrap_or_default();
        start = end;
        piece
    };
    ends.chunks_exact(8).map(piece).collect()
}

fn fix_passage_checksums(segment: &mut CraftedFile) {
    let (texts, firsts) = (pieces(segment, 30), segment.section(40));
    let mut rows = segment.section(41).to_vec();
    for (at, row) in rows.chunks_exact_mut(32).enumerate() {
        let is_before = |first: &&[u8]| number(first, 0, 4) <= at;
        let article = firsts.chunks_exact(4).take_while(is_before).count().wrapping_sub(1);
        let text = texts.get(article).copied().unwrap_or_default();
        let piece = |at: usize| {
            let range = number(row, at, 4)..number(row, at + 4, 4);
            text.get(range).unwrap_or_default()
        };
        let sum = checksum(&[piece(0), piece(8)].concat());
        row[24..28].copy_from_slice(&sum);
    }
    segment.replace(41, rows);
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(bytes).to_le_bytes();
    [a, b, c, d]
}
