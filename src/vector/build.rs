//! Construction of the lowest layer, in batches: the graph does not depend on the number of
//! threads.

use std::{iter, ops::Range};

use rayon::prelude::*;

use super::{
    HnswParams,
    adjacency::{Links, LinksView},
    beam::{Beam, ScoredPoint, Traversal},
    graph::{Graph, UpperLayers},
    locality::sort_by_locality,
    space::Space,
};
use crate::{
    Result,
    work::{ScratchPool, WorkMonitor},
};

/// Ratio of the linked points to the points of a large batch. Points of a batch do not link to
/// each other, so a batch must be small compared with the graph.
const BATCH_RATIO: u32 = 16;
/// Minimum size of a batch.
const MIN_BATCH: u32 = 16;

/// Points linked between two progress reports.
const PROGRESS_INTERVAL: u32 = 4_096;

/// Links all points of `space`; the first ones take their links from `upper`.
///
/// # Source
///
/// The links of a point: Malkov & Yashunin (2018), algorithms 1 and 4. Batches in which no
/// point sees another: Manohar et al. (2024), "`ParlayANN`", algorithm 3.
pub(super) fn link_all<S: Space>(
    space: &S,
    upper: UpperLayers,
    params: HnswParams,
    monitor: WorkMonitor,
) -> Result<Graph> {
    let mut links = Links::none(space.len() as usize, 2 * params.m);
    let mut linked = 0;
    if let Some(sampled) = upper.layers().next() {
        for (point, places) in sampled.points.iter().zip(sampled.links.lists()) {
            let targets = places.iter().map(|place| sampled.points[*place as usize]);
            links.set(*point, &targets.collect::<Vec<_>>());
        }
        linked = super::to_row(sampled.points.len());
    }
    monitor.report_linked(linked as usize, space.len() as usize);
    let beams = ScratchPool::default();
    let builder = BaseLayerBuilder { space, upper: &upper, params, monitor, beams };
    for batch in batches(linked, space.len()) {
        builder.link(&mut links, batch)?;
    }
    Ok(Graph { upper, base: links })
}

/// The batches of the points from `linked` to `points`.
fn batches(mut linked: u32, points: u32) -> impl Iterator<Item = Range<u32>> {
    iter::from_fn(move || {
        let batch = linked..points.min(linked + (linked / BATCH_RATIO).max(MIN_BATCH));
        linked = batch.end;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Returns the points in the order in which [`link_all`] is to link them: the first `linked` as they
/// are, then those of each batch by locality.
///
/// Points linked one after the other then compare mostly the same points, which are in the cache.
pub(super) fn linking_order<S: Space>(
    space: &S,
    linked: u32,
    monitor: WorkMonitor,
) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..space.len()).collect();
    for batch in batches(linked, space.len()) {
        monitor.check()?;
        sort_by_locality(space, &mut order[batch.start as usize..batch.end as usize]);
    }
    Ok(order)
}

/// A link from a point of an earlier batch to a new point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Backlink {
    from: u32,
    to: u32,
}

struct BaseLayerBuilder<'a, S> {
    space: &'a S,
    upper: &'a UpperLayers,
    params: HnswParams,
    monitor: WorkMonitor<'a>,
    beams: ScratchPool<Beam>,
}

