//! Verification of a graph: every vector can be reached and found.

use rayon::prelude::*;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::{
    adjacency::{DEGREE_FITS, LinksView},
    beam::MIN_EF,
    graph::Graph,
    to_u32,
};
use crate::{HnswIndex, Neighbor, SearchEffort, SearchParams, VectorIndex};

/// Shape of a graph, and whether every vector is found by its own query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GraphReport {
    /// Vectors in the index.
    pub vectors: usize,
    /// Points of the graph: distinct vectors, or distinct codes of eight bits per value if
    /// [`bits_per_value`](Self::bits_per_value) is below 32.
    pub points: usize,
    /// Points per layer, the lowest layer first.
    pub layers: Vec<usize>,
    /// Links on the lowest layer.
    pub links: usize,
    /// `degrees[d]` is the number of points with `d` links on the lowest layer.
    pub degrees: Vec<usize>,
    /// Points that no path of links from the entry point reaches.
    pub unreachable: usize,
    /// Points that their own search does not find along the links, so every search compares them.
    pub always_compared: usize,
    /// Vectors whose own query, with `ef_search` 16, finds neither them nor an equal vector.
    pub self_misses: usize,
    /// Bits per value in which searches compare vectors: 4, or 8 or 32 if the vectors are so close
    /// together that fewer do not discriminate them. Vectors of up to 64 values, and graphs of earlier
    /// versions, have 8 or 32.
    pub bits_per_value: u32,
    /// Bytes in memory of codes, links and point numbers, without the vectors.
    pub bytes: usize,
    /// Hash of the graph and its codes: equal for two builds of the same vectors.
    pub fingerprint: u128,
}

impl GraphReport {
    /// Whether every vector can be found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.self_misses == 0 && self.unreachable <= self.always_compared
    }
}

impl HnswIndex {
    /// Searches for every vector, on the threads of the current `rayon` pool, and reports the shape
    /// of the graph.
    #[must_use]
    pub fn verify(&self) -> GraphReport {
        let base = self.graph.base.view();
        let mut degrees = Vec::new();
        for degree in base.lists().map(<[u32]>::len) {
            degrees.resize(degrees.len().max(degree + 1), 0);
            degrees[degree] += 1;
        }
        let upper = self.graph.upper.layers().map(|layer| layer.points.len());
        GraphReport {
            vectors: self.len(),
            points: base.len(),
            layers: std::iter::once(base.len()).chain(upper).collect(),
            links: base.lists().map(<[u32]>::len).sum(),
            degrees,
            unreachable: base.len() - reachable(&self.graph),
            always_compared: self.always_compared.len(),
            self_misses: (0..self.rows).into_par_iter().filter(|row| !self.finds(*row)).count(),
            bits_per_value: self.precision.bits(),
            bytes: self.codes.bytes()
                + self.coarse.bytes()
                + self.graph.bytes()
                + self.points.bytes(),
            fingerprint: self.fingerprint(),
        }
    }

    /// Whether a search for vector `row` finds it, or a vector at least as close.
    fn finds(&self, row: u32) -> bool {
        let vector = self.vectors.row(row as usize);
        let params =
            SearchParams { k: 1, effort: SearchEffort::Ef(MIN_EF), ..SearchParams::default() };
        // A vector that is damaged in its file cannot be found.
        let Ok(own) = Neighbor::of(vector, &self.vectors, row) else { return false };
        let found = self.search(vector, &params);
        // Rescaling a query of many values can change its last bit.
        let least = own.similarity - 4.0 * f32::EPSILON;
        found.is_ok_and(|found| found.neighbors.iter().any(|one| one.similarity >= least))
    }

    fn fingerprint(&self) -> u128 {
        let mut hash = Xxh3::new();
        update(&mut hash, &self.points.rows);
        self.codes.hash(&mut hash);
        self.graph.base.view().hash(&mut hash);
        for layer in self.graph.upper.layers() {
            update(&mut hash, layer.points);
            layer.links.hash(&mut hash);
        }
        update(&mut hash, &self.always_compared);
        hash.digest128()
    }
}

impl LinksView<'_> {
    fn hash(self, hash: &mut Xxh3) {
        for list in self.lists() {
            update(hash, &[to_u32(list.len(), DEGREE_FITS)]);
            update(hash, list);
        }
    }
}

fn update(hash: &mut Xxh3, numbers: &[u32]) {
    for number in numbers {
        hash.update(&number.to_le_bytes());
    }
}

/// Number of points of layer 0 that paths from the entry point lead to.
fn reachable(graph: &Graph) -> usize {
    let base = graph.base.view();
    if base.len() == 0 {
        return 0;
    }
    let mut places = vec![0];
    for layer in graph.upper.layers().rev() {
        let reached = layer.links.by_breadth(places);
        places = reached.into_iter().map(|place| layer.below[place as usize]).collect();
    }
    base.by_breadth(places).len()
}
