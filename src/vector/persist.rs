//! The index of a segment, in memory and in the sections of a file.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    adjacency::{Links, require_below},
    beam::ScratchPool,
    graph::{Graph, LayerRecord, Upper},
    points::Points,
    quantized::Codes,
    row_count,
};
use crate::{
    ExactIndex, HnswIndex, HnswParams, Neighbors, Result, SearchParams, VectorIndex, Vectors,
    format::{
        decode_error::{DecodeError, require},
        sections::{Section, Sections, Tag},
    },
};

/// What an index is like, beside its sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum IndexRecord {
    /// Every vector is compared.
    Exact,
    /// There is a graph.
    Graph(GraphRecord),
}

/// What a graph is like, beside its sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GraphRecord {
    m: u32,
    ef_construction: u32,
    by_codes: bool,
    /// The most links that a point has on the lowest layer.
    room: u32,
    /// Layers 1 and up.
    layers: Vec<LayerRecord>,
}

/// The index of a segment.
#[derive(Debug)]
pub(crate) enum SegmentIndex {
    /// Every vector is compared.
    Exact(ExactIndex),
    /// Along a graph.
    Graph(Box<HnswIndex>),
}

const CODES: [Tag; 3] = [Tag::Codes, Tag::CodeNorms, Tag::CodeChords];
const GRAPH: [Tag; 10] = [
    Tag::Points,
    Tag::PointsOfRows,
    Tag::FurtherRows,
    Tag::Links,
    Tag::LinkCounts,
    Tag::LayerPoints,
    Tag::LayerBelow,
    Tag::LayerLinks,
    Tag::LayerLinkCounts,
    Tag::Strays,
];

impl SegmentIndex {
    /// The graph, if there is one.
    pub(crate) fn graph(&self) -> Option<&HnswIndex> {
        match self {
            Self::Exact(_) => None,
            Self::Graph(graph) => Some(graph),
        }
    }

    /// What is stored beside the sections.
    pub(crate) fn record(&self) -> IndexRecord {
        match self {
            Self::Exact(_) => IndexRecord::Exact,
            Self::Graph(index) => IndexRecord::Graph(index.record()),
        }
    }

    /// The sections to be stored; those of the vectors are not among them.
    pub(crate) fn parts(&self) -> Vec<Section<'_>> {
        match self {
            Self::Exact(index) => index.codes.parts().to_vec(),
            Self::Graph(index) => index.parts(),
        }
    }

    /// The index of `vectors` that is in `sections`, where its arrays stay. No section is read:
    /// what is in them is to be [checked](Self::check) before the first search.
    pub(crate) fn open(
        record: &IndexRecord,
        sections: &Sections,
        vectors: Arc<Vectors>,
    ) -> Result<Self, DecodeError> {
        Ok(match record {
            IndexRecord::Exact => Self::Exact(ExactIndex::open(sections, vectors)?),
            IndexRecord::Graph(record) => {
                Self::Graph(Box::new(HnswIndex::open(record, sections, vectors)?))
            }
        })
    }

    /// Looks at all that the index reads in `sections`: after this no search comes upon a place
    /// that does not exist, whatever was written. Of the vectors it looks at the checksums, and
    /// at the values only where a walk compares them without.
    ///
    /// It does its work on the calling thread, which may hold a lock that workers of `rayon`
    /// wait for.
    pub(crate) fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&[Tag::VectorSums])?;
        sections.check(&CODES)?;
        match self {
            Self::Exact(index) => index.codes.check(),
            Self::Graph(index) => {
                sections.check(&GRAPH)?;
                if !index.by_codes {
                    sections.check(&[Tag::Vectors])?;
                }
                index.check()
            }
        }
    }

    fn as_index(&self) -> &dyn VectorIndex {
        match self {
            Self::Exact(index) => index,
            Self::Graph(index) => &**index,
        }
    }
}

impl VectorIndex for SegmentIndex {
    fn len(&self) -> usize {
        self.as_index().len()
    }

    fn dim(&self) -> usize {
        self.as_index().dim()
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        self.as_index().search(query, params)
    }
}

impl HnswIndex {
    /// The shape that the graph was built with.
    pub(crate) fn params(&self) -> HnswParams {
        self.params
    }

    fn record(&self) -> GraphRecord {
        GraphRecord {
            m: super::to_row(self.params.m),
            ef_construction: super::to_row(self.params.ef_construction),
            by_codes: self.by_codes,
            room: super::to_row(self.graph.base.view().room()),
            layers: self.graph.upper.records(),
        }
    }

    fn parts(&self) -> Vec<Section<'_>> {
        let Graph { upper, base } = &self.graph;
        let links =
            [(Tag::Links, base.targets().as_bytes()), (Tag::LinkCounts, base.counts().as_bytes())];
        let strays = [(Tag::Strays, self.strays.as_bytes())];
        let (codes, points) = (self.codes.parts(), self.points.parts());
        let all = codes.into_iter().chain(points).chain(links).chain(upper.parts()).chain(strays);
        all.collect()
    }

    fn open(
        record: &GraphRecord,
        sections: &Sections,
        vectors: Arc<Vectors>,
    ) -> Result<Self, DecodeError> {
        let ef_construction = record.ef_construction as usize;
        let params = HnswParams { m: record.m as usize, ef_construction };
        require(params.check().is_ok(), "its graph has an `m` or `ef_construction` that none has")?;
        let rows = stored_rows(&vectors)?;
        let points = Points::open(vectors.len(), sections)?;
        let codes = Codes::open(vectors.dim(), points.rows.len(), sections)?;
        let counts = sections.array(Tag::LinkCounts)?;
        let base = Links::stored(record.room as usize, counts, sections.array(Tag::Links)?)?;
        require(base.view().len() == points.rows.len(), "it has links of other points")?;
        let upper = Upper::open(&record.layers, sections)?;
        Ok(Self {
            vectors,
            rows,
            points,
            codes,
            by_codes: record.by_codes,
            graph: Graph { upper, base },
            strays: sections.array(Tag::Strays)?,
            params,
            calibration: None,
            memories: ScratchPool::default(),
        })
    }

    /// Looks at every number that is used as a place.
    fn check(&self) -> Result<(), DecodeError> {
        self.codes.check()?;
        self.points.check()?;
        self.graph.check()?;
        require(self.strays.is_sorted_by(|a, b| a < b), "points without a way are not in order")?;
        require_below(&self.strays, self.points.rows.len(), "a point without a way does not exist")
    }
}

/// Number of rows as the `u32` that indexes count with.
pub(super) fn stored_rows(vectors: &Vectors) -> Result<u32, DecodeError> {
    row_count(vectors)
        .map_err(|_| DecodeError::Corrupt("it has more values than an index can have"))
}
