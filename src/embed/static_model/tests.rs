//! Laws of model files and of the words and pieces of texts.

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    char_rules::{Composed, Uncased, composed, composed_class},
    pieces::TextPieces,
    row_counts::{RowCount, RowCounts},
    short_str::ShortStr,
    word_scanner::{CharClass, WordRules, WordSink, split},
    *,
};

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

fn rows_in(file: Vec<u8>, text: &str) -> Vec<u32> {
    let model = Model::read(Cow::Owned(file)).unwrap();
    let mut tokens = TextPieces::default();
    model.pieces.tokenize(text, &mut tokens);
    tokens.rows
}

fn rows_of(text: &str) -> Vec<u32> {
    rows_in(small_file(), text)
}

#[derive(Default)]
struct Collected(Vec<String>);

impl WordSink for Collected {
    fn short(&mut self, word: ShortStr) {
        self.long(std::str::from_utf8(&word.to_bytes()[..word.len()]).unwrap());
    }

    fn long(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }
}

fn words_of(text: &str) -> Vec<String> {
    let mut found = Collected::default();
    split::<Composed>(&composed(text), &mut String::new(), &mut found);
    found.0
}

fn uncased_words_of(text: &str) -> Vec<String> {
    let mut found = Collected::default();
    split::<Uncased>(text, &mut String::new(), &mut found);
    found.0
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
fn composed_and_decomposed_text_have_equal_words() {
    assert_eq!(words_of("u\u{308}ber Cafe\u{301}"), words_of("über Café"));
    assert_eq!(rows_of("U\u{308}BER"), [5]);
}

#[test]
fn the_cheapest_pieces_win_and_other_characters_are_skipped() {
    let [bang, house, door, eszett, over] = [0, 1, 2, 3, 5];
    let [boat, genitive, door_end] = [6, 7, 8];
    assert_eq!(rows_of("Haustür"), [door]);
    // Cheaper than the longer piece "haustür" and one more.
    assert_eq!(rows_of("Haustürtür"), [house, door_end, door_end]);
    assert_eq!(rows_of("Hausboots!"), [house, boat, genitive, bang]);
    assert_eq!(rows_of("ß Häuser über"), [eszett, genitive, over]);
    assert_eq!(rows_of("xhausboot"), [genitive, boat]);
    assert!(rows_of("日本語 Ж").is_empty());
}

#[test]
fn a_repeated_word_has_the_same_pieces() {
    let words = ["Haustürtür", "xhausboot", "Hausboots", "xyz", "türhaus", "bootsboot", "日本"];
    for settings in [BUNDLED_SETTINGS, CONVERTED_SETTINGS] {
        let model = Model::read(Cow::Owned(file_of(settings, &STARTS, &CONTINUATIONS))).unwrap();
        let mut tokens = TextPieces::default();
        for word in words.into_iter().cycle().take(3 * words.len()) {
            let mut fresh = TextPieces::default();
            model.pieces.tokenize(word, &mut fresh);
            model.pieces.tokenize(word, &mut tokens);
            assert_eq!((&tokens.rows, tokens.len()), (&fresh.rows, fresh.len()), "{word}");
        }
    }
}

#[test]
fn a_long_word_is_split_in_parts() {
    let pieces = |text: &str| rows_in(file_of(BUNDLED_SETTINGS, &["ab", "b"], &["ab", "b"]), text);
    assert_eq!(pieces(&"ab".repeat(200)), [vec![0], vec![2; 199]].concat());
    // Parts are counted in characters, not in bytes.
    let rows = |text: &str| rows_in(file_of(BUNDLED_SETTINGS, &["ß"], &["xß", "ß"]), text);
    assert_eq!(rows(&"ß".repeat(250)), [vec![0], vec![2; 249]].concat());
    assert_eq!(rows(&format!("{}xß", "ß".repeat(99))), [vec![0], vec![2; 99]].concat());
    // A part ends after character 100: no piece crosses its end.
    assert_eq!(
        pieces(&format!("b{}", "ab".repeat(60))),
        [vec![1], vec![2; 49], vec![3], vec![2; 10]].concat()
    );
}

#[test]
fn repeated_pieces_count_by_logarithm_or_number() {
    for (pooling, weight) in [(1, 1.0 + 3.0_f32.ln()), (2, 3.0)] {
        // 3-bit values are never zero, so such rows are not axes.
        for bits in [4, 8] {
            let file = file_of(
                FileSettings { pooling, bits, ..BUNDLED_SETTINGS },
                &STARTS,
                &CONTINUATIONS,
            );
            let embedder = StaticEmbedder::from_bytes(file).unwrap();
            let vectors = embedder
                .embed(Role::Query, &["!", "haus ! ! !", "", "日本"], Interrupt::none())
                .unwrap();
            assert_eq!(vectors.row(0), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
            // Row 1 is twice the second axis.
            let ratio = vectors.row(1)[0] / vectors.row(1)[1];
            assert!((ratio - weight / 2.0).abs() < 1e-6, "{ratio}");
            assert!(
                vectors.row(2).iter().all(|value| (value - 8.0_f32.sqrt().recip()).abs() < 1e-6)
            );
            assert_eq!(vectors.row(2), vectors.row(3));
            assert_eq!(embedder.count_tokens("haus ! ! !").unwrap(), 4);
        }
    }
}

#[test]
fn values_of_three_bits_are_half_steps() {
    let file = file_of(FileSettings { bits: 3, ..BUNDLED_SETTINGS }, &STARTS, &CONTINUATIONS);
    let vectors = StaticEmbedder::from_bytes(file)
        .unwrap()
        .embed(Role::Query, &["Haus"], Interrupt::none())
        .unwrap();
    // The second row is 1.5 steps on its axis and 0.5 steps elsewhere.
    let length = (1.5_f32 * 1.5 + 7.0 * 0.5 * 0.5).sqrt();
    for (i, value) in (0..).zip(vectors.row(0)) {
        let steps = if i == 1 { 1.5 } else { 0.5 };
        assert!((value - steps / length).abs() < 1e-6, "{:?}", vectors.row(0));
    }
}

#[test]
fn rows_that_cancel_out_give_the_unknown_vector() {
    let mut file = small_file();
    // Row 1 becomes the negative of row 0: code 7 is one step below zero.
    let codes = file.len() - 8 - 64;
    file[codes..codes + 8].copy_from_slice(&[0x89, 0x88, 0x88, 0x88, 0x87, 0x88, 0x88, 0x88]);
    let scale = u32::from_le_bytes(*file[56..].first_chunk().unwrap()) as usize;
    file.copy_within(scale..scale + 4, scale + 4);
    let embedder = StaticEmbedder::from_bytes(sealed(file)).unwrap();
    let vectors = embedder.embed(Role::Query, &["! haus", "日本"], Interrupt::none()).unwrap();
    assert_eq!(vectors.row(0), vectors.row(1));
}

#[test]
fn a_word_by_rules_2_is_covered_or_unknown() {
    let starts = ["!", "a", "haus", "um", "日"];
    let rows = |text: &str| rows_in(file_of(CONVERTED_SETTINGS, &starts, &["s", "tur"]), text);
    assert_eq!(rows("HAUSTÜR Häuser haus!"), [2, 6, 2, 0]);
    assert_eq!(rows("hausx Hauss日s"), [2, 5, 4]);
    let long = |count: usize| format!("a{}", "s".repeat(count));
    assert_eq!(rows(&long(99)).len(), 100);
    assert!(rows(&long(100)).is_empty());
    let embedder =
        StaticEmbedder::from_bytes(file_of(CONVERTED_SETTINGS, &starts, &["s", "tur"])).unwrap();
    assert_eq!(embedder.count_tokens("haustür hausx 日x!").unwrap(), 6);
    assert_eq!(embedder.count_tokens(&long(100)).unwrap(), 1);
}

#[test]
fn rules_2_remove_case_and_accents() {
    assert_eq!(uncased_words_of("Ärger, CAFÉ. Straße"), ["arger", ",", "cafe", ".", "straße"]);
    assert_eq!(uncased_words_of("e\u{301}te\u{301} İST"), ["ete", "ist"]);
    assert_eq!(uncased_words_of("ab\u{1}c\u{AD}d\u{200B}e\0f"), ["abcdef"]);
    assert_eq!(uncased_words_of("a\u{A0}b\u{2003}c\td"), ["a", "b", "c", "d"]);
    assert_eq!(uncased_words_of("日本語のx「ok」"), ["日", "本", "語", "のx", "「", "ok", "」"]);
    assert_eq!(uncased_words_of("3,5\u{20AC}–§7"), ["3", ",", "5€", "–", "§", "7"]);
    assert_eq!(uncased_words_of("≠ x\u{37E}"), ["=", "x", ";"]);
    assert_eq!(uncased_words_of("\u{F900}\u{FFFD}!"), ["\u{8C48}", "!"]);
}

#[test]
fn pieces_and_skipped_characters_are_tokens() {
    let embedder = StaticEmbedder::from_bytes(small_file()).unwrap();
    for (text, tokens) in [
        ("", 0),
        (" \t\u{200B}", 0),
        ("Haustür!", 2),
        ("xhausboot", 6),
        ("日本語 Ж, 🙂", 6),
        ("a\u{308}", 1),
    ] {
        assert_eq!(embedder.count_tokens(text).unwrap(), tokens, "{text:?}");
    }
}

#[test]
fn the_identity_excludes_the_name() {
    let renamed = sealed({
        let mut file = small_file();
        file[88..93].copy_from_slice(b"other");
        file
    });
    let [small, other] =
        [small_file(), renamed].map(|file| StaticEmbedder::from_bytes(file).unwrap());
    assert_eq!(small.identity(), other.identity());
    assert_eq!((&*small.identity().name, &*other.identity().name), ("small", "other"));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_an_error() {
    for bits in [3, 4, 8] {
        every_damage_is_an_error(&file_of(
            FileSettings { bits, ..BUNDLED_SETTINGS },
            &STARTS,
            &CONTINUATIONS,
        ));
    }
}

fn every_damage_is_an_error(file: &[u8]) {
    for len in 0..file.len() {
        let error = StaticEmbedder::from_bytes(file[..len].to_vec()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{len} bytes: {error}");
    }
    for bit in 0..file.len() * 8 {
        let error = StaticEmbedder::from_bytes(flipped(file, bit)).unwrap_err();
        let expected = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
        assert!(expected, "bit {bit}: {error}");
    }
}

#[test]
fn wrong_contents_with_a_valid_checksum_never_panic() {
    for settings in
        [BUNDLED_SETTINGS, CONVERTED_SETTINGS, FileSettings { bits: 3, ..BUNDLED_SETTINGS }]
    {
        let file = file_of(settings, &STARTS, &CONTINUATIONS);
        let mut refused = 0;
        for bit in 0..(file.len() - 8) * 8 {
            match StaticEmbedder::from_bytes(sealed(flipped(&file, bit))) {
                Ok(embedder) => {
                    let texts = ["über", "", "xhaustürboots!", &"s".repeat(120)];
                    let vectors = embedder.embed(Role::Query, &texts, Interrupt::none()).unwrap();
                    assert_eq!((vectors.len(), vectors.dim()), (4, embedder.dim()), "bit {bit}");
                }
                Err(Error::Corrupt { .. } | Error::Version { .. }) => refused += 1,
                Err(error) => panic!("bit {bit}: {error}"),
            }
        }
        assert!(refused > 128 * 8, "only {refused} bits are checked, the header alone has 1,024");
    }
}

#[test]
fn damage_to_the_bundled_model_is_an_error() {
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

/// The words by rules 1, character by character.
fn words_by_definition(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in composed(text).chars().flat_map(char::to_lowercase) {
        let class = match u8::try_from(character) {
            Ok(byte) if byte.is_ascii_alphanumeric() => CharClass::Letter,
            Ok(byte @ ..0x80) => Composed::CLASSES[usize::from(byte)],
            _ => composed_class(character),
        };
        match class {
            CharClass::Letter => words.last_mut().unwrap().push(character),
            CharClass::Symbol => words.extend([character.to_string(), String::new()]),
            CharClass::Space => words.push(String::new()),
            CharClass::Ignored => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The cheapest pieces of a word by rules 1, found by exhaustive search. `pieces` lists the pieces
/// that start a word and those that continue one.
fn cheapest_by_definition(word: &str, pieces: [&[&str]; 2], costs: fn(&str) -> u8) -> Vec<u32> {
    if let Some(whole) = pieces[0].iter().position(|piece| *piece == word) {
        return vec![u32::try_from(whole).unwrap()];
    }
    let characters: Vec<char> = word.chars().collect();
    let mut rows = Vec::new();
    for (part, inside) in characters.chunks(100).zip([false].into_iter().chain([true].repeat(9))) {
        // For each end: cost of the best path, start of its last step, rows of the path.
        let mut ways = vec![(0, 0, Vec::new())];
        for end in 1..=part.len() {
            let last_steps = ways.iter().enumerate().flat_map(|(start, way)| {
                let text: String = part[start..end].iter().collect();
                let inside = inside || start > 0;
                let first = if inside { pieces[0].len() } else { 0 };
                let known = pieces[usize::from(inside)].iter().position(|piece| *piece == text);
                let known = known.map(|at| (costs(&text).into(), u32::try_from(first + at).ok()));
                let skipped = (end - start == 1).then_some((1024_u32, None));
                known.into_iter().chain(skipped).map(move |(cost, row): (u32, _)| {
                    (way.0 + cost, start, way.2.iter().copied().chain(row).collect::<Vec<u32>>())
                })
            });
            let best = last_steps.min_by_key(|way| (way.0, way.1)).unwrap();
            ways.push(best);
        }
        rows.extend(ways.pop().unwrap().2);
    }
    rows
}

/// The longest pieces of a word by rules 2, found by exhaustive search.
fn longest_by_definition(word: &str, pieces: [&[&str]; 2]) -> Vec<u32> {
    let mut rows = Vec::new();
    let mut rest = word;
    while !rest.is_empty() && word.chars().count() <= 100 {
        let inside = rest.len() < word.len();
        let known = pieces[usize::from(inside)].iter().enumerate();
        let known = known.filter(|(_, piece)| rest.starts_with(**piece));
        let Some((at, piece)) = known.max_by_key(|(_, piece)| piece.len()) else { return vec![] };
        rows.push(u32::try_from(at + if inside { pieces[0].len() } else { 0 }).unwrap());
        rest = &rest[piece.len()..];
    }
    rows
}

proptest! {
    #[test]
    fn words_match_the_definition(text in "(?s)([a-zA-Z0-9]{0,20}[ -~äÖßẞé\u{301}–\u{AD}\u{A0}İ\u{0}€日]|.){0,30}") {
        prop_assert_eq!(words_of(&text), words_by_definition(&text));
    }

    #[test]
    fn pieces_match_the_definition(
        starts in prop::collection::btree_set("[ab]{1,18}|[aß]{1,5}", 1..60),
        inside in prop::collection::btree_set("[ab]{1,18}|[aß]{1,5}", 0..60),
        words in prop::collection::vec("[abß]{1,40}|[ab]{1,16}|[abß]{90,250}", 0..20),
        costs in prop::sample::select(vec![steep as fn(&str) -> u8, |_| 0, |_| 7, |piece| xxh3_64(piece.as_bytes()).to_le_bytes()[0]]),
    ) {
        let [starts, inside]: [Vec<&str>; 2] = [&starts, &inside].map(|set| set.iter().map(String::as_str).collect());
        let pieces = [&*starts, &*inside];
        let cheapest: Vec<u32> = words.iter().flat_map(|word| cheapest_by_definition(word, pieces, costs)).collect();
        let longest: Vec<u32> = words.iter().flat_map(|word| longest_by_definition(word, pieces)).collect();
        prop_assert_eq!(rows_in(file_of(FileSettings { costs, ..BUNDLED_SETTINGS }, &starts, &inside), &words.join(" ")), cheapest);
        prop_assert_eq!(rows_in(file_of(CONVERTED_SETTINGS, &starts, &inside), &words.join(" ")), longest);
    }

    #[test]
    fn rows_are_counted_in_order_of_occurrence(rows in prop::collection::vec(0_u32..50, 0..300)) {
        let mut counts = RowCounts::default();
        let mut seen = Vec::new();
        counts.count(&[7, 7, 7], |_| {});
        counts.count(&rows, |row| seen.push(row));
        let mut first = rows.clone();
        let mut known = Vec::new();
        first.retain(|row| !known.contains(row) && { known.push(*row); true });
        prop_assert_eq!(&seen, &first);
        let want: Vec<RowCount> = first.iter().map(|row| RowCount { row: *row, count: rows.iter().filter(|other| *other == row).map(|_| 1).sum() }).collect();
        prop_assert_eq!(&counts.distinct, &want);
    }
}
