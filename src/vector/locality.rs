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

    const POINTS: u16 = 512;

    fn sorted(vectors: &Vectors) -> Vec<u32> {
        let rows: Vec<u32> = (0..u32::from(POINTS)).collect();
        let mut sorted = rows.clone();
        sort_by_locality(&FullPrecision::new(vectors, &rows), &mut sorted);
        let mut points = sorted.clone();
        points.sort_unstable();
        assert_eq!(points, rows, "no point is lost");
        sorted
    }

    #[test]
    fn close_points_follow_each_other() {
        // Half a circle in shuffled order: two points taken at random are 60 degrees apart.
        let angle =
            |row: u32| f32::from(xxh3_64(&row.to_le_bytes()).to_le_bytes()[0]).to_radians() * 0.7;
        let values = (0..u32::from(POINTS)).flat_map(|row| [angle(row).cos(), angle(row).sin()]);
        let vectors = Vectors::normalized(2, values.collect()).unwrap();
        let sorted = sorted(&vectors);
        let steps = sorted.windows(2).map(|pair| (angle(pair[0]) - angle(pair[1])).abs());
        let mean = steps.sum::<f32>().to_degrees() / f32::from(POINTS);
        assert!(mean < 4.0, "{mean} degrees");
    }

    #[test]
    fn equal_points_are_divided_as_well() {
        sorted(&Vectors::normalized(2, vec![1.0; 2 * usize::from(POINTS)]).unwrap());
    }
}
