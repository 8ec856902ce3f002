//! Laws of the static model, by subject, and the small model files that they are tested with.

mod file_laws;
mod piece_laws;
mod vector_laws;
mod word_laws;

use xxhash_rust::xxh3::xxh3_64;

use super::*;

const DIM: usize = 8;
const STARTS: [&str; 6] = ["!", "haus", "haustür", "ß", "é", "über"];
const CONTINUATIONS: [&str; 3] = ["boot", "s", "tür"];

/// The settings of a model file.
#[derive(Clone, Copy, Debug)]
struct FileSettings {
    rules: u32,
    pooling: u32,
    bits: u32,
    costs: fn(&str) -> u8,
}

const BUNDLED_SETTINGS: FileSettings = FileSettings { rules: 1, pooling: 1, bits: 4, costs: steep };
const CONVERTED_SETTINGS: FileSettings =
    FileSettings { rules: 2, pooling: 2, bits: 8, costs: |_| 0 };

/// The cost grows with the square of the length, so that the longest pieces are not the cheapest.
fn steep(piece: &str) -> u8 {
    u8::try_from((piece.len() * piece.len()).min(255)).unwrap()
}

/// A model file with the settings of the bundled model.
fn small_file() -> Vec<u8> {
    file_of(BUNDLED_SETTINGS, &STARTS, &CONTINUATIONS)
}

/// A model file of the given pieces. Row `i` is `i + 1` times a unit axis; the last row is the sum
/// of all axes.
fn file_of(settings: FileSettings, starts: &[&str], continuations: &[&str]) -> Vec<u8> {
    let FileSettings { rules, pooling, bits, costs } = settings;
    let rows = u32::try_from(starts.len() + continuations.len() + 1).unwrap();
    let vocabulary = [starts, continuations].map(|pieces| front_coded(pieces, costs)).concat();
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let scales = (1..=rows).flat_map(|row| (row as f32).to_le_bytes()).collect();
    let axis = |row| (0..DIM).map(move |i| u8::from(row == rows - 1 || row as usize % DIM == i));
    let codes = (0..rows).flat_map(|row| packed(bits, &axis(row).collect::<Vec<_>>())).collect();

    let mut file = b"\x89PSM\r\n\x1a\n".to_vec();
    let dim = u32::try_from(DIM).unwrap();
    let starts = u32::try_from(starts.len()).unwrap();
    for number in [1, rules, pooling, dim, bits, rows, starts, 0] {
        file.extend(number.to_le_bytes());
    }
    let mut body = Vec::new();
    for section in [vocabulary, scales, codes] {
        for number in [128 + body.len(), section.len()] {
            file.extend((number as u64).to_le_bytes());
        }
        body.extend::<Vec<u8>>(section);
        body.resize(body.len().next_multiple_of(64), 0);
    }
    file.extend(*b"small");
    file.resize(128, 0);
    file.extend(body);
    file.extend([0; 8]);
    sealed(file)
}

/// Packs a row whose values are `steps`, each 0 or 1.
fn packed(bits: u32, steps: &[u8]) -> Vec<u8> {
    match bits {
        8 => steps.to_vec(),
        4 => {
            let (low, high) = steps.split_at(DIM / 2);
            low.iter().zip(high).map(|(low, high)| (8 + low) | (8 + high) << 4).collect()
        }
        // Codes 4 and 5, one group of eight.
        _ => {
            let codes = (0..).step_by(3).zip(steps);
            let group: u32 = codes.map(|(bit, step)| u32::from(4 + step) << bit).sum();
            group.to_le_bytes()[..3].to_vec()
        }
    }
}

fn front_coded(pieces: &[&str], costs: fn(&str) -> u8) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut before = "";
    for piece in pieces {
        let shared = before.bytes().zip(piece.bytes()).take_while(|(a, b)| a == b).count();
        let [shared_len, len] =
            [shared, piece.len() - shared].map(|len| u8::try_from(len).unwrap());
        coded.extend([shared_len, len, costs(piece)]);
        coded.extend(&piece.as_bytes()[shared..]);
        before = piece;
    }
    coded
}

/// Returns `file` with a valid checksum.
fn sealed(mut file: Vec<u8>) -> Vec<u8> {
    let checked = file.len() - 8;
    let ordered = [&file[..88], &file[120..checked], &file[88..120]].concat();
    file[checked..].copy_from_slice(&xxh3_64(&ordered).to_le_bytes());
    file
}
