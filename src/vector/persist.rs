//! Storage of an index in the sections of a segment file.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    adjacency::{DEGREE_FITS, Links, require_below},
    calibrate::{FilterShare, MeasuredPart, requested_route},
    coarse_codes::CoarseCodes,
    graph::{Graph, LayerRecord, UpperLayers},
    points::Points,
    precision::Precision,
    quantized::Quantized,
    row_count, to_u32,
};
use crate::{
    ExactIndex, HnswIndex, HnswParams, Neighbors, Result, Route, RowSet, ScanReason, SearchEffort,
    SearchParams, VectorIndex, Vectors,
    format::{
        decode_error::{DecodeError, require},
        lazy_checked::Check,
        sections::{Section, Sections},
        tag::Tag,
    },
    work::ScratchPool,
};

/// Properties of an index that are stored beside its sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum IndexRecord {
    Exact,
    Graph(GraphRecord),
}

/// Properties of a graph that are stored beside its sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GraphRecord {
    m: u32,
    ef_construction: u32,
    /// Whether searches compare quantized vectors.
    quantized: bool,
    /// Maximum number of links per point on the lowest layer.
    max_degree: u32,
    /// Layers 1 and up.
    layers: Vec<LayerRecord>,
}

/// The index of a segment.
#[derive(Debug)]
pub(crate) enum SegmentIndex {
    Exact(ExactIndex),
    Graph(Box<HnswIndex>),
}

const CODES: [Tag; 3] = [Tag::Codes, Tag::CodeNorms, Tag::QuantizationErrors];
const GRAPH: [Tag; 13] = [
    Tag::CoarseCodes,
    Tag::CoarseCodeNorms,
    Tag::Points,
    Tag::PointsOfRows,
    Tag::DuplicateRows,
    Tag::DistinctRows,
    Tag::Links,
    Tag::LinkCounts,
    Tag::LayerPoints,
    Tag::LayerBelow,
    Tag::LayerLinks,
    Tag::LayerLinkCounts,
    Tag::AlwaysCompared,
];

impl SegmentIndex {
    /// The graph, if there is one.
    pub(crate) fn graph(&self) -> Option<&HnswIndex> {
        match self {
            Self::Exact(_) => None,
            Self::Graph(graph) => Some(graph),
        }
    }

    /// The index as a part whose recall is measured, with its `live` rows, all if `None`.
    pub(crate) fn measured_part<'a>(&'a self, live: Option<&'a RowSet>) -> MeasuredPart<'a> {
        MeasuredPart { index: self, has_graph: self.graph().is_some(), live }
    }

    /// Properties to store beside the sections.
    pub(crate) fn record(&self) -> IndexRecord {
        match self {
            Self::Exact(_) => IndexRecord::Exact,
            Self::Graph(index) => IndexRecord::Graph(index.record()),
        }
    }

    /// Sections to store, without those of the vectors.
    pub(crate) fn sections(&self) -> Vec<Section<'_>> {
        match self {
            Self::Exact(index) => index.codes.sections().to_vec(),
            Self::Graph(index) => index.sections(),
        }
    }

    /// Opens the index of `vectors` in `sections`, where its arrays stay mapped.
    ///
    /// Sections are not read: [`check`](Self::check) must succeed before the first search.
    pub(crate) fn open(
        record: &IndexRecord,
        sections: &Sections,
        vectors: Arc<Vectors>,
    ) -> Result<Self, DecodeError> {
        Ok(match record {
            IndexRecord::Exact => Self::Exact(ExactIndex::in_sections(sections, vectors)?),
            IndexRecord::Graph(record) => {
                Self::Graph(Box::new(HnswIndex::in_sections(record, sections, vectors)?))
            }
        })
    }

    /// Returns the neighbors of `query`. A recall is reached by the calibration of `params`, or by
    /// comparing all rows without one. A filter allows `share` of the rows.
    ///
    /// A graph can be built at a moment that no caller knows, so an uncalibrated one is no error.
    pub(crate) fn search_calibrated(
        &self,
        query: &[f32],
        params: &SearchParams,
        share: FilterShare,
    ) -> Result<Neighbors> {
        let ResolvedEffort { effort, reason } = self.resolved(params, share)?;
        let found = self.search(query, &SearchParams { effort, ..*params })?;
        Ok(with_reason(found, reason))
    }

    /// As [`search_calibrated`](Self::search_calibrated), for each of `queries`.
    pub(crate) fn search_many_calibrated(
        &self,
        queries: &Vectors,
        params: &SearchParams,
        share: FilterShare,
    ) -> Result<Vec<Neighbors>> {
        let ResolvedEffort { effort, reason } = self.resolved(params, share)?;
        let found = self.search_many(queries, &SearchParams { effort, ..*params })?;
        Ok(found.into_iter().map(|found| with_reason(found, reason)).collect())
    }

    /// Resolves a recall by the calibration of `params`.
    fn resolved(&self, params: &SearchParams, share: FilterShare) -> Result<ResolvedEffort> {
        params.effort.check()?;
        let asks_recall = matches!(params.effort, SearchEffort::Recall(_));
        if !asks_recall || self.graph().is_none() {
            return Ok(ResolvedEffort { effort: params.effort, reason: None });
        }
        let route = match params.calibration {
            Some(_) => requested_route(params, None, share)?,
            None => Route::Scan(ScanReason::NotCalibrated),
        };
        Ok(match route {
            Route::Graph { ef_search } => {
                ResolvedEffort { effort: SearchEffort::Ef(ef_search), reason: None }
            }
            Route::Scan(reason) => {
                ResolvedEffort { effort: SearchEffort::Exact, reason: Some(reason) }
            }
        })
    }

    fn as_index(&self) -> &dyn VectorIndex {
        match self {
            Self::Exact(index) => index,
            Self::Graph(index) => &**index,
        }
    }
}

