//! The highest layers: a graph over a sample of the points, built by `hnsw_rs`. No other file uses it.

use std::sync::{Mutex, PoisonError};

use hnsw_rs::prelude::{Distance, Hnsw};

use super::{
    HnswParams,
    adjacency::Links,
    graph::{Layer, UpperLayers},
    space::Space,
};
use crate::{Result, work::WorkMonitor};

/// `1 - similarity` of two points. `hnsw_rs` gets point numbers, since it would copy every vector.
struct PointDistance<'a, S: Space> {
    space: &'a S,
    /// `hnsw_rs` compares one point with many, one after the other.
    last: Mutex<LoadedPoint<S::Query>>,
}

/// A point prepared for comparisons.
#[derive(Default)]
struct LoadedPoint<Q> {
    point: Option<u32>,
    query: Q,
    /// Reused by all comparisons.
    similarities: Vec<f32>,
}

impl<'a, S: Space> PointDistance<'a, S> {
    fn new(space: &'a S) -> Self {
        Self { space, last: Mutex::default() }
    }
}

impl<S: Space> Distance<u32> for PointDistance<'_, S> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let LoadedPoint { point, query, similarities } = &mut *last;
        if *point != Some(a[0]) {
            self.space.load(a[0], query);
            *point = Some(a[0]);
        }
        self.space.similarities(query, b, similarities);
        // Clamped, since `hnsw_rs` rejects a distance that rounding made negative.
        (1.0 - similarities[0]).max(0.0)
    }
}

/// Maximum number of layers in `hnsw_rs`.
const MAX_LAYERS: usize = 16;

/// Builds a graph over the points below `sample`; all of its layers become upper layers.
///
/// Points are inserted sequentially, so the graph is reproducible. Threads that start on an almost
/// empty graph could also leave a point without links.
pub(super) fn over_sample<S: Space>(
    space: &S,
    sample: u32,
    params: HnswParams,
    monitor: WorkMonitor,
) -> Result<UpperLayers> {
    let points = sample as usize;
    let ef = params.ef_construction.min(points);
    let hnsw = Hnsw::new(params.m, points, MAX_LAYERS, ef, PointDistance::new(space));
    for point in 0..sample {
        monitor.check()?;
        insert(&hnsw, point);
    }
    Ok(UpperLayers::of(frozen(&hnsw).iter().map(Layer::view)))
}

fn insert<S: Space>(hnsw: &Hnsw<u32, PointDistance<S>>, point: u32) {
    hnsw.insert_slice((&[point], point as usize));
}

/// Copies the layers of `hnsw`, from the lowest on.
fn frozen<S: Space>(hnsw: &Hnsw<u32, PointDistance<S>>) -> Vec<Layer> {
    let points = hnsw.get_point_indexation();
    let top = usize::from(points.get_max_level_observed());
    let mut lists: Vec<Vec<LinkedPoint>> = vec![Vec::new(); top + 1];
    for point in (0..=top).flat_map(|level| points.get_layer_iterator(level)) {
        let level = usize::from(point.get_point_id().0);
        // Links above the level of a point are leftovers of its insertion.
        let layers = point.get_neighborhood_id().into_iter().take(level + 1);
        for (lists, links) in lists.iter_mut().zip(layers) {
            let targets = links.iter().map(|link| super::to_row(link.d_id)).collect();
            lists.push(LinkedPoint { point: point.get_v()[0], targets });
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    for mut lists in lists {
        lists.sort_unstable();
        layers.push(layer(&lists, layers.last()));
    }
    layers
}

/// A point of a layer and the points that it links to there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkedPoint {
    point: u32,
    targets: Vec<u32>,
}

/// Builds the layer of `lists`, which are ascending by point.
///
/// Links to points that are not on the layer are dropped. `hnsw_rs` makes such links, because its
/// first search on a new layer starts at a point of the layer below and links it.
fn layer(lists: &[LinkedPoint], below: Option<&Layer>) -> Layer {
    let place_in = |points: &[u32], point: &u32| points.binary_search(point).ok();
    let points: Vec<u32> = lists.iter().map(|list| list.point).collect();
    let places = |list: &LinkedPoint| -> Vec<u32> {
        let places = list.targets.iter().filter_map(|target| place_in(&points, target));
        places.map(super::to_row).collect()
    };
    let links: Vec<Vec<u32>> = lists.iter().map(places).collect();
    let below = match below {
        Some(layer) => {
            let place = |point| place_in(&layer.points, point).expect("layers are nested");
            points.iter().map(|point| super::to_row(place(point))).collect()
        }
        None => points.clone(),
    };
    Layer { links: Links::new(links.iter().map(Vec::as_slice)), below, points }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::{Vectors, vector::space::FullPrecision};

    const POINTS: u32 = 600;

    /// Returns the links of each layer that lead to a point of the layer, and the number of others.
    fn links_by_level<S: Space>(hnsw: &Hnsw<u32, PointDistance<S>>) -> (Vec<usize>, usize) {
        let points = hnsw.get_point_indexation();
        let top = usize::from(points.get_max_level_observed());
        let mut on_layer = vec![0; top + 1];
        let mut below_layer = 0;
        for point in (0..=top).flat_map(|level| points.get_layer_iterator(level)) {
            let level = usize::from(point.get_point_id().0);
            for (layer, links) in point.get_neighborhood_id().iter().take(level + 1).enumerate() {
                let on = links.iter().filter(|link| usize::from(link.p_id.0) >= layer).count();
                on_layer[layer] += on;
                below_layer += links.len() - on;
            }
        }
        (on_layer, below_layer)
    }

    #[test]
    fn only_links_that_leave_their_layer_are_dropped() {
        let noise = |at: u32| f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) - 127.3;
        let vectors = Vectors::normalized(8, (0..POINTS * 8).map(noise).collect()).unwrap();
        let rows: Vec<u32> = (0..POINTS).collect();
        let space = FullPrecision::new(&vectors, &rows);
        let hnsw = Hnsw::new(4, rows.len(), MAX_LAYERS, 40, PointDistance::new(&space));
        for point in &rows {
            insert(&hnsw, *point);
        }

        let (on_layer, below_layer) = links_by_level(&hnsw);
        let links = |layer: &Layer| layer.links.view().lists().map(<[u32]>::len).sum::<usize>();
        assert_eq!(frozen(&hnsw).iter().map(links).collect::<Vec<_>>(), on_layer);
        assert!(below_layer > 0, "`hnsw_rs` no longer links points below a layer");
    }
}
