//! Links of points, in rooms of one size.

use super::{RowSet, kernel, to_row};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
};

/// Links of points, each with room for as many: where they are follows from the number of
/// the point, so that they can be fetched before anything else is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Links {
    room: usize,
    counts: Column<u16>,
    targets: Column<u32>,
}

/// The links of some points, for reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinksView<'a> {
    room: usize,
    /// How many links every point has.
    counts: &'a [u16],
    /// Where they lead, room after room.
    targets: &'a [u32],
}

impl Links {
    /// No links yet, with room for `room` at each of `points`.
    pub(super) fn none(points: usize, room: usize) -> Self {
        let (counts, targets) = (vec![0; points].into(), vec![0; points * room].into());
        Self { room, counts, targets }
    }

    /// The links `lists`, with room for the longest of them.
    pub(super) fn new<'a>(lists: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let room = lists.clone().map(<[u32]>::len).max().unwrap_or(0);
        let mut links = Self::none(lists.len(), room);
        lists.zip(0..).for_each(|(list, point)| links.set(point, list));
        links
    }

    /// The links of `counts.len()` points, of which each has room for `room`.
    pub(super) fn stored(
        room: usize,
        counts: Column<u16>,
        targets: Column<u32>,
    ) -> Result<Self, DecodeError> {
        let fits = counts.len().checked_mul(room) == Some(targets.len());
        require(fits, "it has links of another number of points")?;
        Ok(Self { room, counts, targets })
    }

    pub(super) fn view(&self) -> LinksView<'_> {
        LinksView { room: self.room, counts: &self.counts, targets: &self.targets }
    }

    /// How many links every point has.
    pub(super) fn counts(&self) -> &Column<u16> {
        &self.counts
    }

    /// Where the links lead, room after room.
    pub(super) fn targets(&self) -> &Column<u32> {
        &self.targets
    }

    /// Makes `links`, of which there is room for all, those of `point`.
    pub(super) fn set(&mut self, point: u32, links: &[u32]) {
        let room = &mut self.targets.to_mut()[point as usize * self.room..][..self.room];
        room[..links.len()].copy_from_slice(links);
        self.counts.to_mut()[point as usize] = u16::try_from(links.len()).unwrap_or(u16::MAX);
    }

    /// Adds links; where there is not enough room, they take the place of the last ones, but
    /// of at most half of them.
    pub(super) fn add(&mut self, from: u32, added: &[u32]) {
        let added = &added[..added.len().min(self.room.div_ceil(2))];
        let links = self.view().of(from);
        let kept = links.len().min(self.room - added.len());
        let links = [&links[..kept], added].concat();
        self.set(from, &links);
    }

    /// Gives every target, linked or only room for a link, the number that is at its place in
    /// `numbers`.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        for target in self.targets.to_mut() {
            *target = numbers[*target as usize];
        }
    }
}

impl<'a> LinksView<'a> {
    pub(super) fn new(room: usize, counts: &'a [u16], targets: &'a [u32]) -> Self {
        Self { room, counts, targets }
    }

    /// Number of points.
    pub(super) fn len(self) -> usize {
        self.counts.len()
    }

    /// The most links that a point can have.
    pub(super) fn room(self) -> usize {
        self.room
    }

    /// Bytes in memory.
    pub(super) fn bytes(self) -> usize {
        size_of_val(self.counts) + size_of_val(self.targets)
    }

    /// The links of `point`.
    pub(super) fn of(self, point: u32) -> &'a [u32] {
        let start = point as usize * self.room;
        &self.targets[start..start + usize::from(self.counts[point as usize])]
    }

    /// The links of all points, in order.
    pub(super) fn lists(self) -> impl ExactSizeIterator<Item = &'a [u32]> + Clone {
        let starts = self.counts.iter().enumerate();
        starts.map(move |(at, count)| &self.targets[at * self.room..][..usize::from(*count)])
    }

    /// `starts` and all that their links lead to, start by start, in the order of their
    /// distance from it.
    pub(super) fn by_breadth(self, starts: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut seen = RowSet::none(to_row(self.len()));
        let mut order = Vec::new();
        for start in starts {
            let mut next = order.len();
            if seen.insert(start) {
                order.push(start);
            }
            while let Some(point) = order.get(next).copied() {
                order.extend(self.of(point).iter().filter(|link| seen.insert(**link)));
                next += 1;
            }
        }
        order
    }

    /// Asks for the links of `point` to be brought into the cache.
    pub(super) fn prefetch(self, point: u32) {
        kernel::prefetch(&self.targets[point as usize * self.room..][..self.room]);
    }

    /// Looks at every number that is used as a place.
    pub(super) fn check(self) -> Result<(), DecodeError> {
        let most = self.counts.iter().fold(0, |most, count| most.max(*count));
        require(usize::from(most) <= self.room, "a point has more links than there is room for")?;
        require_below(self.targets, self.len(), "a link leads to no point")
    }
}

/// Refuses `numbers` unless all are below `bound`.
pub(super) fn require_below(
    numbers: &[u32],
    bound: usize,
    check: &'static str,
) -> Result<(), DecodeError> {
    // The largest is found many at a time; the first that is too large would be one at a time.
    let largest = numbers.iter().fold(0, |largest, number| largest.max(*number));
    require(numbers.is_empty() || (largest as usize) < bound, check)
}
