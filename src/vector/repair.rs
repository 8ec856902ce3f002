//! Repair: searches for every point after the build and links those that are not found.

use rayon::prelude::*;

use super::{
    RowSet,
    adjacency::Links,
    beam::{Beam, MIN_EF, Traversal},
    build_stage::{BuildStage, PROGRESS_INTERVAL},
    cells::chunks,
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

/// Links every point that its own search does not find, from the closest points that the search finds;
/// returns the points that are still not found, ascending.
pub(super) fn repair<S: Space>(
    graph: &mut Graph,
    space: &S,
    monitor: WorkMonitor,
) -> Result<Vec<u32>> {
    let room = Links::room_to_add(graph.base.view().max_degree());
    // Number of links added to each list. With more than `room`, some would give way.
    let mut counts = vec![0; space.len() as usize];
    let mut searches = OwnSearches::of_all(graph, space, monitor)?;
    for round in 0..MAX_ROUNDS {
        let missing = searches.missing_links(|from| counts[from as usize] < room);
        if missing.is_empty() {
            break;
        }
        tracing::debug!(round, links = missing.len(), "linking points that are not found");
        let mut changed = RowSet::none(space.len());
        for links in missing.chunk_by(|a, b| a.from == b.from) {
            let from = links[0].from;
            let count = &mut counts[from as usize];
            let limit = LINKS_PER_ROUND.min(room - *count);
            let added: Vec<u32> = links.iter().take(limit).map(|link| link.to).collect();
            *count += added.len();
            graph.base.add(from, &added);
            changed.insert(from);
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
    reach: Reach,
    /// The points whose links determine the course of the search.
    expanded: Box<[u32]>,
}

/// Whether the search of a point for itself reaches the point.
enum Reach {
    Found,
    /// The search compared the point, but keeps [`MIN_EF`] others that are at least as close. No link
    /// would help.
    CrowdedOut,
    /// The points found instead, closest first.
    NotReached(Box<[u32]>),
}

impl OwnSearches {
    fn of_all<S: Space>(graph: &Graph, space: &S, monitor: WorkMonitor) -> Result<Self> {
        let beams = ScratchPool::default();
        let search = |point| OwnSearch::of(point, graph, space, &beams, monitor);
        let mut searches = Vec::with_capacity(space.len() as usize);
        for points in chunks(0..space.len(), PROGRESS_INTERVAL) {
            BuildStage::Repair.report(monitor, points.start, space.len());
            searches.append(&mut points.into_par_iter().map(search).collect::<Result<_>>()?);
        }
        Ok(Self(searches))
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

    /// Returns a link to each point that its search does not reach, from the closest point found whose
    /// list `has_room`; none if no list has.
    fn missing_links(&self, has_room: impl Fn(u32) -> bool) -> Vec<Link> {
        let link = |search: &OwnSearch, to| match &search.reach {
            Reach::NotReached(found) => {
                let from = *found.iter().find(|from| has_room(**from))?;
                Some(Link { from, to })
            }
            Reach::Found | Reach::CrowdedOut => None,
        };
        let searches = self.0.iter().zip(0..);
        let mut missing: Vec<Link> = searches.filter_map(|(search, to)| link(search, to)).collect();
        missing.sort_unstable();
        missing
    }

    /// The points that are not found, ascending.
    fn lost(&self) -> Vec<u32> {
        let searches = self.0.iter().zip(0..);
        searches.filter(|(search, _)| !search.is_found()).map(|(_, point)| point).collect()
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
            let found = beam.found().iter().map(|candidate| candidate.point());
            let reach = if found.clone().any(|found| found == point) {
                Reach::Found
            } else if beam.has_compared(point) {
                Reach::CrowdedOut
            } else {
                Reach::NotReached(found.collect())
            };
            Self { reach, expanded: beam.expanded().into() }
        }))
    }

    fn is_found(&self) -> bool {
        matches!(self.reach, Reach::Found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        HnswParams, Vectors,
        vector::{
            build::link_all,
            coarse_codes::CoarseCodes,
            fixtures::{Divided, divided, noise, unmonitored, vectors},
            graph::UpperLayers,
            quantized::Quantized,
            space::FullPrecision,
        },
    };

    /// Graphs of so few links that some points are not found.
    const FEW_LINKS: HnswParams = HnswParams { m: 3, ef_construction: 8 };

    /// Compares the searches for all points with those that do not end early; returns the number of
    /// points that are not found. `space` has the points in the order of the cells.
    fn compare_with_whole_searches<S: Space>(space: &S, points: Divided) -> usize {
        let Divided { upper, cells, .. } = points;
        let base = unmonitored(|monitor| link_all(space, &upper, cells, FEW_LINKS, monitor));
        let graph = Graph { upper, base: base.unwrap() };
        let searches = unmonitored(|monitor| OwnSearches::of_all(&graph, space, monitor)).unwrap();
        let mut beam = Beam::default();
        let mut steps = 0;
        for (search, point) in searches.0.iter().zip(0..) {
            let query = space.point(point);
            let entry = graph.upper.entry(space, &query);
            let links = graph.base.view();
            let whole = Traversal { space, links, query: &query, entry, ef: MIN_EF, target: None };
            beam.search(&whole, || false);
            let is_found = beam.found().iter().any(|found| found.point() == point);
            assert_eq!(search.is_found(), is_found, "point {point}");
            assert!(beam.expanded().starts_with(&search.expanded), "point {point}");
            steps += beam.expanded().len();
        }
        let early_steps: usize = searches.0.iter().map(|search| search.expanded.len()).sum();
        assert!(4 * early_steps < 3 * steps, "{early_steps} of {steps}");
        searches.lost().len()
    }

    #[test]
    fn early_ends_find_what_whole_searches_find() {
        let vectors = vectors(8, 2_000, noise);
        let rows: Vec<u32> = (0..2_000).collect();
        let points = divided(&FullPrecision::new(&vectors, &rows), 256, FEW_LINKS);
        let order = points.order.clone();
        let space = FullPrecision::new(&vectors, &order);
        assert!(compare_with_whole_searches(&space, points) > 0);
    }

    #[test]
    fn early_ends_by_coarse_codes_find_what_whole_searches_find() {
        const DIM: usize = 160;
        const FACTORS: usize = 16;
        const GROUP: usize = 80;
        // The first vectors are near-duplicates.
        let factor = |row: usize, factor: usize| noise((row.max(GROUP) - GROUP) * FACTORS + factor);
        let direction = |factor: usize, at: usize| noise(usize::MAX / 2 - factor * DIM - at);
        let value = |at: usize| {
            let (row, at_row) = (at / DIM, at % DIM);
            let factors = (0..FACTORS).map(|of| factor(row, of) * direction(of, at_row));
            let apart = if row < GROUP { 1.0 } else { 0.0 };
            factors.sum::<f32>() + apart * noise(usize::MAX - at)
        };
        let vectors = vectors(DIM, 2_000, value);
        let codes = Quantized::of(DIM, vectors.len(), |row| vectors.row(row));
        let coarse = CoarseCodes::of(&codes);
        let points = divided(&coarse.view(codes.view()), 256, FEW_LINKS);
        let codes = codes.select(&points.order);
        let coarse = CoarseCodes::of(&codes);
        assert!(compare_with_whole_searches(&coarse.view(codes.view()), points) > 0);
    }

    /// Repairs the graph of `vectors` with the links `lists` and the entry 0; returns the lost points and
    /// the repaired links.
    fn repaired(vectors: &Vectors, lists: Links) -> (Vec<u32>, Links) {
        let rows: Vec<u32> = (0..to_row(vectors.len())).collect();
        let space = FullPrecision::new(vectors, &rows);
        let mut graph = Graph { upper: UpperLayers::of([].into_iter()), base: lists };
        let lost = unmonitored(|monitor| repair(&mut graph, &space, monitor)).unwrap();
        let searches = unmonitored(|monitor| OwnSearches::of_all(&graph, &space, monitor)).unwrap();
        assert_eq!(lost, searches.lost(), "an outdated search");
        (lost, graph.base)
    }

    #[test]
    fn points_without_room_at_the_nearest_are_linked_from_others() {
        const SPOKES: usize = 24;
        // The hub is point 0; no link leads to any point. All spokes are closest to the hub, whose list
        // has room for a part of them only.
        let mut values = vec![1.0; SPOKES];
        for spoke in 0..SPOKES {
            values.extend((0..SPOKES).map(|at| if at == spoke { 1.0 } else { 0.0 }));
        }
        let vectors = Vectors::normalized(SPOKES, values).unwrap();
        for max_degree in [4, 6, 16] {
            let (lost, links) = repaired(&vectors, Links::none(vectors.len(), max_degree));
            assert!(lost.is_empty(), "{max_degree} links: {lost:?}");
            let room = Links::room_to_add(max_degree);
            assert!(links.view().lists().all(|list| list.len() <= room), "{links:?}");
        }
        let (lost, _) = repaired(&vectors, Links::none(vectors.len(), 0));
        assert_eq!(lost.len(), SPOKES, "no list has room");
    }

    #[test]
    fn points_among_too_many_equal_ones_get_no_links() {
        let vectors = Vectors::normalized(1, vec![1.0; 20]).unwrap();
        let rest: Vec<u32> = (2..20).collect();
        let lists = [&[1][..], &rest].into_iter().chain([&[][..]; 18]);
        let links = Links::new(lists.collect::<Vec<_>>().into_iter());
        assert_eq!(repaired(&vectors, links.clone()), (vec![16, 17, 18, 19], links));
    }

    #[test]
    fn a_search_goes_on_among_equal_points() {
        let values = [0.0, 1.0].into_iter().chain([1.0, 0.0].repeat(19));
        let vectors = Vectors::normalized(2, values.collect()).unwrap();
        let mut lists = vec![Vec::new(); 20];
        lists[0] = vec![17];
        lists[17] = vec![18, 19];
        lists[18] = (1..17).collect();
        let links = Links::new(lists.iter().map(Vec::as_slice));
        assert_eq!(repaired(&vectors, links.clone()), (vec![17, 18, 19], links));
    }
}
