//! Divides texts into batches by tokens and by number.

use std::ops::Range;

/// Divides texts of the given lengths into consecutive ranges of at most `max_texts` texts. A range
/// has at most `budget` tokens or is a single text.
pub(super) fn batches(lengths: &[usize], budget: usize, max_texts: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    let mut tokens = 0;
    for (at, &length) in lengths.iter().enumerate() {
        // A text without tokens costs the special tokens of the model.
        let length = length.max(1);
        let is_full = tokens + length > budget || at - start == max_texts;
        if at > start && is_full {
            batches.push(start..at);
            start = at;
            tokens = 0;
        }
        tokens += length;
    }
    if start < lengths.len() {
        batches.push(start..lengths.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_no_more_than_the_budget() {
        let all = usize::MAX;
        assert!(batches(&[], 10, all).is_empty());
        assert_eq!(batches(&[30, 10, 6, 5, 4, 1, 0], 10, all), [0..1, 1..2, 2..3, 3..6, 6..7]);
        assert_eq!(batches(&[0, 0, 0], 2, all), [0..2, 2..3]);
        assert_eq!(batches(&[30, 10, 6, 5, 4, 1, 0], 10, 2), [0..1, 1..2, 2..3, 3..5, 5..7]);
        assert_eq!(batches(&[1, 1, 1], all, 1), [0..1, 1..2, 2..3]);
    }
}
