//! Points of a graph: the distinct vectors, in the order the graph numbers them.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{adjacency::require_below, to_row};
use crate::{
    Vectors,
    format::{
        column::Column,
        decode_error::{DecodeError, require},
        sections::{Section, Sections, Tag},
    },
};

/// Which rows a point stands for.
///
/// Equal vectors are one point: a graph would fill the links of each with the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Points {
    /// The first row of every point.
    pub(super) rows: Column<u32>,
    /// The points that have further rows, with each of these, in ascending order.
    further: Column<[u32; 2]>,
    /// The point of every row.
    of_rows: Column<u32>,
}

/// Points, for reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointsView<'a> {
    /// The first row of every point.
    pub(super) rows: &'a [u32],
    further: &'a [[u32; 2]],
    of_rows: &'a [u32],
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
        let mut first_of: Vec<u32> = Vec::with_capacity(rows as usize);
        let mut distinct = Vec::new();
        let mut bytes = Vec::new();
        for row in 0..rows {
            bytes.clear();
            bytes.extend(bits(row).flat_map(u32::to_le_bytes));
            let alike = firsts.entry(xxh3_64(&bytes)).or_default();
            let first = alike.iter().copied().find(|first| bits(*first).eq(bits(row)));
            if first.is_none() {
                alike.push(row);
                distinct.push(row);
            }
            first_of.push(first.unwrap_or(row));
        }
        distinct.sort_by_key(|row| xxh3_64(&row.to_le_bytes()));
        Self::numbered(distinct, &first_of)
    }

    /// Points with the first rows `firsts`, where that of row `i` is `first_of[i]`.
    fn numbered(firsts: Vec<u32>, first_of: &[u32]) -> Self {
        let mut of_rows = vec![0; first_of.len()];
        for (row, point) in firsts.iter().zip(0..) {
            of_rows[*row as usize] = point;
        }
        let mut further = Vec::new();
        for (row, first) in (0..).zip(first_of) {
            if row != *first {
                let point = of_rows[*first as usize];
                of_rows[row as usize] = point;
                further.push([point, row]);
            }
        }
        further.sort_unstable();
        Self { rows: firsts.into(), further: further.into(), of_rows: of_rows.into() }
    }

    /// The same points, the one that was `order[i]` now number `i`.
    pub(super) fn reordered(&self, order: &[u32]) -> Self {
        let first = |point: &u32| self.rows[*point as usize];
        let first_of: Vec<u32> = self.of_rows.iter().map(first).collect();
        Self::numbered(order.iter().map(first).collect(), &first_of)
    }

    pub(super) fn view(&self) -> PointsView<'_> {
        PointsView { rows: &self.rows, further: &self.further, of_rows: &self.of_rows }
    }

    /// Number of points.
    pub(super) fn len(&self) -> u32 {
        to_row(self.rows.len())
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.rows) + size_of_val(&*self.of_rows) + size_of_val(&*self.further)
    }

    /// What is stored of the points.
    pub(super) fn parts(&self) -> [Section<'_>; 3] {
        [
            (Tag::Points, self.rows.as_bytes()),
            (Tag::PointsOfRows, self.of_rows.as_bytes()),
            (Tag::FurtherRows, self.further.as_bytes()),
        ]
    }

    /// The points in `sections` of so many rows.
    pub(super) fn open(rows: usize, sections: &Sections) -> Result<Self, DecodeError> {
        let points = Self {
            rows: sections.array(Tag::Points)?,
            further: sections.array(Tag::FurtherRows)?,
            of_rows: sections.array(Tag::PointsOfRows)?,
        };
        let counted = points.rows.len().checked_add(points.further.len()) == Some(rows);
        let fits = counted && points.of_rows.len() == rows;
        require(fits, "it has points of another number of vectors")?;
        Ok(points)
    }

    /// Looks at every number that is used as a place: each row is one of exactly one point.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let PointsView { rows, further, of_rows } = self.view();
        require_below(rows, of_rows.len(), "a point has a row that does not exist")?;
        require_below(of_rows, rows.len(), "a row has a point that does not exist")?;
        require(further.is_sorted_by(|a, b| a < b), "further rows are not in order")?;
        // There are as many pairs as rows, and none is there twice: so each row is in one.
        let is_of = |point: u32, row: u32| of_rows.get(row as usize) == Some(&point);
        let firsts = rows.iter().zip(0..).all(|(row, point)| is_of(point, *row));
        let further = further.iter().all(|[point, row]| {
            is_of(*point, *row) && rows.get(*point as usize).is_some_and(|first| first < row)
        });
        require(firsts && further, "a point has the row of another")
    }
}

impl<'a> PointsView<'a> {
    /// The point of `row`.
    pub(super) fn of_row(self, row: u32) -> u32 {
        self.of_rows[row as usize]
    }

    /// The rows of `point`, in ascending order.
    pub(super) fn rows_of(self, point: u32) -> impl Iterator<Item = u32> + use<'a> {
        let first = self.rows[point as usize];
        std::iter::once(first).chain(self.further_of(point).iter().map(|[_, row]| *row))
    }

    fn further_of(self, point: u32) -> &'a [[u32; 2]] {
        if self.further.is_empty() {
            return &[];
        }
        let from = self.further.partition_point(|[other, _]| *other < point);
        let from = &self.further[from..];
        &from[..from.iter().take_while(|[other, _]| *other == point).count()]
    }
}