/// The effort of a search whose recall is resolved.
struct ResolvedEffort {
    effort: SearchEffort,
    /// The reason of an exact search that stands for a recall.
    reason: Option<ScanReason>,
}

/// Gives the `reason` of a scan that stands for a recall.
fn with_reason(mut found: Neighbors, reason: Option<ScanReason>) -> Neighbors {
    if let (Some(reason), Route::Scan(ScanReason::Requested)) = (reason, found.plan.route) {
        found.plan.route = Route::Scan(reason);
    }
    found
}

impl Check for SegmentIndex {
    /// Checks the sections of the index: whatever the file contains, no search reads out of range
    /// after it succeeds.
    ///
    /// Vectors are checked here only if graph searches compare them in full precision; otherwise
    /// each is checked by its checksum on access.
    ///
    /// Runs on the calling thread, which may hold a lock that `rayon` workers wait for.
    fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&[Tag::VectorSums])?;
        sections.check(&CODES)?;
        match self {
            Self::Exact(index) => index.codes.check(),
            Self::Graph(index) => {
                sections.check(&GRAPH)?;
                if index.precision == Precision::Full {
                    sections.check(&[Tag::Vectors])?;
                }
                index.check()
            }
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

    fn search_many(&self, queries: &Vectors, params: &SearchParams) -> Result<Vec<Neighbors>> {
        self.as_index().search_many(queries, params)
    }
}

impl HnswIndex {
    pub(super) fn record(&self) -> GraphRecord {
        GraphRecord {
            m: to_u32(self.params.m, "`m` is at most 255"),
            ef_construction: to_u32(
                self.params.ef_construction,
                "`ef_construction` is at most 2^16",
            ),
            quantized: self.precision != Precision::Full,
            max_degree: to_u32(self.graph.base.view().max_degree(), DEGREE_FITS),
            layers: self.graph.upper.records(),
        }
    }

    pub(super) fn sections(&self) -> Vec<Section<'_>> {
        let Graph { upper, base } = &self.graph;
        let links = [
            Section::new(Tag::Links, base.targets().as_bytes()),
            Section::new(Tag::LinkCounts, base.counts().as_bytes()),
        ];
        let always_compared = [Section::new(Tag::AlwaysCompared, self.always_compared.as_bytes())];
        let codes = self.codes.sections().into_iter().chain(self.coarse.sections());
        let points = self.points.sections();
        codes.chain(points).chain(links).chain(upper.sections()).chain(always_compared).collect()
    }

    fn in_sections(
        record: &GraphRecord,
        sections: &Sections,
        vectors: Arc<Vectors>,
    ) -> Result<Self, DecodeError> {
        let ef_construction = record.ef_construction as usize;
        let params = HnswParams { m: record.m as usize, ef_construction };
        require(params.check().is_ok(), "`m` or `ef_construction` of the graph is out of range")?;
        let rows = stored_rows(&vectors)?;
        let points = Points::open(vectors.len(), sections)?;
        let codes = Quantized::open(vectors.dim(), points.rows.len(), sections)?;
        let coarse = CoarseCodes::open(codes.view(), sections)?;
        let precision = match (record.quantized, coarse.is_empty()) {
            (false, _) => Precision::Full,
            (true, true) => Precision::Quantized,
            (true, false) => Precision::Coarse,
        };
        let counts = sections.column(Tag::LinkCounts)?;
        let base = Links::stored(record.max_degree as usize, counts, sections.column(Tag::Links)?)?;
        require(
            base.view().len() == points.rows.len(),
            "the graph has links for another number of points",
        )?;
        let upper = UpperLayers::open(&record.layers, sections)?;
        Ok(Self {
            vectors,
            rows,
            points,
            codes,
            coarse,
            precision,
            graph: Graph { upper, base },
            always_compared: sections.column(Tag::AlwaysCompared)?,
            params,
            calibration: None,
            beams: ScratchPool::default(),
        })
    }

    /// Checks every stored number that is used as an index.
    fn check(&self) -> Result<(), DecodeError> {
        self.codes.check()?;
        self.coarse.check()?;
        self.points.check()?;
        self.graph.check()?;
        require(
            self.always_compared.is_sorted_by(|a, b| a < b),
            "the points that are always compared are not in order",
        )?;
        require_below(
            &self.always_compared,
            self.points.rows.len(),
            "a point that is always compared does not exist",
        )
    }
}

/// Opens the vectors of `dim` values in `sections`; each is checked when it is read.
pub(crate) fn open_vectors(sections: &Sections, dim: u64) -> Result<Vectors, DecodeError> {
    let values = sections.column(Tag::Vectors)?;
    let checksums = sections.column(Tag::VectorSums)?;
    let dim = usize::try_from(dim).ok().filter(|dim| *dim > 0);
    let vectors = dim.and_then(|dim| Vectors::in_file(dim, values, checksums));
    let place = sections.byte_range(Tag::Vectors)?;
    sections.file().advise_random(place.start, place.len());
    vectors.ok_or(DecodeError::Corrupt("the vectors do not fill whole rows"))
}

/// [`row_count`] of stored vectors.
pub(super) fn stored_rows(vectors: &Vectors) -> Result<u32, DecodeError> {
    row_count(vectors)
        .map_err(|_| DecodeError::Corrupt("the vectors exceed the limits of an index"))
}
