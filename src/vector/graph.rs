//! The frozen graph: links of every layer in flat arrays, and the way down its layers.

use std::{cmp::Ordering, ops::Range};

use serde::{Deserialize, Serialize};

use super::{
    adjacency::{Links, LinksView, require_below},
    beam::Candidate,
    space::Space,
    to_row,
};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections, Tag},
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
/// below. In every array they lie one behind the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upper {
    extents: Vec<Extent>,
    points: Column<u32>,
    below: Column<u32>,
    counts: Column<u16>,
    targets: Column<u32>,
}

/// Where a layer is in the arrays.
#[derive(Clone, Debug, PartialEq)]
struct Extent {
    points: Range<usize>,
    targets: Range<usize>,
    room: usize,
}

/// How large a layer is, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    pub(super) points: u32,
    /// The most links that a point can have.
    pub(super) room: u32,
}

/// A layer above the lowest, for reading. Its links are between places in its list of points.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerView<'a> {
    /// The points on this layer.
    pub(super) points: &'a [u32],
    /// The place of each of them on the layer below; on layer 1, its number.
    pub(super) below: &'a [u32],
    pub(super) links: LinksView<'a>,
}

/// A layer that is to be put on others.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) points: Vec<u32>,
    pub(super) below: Vec<u32>,
    pub(super) links: Links,
}

impl Graph {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let layer = |layer: LayerView| 2 * size_of_val(layer.points) + layer.links.bytes();
        self.base.view().bytes() + self.upper.layers().map(layer).sum::<usize>()
    }

    /// All points in the order of their distance, in links, from the first point of layer 1;
    /// those that it does not lead to come last. Points that are searched together get
    /// numbers that are close together.
    pub(super) fn by_breadth(&self) -> Vec<u32> {
        let base = self.base.view();
        base.by_breadth(0..to_row(base.len()))
    }

    /// The same graph, the point that was `order[i]` now number `i`.
    pub(super) fn reordered(mut self, order: &[u32]) -> Self {
        let mut numbers = vec![0; order.len()];
        for (number, point) in (0..).zip(order) {
            numbers[*point as usize] = number;
        }
        let old = self.base.view();
        let mut base = Links::new(order.iter().map(|point| old.of(*point)));
        base.renumber(&numbers);
        self.upper.renumber(&numbers);
        Self { upper: self.upper, base }
    }

    /// Looks at every number that is used as a place.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let base = self.base.view();
        base.check()?;
        let mut below = base.len();
        for layer in self.upper.layers() {
            // A way down begins at the first point of the highest layer.
            require(base.len() == 0 || !layer.points.is_empty(), "a layer has no point")?;
            require_below(layer.points, base.len(), "a layer has a point that does not exist")?;
            require_below(layer.below, below, "a point is at no place on the layer below")?;
            layer.links.check()?;
            below = layer.points.len();
        }
        Ok(())
    }
}

impl Upper {
    /// The layers `layers`, from layer 1 on.
    pub(super) fn of(layers: &[Layer]) -> Self {
        let records = layers.iter().map(|layer| LayerRecord {
            points: to_row(layer.points.len()),
            room: to_row(layer.links.view().room()),
        });
        Self {
            extents: extents(records),
            points: layers.iter().flat_map(|layer| &layer.points).copied().collect(),
            below: layers.iter().flat_map(|layer| &layer.below).copied().collect(),
            counts: layers.iter().flat_map(|layer| layer.links.counts().iter()).copied().collect(),
            targets: layers
                .iter()
                .flat_map(|layer| layer.links.targets().iter())
                .copied()
                .collect(),
        }
    }

    /// The layers, from layer 1 on.
    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = LayerView<'_>> {
        let (points, below) = (&*self.points, &*self.below);
        let (counts, targets) = (&*self.counts, &*self.targets);
        self.extents.iter().map(move |extent| {
            let Extent { points: at, targets: links, room } = extent.clone();
            LayerView {
                points: &points[at.clone()],
                below: &below[at.clone()],
                links: LinksView::new(room, &counts[at], &targets[links]),
            }
        })
    }

    /// Gives every point the number that is at its place in `numbers`.
    fn renumber(&mut self, numbers: &[u32]) {
        let renumber = |points: &mut [u32]| {
            for point in points {
                *point = numbers[*point as usize];
            }
        };
        renumber(self.points.to_mut());
        if let Some(first) = self.extents.first() {
            renumber(&mut self.below.to_mut()[first.points.clone()]);
        }
    }

    /// Where a search of layer 0 for `query` begins: the point that greedy walks down the
    /// upper layers end at.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 5, steps 4 to 6.
    pub(super) fn entry<S: Space>(&self, space: &S, query: &S::Query) -> u32 {
        let mut place = 0;
        for layer in self.layers().rev() {
            place = layer.below[layer.nearest(space, query, place) as usize];
        }
        place
    }

    /// How large every layer is.
    pub(super) fn records(&self) -> Vec<LayerRecord> {
        let record = |extent: &Extent| LayerRecord {
            points: to_row(extent.points.len()),
            room: to_row(extent.room),
        };
        self.extents.iter().map(record).collect()
    }

    /// What is stored of the layers.
    pub(super) fn parts(&self) -> [Section<'_>; 4] {
        [
            (Tag::LayerPoints, self.points.as_bytes()),
            (Tag::LayerBelow, self.below.as_bytes()),
            (Tag::LayerLinkCounts, self.counts.as_bytes()),
            (Tag::LayerLinks, self.targets.as_bytes()),
        ]
    }

    /// The layers in `sections`, which are as large as `records` say.
    pub(super) fn open(records: &[LayerRecord], sections: &Sections) -> Result<Self, DecodeError> {
        let extents = extents(records.iter().copied());
        let upper = Self {
            points: sections.array(Tag::LayerPoints)?,
            below: sections.array(Tag::LayerBelow)?,
            counts: sections.array(Tag::LayerLinkCounts)?,
            targets: sections.array(Tag::LayerLinks)?,
            extents,
        };
        let (points, targets) =
            upper.extents.last().map_or((0, 0), |last| (last.points.end, last.targets.end));
        let lengths = [upper.points.len(), upper.below.len(), upper.counts.len()];
        let fits = lengths == [points; 3] && upper.targets.len() == targets;
        require(fits, "its layers are not as large as it says")?;
        Ok(upper)
    }
}

/// Where layers of these sizes are.
fn extents(records: impl Iterator<Item = LayerRecord>) -> Vec<Extent> {
    let (mut points, mut targets) = (0_usize, 0_usize);
    let extent = |LayerRecord { points: more, room }| {
        let (first, first_target) = (points, targets);
        // Sizes that no file has stay too large instead of coming round to small ones.
        points = points.saturating_add(more as usize);
        targets = targets.saturating_add((more as usize).saturating_mul(room as usize));
        Extent { points: first..points, targets: first_target..targets, room: room as usize }
    };
    records.map(extent).collect()
}

impl LayerView<'_> {
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
