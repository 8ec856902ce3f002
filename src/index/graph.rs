//! The frozen graph: links of every layer in flat arrays, and the way down its layers.

use std::cmp::Ordering;

use crate::{
    index::{RowSet, space::Space, walk::Candidate},
    kernel,
};

/// A navigable graph over points that are numbered from 0.
///
/// It knows no vector: what it is searched with is a [`Space`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    /// Layers 1 and up.
    pub(super) upper: Upper,
    /// Links of layer 0, on which every point is.
    pub(super) base: Links,
}

/// The layers above the lowest, from layer 1 on: each a small share of the points of the one
/// below.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upper(pub(super) Vec<Layer>);

/// Links of points, each with room for as many: where they are follows from the number of
/// the point, so that they can be fetched before anything else is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Links {
    room: usize,
    lengths: Vec<u16>,
    targets: Vec<u32>,
}

/// A layer above the lowest. Its links are between places in its list of points.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// The points on this layer.
    pub(super) points: Vec<u32>,
    /// The place of each of them on the layer below; on layer 1, its number.
    pub(super) below: Vec<u32>,
    pub(super) links: Links,
}

impl Links {
    /// No links yet, with room for `room` at each of `points`.
    pub(super) fn none(points: usize, room: usize) -> Self {
        Self { room, lengths: vec![0; points], targets: vec![0; points * room] }
    }

    /// The links `lists`, with room for the longest of them.
    pub(super) fn new<'a>(lists: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let room = lists.clone().map(<[u32]>::len).max().unwrap_or(0);
        let mut links = Self::none(lists.len(), room);
        lists.zip(0..).for_each(|(list, point)| links.set(point, list));
        links
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// The most links that a point can have.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.lengths) + size_of_val(&*self.targets)
    }

    /// The links of `point`.
    pub(super) fn of(&self, point: u32) -> &[u32] {
        let start = point as usize * self.room;
        &self.targets[start..start + usize::from(self.lengths[point as usize])]
    }

    /// The links of all points, in order.
    pub(super) fn lists(&self) -> impl ExactSizeIterator<Item = &[u32]> + Clone {
        let starts = self.lengths.iter().enumerate().map(|(point, len)| (point * self.room, len));
        starts.map(|(start, len)| &self.targets[start..start + usize::from(*len)])
    }

    /// Makes `links`, of which there is room for all, those of `point`.
    pub(super) fn set(&mut self, point: u32, links: &[u32]) {
        let room = &mut self.targets[point as usize * self.room..][..self.room];
        room[..links.len()].copy_from_slice(links);
        self.lengths[point as usize] = u16::try_from(links.len()).unwrap_or(u16::MAX);
    }

    /// Adds links; where there is not enough room, they take the place of the last ones, but
    /// of at most half of them.
    pub(super) fn add(&mut self, from: u32, added: &[u32]) {
        let added = &added[..added.len().min(self.room.div_ceil(2))];
        let links = self.of(from);
        let kept = links.len().min(self.room - added.len());
        let links = [&links[..kept], added].concat();
        self.set(from, &links);
    }

    /// `starts` and all that their links lead to, start by start, in the order of their
    /// distance from it.
    pub(super) fn by_breadth(&self, starts: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut seen = RowSet::none(super::as_rows(self.len()));
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
    pub(super) fn prefetch(&self, point: u32) {
        kernel::prefetch(&self.targets[point as usize * self.room..][..self.room]);
    }
}

impl Graph {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let layer = |layer: &Layer| 2 * size_of_val(&*layer.points) + layer.links.bytes();
        self.base.bytes() + self.upper.0.iter().map(layer).sum::<usize>()
    }

    /// All points in the order of their distance, in links, from the first point of layer 1;
    /// those that it does not lead to come last. Points that are searched together get
    /// numbers that are close together.
    pub(super) fn by_breadth(&self) -> Vec<u32> {
        self.base.by_breadth(0..super::as_rows(self.base.len()))
    }

    /// The same graph, the point that was `order[i]` now number `i`.
    pub(super) fn reordered(mut self, order: &[u32]) -> Self {
        let mut numbers = vec![0; order.len()];
        for (number, point) in (0..).zip(order) {
            numbers[*point as usize] = number;
        }
        let renumber = |points: &mut [u32]| {
            for point in points {
                *point = numbers[*point as usize];
            }
        };
        let mut base = Links::new(order.iter().map(|point| self.base.of(*point)));
        renumber(&mut base.targets);
        for layer in &mut self.upper.0 {
            renumber(&mut layer.points);
        }
        if let Some(first) = self.upper.0.first_mut() {
            renumber(&mut first.below);
        }
        Self { upper: self.upper, base }
    }
}

impl Upper {
    /// Where a search of layer 0 for `query` begins: the point that greedy walks down the
    /// upper layers end at.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 5, steps 4 to 6.
    pub(super) fn entry<S: Space>(&self, space: &S, query: &S::Query) -> u32 {
        let mut place = 0;
        for layer in self.0.iter().rev() {
            place = layer.below[layer.nearest(space, query, place) as usize];
        }
        place
    }
}

impl Layer {
    /// The place to which no link offers a closer one, starting from `place`.
    fn nearest<S: Space>(&self, space: &S, query: &S::Query, mut place: u32) -> u32 {
        let mut similarities = Vec::new();
        space.similarities(query, &[self.points[place as usize]], &mut similarities);
        let mut nearest = Candidate::new(similarities[0], place);
        let mut points = Vec::new();
        loop {
            let links = self.links.of(place);
            points.clear();
            points.extend(links.iter().map(|place| self.points[*place as usize]));
            space.similarities(query, &points, &mut similarities);
            let candidates = similarities.iter().zip(links);
            match candidates.map(|(similarity, place)| Candidate::new(*similarity, *place)).min() {
                Some(closer) if closer.cmp(&nearest) == Ordering::Less => nearest = closer,
                _ => return place,
            }
            place = nearest.point();
        }
    }
}
