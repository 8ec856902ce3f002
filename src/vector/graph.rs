//! The built graph: the links of every layer in flat arrays, and the descent through the layers.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    adjacency::{DEGREE_FITS, Links, LinksView, require_below},
    beam::ScoredPoint,
    space::Space,
    to_row, to_u32,
};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections},
    tag::Tag,
};

/// A navigable graph over points that are numbered from 0.
///
/// It holds no vectors: searches compare points by a [`Space`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    /// Layers 1 and up.
    pub(super) upper: UpperLayers,
    /// Links of layer 0, which has all points.
    pub(super) base: Links,
}

/// The layers from layer 1 on, each with a small share of the points of the layer below. Each field
/// concatenates one array of all layers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UpperLayers {
    extents: Vec<LayerExtent>,
    points: Column<u32>,
    below: Column<u32>,
    counts: Column<u16>,
    targets: Column<u32>,
}

/// Ranges of a layer in the arrays of [`UpperLayers`].
#[derive(Clone, Debug, PartialEq)]
struct LayerExtent {
    points: Range<usize>,
    targets: Range<usize>,
    max_degree: usize,
}

/// Size of a layer as stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    pub(super) points: u32,
    /// Maximum number of links per point.
    pub(super) max_degree: u32,
}

/// A borrowed upper layer. Its links are places in `points`, not point numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerView<'a> {
    /// Point numbers, by place.
    pub(super) points: &'a [u32],
    /// Place of each point on the layer below; on layer 1, its number.
    pub(super) below: &'a [u32],
    pub(super) links: LinksView<'a>,
}

/// An upper layer under construction; fields as in [`LayerView`].
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

    /// Makes layer 0 another upper layer, for a graph of more points. Its points keep their numbers.
    pub(super) fn into_upper_layers(self) -> UpperLayers {
        let links = self.base.without_spare_room();
        let points: Vec<u32> = (0..to_row(links.view().len())).collect();
        let lowest = LayerView { points: &points, below: &points, links: links.view() };
        UpperLayers::of([lowest].into_iter().chain(self.upper.layers()))
    }

    /// Checks every stored number that is used as an index.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let base = self.base.view();
        base.check()?;
        let mut below = base.len();
        for layer in self.upper.layers() {
            // The descent starts at the first point of the highest layer.
            require(base.len() == 0 || !layer.points.is_empty(), "a layer has no point")?;
            require_below(layer.points, base.len(), "a layer has a point that does not exist")?;
            require_below(layer.below, below, "a point is not on the layer below")?;
            layer.links.check()?;
            below = layer.points.len();
        }
        Ok(())
    }
}

/// Returns the numbers that `order` gives: the place of each point in it.
pub(super) fn inverse(order: &[u32]) -> Vec<u32> {
    let mut numbers = vec![0; order.len()];
    for (number, point) in (0..).zip(order) {
        numbers[*point as usize] = number;
    }
    numbers
}

