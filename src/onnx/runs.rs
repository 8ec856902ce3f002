//! Grouping of inputs into runs of equal length, so that no input is padded.

/// Splits `items`, sorted by length, into runs. The items of a run have the same length in tokens,
/// and at most `max_tokens` in total, unless the run is a single item.
pub(crate) fn runs<T>(
    items: &[T],
    tokens: impl Fn(&T) -> usize + Copy,
    max_tokens: usize,
) -> impl Iterator<Item = &[T]> {
    items
        .chunk_by(move |a, b| tokens(a) == tokens(b))
        .flat_map(move |alike| alike.chunks((max_tokens / tokens(&alike[0]).max(1)).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_items_of_one_length_share_a_run() {
        let runs = |tokens: &[usize], max_tokens| {
            runs(tokens, |tokens| *tokens, max_tokens).map(<[_]>::to_vec).collect::<Vec<_>>()
        };
        let expected: [&[usize]; 5] = [&[0, 0], &[4, 4], &[4], &[5], &[30]];
        assert_eq!(runs(&[0, 0, 4, 4, 4, 5, 30], 10), expected);
        assert!(runs(&[2, 2, 2], 0).iter().all(|run| run.len() == 1));
        assert!(runs(&[], 10).is_empty());
    }
}
