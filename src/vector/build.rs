//! Links of a layer.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    HnswParams,
    adjacency::{Links, LinksView},
    beam::{Beam, ScoredPoint, Traversal},
    build_stage::{BuildStage, PROGRESS_INTERVAL},
    cell_scan::CellScan,
    cells::{Cells, chunks},
    graph::{LayerView, UpperLayers},
    space::Space,
    to_row,
};
use crate::{
    Result,
    work::{ScratchPool, WorkMonitor},
};

/// Maximum number of points whose candidates are collected together. Larger groups read each cell near
/// them less often.
const GROUP_SIZE: u32 = 64;

/// A search along the first links keeps `ef_construction` divided by this: it only adds what the cells
/// have missed.
const SEARCH_DIVISOR: usize = 3;

/// Links the points of `cells`, the first ones of `space`; the sampled ones are on the lowest layer of
/// `upper`.
///
/// Each point is linked twice: to the closest points in the cells near it, then to the closest ones that a
/// search along these links finds. A pass reads no links that it makes, so the graph does not depend on the
/// number of threads.
///
/// # Source
///
/// The selection of links: Malkov & Yashunin (2018), algorithm 4. First links within parts of the points:
/// Manohar et al. (2024), "`ParlayANN`: scalable and deterministic parallel graph-based approximate nearest
/// neighbor search algorithms", on HCNNG.
pub(super) fn link_all<S: Space>(
    space: &S,
    upper: &UpperLayers,
    cells: Cells,
    params: HnswParams,
    monitor: WorkMonitor,
) -> Result<Links> {
    let linker = Linker { space, points: cells.len(), params, monitor };
    let mut first = linker.link_in_cells(&cells)?;
    drop(cells);
    linker.add_backlinks(&mut first)?;
    let mut links = linker.link_by_search(first.view())?;
    drop(first);
    linker.add_backlinks(&mut links)?;
    if let Some(layer) = upper.layers().next() {
        add_layer_links(layer, &mut links);
    }
    Ok(links)
}

/// Adds the links of `layer`, the one above, as far as there is room, the farthest ones first: only these
/// lead out of clusters that are so large that all cells near a point are in them.
fn add_layer_links(layer: LayerView, links: &mut Links) {
    for (place, from) in (0..).zip(layer.points) {
        let mut targets = links.view().of(*from).to_vec();
        // Closest first.
        let on_layer = layer.links.of(place).iter().map(|place| layer.points[*place as usize]);
        let missing: Vec<u32> = on_layer.filter(|to| !targets.contains(to)).collect();
        let room = links.view().max_degree() - targets.len();
        targets.extend(missing.iter().rev().take(room));
        links.set(*from, &targets);
    }
}

/// Sorts the links of each point: closest first, as those of `hnsw_rs` are. Cells are numbered along these
/// links, so that close cells are close in memory.
pub(super) fn sort_links<S: Space>(space: &S, links: &mut Links) {
    let mut similarities = Vec::new();
    for point in 0..to_row(links.view().len()) {
        let targets = links.view().of(point);
        space.similarities(&space.point(point), targets, &mut similarities);
        let mut scored = ScoredPoint::all(targets, &similarities);
        scored.sort_unstable();
        let sorted: Vec<u32> = scored.iter().map(|link| link.point()).collect();
        links.set(point, &sorted);
    }
}

/// Lists that are merged at once. Their number bounds the memory of merged lists.
const MERGE_CHUNK: usize = 8_192;

/// A link to add from `from` to `to`; `to` already links to `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Backlink {
    from: u32,
    to: u32,
}

/// Links the points of a layer.
struct Linker<'a, S> {
    space: &'a S,
    /// Number of points.
    points: u32,
    params: HnswParams,
    monitor: WorkMonitor<'a>,
}

