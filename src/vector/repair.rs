//! Repair: searches for every point after the build and links those that are not found.

use rayon::prelude::*;

use super::{
    beam::{Beam, MIN_EF, Traversal},
    graph::Graph,
    space::Space,
};
use crate::{
    Result,
    work::{ScratchPool, WorkMonitor},
};

/// Maximum number of rounds. Points still not found after them are compared with every query.
const MAX_ROUNDS: usize = 24;
/// Maximum links added to one point per round. Unreachable points form groups, and one link into a
/// group often leads to all of it.
const LINKS_PER_ROUND: usize = 4;

/// Links every point that its own search does not find, from the point where that search ends;
/// returns the points that are still not found, ascending.
pub(super) fn repair<S: Space>(
    graph: &mut Graph,
    space: &S,
    monitor: WorkMonitor,
) -> Result<Vec<u32>> {
    let mut missing = missing_links(graph, space, &all_points(space), monitor)?;
    for round in 0..MAX_ROUNDS {
        if missing.is_empty() {
            break;
        }
        tracing::debug!(round, points = missing.len(), "linking points that are not found");
        missing.sort_unstable();
        for links in missing.chunk_by(|a, b| a.from == b.from) {
            let added: Vec<u32> = links.iter().take(LINKS_PER_ROUND).map(|link| link.to).collect();
            graph.base.add(links[0].from, &added);
        }
        let lost: Vec<u32> = missing.iter().map(|link| link.to).collect();
        missing = missing_links(graph, space, &lost, monitor)?;
        if missing.is_empty() || round + 1 == MAX_ROUNDS {
            // Added links can divert a search that found its point before.
            missing = missing_links(graph, space, &all_points(space), monitor)?;
        }
    }
    let mut lost: Vec<u32> = missing.into_iter().map(|link| link.to).collect();
    lost.sort_unstable();
    Ok(lost)
}

/// A link of the lowest layer; the order is by `from`, then `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    from: u32,
    to: u32,
}

fn all_points<S: Space>(space: &S) -> Vec<u32> {
    (0..space.len()).collect()
}

/// Returns a link for each of `points` that its own search does not find. The link starts at the
/// point where the search ends.
fn missing_links<S: Space>(
    graph: &Graph,
    space: &S,
    points: &[u32],
    monitor: WorkMonitor,
) -> Result<Vec<Link>> {
    let beams: ScratchPool<Beam> = ScratchPool::default();
    let missing_link = |point: &u32| -> Result<Option<Link>> {
        monitor.check()?;
        let query = space.point(*point);
        let traversal = Traversal {
            space,
            links: graph.base.view(),
            query: &query,
            entry: graph.upper.entry(space, &query),
            ef: MIN_EF,
        };
        Ok(beams.with(|beam| {
            beam.search(&traversal, || false);
            let found = beam.found();
            let is_lost = found.iter().all(|candidate| candidate.point() != *point);
            let nearest = found.first().filter(|_| is_lost)?;
            Some(Link { from: nearest.point(), to: *point })
        }))
    };
    points.par_iter().filter_map(|point| missing_link(point).transpose()).collect()
}
