//! The graph of a segment, read from docs/FORMAT.md alone.

use std::collections::HashSet;

use crate::bytes::{File, Record};

/// What a segment's record says of its graph.
pub struct Shape {
    m: u32,
    ef_construction: u32,
    by_codes: bool,
    room: u32,
    /// Points on each layer from 1 on, and room for their links.
    layers: Vec<(u32, u32)>,
}

impl Shape {
    pub fn read(record: &mut Record) -> Self {
        Self {
            m: record.u32(),
            ef_construction: record.u32(),
            by_codes: record.bool(),
            room: record.u32(),
            layers: record.list(|record| (record.u32(), record.u32())),
        }
    }
}

pub struct Graph {
    pub m: u32,
    pub ef_construction: u32,
    /// Whether it is searched by codes.
    pub by_codes: bool,
    /// The first row of each point.
    pub first_rows: Vec<usize>,
    /// The point of each row.
    pub points_of_rows: Vec<usize>,
    /// The links of every point, by their numbers.
    pub links: Vec<Vec<usize>>,
    /// Layer 1 and up.
    pub layers: Vec<Layer>,
    pub strays: Vec<usize>,
}

pub struct Layer {
    pub points: Vec<usize>,
    /// Of each place, its place on the layer below.
    pub below: Vec<usize>,
    /// Of each place, the places that it is linked with.
    pub links: Vec<Vec<usize>>,
}

impl Graph {
    pub fn read(file: &File, shape: &Shape, rows: usize) -> Self {
        let first_rows = numbers(&file.u32s(70));
        let (links, lengths) = (file.u32s(80), file.u16s(81));
        let graph = Self {
            links: rooms(&links, &lengths, shape.room),
            points_of_rows: numbers(&file.u32s(71)),
            layers: layers(file, &shape.layers),
            strays: numbers(&file.u32s(86)),
            first_rows,
            m: shape.m,
            ef_construction: shape.ef_construction,
            by_codes: shape.by_codes,
        };
        graph.check_points(file, rows);
        graph.check_links();
        graph
    }

    fn check_points(&self, file: &File, rows: usize) {
        assert_eq!(self.points_of_rows.len(), rows);
        for (point, first) in self.first_rows.iter().enumerate() {
            assert_eq!(self.points_of_rows.iter().position(|of| *of == point), Some(*first));
        }
        let further = file.arrays::<8>(72);
        let further: Vec<(usize, usize)> = further
            .iter()
            .map(|pair| Record::whole(pair, |pair| (pair.u32() as usize, pair.u32() as usize)))
            .collect();
        let rows = self.points_of_rows.iter().enumerate();
        let mut wanted: Vec<_> = rows
            .filter(|(row, point)| self.first_rows[**point] != *row)
            .map(|(row, point)| (*point, row))
            .collect();
        wanted.sort_unstable();
        assert_eq!(further, wanted);
    }

    fn check_links(&self) {
        let points = self.first_rows.len();
        check_links(&self.links, points);
        let mut below: Vec<usize> = (0..points).collect();
        for layer in &self.layers {
            check_links(&layer.links, layer.points.len());
            assert!(layer.points.iter().collect::<HashSet<_>>().len() == layer.points.len());
            let led: Vec<_> = layer.below.iter().map(|place| below[*place]).collect();
            assert_eq!(led, layer.points, "a place below is that of the same point");
            below.clone_from(&layer.points);
        }
        assert!(self.strays.is_sorted_by(|a, b| a < b));
        assert!(self.strays.iter().all(|stray| *stray < points));
    }

    /// Where a search begins: the first point of the highest layer.
    pub fn start(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.points[0])
    }

    /// Which points links lead to from `start` on layer 0.
    pub fn reached(&self, start: usize) -> HashSet<usize> {
        let (mut reached, mut waiting) = (HashSet::from([start]), vec![start]);
        while let Some(point) = waiting.pop() {
            waiting.extend(self.links[point].iter().filter(|link| reached.insert(**link)));
        }
        reached
    }
}

/// Every one has its own list; all lead to one of `points` others, none twice.
fn check_links(links: &[Vec<usize>], points: usize) {
    assert_eq!(links.len(), points);
    for (from, links) in links.iter().enumerate() {
        assert!(links.iter().all(|link| *link < points && *link != from));
        assert_eq!(links.iter().collect::<HashSet<_>>().len(), links.len());
    }
}

fn layers(file: &File, shapes: &[(u32, u32)]) -> Vec<Layer> {
    let (points, below) = (numbers(&file.u32s(82)), numbers(&file.u32s(83)));
    let (links, lengths) = (file.u32s(84), file.u16s(85));
    let (mut points, mut below, mut links, mut lengths) =
        (&points[..], &below[..], &links[..], &lengths[..]);
    let layer = |(len, room): &(u32, u32)| {
        let (len, room_of_all) = (*len as usize, (len * room) as usize);
        let taken = split(&mut links, room_of_all);
        Layer {
            points: split(&mut points, len).to_vec(),
            below: split(&mut below, len).to_vec(),
            links: rooms(taken, split(&mut lengths, len), *room),
        }
    };
    let layers = shapes.iter().map(layer).collect();
    assert!(points.is_empty() && below.is_empty() && links.is_empty() && lengths.is_empty());
    layers
}

/// The first `len` of `rest`, which keeps the others.
fn split<'s, T>(rest: &mut &'s [T], len: usize) -> &'s [T] {
    let (first, others) = rest.split_at(len);
    *rest = others;
    first
}

/// The first `lengths` of each `room`.
fn rooms(links: &[u32], lengths: &[u16], room: u32) -> Vec<Vec<usize>> {
    assert_eq!(links.len(), lengths.len() * room as usize);
    assert!(links.iter().all(|link| (*link as usize) < lengths.len()), "in what is left, too");
    let room =
        |(at, len): (usize, &u16)| numbers(&links[at * room as usize..][..usize::from(*len)]);
    lengths.iter().enumerate().map(room).collect()
}

fn numbers(values: &[u32]) -> Vec<usize> {
    values.iter().map(|value| *value as usize).collect()
}
