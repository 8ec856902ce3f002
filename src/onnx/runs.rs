//! Grouping of inputs into runs of equal length, so that no input is padded.

/// Splits `items`, sorted by length, into runs. The items of a run have the same length in tokens,
/// and at most `together` tokens in total, unless the run is a single item.
pub(crate) fn runs<T>(
    items: &[T],
    tokens: impl Fn(&T) -> usize + Copy,
    together: usize,
) -> impl Iterator<Item = &[T]> {
    items
        .chunk_by(move |a, b| tokens(a) == tokens(b))
        .flat_map(move |alike| alike.chunks((together / tokens(&alike[0]).max(1)).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_same_length_shares_a_run() {
        let runs = |tokens: &[usize], together| {
            runs(tokens, |tokens| *tokens, together).map(<[_]>::to_vec).collect::<Vec<_>>()
        };
        let expected: [&[usize]; 5] = [&[0, 0], &[4, 4], &[4], &[5], &[30]];
        assert_eq!(runs(&[0, 0, 4, 4, 4, 5, 30], 10), expected);
        assert!(runs(&[2, 2, 2], 0).iter().all(|run| run.len() == 1));
        assert!(runs(&[], 10).is_empty());
    }
}
