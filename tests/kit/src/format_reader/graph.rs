//! The graph of a segment.

use std::collections::HashSet;

use crate::format_reader::bytes::{File, Record};

/// The graph's part of a segment's record.
#[derive(Debug)]
pub struct GraphRecord {
    m: u32,
    ef_construction: u32,
    quantized: bool,
    /// Links of a point on layer 0 at most.
    max_degree: u32,
    /// The layers from 1 on.
    layers: Vec<LayerRecord>,
}

#[derive(Debug)]
struct LayerRecord {
    points: u32,
    max_degree: u32,
}

impl GraphRecord {
    pub fn read(record: &mut Record) -> Self {
        Self {
            m: record.u32(),
            ef_construction: record.u32(),
            quantized: record.bool(),
            max_degree: record.u32(),
            layers: record
                .list(|record| LayerRecord { points: record.u32(), max_degree: record.u32() }),
        }
    }
}

#[derive(Debug)]
pub struct Graph {
    pub m: u32,
    pub ef_construction: u32,
    /// Whether searches compare codes.
    pub quantized: bool,
    /// The first row of each point.
    pub first_rows: Vec<usize>,
    /// The point of each row.
    pub points_of_rows: Vec<usize>,
    /// The rows whose vector is not that of the first row of their point.
    pub distinct_rows: Vec<usize>,
    /// Per point the points that it is linked with, on layer 0.
    pub links: Vec<Vec<usize>>,
    /// The layers from 1 on.
    pub layers: Vec<Layer>,
    pub always_compared: Vec<usize>,
}

/// A layer above layer 0; its points have places in their order.
#[derive(Debug)]
pub struct Layer {
    pub points: Vec<usize>,
    /// Per place its place on the layer below.
    pub below: Vec<usize>,
    /// Per place the places that it is linked with.
    pub links: Vec<Vec<usize>>,
}

impl Graph {
    pub fn read(file: &File, record: &GraphRecord, rows: usize) -> Self {
        let graph = Self {
            links: lists(&file.u32s(80), &file.u16s(81), record.max_degree),
            points_of_rows: numbers(&file.u32s(71)),
            layers: layers(file, &record.layers),
            always_compared: numbers(&file.u32s(86)),
            first_rows: numbers(&file.u32s(70)),
            distinct_rows: if file.tags().contains(&73) { numbers(&file.u32s(73)) } else { vec![] },
            m: record.m,
            ef_construction: record.ef_construction,
            quantized: record.quantized,
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
        let pair = |record: &mut Record| (record.u32() as usize, record.u32() as usize);
        let stored = file.arrays::<8>(72);
        let stored: Vec<_> = stored.iter().map(|bytes| Record::whole(bytes, pair)).collect();
        let rows = self.points_of_rows.iter().enumerate();
        let mut duplicates: Vec<_> = rows
            .filter(|(row, point)| self.first_rows[**point] != *row)
            .map(|(row, point)| (*point, row))
            .collect();
        duplicates.sort_unstable();
        assert_eq!(stored, duplicates);
    }

    fn check_links(&self) {
        let points = self.first_rows.len();
        check_links(&self.links, points);
        let mut below: Vec<usize> = (0..points).collect();
        for layer in &self.layers {
            check_links(&layer.links, layer.points.len());
            assert!(layer.points.iter().collect::<HashSet<_>>().len() == layer.points.len());
            let points_below: Vec<_> = layer.below.iter().map(|place| below[*place]).collect();
            assert_eq!(points_below, layer.points, "a place below is that of the same point");
            below.clone_from(&layer.points);
        }
        assert!(self.always_compared.is_sorted_by(|a, b| a < b));
        assert!(self.always_compared.iter().all(|point| *point < points));
    }

    /// Checks which vectors are equal to that of the first row of their point.
    pub fn check_distinct(&self, vectors: &[Vec<f32>]) {
        let first_of = |row: usize| self.first_rows[self.points_of_rows[row]];
        let rows = 0..vectors.len();
        let distinct: Vec<_> =
            rows.filter(|row| vectors[*row] != vectors[first_of(*row)]).collect();
        assert_eq!(self.distinct_rows, distinct);
    }

    /// The point where a search starts: the first one of the highest layer.
    pub fn start(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.points[0])
    }

    /// The points that links of layer 0 lead to from `start`.
    pub fn reached(&self, start: usize) -> HashSet<usize> {
        let mut reached = HashSet::from([start]);
        let mut waiting = vec![start];
        while let Some(point) = waiting.pop() {
            waiting.extend(self.links[point].iter().filter(|link| reached.insert(**link)));
        }
        reached
    }
}

/// There is a list for each of `points`; it holds other points, none twice.
fn check_links(links: &[Vec<usize>], points: usize) {
    assert_eq!(links.len(), points);
    for (from, links) in links.iter().enumerate() {
        assert!(links.iter().all(|link| *link < points && *link != from));
        assert_eq!(links.iter().collect::<HashSet<_>>().len(), links.len());
    }
}

fn layers(file: &File, records: &[LayerRecord]) -> Vec<Layer> {
    let all_points = numbers(&file.u32s(82));
    let all_below = numbers(&file.u32s(83));
    let all_links = file.u32s(84);
    let all_lengths = file.u16s(85);
    let mut place = 0;
    let mut link = 0;
    let mut layers = Vec::with_capacity(records.len());
    for record in records {
        let places = place..place + record.points as usize;
        let links = link..link + (record.points * record.max_degree) as usize;
        place = places.end;
        link = links.end;
        layers.push(Layer {
            points: all_points[places.clone()].to_vec(),
            below: all_below[places.clone()].to_vec(),
            links: lists(&all_links[links], &all_lengths[places], record.max_degree),
        });
    }
    assert_eq!([all_points.len(), all_below.len(), all_lengths.len()], [place; 3]);
    assert_eq!(all_links.len(), link);
    layers
}

/// The lists in slots of `max_degree` numbers: the first of each slot, as many as `lengths` says.
fn lists(links: &[u32], lengths: &[u16], max_degree: u32) -> Vec<Vec<usize>> {
    let slot = max_degree as usize;
    assert_eq!(links.len(), lengths.len() * slot);
    assert!(links.iter().all(|link| (*link as usize) < lengths.len()), "unused entries as well");
    let list = |(at, len): (usize, &u16)| numbers(&links[at * slot..][..usize::from(*len)]);
    lengths.iter().enumerate().map(list).collect()
}

fn numbers(values: &[u32]) -> Vec<usize> {
    values.iter().map(|value| *value as usize).collect()
}
