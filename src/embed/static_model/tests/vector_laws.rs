//! Laws of the vectors that pieces are pooled into.

use proptest::prelude::*;

use super::{
    super::row_counts::{RowCount, RowCounts},
    *,
};

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

proptest! {
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
