//! The lowest layer: points are linked in batches, so that the graph is the same whatever
//! number of threads links them.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    HnswParams,
    adjacency::{Links, LinksView},
    beam::{Candidate, ScratchPool},
    graph::{Graph, Upper},
    space::Space,
};
use crate::{Result, work::WorkMonitor};

/// A batch is this share of the points that are linked already: they are all that its points
/// can find.
const BATCH_SHARE: u32 = 16;
/// The smallest batch.
const LEAST_BATCH: u32 = 16;

/// Progress is told after so many points.
const TOLD_EVERY: u32 = 4_096;

/// Links all points of `space`, of which `upper` has the first.
///
/// # Source
///
/// The links of a point: Malkov & Yashunin (2018), algorithms 1 and 4. Batches in which no
/// point sees another: Manohar et al. (2024), "`ParlayANN`", algorithm 3.
pub(super) fn link_all<S: Space>(
    space: &S,
    upper: Upper,
    params: HnswParams,
    watch: WorkMonitor,
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
    watch.linked(linked as usize, space.len() as usize);
    let memories = ScratchPool::default();
    let builder = Builder { space, upper: &upper, params, watch, memories };
    while linked < space.len() {
        let batch = linked..space.len().min(linked + (linked / BATCH_SHARE).max(LEAST_BATCH));
        linked = batch.end;
        builder.link(&mut links, batch)?;
    }
    Ok(Graph { upper, base: links })
}

struct Builder<'a, S> {
    space: &'a S,
    upper: &'a Upper,
    params: HnswParams,
    watch: WorkMonitor<'a>,
    memories: ScratchPool,
}

impl<S: Space> Builder<'_, S> {
    /// Links the points of `batch` to those linked before, and these back to them.
    fn link(&self, links: &mut Links, batch: Range<u32>) -> Result<()> {
        let before = links.view();
        let linked = |point| {
            self.watch.check()?;
            Ok(self.links_for(before, point))
        };
        let mut found: Vec<Vec<u32>> = Vec::with_capacity(batch.len());
        // A late batch is large: progress is told within it, too.
        for from in batch.clone().step_by(TOLD_EVERY as usize) {
            let part = from..batch.end.min(from + TOLD_EVERY);
            found.par_extend(part.into_par_iter().map(linked).collect::<Result<Vec<_>>>()?);
            self.watch.linked(batch.start as usize + found.len(), self.space.len() as usize);
        }
        let mut back: Vec<(u32, u32)> = Vec::new();
        for (point, targets) in batch.zip(&found) {
            links.set(point, targets);
            back.extend(targets.iter().map(|target| (*target, point)));
        }
        back.par_sort_unstable();
        let by_target: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let before = links.view();
        let merged: Vec<Vec<u32>> =
            by_target.par_iter().map(|added| self.merged(before, added)).collect();
        for (added, merged) in by_target.iter().zip(merged) {
            links.set(added[0].0, &merged);
        }
        Ok(())
    }

    /// Links for `point`, which has none: from those of the linked points that a search
    /// finds near it.
    fn links_for(&self, links: LinksView, point: u32) -> Vec<u32> {
        let query = self.space.point(point);
        let start = self.upper.entry(self.space, &query);
        let HnswParams { m, ef_construction } = self.params;
        self.memories.with(|scratch| {
            scratch.walk((self.space, links), &query, &[start], ef_construction, || false);
            diverse(self.space, scratch.pool.found().to_vec(), m)
        })
    }

    /// The links of a point with the new ones `added` (point, target), less some if they
    /// have become too many.
    fn merged(&self, links: LinksView, added: &[(u32, u32)]) -> Vec<u32> {
        let point = added[0].0;
        let mut targets = links.of(point).to_vec();
        targets.extend(added.iter().map(|link| link.1));
        if targets.len() <= links.room() {
            return targets;
        }
        let mut similarities = Vec::new();
        self.space.similarities(&self.space.point(point), &targets, &mut similarities);
        let candidates = similarities.iter().zip(&targets);
        let mut candidates: Vec<Candidate> =
            candidates.map(|(similarity, target)| Candidate::new(*similarity, *target)).collect();
        candidates.sort_unstable();
        diverse(self.space, candidates, links.room())
    }
}

/// How much farther than from the point that is being linked a candidate may be from one
/// chosen before it. A little slack keeps some links that are not strictly needed, and
/// searches take fewer steps.
const SLACK: f32 = 1.1;

/// At most `limit` of `candidates`, which come closest first: each is closer to the point
/// that is being linked than, with [`SLACK`], to any candidate chosen before.
///
/// # Source
///
/// Malkov & Yashunin (2018), algorithm 4, without keeping those discarded; the slack is
/// that of Subramanya et al. (2019), "`DiskANN`".
fn diverse<S: Space>(space: &S, mut candidates: Vec<Candidate>, limit: usize) -> Vec<u32> {
    let (mut chosen, mut points, mut similarities) = (Vec::new(), Vec::new(), Vec::new());
    let mut query = S::Query::default();
    while chosen.len() < limit && !candidates.is_empty() {
        let next = candidates.remove(0).point();
        chosen.push(next);
        points.clear();
        points.extend(candidates.iter().map(|candidate| candidate.point()));
        space.load(next, &mut query);
        space.similarities(&query, &points, &mut similarities);
        let mut to_next = similarities.iter();
        candidates.retain(|one| {
            let to_next = to_next.next().map_or(0.0, |similarity| 1.0 - similarity);
            SLACK * to_next > 1.0 - one.similarity()
        });
    }
    chosen
}