impl<S: Space> Linker<'_, S> {
    /// Links each point to close points in the cells near it.
    fn link_in_cells(&self, cells: &Cells) -> Result<Links> {
        let limit = self.params.ef_construction;
        let scan = CellScan { space: self.space, cells, limit };
        let groups: Vec<Range<u32>> =
            cells.parts().flat_map(|part| chunks(part, GROUP_SIZE)).collect();
        self.link_groups(BuildStage::Cells, &groups, |group| Ok(scan.candidates(group)))
    }

    /// Links each point to close points that a search along `links` finds.
    fn link_by_search(&self, links: LinksView) -> Result<Links> {
        let beams: ScratchPool<Beam> = ScratchPool::default();
        let groups: Vec<Range<u32>> = chunks(0..self.points, GROUP_SIZE).collect();
        self.link_groups(BuildStage::Search, &groups, |group| {
            beams.with(|beam| group.map(|point| self.search_from(point, links, beam)).collect())
        })
    }

    /// Returns the closest points that a search from `point` finds, and the targets of its links.
    fn search_from(
        &self,
        point: u32,
        links: LinksView,
        beam: &mut Beam,
    ) -> Result<Vec<ScoredPoint>> {
        self.monitor.check()?;
        let query = &self.space.point(point);
        let ef = (2 * self.params.m).max(self.params.ef_construction / SEARCH_DIVISOR);
        let traversal =
            Traversal { space: self.space, links, query, entry: point, ef, target: None };
        beam.search(&traversal, || false);
        let mut similarities = Vec::new();
        self.space.similarities(query, links.of(point), &mut similarities);
        // Some links lead out of the cluster. The search drops their targets.
        let mut candidates = ScoredPoint::all(links.of(point), &similarities);
        candidates.extend(beam.found());
        Ok(candidates)
    }

    /// Links each point of `groups`, which are in order, to a diverse selection of its `candidates`.
    fn link_groups(
        &self,
        stage: BuildStage,
        groups: &[Range<u32>],
        candidates: impl Fn(Range<u32>) -> Result<Vec<Vec<ScoredPoint>>> + Sync,
    ) -> Result<Links> {
        let mut links = Links::none(self.points as usize, 2 * self.params.m);
        let select = |group: &Range<u32>| -> Result<Vec<Vec<u32>>> {
            let found = candidates(group.clone())?.into_iter().zip(group.clone());
            let selected = found.map(|(found, point)| {
                self.monitor.check()?;
                Ok(select_diverse(self.space, closest_first(found, point), self.params.m))
            });
            selected.collect()
        };
        let interval = |group: &Range<u32>| group.start / PROGRESS_INTERVAL;
        for chunk in groups.chunk_by(|a, b| interval(a) == interval(b)) {
            let start = chunk[0].start;
            stage.report(self.monitor, start, self.points);
            let selected = chunk.par_iter().map(select).collect::<Result<Vec<_>>>()?;
            for (point, targets) in (start..).zip(selected.iter().flatten()) {
                links.set(point, targets);
            }
        }
        Ok(links)
    }

    /// Adds a link back to every link of `links`. Where there are too many, a diverse selection remains.
    fn add_backlinks(&self, links: &mut Links) -> Result<()> {
        let missing = missing_backlinks(links.view());
        let by_source: Vec<&[Backlink]> = missing.chunk_by(|a, b| a.from == b.from).collect();
        for part in by_source.chunks(MERGE_CHUNK) {
            let before = links.view();
            let merged = part.par_iter().map(|added| self.merge_links(before, added));
            let merged = merged.collect::<Result<Vec<_>>>()?;
            for (added, merged) in part.iter().zip(merged) {
                links.set(added[0].from, &merged);
            }
        }
        Ok(())
    }

    /// Returns the links of a point with its backlinks `added`; keeps a diverse selection if they
    /// exceed the maximum degree.
    fn merge_links(&self, links: LinksView, added: &[Backlink]) -> Result<Vec<u32>> {
        self.monitor.check()?;
        let point = added[0].from;
        let mut targets = links.of(point).to_vec();
        targets.extend(added.iter().map(|link| link.to));
        if targets.len() <= links.max_degree() {
            return Ok(targets);
        }
        let mut similarities = Vec::new();
        self.space.similarities(&self.space.point(point), &targets, &mut similarities);
        let candidates = ScoredPoint::all(&targets, &similarities);
        Ok(select_diverse(self.space, closest_first(candidates, point), links.max_degree()))
    }
}

/// Returns a backlink for each link whose target does not link back; sorted.
fn missing_backlinks(links: LinksView) -> Vec<Backlink> {
    let is_missing = |link: &Backlink| !links.of(link.from).contains(&link.to);
    let points = (0..to_row(links.len())).into_par_iter();
    let reversed = points
        .flat_map_iter(|to| links.of(to).iter().map(move |from| Backlink { from: *from, to }));
    let mut missing: Vec<Backlink> = reversed.filter(is_missing).collect();
    missing.par_sort_unstable();
    missing
}

/// Returns each of `candidates` once, closest first, without `point` itself.
fn closest_first(mut candidates: Vec<ScoredPoint>, point: u32) -> Vec<ScoredPoint> {
    candidates.retain(|candidate| candidate.point() != point);
    candidates.sort_unstable();
    candidates.dedup_by_key(|candidate| candidate.point());
    candidates
}

/// Closest candidates to prefetch while another one is compared: the next one selected is mostly one
/// of them.
const LOADED_NEXT: usize = 4;

