//! Laws of the pieces that words are cut into.

use proptest::prelude::*;

use super::{super::pieces::TextPieces, *};

fn rows_in(file: Vec<u8>, text: &str) -> Vec<u32> {
    let model = Model::read(Cow::Owned(file)).unwrap();
    let mut tokens = TextPieces::default();
    model.pieces.tokenize(text, &mut tokens);
    tokens.rows
}

fn rows_of(text: &str) -> Vec<u32> {
    rows_in(small_file(), text)
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
    assert_eq!(rows_of("U\u{308}BER"), [over], "decomposed");
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
    assert_eq!(pieces(&"ab".repeat(125)), [vec![0], vec![2; 124]].concat());
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
fn data_has_no_pieces_and_a_token_for_four_characters() {
    let embedder = StaticEmbedder::from_bytes(small_file()).unwrap();
    let count = |text: &str| embedder.count_tokens(text).unwrap();
    let data = "eUK98iEG8IR3/".repeat(20);
    assert_eq!(count(&data), 65);
    assert!(rows_of(&data).is_empty());
    // A run of data ends where white space does; the words beside it keep their pieces.
    let text = format!("Haustür {data}\n{data} über");
    assert_eq!(rows_of(&text), rows_of("Haustür über"));
    assert_eq!(count(&text), 2 + 130);
    // A word of more than 256 characters is data, whatever its letters are.
    for (word, tokens) in [("s".repeat(256), 256), ("s".repeat(257), 65), ("ж".repeat(257), 257)] {
        assert_eq!(count(&word), tokens);
    }
    assert!(rows_of(&"haus".repeat(65)).is_empty());
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
}
