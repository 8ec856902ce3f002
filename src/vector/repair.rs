//! Repair: after the build, every point is searched for, and linked if it is not found.

use rayon::prelude::*;

use super::{
    beam::{Candidate, LEAST_EF, ScratchPool},
    graph::Graph,
    space::Space,
};
use crate::{Result, work::WorkMonitor};

/// Rounds of repair, after which the points still not found are compared with every query.
const ROUNDS: usize = 24;
/// Links that one point may be given in one round: strays come in groups, and one link
/// into a group often leads to all of it.
const LINKS_A_ROUND: usize = 4;

/// Links every point that a search for it does not find from the point where that search
/// ends, and returns those that are still not found, in ascending order.
pub(super) fn repair<S: Space>(
    graph: &mut Graph,
    space: &S,
    watch: WorkMonitor,
) -> Result<Vec<u32>> {
    let mut strays = missing_links(graph, space, &all(space), watch)?;
    for round in 0..ROUNDS {
        if strays.is_empty() {
            break;
        }
        tracing::debug!(round, points = strays.len(), "linking points that are not found");
        strays.sort_unstable();
        let by_source = strays.chunk_by(|a, b| a.0 == b.0);
        for links in by_source {
            let added: Vec<u32> = links.iter().take(LINKS_A_ROUND).map(|link| link.1).collect();
            graph.base.add(links[0].0, &added);
        }
        let lost: Vec<u32> = strays.iter().map(|link| link.1).collect();
        strays = missing_links(graph, space, &lost, watch)?;
        if strays.is_empty() || round + 1 == ROUNDS {
            // New links can lead a search astray that went right before.
            strays = missing_links(graph, space, &all(space), watch)?;
        }
    }
    let mut strays: Vec<u32> = strays.into_iter().map(|link| link.1).collect();
    strays.sort_unstable();
    Ok(strays)
}

fn all<S: Space>(space: &S) -> Vec<u32> {
    (0..space.len()).collect()
}

/// For each of `points` that a search for it does not find, a link (from, to) that would
/// lead to it.
fn missing_links<S: Space>(
    graph: &Graph,
    space: &S,
    points: &[u32],
    watch: WorkMonitor,
) -> Result<Vec<(u32, u32)>> {
    let (memories, links) = (ScratchPool::default(), graph.base.view());
    let missing = |point: &u32| -> Result<Option<(u32, u32)>> {
        watch.check()?;
        let query = space.point(*point);
        let start = graph.upper.entry(space, &query);
        Ok(memories.with(|scratch| {
            scratch.walk((space, links), &query, &[start], LEAST_EF, || false);
            let found = scratch.pool.found();
            let lost = found.iter().all(|candidate| candidate.point() != *point);
            found.first().copied().map(Candidate::point).filter(|_| lost).map(|near| (near, *point))
        }))
    };
    points.par_iter().filter_map(|point| missing(point).transpose()).collect()
}
