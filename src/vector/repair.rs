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
/// Rounds in which links start at the nearest candidate, then at the next one, and so on. A candidate
/// has room for the links of a few rounds only: later ones take the place of earlier ones.
const ROUNDS_PER_CANDIDATE: usize = 4;

/// Links every point that its own search does not find, from points that the search finds; returns the
/// points that are still not found, ascending.
pub(super) fn repair<S: Space>(
    graph: &mut Graph,
    space: &S,
    monitor: WorkMonitor,
) -> Result<Vec<u32>> {
    let mut searches = OwnSearches::of_all(graph, space, monitor)?;
    for round in 0..MAX_ROUNDS {
        let missing = searches.missing_links(graph, round);
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
    /// The points found, closest first; empty if the point itself is one of them.
    others: Box<[u32]>,
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

    /// Returns a link for each point that is not found, from a point that its search finds. A point
    /// that is linked from one of them is left out: it was compared, and others are closer.
    fn missing_links(&self, graph: &Graph, round: usize) -> Vec<Link> {
        let links = graph.base.view();
        let link = |search: &OwnSearch, to| {
            let last = search.others.len().checked_sub(1)?;
            let is_linked = search.others.iter().any(|from| links.of(*from).contains(&to));
            let from = search.others[last.min(round / ROUNDS_PER_CANDIDATE)];
            (!is_linked).then_some(Link { from, to })
        };
        let searches = self.0.iter().zip(0..);
        let mut missing: Vec<Link> = searches.filter_map(|(search, to)| link(search, to)).collect();
        missing.sort_unstable();
        missing
    }

    /// The points that are not found, ascending.
    fn lost(&self) -> Vec<u32> {
        let searches = self.0.iter().zip(0..);
        searches.filter(|(search, _)| search.is_lost()).map(|(_, point)| point).collect()
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
            target: Some(point),
        };
        Ok(beams.with(|beam| {
            beam.search(&traversal, || false);
            let found = beam.found();
            let others = found.iter().map(|candidate| candidate.point());
            let is_found = others.clone().any(|other| other == point);
            let others = if is_found { Box::default() } else { others.collect() };
            Self { others, expanded: beam.expanded().into() }
        }))
    }

    fn is_lost(&self) -> bool {
        !self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::{
        Cancel, HnswParams, Vectors,
        vector::{
            adjacency::Links, build::link_all, graph::UpperLayers, hierarchy::over_sample,
            space::FullPrecision,
        },
    };

    #[test]
    fn a_search_for_a_point_ends_early_and_finds_what_a_whole_search_finds() {
        let noise = |at: u32| f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) - 127.3;
        let vectors = Vectors::normalized(8, (0..8 * 2_000).map(noise).collect()).unwrap();
        let rows: Vec<u32> = (0..2_000).collect();
        let space = FullPrecision::new(&vectors, &rows);
        let cancel = Cancel::new();
        let monitor = WorkMonitor::new(&cancel, None);
        // Few links: some points are not found.
        let params = HnswParams { m: 3, ef_construction: 8 };
        let upper = over_sample(&space, 256, params, monitor).unwrap();
        let graph = link_all(&space, upper, params, monitor).unwrap();

        let beams = ScratchPool::default();
        let mut beam = Beam::default();
        let [mut steps, mut whole_steps, mut lost] = [0; 3];
        for point in rows.iter().copied() {
            let search = OwnSearch::of(point, &graph, &space, &beams, monitor).unwrap();
            let query = space.point(point);
            let entry = graph.upper.entry(&space, &query);
            let links = graph.base.view();
            let whole =
                Traversal { space: &space, links, query: &query, entry, ef: MIN_EF, target: None };
            beam.search(&whole, || false);
            let is_found = beam.found().iter().any(|found| found.point() == point);
            assert_eq!(!search.is_lost(), is_found, "point {point}");
            assert!(beam.expanded().starts_with(&search.expanded), "point {point}");
            steps += search.expanded.len();
            whole_steps += beam.expanded().len();
            lost += usize::from(!is_found);
        }
        assert!(2 * steps < whole_steps, "{steps} of {whole_steps}");
        assert!(lost > 0, "all points are found");
    }

    #[test]
    fn points_without_room_at_their_nearest_one_are_linked_from_others() {
        const SPOKES: usize = 24;
        // The hub is point 0; no link leads to any point. All spokes are closest to the hub, whose list
        // has room for a third of them.
        let mut values = vec![1.0; SPOKES];
        for spoke in 0..SPOKES {
            values.extend((0..SPOKES).map(|at| if at == spoke { 1.0 } else { 0.0 }));
        }
        let vectors = Vectors::normalized(SPOKES, values).unwrap();
        let rows: Vec<u32> = (0..=to_row(SPOKES)).collect();
        let space = FullPrecision::new(&vectors, &rows);
        let links = Links::none(rows.len(), SPOKES / 3);
        let mut graph = Graph { upper: UpperLayers::of(&[]), base: links };
        let cancel = Cancel::new();
        let lost = repair(&mut graph, &space, WorkMonitor::new(&cancel, None)).unwrap();
        assert!(lost.is_empty(), "{lost:?}");
    }
}