impl UpperLayers {
    /// Concatenates `layers`, from layer 1 on.
    pub(super) fn of<'a>(layers: impl Iterator<Item = LayerView<'a>> + Clone) -> Self {
        let records = layers.clone().map(|layer| LayerRecord {
            points: to_row(layer.points.len()),
            max_degree: to_u32(layer.links.max_degree(), DEGREE_FITS),
        });
        Self {
            extents: extents(records).expect("the layers are in memory"),
            points: layers.clone().flat_map(|layer| layer.points).copied().collect(),
            below: layers.clone().flat_map(|layer| layer.below).copied().collect(),
            counts: layers.clone().flat_map(|layer| layer.links.counts()).copied().collect(),
            targets: layers.flat_map(|layer| layer.links.targets()).copied().collect(),
        }
    }

    /// The layers, from layer 1 on.
    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = LayerView<'_>> + Clone {
        self.extents.iter().map(move |extent| {
            let points = extent.points.clone();
            let counts = &self.counts[points.clone()];
            let targets = &self.targets[extent.targets.clone()];
            LayerView {
                points: &self.points[points.clone()],
                below: &self.below[points],
                links: LinksView::new(extent.max_degree, counts, targets),
            }
        })
    }

    /// Replaces every point `p` by `numbers[p]`.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
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

    /// Returns the entry point on layer 0 for `query`, by greedy descent through the upper layers. While
    /// the points of layer 1 are the first ones, it is a place on that layer as well.
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

    /// Sizes of the layers.
    pub(super) fn records(&self) -> Vec<LayerRecord> {
        let record = |extent: &LayerExtent| LayerRecord {
            points: to_row(extent.points.len()),
            max_degree: to_u32(extent.max_degree, DEGREE_FITS),
        };
        self.extents.iter().map(record).collect()
    }

    /// Sections of the layers.
    pub(super) fn sections(&self) -> [Section<'_>; 4] {
        [
            Section::new(Tag::LayerPoints, self.points.as_bytes()),
            Section::new(Tag::LayerBelow, self.below.as_bytes()),
            Section::new(Tag::LayerLinkCounts, self.counts.as_bytes()),
            Section::new(Tag::LayerLinks, self.targets.as_bytes()),
        ]
    }

    /// Opens layers of the sizes `records` in `sections`.
    pub(super) fn open(records: &[LayerRecord], sections: &Sections) -> Result<Self, DecodeError> {
        let extents = extents(records.iter().copied())
            .ok_or(DecodeError::Corrupt("the recorded sizes of the layers overflow"))?;
        let upper = Self {
            points: sections.column(Tag::LayerPoints)?,
            below: sections.column(Tag::LayerBelow)?,
            counts: sections.column(Tag::LayerLinkCounts)?,
            targets: sections.column(Tag::LayerLinks)?,
            extents,
        };
        let last = upper.extents.last();
        let points = last.map_or(0, |last| last.points.end);
        let targets = last.map_or(0, |last| last.targets.end);
        let lengths = [upper.points.len(), upper.below.len(), upper.counts.len()];
        let fits = lengths == [points; 3] && upper.targets.len() == targets;
        require(fits, "the layers do not have the recorded sizes")?;
        Ok(upper)
    }
}

/// Returns the ranges of layers of the given sizes; `None` if their sum overflows.
fn extents(records: impl Iterator<Item = LayerRecord>) -> Option<Vec<LayerExtent>> {
    let mut points_end = 0_usize;
    let mut targets_end = 0_usize;
    let extent = |record: LayerRecord| {
        let points_start = points_end;
        let targets_start = targets_end;
        let max_degree = record.max_degree as usize;
        let targets = (record.points as usize).checked_mul(max_degree)?;
        points_end = points_start.checked_add(record.points as usize)?;
        targets_end = targets_start.checked_add(targets)?;
        let points = points_start..points_end;
        Some(LayerExtent { points, targets: targets_start..targets_end, max_degree })
    };
    records.map(extent).collect()
}

impl Layer {
    pub(super) fn view(&self) -> LayerView<'_> {
        LayerView { points: &self.points, below: &self.below, links: self.links.view() }
    }
}

impl LayerView<'_> {
    /// Follows links from `place` to closer points until no link leads to a closer one; returns the
    /// last place.
    fn nearest<S: Space>(&self, space: &S, query: &S::Query, mut place: u32) -> u32 {
        let mut similarities = Vec::new();
        space.similarities(query, &[self.points[place as usize]], &mut similarities);
        let mut nearest = ScoredPoint::new(similarities[0], place);
        let mut points = Vec::new();
        loop {
            let links = self.links.of(place);
            points.clear();
            points.extend(links.iter().map(|place| self.points[*place as usize]));
            space.similarities(query, &points, &mut similarities);
            let candidates = similarities.iter().zip(links);
            let closest =
                candidates.map(|(similarity, place)| ScoredPoint::new(*similarity, *place)).min();
            match closest {
                Some(closest) if closest < nearest => nearest = closest,
                _ => return place,
            }
            place = nearest.point();
        }
    }
}
