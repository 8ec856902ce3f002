//! Laws of damaged bytes: they are refused, or they can be searched.

use proptest::prelude::*;

use super::{super::postings::BLOCK, *};

/// A change of an index whose header stays readable.
#[derive(Clone, Debug)]
struct Change {
    place: prop::sample::Index,
    number: u64,
    len: usize,
}

fn change() -> impl Strategy<Value = Change> {
    let number = prop_oneof![
        any::<u64>(),
        0_u64..300,
        Just(1 << 31),
        Just(u64::from(u32::MAX)),
        Just(u64::MAX)
    ];
    let len = prop_oneof![Just(1_usize), Just(4), Just(8)];
    let parts = (any::<prop::sample::Index>(), number, len);
    parts.prop_map(|(place, number, len)| Change { place, number, len })
}

impl Change {
    /// Writes the number in its place, unless that is the version or the fingerprint.
    fn apply(&self, bytes: &mut [u8]) {
        let at = self.place.index(bytes.len() - self.len);
        if (4..8).contains(&at) || at >= 16 {
            let end = if at < 8 { 8.min(at + self.len) } else { at + self.len };
            bytes[at..end].copy_from_slice(&self.number.to_le_bytes()[..end - at]);
        }
    }
}

/// Calls everything that reads `index`.
fn use_all(index: &LexicalIndex, question: &str) {
    let rows: Vec<u32> = (0..index.len()).collect();
    let removed: Vec<u32> = rows.iter().copied().step_by(3).collect();
    let live = [LiveIndex { index, removed: &removed, terms: index.terms_without(&removed) }];
    let terms = weigh(question, live);
    let mut allowed = RowSet::none(index.len());
    rows.iter().step_by(5).for_each(|row| _ = allowed.insert(*row));
    for allowed in [None, Some(&allowed)] {
        index.best_in_steps(&terms, 7, allowed, SMALL, never);
    }
    index.scores(&terms, &rows);
    for row in rows.iter().copied().take(3) {
        index.explain(&terms, row);
        index.language(row);
    }
    let of_part =
        |part, rows: &[u32]| rows.iter().map(|row| MergedRow { part, row: *row }).collect();
    let merged: [Vec<MergedRow>; 2] = [of_part(0, &removed), of_part(1, &rows)];
    let merged = LexicalIndex::merge(&[index, index], &merged.concat());
    LexicalIndex::open(merged.bytes().to_vec().into()).unwrap();
}

#[test]
fn any_changed_byte_is_refused_or_searchable() {
    let passages: Vec<_> = (0..2 * BLOCK + 9)
        .map(|at| (format!("Haus {} der", "Hof ".repeat(at % 5)), Some(AnalyzedLanguage::German)))
        .collect();
    let bytes = build(&passages).bytes().to_vec();
    let mut accepted = 0;
    for at in (4..8).chain(16..bytes.len()) {
        for byte in [0, 1, bytes[at] ^ 1, bytes[at] ^ 0x80, 33, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = byte;
            if let Ok(index) = LexicalIndex::open(changed.into()) {
                use_all(&index, "Haus der Hof");
                accepted += 1;
            }
        }
    }
    assert!(accepted > 0, "a frequency may be any number");
}

#[test]
fn an_index_of_another_analysis_is_not_current() {
    let mut bytes = build(&[("Haus".to_owned(), Some(AnalyzedLanguage::German))]).bytes().to_vec();
    assert!(LexicalIndex::is_current(&bytes));
    for at in [0, 8, 15] {
        bytes[at] ^= 1;
        assert!(!LexicalIndex::is_current(&bytes));
        assert!(LexicalIndex::open(bytes.clone().into()).is_err());
        bytes[at] ^= 1;
    }
    assert!(!LexicalIndex::is_current(&bytes[..20]) && !LexicalIndex::is_current(&[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// An accepted index answers every question and never reads past its bytes.
    #[test]
    fn changed_bytes_are_refused_or_searchable(
        passages in prop_oneof![passages(30), passages(400)], question in question(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let index = build(&passages);
        let mut bytes = index.bytes().to_vec();
        for change in changes {
            change.apply(&mut bytes);
        }
        if let Ok(index) = LexicalIndex::open(bytes.into()) {
            use_all(&index, &question);
        }
    }

    #[test]
    fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(LexicalIndex::open(bytes.into()).is_err());
    }

    #[test]
    fn truncated_indexes_are_refused(passages in passages(10), cut in 1_usize..500) {
        let bytes = build(&passages).bytes().to_vec();
        let cut = cut.min(bytes.len());
        prop_assert!(LexicalIndex::open(bytes[..bytes.len() - cut].to_vec().into()).is_err());
    }
}
