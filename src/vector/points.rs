//! Points of a graph: the distinct vectors or codes, in the order in which the graph numbers them.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{adjacency::require_below, to_row};
use crate::{
    Vectors,
    format::{
        column::Column,
        decode_error::{DecodeError, require},
        sections::{Section, Sections},
        tag::Tag,
    },
};

/// Mapping between points and rows.
///
/// Equal vectors share a point, and so do vectors of equal codes, if a search compares codes. As
/// separate points, they would link only to each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Points {
    /// First row of every point.
    pub(super) rows: Column<u32>,
    /// Pairs of a point and a further row of it, ascending.
    duplicates: Column<[u32; 2]>,
    /// Those further rows whose vector differs from that of the first row of their point, ascending.
    distinct: Column<u32>,
    /// Point of every row.
    of_rows: Column<u32>,
}

/// A borrowed view of [`Points`].
#[derive(Clone, Copy, Debug)]
pub(super) struct PointsView<'a> {
    /// First row of every point.
    pub(super) rows: &'a [u32],
    duplicates: &'a [[u32; 2]],
    distinct: &'a [u32],
    of_rows: &'a [u32],
}

impl Points {
    /// The distinct vectors of the first `rows` rows, in a reproducible pseudorandom order.
    ///
    /// The first ones are therefore a random sample, over which a graph is built.
    pub(super) fn shuffled(vectors: &Vectors, rows: u32) -> Self {
        // Maps -0.0 to 0.0, since they are equal: a sum is -0.0 only if both terms are.
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

    /// Points with the first rows `firsts`; `first_of[i]` is the first row of the point of row `i`.
    fn numbered(firsts: Vec<u32>, first_of: &[u32]) -> Self {
        let mut of_rows = vec![0; first_of.len()];
        for (row, point) in firsts.iter().zip(0..) {
            of_rows[*row as usize] = point;
        }
        let mut duplicates = Vec::new();
        for (row, first) in (0..).zip(first_of) {
            if row != *first {
                let point = of_rows[*first as usize];
                of_rows[row as usize] = point;
                duplicates.push([point, row]);
            }
        }
        duplicates.sort_unstable();
        Self {
            rows: firsts.into(),
            duplicates: duplicates.into(),
            distinct: Column::default(),
            of_rows: of_rows.into(),
        }
    }

    /// Joins the points of distinct vectors that have equal codes, `codes(point)`; the order remains.
    pub(super) fn joined<'c>(&self, codes: impl Fn(u32) -> &'c [u8]) -> Self {
        let mut firsts: FxHashMap<&[u8], u32> = FxHashMap::default();
        for (point, row) in (0..).zip(&*self.rows) {
            firsts.entry(codes(point)).and_modify(|first| *first = *row.min(first)).or_insert(*row);
        }
        let firsts: Vec<u32> = (0..self.len()).map(|point| firsts[codes(point)]).collect();
        let is_first = |(first, row): &(&u32, &u32)| first == row;
        let kept = firsts.iter().zip(&*self.rows).filter(is_first).map(|(_, row)| *row);
        let first_of: Vec<u32> = self.of_rows.iter().map(|point| firsts[*point as usize]).collect();
        let is_distinct = |row: &u32| {
            let before = self.of_rows[*row as usize];
            self.of_rows[first_of[*row as usize] as usize] != before
        };
        let distinct = (0..to_row(first_of.len())).filter(is_distinct).collect();
        Self { distinct, ..Self::numbered(kept.collect(), &first_of) }
    }

    /// Renumbers the points: `order[i]` becomes `i`.
    pub(super) fn reordered(&self, order: &[u32]) -> Self {
        let first = |point: &u32| self.rows[*point as usize];
        let first_of: Vec<u32> = self.of_rows.iter().map(first).collect();
        let distinct = self.distinct.clone();
        Self { distinct, ..Self::numbered(order.iter().map(first).collect(), &first_of) }
    }

    pub(super) fn view(&self) -> PointsView<'_> {
        let Self { rows, duplicates, distinct, of_rows } = self;
        PointsView { rows, duplicates, distinct, of_rows }
    }

    /// Number of points.
    pub(super) fn len(&self) -> u32 {
        to_row(self.rows.len())
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let PointsView { rows, duplicates, distinct, of_rows } = self.view();
        size_of_val(rows) + size_of_val(duplicates) + size_of_val(distinct) + size_of_val(of_rows)
    }

    /// Sections of the points.
    pub(super) fn sections(&self) -> [Section<'_>; 4] {
        [
            Section::new(Tag::Points, self.rows.as_bytes()),
            Section::new(Tag::PointsOfRows, self.of_rows.as_bytes()),
            Section::new(Tag::DuplicateRows, self.duplicates.as_bytes()),
            Section::new(Tag::DistinctRows, self.distinct.as_bytes()),
        ]
    }

    /// Opens the points of `rows` rows in `sections`.
    pub(super) fn open(rows: usize, sections: &Sections) -> Result<Self, DecodeError> {
        let points = Self {
            rows: sections.column(Tag::Points)?,
            duplicates: sections.column(Tag::DuplicateRows)?,
            distinct: sections.optional_column(Tag::DistinctRows)?,
            of_rows: sections.column(Tag::PointsOfRows)?,
        };
        let counted = points.rows.len().checked_add(points.duplicates.len()) == Some(rows);
        let fits = counted && points.of_rows.len() == rows;
        require(fits, "the points do not match the number of vectors")?;
        Ok(points)
    }

    /// Checks every stored number that is used as an index, and that each row has one point.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let PointsView { rows, duplicates, distinct, of_rows } = self.view();
        require_below(rows, of_rows.len(), "a point has a row that does not exist")?;
        require_below(of_rows, rows.len(), "a row has a point that does not exist")?;
        require(duplicates.is_sorted_by(|a, b| a < b), "duplicate rows are not in order")?;
        // The pairs are distinct and as many as the rows, so each row is in exactly one.
        let is_of = |point: u32, row: u32| of_rows.get(row as usize) == Some(&point);
        let firsts = rows.iter().zip(0..).all(|(row, point)| is_of(point, *row));
        let duplicates = duplicates.iter().all(|[point, row]| {
            is_of(*point, *row) && rows.get(*point as usize).is_some_and(|first| first < row)
        });
        require(firsts && duplicates, "a row does not belong to its point")?;
        require(distinct.is_sorted_by(|a, b| a < b), "rows of distinct vectors are not in order")?;
        require_below(distinct, of_rows.len(), "a distinct vector has a row that does not exist")
    }
}

impl<'a> PointsView<'a> {
    /// Returns the point of `row`.
    pub(super) fn of_row(self, row: u32) -> u32 {
        self.of_rows[row as usize]
    }

    /// Returns the rows of `point`, ascending.
    pub(super) fn rows_of(self, point: u32) -> impl Iterator<Item = u32> + use<'a> {
        let first = self.rows[point as usize];
        std::iter::once(first).chain(self.duplicates_of(point).iter().map(|[_, row]| *row))
    }

    /// Whether the vector of `row` differs from that of the first row of its point.
    pub(super) fn is_distinct(self, row: u32) -> bool {
        self.distinct.binary_search(&row).is_ok()
    }

    fn duplicates_of(self, point: u32) -> &'a [[u32; 2]] {
        if self.duplicates.is_empty() {
            return &[];
        }
        let from = self.duplicates.partition_point(|[other, _]| *other < point);
        let from = &self.duplicates[from..];
        &from[..from.iter().take_while(|[other, _]| *other == point).count()]
    }
}
