//! The checksums inside a segment or a file of vectors.

use xxhash_rust::xxh3::xxh3_64;

use crate::crafted_file::{CraftedFile, number};

/// Corrects the checksums of keys, heads, texts, pieces, passages and vectors, as far as the bytes that
/// they cover can be found.
pub fn fix_checksums(segment: &mut CraftedFile) {
    for tag in [10, 20, 30, 120] {
        let checksums = byte_strings(segment, tag).into_iter().flat_map(checksum).collect();
        segment.replace(tag + 2, checksums);
    }
    fix_passage_checksums(segment);
    fix_vector_checksums(segment, 16);
}

/// Corrects the checksums of the vectors of a file whose record has their dimension at `dim_at`.
pub fn fix_vector_checksums(file: &mut CraftedFile, dim_at: usize) {
    let dim = number(file.section(1), dim_at, 8).clamp(1, 1 << 20);
    let rows = file.section(50).chunks_exact(dim * 4);
    let checksums = rows.flat_map(checksum).collect();
    file.replace(51, checksums);
}

/// The byte strings in section `tag`; those that are missing are empty.
fn byte_strings(segment: &CraftedFile, tag: u32) -> Vec<&[u8]> {
    let bytes = segment.section(tag);
    let mut start = 0;
    let byte_string = |end: &[u8]| {
        let end = number(end, 0, 8);
        let found = bytes.get(start..end).unwrap_or_default();
        start = end;
        found
    };
    segment.section(tag + 1).chunks_exact(8).map(byte_string).collect()
}

fn fix_passage_checksums(segment: &mut CraftedFile) {
    let texts = byte_strings(segment, 30);
    let firsts = segment.section(40);
    let mut rows = segment.section(41).to_vec();
    for (at, row) in rows.chunks_exact_mut(32).enumerate() {
        let is_before = |first: &&[u8]| number(first, 0, 4) <= at;
        let article = firsts.chunks_exact(4).take_while(is_before).count().wrapping_sub(1);
        let text = texts.get(article).copied().unwrap_or_default();
        let part = |at: usize| {
            let range = number(row, at, 4)..number(row, at + 4, 4);
            text.get(range).unwrap_or_default()
        };
        let checksum = checksum(&[part(0), part(8)].concat());
        row[24..28].copy_from_slice(&checksum);
    }
    segment.replace(41, rows);
}

/// The low half of XXH3-64.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(bytes).to_le_bytes();
    [a, b, c, d]
}
