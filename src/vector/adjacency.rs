//! Adjacency lists of a graph layer, each with the same capacity.

use super::{RowSet, kernel, to_row};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
};

/// Why a number of links fits into `u32`.
pub(super) const DEGREE_FITS: &str = "a degree is counted in `u16` or was read as `u32`";

/// Adjacency lists, each with capacity for `max_degree` links.
///
/// The offset of a list follows from the number of its point, so that the list can be prefetched
/// without another read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Links {
    max_degree: usize,
    counts: Column<u16>,
    targets: Column<u32>,
}

/// A borrowed view of [`Links`].
#[derive(Clone, Copy, Debug)]
pub(super) struct LinksView<'a> {
    max_degree: usize,
    /// Number of links per point.
    counts: &'a [u16],
    /// Targets of the links, `max_degree` entries per point.
    targets: &'a [u32],
}

impl Links {
    /// Empty lists of `points` points.
    pub(super) fn none(points: usize, max_degree: usize) -> Self {
        let counts = vec![0; points].into();
        let targets = vec![0; points * max_degree].into();
        Self { max_degree, counts, targets }
    }

    /// The links `lists`, with capacity for the longest list.
    pub(super) fn new<'a>(lists: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let max_degree = lists.clone().map(<[u32]>::len).max().unwrap_or(0);
        let mut links = Self::none(lists.len(), max_degree);
        lists.zip(0..).for_each(|(list, point)| links.set(point, list));
        links
    }

    /// The stored links of `counts.len()` points.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if `targets` does not have `max_degree` entries per point.
    pub(super) fn stored(
        max_degree: usize,
        counts: Column<u16>,
        targets: Column<u32>,
    ) -> Result<Self, DecodeError> {
        let fits = counts.len().checked_mul(max_degree) == Some(targets.len());
        require(fits, "the number of links does not match the number of points")?;
        Ok(Self { max_degree, counts, targets })
    }

    pub(super) fn view(&self) -> LinksView<'_> {
        LinksView { max_degree: self.max_degree, counts: &self.counts, targets: &self.targets }
    }

    /// Number of links per point.
    pub(super) fn counts(&self) -> &Column<u16> {
        &self.counts
    }

    /// Targets of the links, `max_degree` entries per point.
    pub(super) fn targets(&self) -> &Column<u32> {
        &self.targets
    }

    /// Replaces the links of `point`.
    ///
    /// # Panics
    ///
    /// If there are more than `max_degree` links.
    pub(super) fn set(&mut self, point: u32, links: &[u32]) {
        let start = point as usize * self.max_degree;
        let list = &mut self.targets.to_mut()[start..][..self.max_degree];
        list[..links.len()].copy_from_slice(links);
        let count = u16::try_from(links.len()).expect("a degree fits into `u16`");
        self.counts.to_mut()[point as usize] = count;
    }

    /// Number of links that [`add`](Self::add) can add to any list of capacity `max_degree` before added
    /// ones give way.
    pub(super) fn room_to_add(max_degree: usize) -> usize {
        max_degree - max_degree / 2
    }

    /// Adds links after the first half of a full list; its last links give way. So the first half
    /// always remains, and links added earlier give way last.
    pub(super) fn add(&mut self, from: u32, added: &[u32]) {
        let links = self.view().of(from);
        let (first, rest) = links.split_at(links.len().min(self.max_degree / 2));
        let mut links = first.to_vec();
        for link in added.iter().chain(rest) {
            if links.len() < self.max_degree && !links.contains(link) {
                links.push(*link);
            }
        }
        self.set(from, &links);
    }

    /// The same links, with capacity for the longest list.
    pub(super) fn without_spare_room(self) -> Self {
        let longest = self.counts.iter().max().copied().unwrap_or(0);
        if usize::from(longest) == self.max_degree {
            return self;
        }
        Self::new(self.view().lists())
    }
}

impl<'a> LinksView<'a> {
    pub(super) fn new(max_degree: usize, counts: &'a [u16], targets: &'a [u32]) -> Self {
        Self { max_degree, counts, targets }
    }

    /// Number of points.
    pub(super) fn len(self) -> usize {
        self.counts.len()
    }

    /// Maximum number of links per point.
    pub(super) fn max_degree(self) -> usize {
        self.max_degree
    }

    /// Number of links per point.
    pub(super) fn counts(self) -> &'a [u16] {
        self.counts
    }

    /// Targets of the links, `max_degree` entries per point.
    pub(super) fn targets(self) -> &'a [u32] {
        self.targets
    }

    /// Bytes in memory.
    pub(super) fn bytes(self) -> usize {
        size_of_val(self.counts) + size_of_val(self.targets)
    }

    /// The links of `point`.
    pub(super) fn of(self, point: u32) -> &'a [u32] {
        let start = point as usize * self.max_degree;
        &self.targets[start..start + usize::from(self.counts[point as usize])]
    }

    /// The links of all points, in order.
    pub(super) fn lists(self) -> impl ExactSizeIterator<Item = &'a [u32]> + Clone {
        let starts = self.counts.iter().enumerate();
        starts.map(move |(point, count)| {
            &self.targets[point * self.max_degree..][..usize::from(*count)]
        })
    }

    /// Returns `starts` and all points reachable from them in breadth-first order, start by start.
    pub(super) fn by_breadth(self, starts: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut visited = RowSet::none(to_row(self.len()));
        let mut order = Vec::new();
        for start in starts {
            let mut next = order.len();
            if visited.insert(start) {
                order.push(start);
            }
            while let Some(point) = order.get(next).copied() {
                order.extend(self.of(point).iter().filter(|link| visited.insert(**link)));
                next += 1;
            }
        }
        order
    }

    /// Prefetches the links of `point` and their number into the cache.
    pub(super) fn prefetch(self, point: u32) {
        kernel::prefetch(&self.counts[point as usize..][..1]);
        kernel::prefetch(&self.targets[point as usize * self.max_degree..][..self.max_degree]);
    }

    /// Checks every stored number that is used as an index.
    pub(super) fn check(self) -> Result<(), DecodeError> {
        let largest = self.counts.iter().fold(0, |largest, count| largest.max(*count));
        require(
            usize::from(largest) <= self.max_degree,
            "a point has more links than the maximum",
        )?;
        require_below(self.targets, self.len(), "a link leads to no point")
    }
}

/// Checks that all `numbers` are below `bound`; `fault` is the error message.
pub(super) fn require_below(
    numbers: &[u32],
    bound: usize,
    fault: &'static str,
) -> Result<(), DecodeError> {
    // The compiler vectorizes the search for the maximum, but not one that can stop early.
    let largest = numbers.iter().fold(0, |largest, number| largest.max(*number));
    require(numbers.is_empty() || (largest as usize) < bound, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_links_outlast_the_second_half_of_a_list() {
        let mut links = Links::new([&[1, 2, 3, 4, 5, 6][..]; 1].into_iter());
        for added in [7, 8] {
            links.add(0, &[added]);
        }
        assert_eq!(links.view().of(0), [1, 2, 3, 8, 7, 4]);
        for _ in 0..24 {
            links.add(0, &[9, 8, 2]);
        }
        assert_eq!(links.view().of(0), [1, 2, 3, 9, 8, 7]);
        links.add(0, &[10, 11, 12, 13]);
        assert_eq!(links.view().of(0), [1, 2, 3, 10, 11, 12]);
    }
}
