use xxhash_rust::xxh3::xxh3_64;

use super::*;

const DIM: usize = 4;
const STARTS: [&str; 6] = ["!", "haus", "haustür", "ß", "é", "über"];
const CONTINUATIONS: [&str; 3] = ["boot", "s", "tür"];

/// A model file of the pieces above; row `i` is `i + 1` times a unit axis, the last row the sum of all.
fn small_file() -> Vec<u8> {
    let rows = STARTS.len() + CONTINUATIONS.len() + 1;
    let vocabulary = [front_coded(&STARTS), front_coded(&CONTINUATIONS)].concat();
    let scales: Vec<u8> =
        (1..=rows).flat_map(|row| f32::from(u8::try_from(row).unwrap()).to_le_bytes()).collect();
    // Code 9 is a one, code 8 a zero; the low half of byte 0 is value 0, its high half value 2.
    let axes = [[0x89, 0x88], [0x88, 0x89], [0x98, 0x88], [0x88, 0x98]];
    let mut codes: Vec<u8> = (0..rows - 1).flat_map(|row| axes[row % DIM]).collect();
    codes.extend([0x99, 0x99]);

    let mut file = b"\x89PSM\r\n\x1a\n".to_vec();
    for number in [1, 1, DIM, 4, rows, STARTS.len()] {
        file.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    let mut body = Vec::new();
    for section in [vocabulary, scales, codes] {
        for number in [128 + body.len(), section.len()] {
            file.extend((number as u64).to_le_bytes());
        }
        body.extend(section);
        body.resize(body.len().next_multiple_of(64), 0);
    }
    file.extend(*b"small");
    file.resize(128, 0);
    file.extend(body);
    file.extend([0; 8]);
    sealed(file)
}

fn front_coded(pieces: &[&str]) -> Vec<u8> {
    let (mut coded, mut before) = (Vec::new(), "");
    for piece in pieces {
        let shared = before.bytes().zip(piece.bytes()).take_while(|(a, b)| a == b).count();
        coded.extend([u8::try_from(shared).unwrap(), u8::try_from(piece.len() - shared).unwrap()]);
        coded.extend(&piece.as_bytes()[shared..]);
        before = piece;
    }
    coded
}

/// `file` with the checksum that fits.
fn sealed(mut file: Vec<u8>) -> Vec<u8> {
    let checked = file.len() - 8;
    let checksum = xxh3_64(&file[..checked]);
    file[checked..].copy_from_slice(&checksum.to_le_bytes());
    file
}

fn rows_of(text: &str) -> Vec<u32> {
    let model = Model::read(Cow::Owned(small_file())).unwrap();
    let mut rows = Vec::new();
    model.pieces.for_each_row(text, &mut String::new(), |row| rows.push(row));
    rows
}

fn words_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words::for_each_word(text, &mut String::new(), |word| found.push(word.to_owned()));
    found
}

#[test]
fn words_are_lower_case_and_symbols_stand_alone() {
    assert_eq!(
        words_of("Der Preis: 3.500 €/m²"),
        ["der", "preis", ":", "3", ".", "500", "€", "/", "m", "²"]
    );
    assert_eq!(words_of("GRÖẞE, große"), ["größe", ",", "große"]);
    assert_eq!(words_of("Schiff\u{AD}fahrt\u{200B}s\u{A0}weg"), ["schifffahrts", "weg"]);
    assert_eq!(words_of("ΟΔΟΣ 🙂👍🏽"), ["οδοσ", "🙂", "👍", "🏽"]);
    assert!(words_of(" \t\r\n\0").is_empty());
}

#[test]
fn composed_and_decomposed_text_is_the_same() {
    assert_eq!(words_of("u\u{308}ber Cafe\u{301}"), words_of("über Café"));
    assert_eq!(rows_of("U\u{308}BER"), [5]);
}

#[test]
fn the_longest_piece_is_taken_and_what_has_none_is_skipped() {
    let [bang, house, door, eszett, over] = [0, 1, 2, 3, 5];
    let [boat, genitive, door_end] = [6, 7, 8];
    assert_eq!(rows_of("Haustür"), [door]);
    assert_eq!(rows_of("Haustürtür"), [door, door_end]);
    assert_eq!(rows_of("Hausboots!"), [house, boat, genitive, bang]);
    assert_eq!(rows_of("ß Häuser über"), [eszett, genitive, over]);
    assert_eq!(rows_of("xhausboot"), [genitive, boat]);
    assert!(rows_of("日本語 Ж").is_empty());
}

#[test]
fn repeated_pieces_count_by_logarithm() {
    let embedder = StaticEmbedder::from_bytes(small_file()).unwrap();
    let vectors = embedder.embed(Role::Query, &["!", "haus ! ! !", "", "日本"]).unwrap();
    assert_eq!(vectors.row(0), [1.0, 0.0, 0.0, 0.0]);
    // Row 1 is twice the second axis.
    let (x, y) = (1.0 + 3.0_f32.ln(), 2.0);
    assert!((vectors.row(1)[0] / vectors.row(1)[1] - x / y).abs() < 1e-6);
    assert_eq!(vectors.row(2), [0.5; DIM]);
    assert_eq!(vectors.row(2), vectors.row(3));
    assert_eq!(embedder.count_tokens("haus ! ! !").unwrap(), 4);
}

#[test]
fn the_name_is_no_part_of_the_identity() {
    let renamed = sealed({
        let mut file = small_file();
        file[80..85].copy_from_slice(b"other");
        file
    });
    let [small, other] =
        [small_file(), renamed].map(|file| StaticEmbedder::from_bytes(file).unwrap());
    assert_eq!(small.identity(), other.identity());
    assert_eq!((&*small.identity().name, &*other.identity().name), ("small", "other"));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_an_error() {
    let file = small_file();
    for len in 0..file.len() {
        let error = StaticEmbedder::from_bytes(file[..len].to_vec()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{len} bytes: {error}");
    }
    for bit in 0..file.len() * 8 {
        let error = StaticEmbedder::from_bytes(flipped(&file, bit)).unwrap_err();
        let expected = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
        assert!(expected, "bit {bit}: {error}");
    }
}

#[test]
fn wrong_contents_under_a_right_checksum_never_panic() {
    let file = small_file();
    let vectors = StaticEmbedder::from_bytes(file.clone()).unwrap().embed(Role::Query, &["über"]);
    let mut refused = 0;
    for bit in 0..(file.len() - 8) * 8 {
        match StaticEmbedder::from_bytes(sealed(flipped(&file, bit))) {
            Ok(embedder) => assert_eq!(
                embedder.embed(Role::Query, &["über"]).map(|v| v.len()).ok(),
                vectors.as_ref().map(Vectors::len).ok(),
                "bit {bit}"
            ),
            Err(Error::Corrupt { .. } | Error::Version { .. }) => refused += 1,
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }
    assert!(
        refused > 80 * 8,
        "only {refused} bits are checked, the numbers of the header alone have 640"
    );
}

#[test]
fn damage_to_the_bundled_model_is_found() {
    // A prime step, so that flips fall on all bits and all sections.
    for bit in (0..BUNDLED_FILE.len() * 8).step_by(2_999_999) {
        let error = StaticEmbedder::from_bytes(flipped(BUNDLED_FILE, bit)).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "bit {bit}: {error}");
    }
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    file[bit / 8] ^= 1 << (bit % 8);
    file
}
