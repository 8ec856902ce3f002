//! Repair: searches for every point after the build and links those that are not found.

use rayon::prelude::*;

use super::{
    RowSet,
    beam::{Beam, MIN_EF, Traversal},
    graph::Graph,
    space::Space,
    to_row,
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
    let mut searches = OwnSearches::of_all(graph, space, monitor)?;
    for round in 0..MAX_ROUNDS {
        let missing = searches.missing_links(graph);
        if missing.is_empty() {
            break;
        }
        tracing::debug!(round, links = missing.len(), "linking points that are not found");
        let mut changed = RowSet::none(space.len());
        for links in missing.chunk_by(|a, b| a.from == b.from) {
            let added: Vec<u32> = links.iter().take(LINKS_PER_ROUND).map(|link| link.to).collect();
            graph.base.add(links[0].from, &added);
            changed.insert(links[0].from);
        }
        // Added links can divert a search that found its point before.
        searches.repeat(graph, space, &changed, monitor)?;
    }
    Ok(searches.lost())
}

/// A link of the lowest layer; the order is by `from`, then `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    from: u32,
    to: u32,
}

/// The search of every point for itself.
struct OwnSearches(Vec<OwnSearch>);

/// The search of a point for itself.
struct OwnSearch {
    /// The point where the search ends, if that is another one and the point is not found.
    ends_at: Option<u32>,
    /// The points whose links determine the course of the search.
    expanded: Box<[u32]>,
}

impl OwnSearches {
    fn of_all<S: Space>(graph: &Graph, space: &S, monitor: WorkMonitor) -> Result<Self> {
        let beams = ScratchPool::default();
        let points = (0..space.len()).into_par_iter();
        let search = |point| OwnSearch::of(point, graph, space, &beams, monitor);
        points.map(search).collect::<Result<_>>().map(Self)
    }

    /// Repeats the searches that the `changed` links of points can alter.
    fn repeat<S: Space>(
        &mut self,
        graph: &Graph,
        space: &S,
        changed: &RowSet,
        monitor: WorkMonitor,
    ) -> Result<()> {
        let beams = ScratchPool::default();
        self.0.par_iter_mut().enumerate().try_for_each(|(point, search)| {
            if search.expanded.iter().any(|expanded| changed.contains(*expanded)) {
                *search = OwnSearch::of(to_row(point), graph, space, &beams, monitor)?;
            }
            Ok(())
        })
    }

    /// Returns a link for each point that is not found, from the point where its search ends. A link
    /// that `graph` has already is left out, since it did not help.
    fn missing_links(&self, graph: &Graph) -> Vec<Link> {
        let links = graph.base.view();
        let searches = self.0.iter().zip(0..);
        let missing = searches.filter_map(|(search, to)| Some(Link { from: search.ends_at?, to }));
        let mut missing: Vec<Link> =
            missing.filter(|link| !links.of(link.from).contains(&link.to)).collect();
        missing.sort_unstable();
        missing
    }

    /// The points that are not found, ascending.
    fn lost(&self) -> Vec<u32> {
        let searches = self.0.iter().zip(0..);
        searches.filter_map(|(search, point)| search.ends_at.map(|_| point)).collect()
    }
}

impl OwnSearch {
    fn of<S: Space>(
        point: u32,
        graph: &Graph,
        space: &S,
        beams: &ScratchPool<Beam>,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        monitor.check()?;
        let query = space.point(point);
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
            let is_lost = found.iter().all(|candidate| candidate.point() != point);
            let nearest = found.first().filter(|_| is_lost).map(|nearest| nearest.point());
            Self { ends_at: nearest, expanded: beam.expanded().into() }
        }))
    }
}
