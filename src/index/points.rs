//! Points of a graph: the distinct vectors, in the order the graph numbers them.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::Vectors;

/// Which rows a point stands for.
///
/// Equal vectors are one point: a graph would fill the links of each with the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Points {
    /// The first row of every point.
    pub(super) rows: Vec<u32>,
    /// The further rows of the points that have some, in ascending order.
    further: FxHashMap<u32, Vec<u32>>,
    /// The point of every row.
    of_rows: Vec<u32>,
}

impl Points {
    /// The distinct ones of the first `rows` vectors, in an order that is always the same
    /// but as good as random.
    ///
    /// Articles come in groups of like passages; linked in that order, the groups would
    /// lose their links to each other.
    pub(super) fn shuffled(vectors: &Vectors, rows: u32) -> Self {
        // 0 and -0 are equal; a sum is never -0 unless both terms are.
        let bits = |row: u32| vectors.row(row as usize).iter().map(|x| (x + 0.0).to_bits());
        let mut firsts: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        let mut further: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        let mut distinct = Vec::new();
        let mut bytes = Vec::new();
        for row in 0..rows {
            bytes.clear();
            bytes.extend(bits(row).flat_map(u32::to_le_bytes));
            let alike = firsts.entry(xxh3_64(&bytes)).or_default();
            if let Some(first) = alike.iter().find(|first| bits(**first).eq(bits(row))) {
                further.entry(*first).or_default().push(row);
            } else {
                alike.push(row);
                distinct.push(row);
            }
        }
        distinct.sort_by_key(|row| xxh3_64(&row.to_le_bytes()));
        Self::numbered(distinct, further, rows)
    }

    /// Points with the first rows `firsts`; `further` are the further rows by the first.
    fn numbered(firsts: Vec<u32>, further: FxHashMap<u32, Vec<u32>>, rows: u32) -> Self {
        let mut of_rows = vec![0; rows as usize];
        for (row, point) in firsts.iter().zip(0..) {
            of_rows[*row as usize] = point;
        }
        let by_point = |(first, rows): (u32, Vec<u32>)| (of_rows[first as usize], rows);
        let further: FxHashMap<u32, Vec<u32>> = further.into_iter().map(by_point).collect();
        for (point, rows) in &further {
            for row in rows {
                of_rows[*row as usize] = *point;
            }
        }
        Self { rows: firsts, further, of_rows }
    }

    /// The same points, the one that was `order[i]` now number `i`.
    pub(super) fn reordered(self, order: &[u32]) -> Self {
        let first = |point: &u32| self.rows[*point as usize];
        let by_row = |(point, rows): (u32, Vec<u32>)| (self.rows[point as usize], rows);
        let further = self.further.into_iter().map(by_row).collect();
        Self::numbered(
            order.iter().map(first).collect(),
            further,
            super::as_rows(self.of_rows.len()),
        )
    }

    /// Number of points.
    pub(super) fn len(&self) -> u32 {
        super::as_rows(self.rows.len())
    }

    /// The point of `row`.
    pub(super) fn of_row(&self, row: u32) -> u32 {
        self.of_rows[row as usize]
    }

    /// The rows of `point`, in ascending order.
    pub(super) fn rows_of(&self, point: u32) -> impl Iterator<Item = u32> {
        let first = self.rows[point as usize];
        std::iter::once(first).chain(self.further_of(point).iter().copied())
    }

    fn further_of(&self, point: u32) -> &[u32] {
        if self.further.is_empty() {
            return &[];
        }
        self.further.get(&point).map_or(&[], Vec::as_slice)
    }

    /// Bytes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let further = self.further.values().map(|rows| size_of_val(&**rows) + 40);
        size_of_val(&*self.rows) + size_of_val(&*self.of_rows) + further.sum::<usize>()
    }
}