/// Selects at most `limit` of `candidates`, which are sorted closest first.
///
/// Each selected candidate is closer to the point than to any candidate selected before.
///
/// # Source
///
/// Malkov & Yashunin (2018), algorithm 4, without `keepPrunedConnections`.
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
            *to_next < candidate.similarity()
        });
    }
    selected
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        Vectors,
        vector::{
            fixtures::{Divided, divided, noise, separate_clusters, unmonitored, vectors},
            space::FullPrecision,
        },
    };

    const POINTS: u32 = 3_000;
    const DIM: usize = 8;
    const PARAMS: HnswParams = HnswParams { m: 6, ef_construction: 40 };

    /// The links of `vectors` over a sample of the first ones, and the vectors by number.
    fn linked(vectors: &Vectors, sample: u32, params: HnswParams) -> (Links, Vec<u32>) {
        let rows: Vec<u32> = (0..POINTS).collect();
        let space = FullPrecision::new(vectors, &rows);
        let Divided { upper, cells, order } = divided(&space, sample, params);
        let space = FullPrecision::new(vectors, &order);
        let links = unmonitored(|monitor| link_all(&space, &upper, cells, params, monitor));
        (links.unwrap(), order)
    }

    fn similarity(space: &FullPrecision, a: u32, b: u32) -> f32 {
        let mut similarities = Vec::new();
        space.similarities(&space.point(a), &[b], &mut similarities);
        similarities[0]
    }

    /// With a sample of 1, all points are in one cell of three parts, and layer 1 has no links to add.
    #[test]
    fn links_lead_back_unless_a_closer_link_hides_them() {
        let vectors = vectors(DIM, POINTS, noise);
        let (links, order) = linked(&vectors, 1, PARAMS);
        let space = FullPrecision::new(&vectors, &order);
        let links = links.view();
        assert_eq!((links.len(), links.max_degree()), (order.len(), 2 * PARAMS.m));
        for (from, list) in (0..).zip(links.lists()) {
            assert!(!list.is_empty() && !list.contains(&from), "point {from}");
            let distinct: HashSet<&u32> = list.iter().collect();
            assert_eq!(distinct.len(), list.len(), "point {from}");
            for to in list {
                let back = links.of(*to);
                let least = similarity(&space, *to, from);
                let hides = |by: &u32| similarity(&space, *by, from) >= least;
                let is_complete = back.contains(&from)
                    || back.len() == links.max_degree()
                    || back.iter().any(hides);
                assert!(is_complete, "from {to} back to {from}");
            }
        }
    }

    #[test]
    fn all_parts_of_a_cell_are_connected() {
        let (links, _) = linked(&vectors(DIM, POINTS, noise), 1, PARAMS);
        let reached = links.view().by_breadth([0]).len();
        assert!(reached > 2_950, "{reached}");
    }

    /// Each of three clusters has more cells than are near a point.
    #[test]
    fn links_of_the_sample_connect_large_clusters() {
        let vectors = separate_clusters(3, POINTS);
        for m in [4, 6] {
            let (links, order) = linked(&vectors, 300, HnswParams { m, ..PARAMS });
            let reached = links.view().by_breadth([0]);
            let clusters: HashSet<u32> =
                reached.iter().map(|point| order[*point as usize] % 3).collect();
            assert_eq!(clusters.len(), 3, "m {m}");
        }
    }

    #[test]
    fn links_of_the_layer_above_fill_a_list_the_farthest_first() {
        let angles = (0..5_u8).map(|point| f32::from(point) / 10.0);
        let values = angles.flat_map(|angle| [angle.cos(), angle.sin()]).collect();
        let vectors = Vectors::normalized(2, values).unwrap();
        let rows: Vec<u32> = (0..5).collect();
        let lists: [&[u32]; 5] = [&[3, 1, 4, 2], &[], &[], &[], &[]];
        let mut links = Links::new(lists.into_iter());
        sort_links(&FullPrecision::new(&vectors, &rows), &mut links);
        assert_eq!(links.view().of(0), [1, 2, 3, 4]);

        let layer = LayerView { points: &rows, below: &rows, links: links.view() };
        let mut below = Links::none(rows.len(), 3);
        below.set(0, &[1]);
        add_layer_links(layer, &mut below);
        assert_eq!(below.view().of(0), [1, 4, 3]);
    }

    #[test]
    fn a_selection_is_all_candidates_that_none_selected_hides() {
        let vectors = vectors(DIM, POINTS, noise);
        let rows: Vec<u32> = (0..POINTS).collect();
        let space = FullPrecision::new(&vectors, &rows);
        for point in 0..20 {
            let scored =
                rows.iter().map(|to| ScoredPoint::new(similarity(&space, point, *to), *to));
            let candidates = closest_first(scored.collect(), point);
            let mut expected: Vec<u32> = Vec::new();
            for candidate in &candidates {
                let to = candidate.point();
                let hides = |by: &u32| similarity(&space, *by, to) >= candidate.similarity();
                if !expected.iter().any(hides) {
                    expected.push(to);
                }
            }
            assert_eq!(select_diverse(&space, candidates.clone(), usize::MAX), expected);
            assert_eq!(select_diverse(&space, candidates, 3), expected[..3]);
        }
    }
}
