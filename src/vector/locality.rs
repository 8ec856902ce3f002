//! Order of points by locality: points that are close in the space are close in the order.

use super::{beam::ScoredPoint, space::Space};

/// Maximum number of points that are not divided further.
const LEAF: usize = 8;
/// Minimum number of points that are divided on two threads.
const PARALLEL: usize = 4_096;

/// Sorts `points` by locality: divides them into the halves closer to one and to the other of two
/// distant points, then each half in the same way.
///
/// The order depends only on the points and their order before.
///
/// # Source
///
/// The pivots: Faloutsos & Lin (1995), "`FastMap`", algorithm 1.
pub(super) fn sort_by_locality<S: Space>(space: &S, points: &mut [u32]) {
    if points.len() <= LEAF {
        return;
    }
    let middle = points.len() / 2;
    for (place, sorted) in by_side(space, points, middle).iter().zip(points.iter_mut()) {
        *sorted = place.point();
    }
    let (near, far) = points.split_at_mut(middle);
    if near.len() < PARALLEL {
        sort_by_locality(space, near);
        sort_by_locality(space, far);
    } else {
        rayon::join(|| sort_by_locality(space, near), || sort_by_locality(space, far));
    }
}

/// Returns `points` divided at `middle`: first those that lean to one of two distant points.
fn by_side<S: Space>(space: &S, points: &[u32], middle: usize) -> Vec<ScoredPoint> {
    let mut to_first = Vec::new();
    let mut to_second = Vec::new();
    space.similarities(&space.point(points[0]), points, &mut to_first);
    let first = farthest(&to_first, points);
    space.similarities(&space.point(first), points, &mut to_first);
    let second = farthest(&to_first, points);
    space.similarities(&space.point(second), points, &mut to_second);
    let sides = to_first.iter().zip(&to_second).zip(points);
    let mut sides: Vec<ScoredPoint> =
        sides.map(|((a, b), point)| ScoredPoint::new(a - b, *point)).collect();
    sides.select_nth_unstable(middle);
    sides
}

/// The point with the lowest similarity.
fn farthest(similarities: &[f32], points: &[u32]) -> u32 {
    let scored = similarities.iter().zip(points);
    let scored = scored.map(|(similarity, point)| ScoredPoint::new(*similarity, *point));
    scored.max().expect("points to divide").point()
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::{Vectors, vector::space::FullPrecision};

    const CLUSTERS: u32 = 8;
    const POINTS: u32 = 512;

    /// Vectors close to one of the axes: point `i` to axis `i % CLUSTERS`.
    fn clustered() -> Vectors {
        let value = |at: u32| {
            let axis = f32::from(u8::from(at % CLUSTERS == at / CLUSTERS % CLUSTERS));
            let noise = f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) / 4_096.0;
            axis + noise
        };
        Vectors::normalized(CLUSTERS as usize, (0..POINTS * CLUSTERS).map(value).collect()).unwrap()
    }

    #[test]
    fn points_of_a_cluster_follow_each_other() {
        let vectors = clustered();
        let rows: Vec<u32> = (0..POINTS).collect();
        let mut sorted = rows.clone();
        sort_by_locality(&FullPrecision::new(&vectors, &rows), &mut sorted);

        let changes = sorted.windows(2).filter(|pair| pair[0] % CLUSTERS != pair[1] % CLUSTERS);
        // In shuffled order seven of eight points follow one of another cluster.
        assert!(changes.count() < POINTS as usize / 16);
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }

    #[test]
    fn equal_points_are_divided_as_well() {
        let vectors = Vectors::normalized(2, vec![1.0; 2 * POINTS as usize]).unwrap();
        let rows: Vec<u32> = (0..POINTS).collect();
        let mut sorted = rows.clone();
        sort_by_locality(&FullPrecision::new(&vectors, &rows), &mut sorted);
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }
}
