//! Sets of rows, to which a search can be restricted.

use std::ops::Range;

/// Converts a row number, or a count of at most one per row, to the `u32` that it is stored in.
///
/// # Panics
///
/// If `len` is over `u32::MAX`: every index checks `MAX_ROWS` before it is built or opened.
pub(crate) fn to_row(len: usize) -> u32 {
    to_u32(len, "an index has at most `MAX_ROWS` rows")
}

/// Converts a number to the `u32` that it is stored in; `bound` states why it fits.
///
/// # Panics
///
/// With `bound` if `number` is over `u32::MAX`.
pub(crate) fn to_u32(number: usize, bound: &str) -> u32 {
    u32::try_from(number).expect(bound)
}

/// A set of row numbers below a fixed bound; one bit per row.
///
/// # Examples
///
/// ```
/// use passim::RowSet;
///
/// let mut live = RowSet::all(3);
/// live.remove(1);
/// assert_eq!(live.iter().collect::<Vec<_>>(), [0, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    bound: u32,
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// The empty set of rows below `bound`.
    #[must_use]
    pub fn none(bound: u32) -> Self {
        Self { bound, words: vec![0; (bound as usize).div_ceil(64)], len: 0 }
    }

    /// Every row below `bound`.
    #[must_use]
    pub fn all(bound: u32) -> Self {
        let mut all = Self::none(bound);
        all.words.fill(u64::MAX);
        if let Some(last) = all.words.last_mut().filter(|_| !bound.is_multiple_of(64)) {
            *last = (1 << (bound % 64)) - 1;
        }
        all.len = bound as usize;
        all
    }

    /// The bound: every row of the set is below it.
    #[must_use]
    pub fn bound(&self) -> u32 {
        self.bound
    }

    /// Number of rows in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no row is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `row` is in the set; rows at or above the bound are not.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds `row`; false if the set contained it.
    ///
    /// # Panics
    ///
    /// If `row` is not below the bound.
    pub fn insert(&mut self, row: u32) -> bool {
        assert!(row < self.bound, "row {row} is not below {}", self.bound);
        let added = !self.contains(row);
        self.words[row as usize / 64] |= 1 << (row % 64);
        self.len += usize::from(added);
        added
    }

    /// Removes `row`; false if the set did not contain it.
    pub fn remove(&mut self, row: u32) -> bool {
        let removed = self.contains(row);
        if removed {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.len -= 1;
        }
        removed
    }

    /// Adds all of `rows`.
    ///
    /// # Panics
    ///
    /// If a row is not below the bound.
    pub fn insert_range(&mut self, rows: Range<u32>) {
        if rows.is_empty() {
            return;
        }
        assert!(rows.end <= self.bound, "rows up to {} are not below {}", rows.end, self.bound);
        let first = rows.start as usize / 64;
        let last = (rows.end - 1) as usize / 64;
        for at in first..=last {
            let mut mask = u64::MAX;
            if at == first {
                mask &= u64::MAX << (rows.start % 64);
            }
            if at == last {
                mask &= u64::MAX >> (63 - (rows.end - 1) % 64);
            }
            self.len += (mask & !self.words[at]).count_ones() as usize;
            self.words[at] |= mask;
        }
    }

    /// Adds all of `rows`, which are below the bound.
    pub(crate) fn insert_all<'r>(&mut self, rows: impl IntoIterator<Item = &'r u32>) {
        for row in rows {
            self.words[*row as usize / 64] |= 1 << (row % 64);
        }
        self.len = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }

    /// Adds the rows of `other`.
    ///
    /// # Panics
    ///
    /// If the bounds differ.
    pub fn union_with(&mut self, other: &Self) {
        self.combine(other, |word, other| word | other);
    }

    /// Keeps the rows that are in both sets.
    ///
    /// # Panics
    ///
    /// If the bounds differ.
    pub fn intersect_with(&mut self, other: &Self) {
        self.combine(other, |word, other| word & other);
    }

    /// Removes the rows of `other`.
    ///
    /// # Panics
    ///
    /// If the bounds differ.
    pub fn difference_with(&mut self, other: &Self) {
        self.combine(other, |word, other| word & !other);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        assert_eq!(self.bound, other.bound, "the bounds of two row sets differ");
        self.len = 0;
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word = operation(*word, *other);
            self.len += word.count_ones() as usize;
        }
    }

    /// The rows, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|rest| *rest != 0)
                .map(move |rest| at * 64 + rest.trailing_zeros())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    #[should_panic(expected = "row 3 is not below 3")]
    fn inserting_a_row_at_the_bound_panics() {
        RowSet::none(3).insert(3);
    }

    proptest! {
        #[test]
        fn set_operations_match_a_model(
            bound in 1_u32..300,
            a in prop::collection::vec((0_u32..300, 0_u32..150), 0..4),
            b in prop::collection::vec((0_u32..300, 0_u32..150), 0..4),
        ) {
            let built = |ranges: &[(u32, u32)]| {
                let mut rows = RowSet::none(bound);
                let mut model = BTreeSet::new();
                for (start, len) in ranges {
                    let range = (*start).min(bound)..(start + len).min(bound);
                    rows.insert_range(range.clone());
                    model.extend(range);
                }
                (rows, model)
            };
            let (a, model_a) = built(&a);
            let (b, model_b) = built(&b);
            let combined = |combine: fn(&mut RowSet, &RowSet)| {
                let mut rows = a.clone();
                combine(&mut rows, &b);
                assert_eq!(rows.len(), rows.iter().count());
                rows.iter().collect::<BTreeSet<_>>()
            };
            prop_assert!(a.iter().eq(model_a.iter().copied()) && a.len() == model_a.len());
            prop_assert_eq!(combined(RowSet::union_with), &model_a | &model_b);
            prop_assert_eq!(combined(RowSet::intersect_with), &model_a & &model_b);
            prop_assert_eq!(combined(RowSet::difference_with), &model_a - &model_b);
        }

        #[test]
        fn insert_and_remove_match_a_model(bound in 1_u32..300, steps in prop::collection::vec((any::<bool>(), 0_u32..300), 0..200)) {
            let mut rows = RowSet::all(bound);
            let mut model: BTreeSet<u32> = (0..bound).collect();
            for (add, row) in steps {
                let row = row % bound;
                if add {
                    prop_assert_eq!(rows.insert(row), model.insert(row));
                } else {
                    prop_assert_eq!(rows.remove(row), model.remove(&row));
                }
            }
            prop_assert_eq!(rows.len(), model.len());
            prop_assert!(rows.iter().eq(model.iter().copied()));
            prop_assert!((0..400).all(|row| rows.contains(row) == model.contains(&row)));
        }
    }
}
