//! The frozen graph: links of every layer in flat arrays, and the way down its layers.

use std::cmp::Ordering;

use crate::index::{
    RowSet,
    space::Space,
    walk::{Candidate, Links},
};

/// A navigable graph over points that are numbered from 0.
///
/// It knows no vector: what it is searched with is a [`Space`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    /// Layers 1 and up.
    pub(super) upper: Upper,
    /// Links of layer 0, on which every point is.
    pub(super) base: FlatLinks,
}

/// The layers above the lowest, from layer 1 on: each a small share of the points of the one
/// below.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upper(pub(super) Vec<Layer>);

/// Links of all points: those of point `i` are `targets[starts[i]..starts[i + 1]]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FlatLinks {
    starts: Vec<usize>,
    targets: Vec<u32>,
}

/// A layer above the lowest. Its links are between places in its list of points.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// The points on this layer.
    pub(super) points: Vec<u32>,
    /// The place of each of them on the layer below; on layer 1, its number.
    pub(super) below: Vec<u32>,
    pub(super) links: FlatLinks,
}

impl FlatLinks {
    pub(super) fn new<'a>(lists: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        starts.push(0);
        starts.extend(lists.clone().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        let mut targets = Vec::with_capacity(starts.last().copied().unwrap_or(0));
        lists.for_each(|list| targets.extend_from_slice(list));
        Self { starts, targets }
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.targets)
    }

    /// The lists, in order.
    pub(super) fn lists(&self) -> impl ExactSizeIterator<Item = &[u32]> + Clone {
        self.starts.windows(2).map(|ends| &self.targets[ends[0]..ends[1]])
    }

    /// The same links with those of `added` (from, to) at the end of their lists.
    pub(super) fn with(&self, added: &[(u32, u32)]) -> Self {
        let mut lists: Vec<Vec<u32>> = self.lists().map(<[u32]>::to_vec).collect();
        for &(from, to) in added {
            lists[from as usize].push(to);
        }
        Self::new(lists.iter().map(Vec::as_slice))
    }
}

impl Links for FlatLinks {
    fn of(&self, point: u32) -> &[u32] {
        let point = point as usize;
        &self.targets[self.starts[point]..self.starts[point + 1]]
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
        let points = super::as_rows(self.base.len());
        let mut seen = RowSet::none(points);
        let mut order = Vec::with_capacity(self.base.len());
        for start in 0..points {
            let mut next = order.len();
            if seen.insert(start) {
                order.push(start);
            }
            while let Some(point) = order.get(next).copied() {
                order.extend(self.base.of(point).iter().filter(|link| seen.insert(**link)));
                next += 1;
            }
        }
        order
    }

    /// The same graph, the point that was `order[i]` now number `i`.
    pub(super) fn reordered(&self, order: &[u32]) -> Self {
        let mut numbers = vec![0; order.len()];
        for (number, point) in (0..).zip(order) {
            numbers[*point as usize] = number;
        }
        let renumber = |points: &[u32]| -> Vec<u32> {
            points.iter().map(|point| numbers[*point as usize]).collect()
        };
        let lists: Vec<Vec<u32>> =
            order.iter().map(|point| renumber(self.base.of(*point))).collect();
        let mut upper = self.upper.clone();
        for layer in &mut upper.0 {
            layer.points = renumber(&layer.points);
        }
        if let Some(first) = upper.0.first_mut() {
            first.below = first.points.clone();
        }
        Self { upper, base: FlatLinks::new(lists.iter().map(Vec::as_slice)) }
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