impl<S: Space> BaseLayerBuilder<'_, S> {
    /// Links each point of `batch` to points of earlier batches, then adds the links back.
    fn link(&self, links: &mut Links, batch: Range<u32>) -> Result<()> {
        let before = links.view();
        let find_links = |point| {
            self.monitor.check()?;
            Ok(self.find_links(before, point))
        };
        let mut found: Vec<Vec<u32>> = Vec::with_capacity(batch.len());
        // Late batches are large, so progress is reported within a batch.
        for start in batch.clone().step_by(PROGRESS_INTERVAL as usize) {
            let part = start..batch.end.min(start + PROGRESS_INTERVAL);
            found.par_extend(part.into_par_iter().map(find_links).collect::<Result<Vec<_>>>()?);
            self.monitor
                .report_linked(batch.start as usize + found.len(), self.space.len() as usize);
        }
        let mut back: Vec<Backlink> = Vec::new();
        for (point, targets) in batch.zip(&found) {
            links.set(point, targets);
            back.extend(targets.iter().map(|target| Backlink { from: *target, to: point }));
        }
        back.par_sort_unstable();
        let by_source: Vec<&[Backlink]> = back.chunk_by(|a, b| a.from == b.from).collect();
        let before = links.view();
        let merged: Vec<Vec<u32>> =
            by_source.par_iter().map(|added| self.merge_links(before, added)).collect();
        for (added, merged) in by_source.iter().zip(merged) {
            links.set(added[0].from, &merged);
        }
        Ok(())
    }

    /// Selects the links of the new `point` among the linked points that a search finds near it.
    fn find_links(&self, links: LinksView, point: u32) -> Vec<u32> {
        let query = self.space.point(point);
        let traversal = Traversal {
            space: self.space,
            links,
            query: &query,
            entry: self.upper.entry(self.space, &query),
            ef: self.params.ef_construction,
            target: None,
        };
        self.beams.with(|beam| {
            beam.search(&traversal, || false);
            select_diverse(self.space, beam.found().to_vec(), self.params.m)
        })
    }

    /// Returns the links of a point with its backlinks `added`; keeps a diverse selection if they
    /// exceed the maximum degree.
    fn merge_links(&self, links: LinksView, added: &[Backlink]) -> Vec<u32> {
        let point = added[0].from;
        let mut targets = links.of(point).to_vec();
        targets.extend(added.iter().map(|link| link.to));
        if targets.len() <= links.max_degree() {
            return targets;
        }
        let mut similarities = Vec::new();
        self.space.similarities(&self.space.point(point), &targets, &mut similarities);
        let candidates = similarities.iter().zip(&targets);
        let mut candidates: Vec<ScoredPoint> =
            candidates.map(|(similarity, target)| ScoredPoint::new(*similarity, *target)).collect();
        candidates.sort_unstable();
        select_diverse(self.space, candidates, links.max_degree())
    }
}

/// Factor on the distance between a candidate and a chosen link. A value over 1 keeps links that
/// are not strictly needed, and searches take fewer steps.
const SLACK: f32 = 1.1;

/// Closest candidates to prefetch while another one is compared: the next one selected is mostly one
/// of them.
const LOADED_NEXT: usize = 4;

/// Selects at most `limit` of `candidates`, which are sorted closest first.
///
/// Each selected candidate is closer to the new point than [`SLACK`] times its distance to any
/// candidate selected before.
///
/// # Source
///
/// Malkov & Yashunin (2018), algorithm 4, without `keepPrunedConnections`; the slack is from
/// Subramanya et al. (2019), "`DiskANN`".
fn select_diverse<S: Space>(space: &S, mut candidates: Vec<ScoredPoint>, limit: usize) -> Vec<u32> {
    let mut selected = Vec::new();
    let mut points = Vec::new();
    let mut similarities = Vec::new();
    let mut query = S::Query::default();
    while selected.len() < limit && !candidates.is_empty() {
        let next = candidates.remove(0).point();
        selected.push(next);
        points.clear();
        points.extend(candidates.iter().map(|candidate| candidate.point()));
        for point in points.iter().take(LOADED_NEXT) {
            space.prefetch_load(*point);
        }
        space.load(next, &mut query);
        space.similarities(&query, &points, &mut similarities);
        let mut similarities = similarities.iter();
        candidates.retain(|candidate| {
            let to_next = similarities.next().expect("one similarity per candidate");
            SLACK * (1.0 - to_next) > 1.0 - candidate.similarity()
        });
    }
    selected
}
