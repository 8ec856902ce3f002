//! A vector index that is saved alone.

use std::path::Path;

use super::{
    FilteredRecall, MeasuredStep,
    bytes::{File, Record},
    graph::{Graph, GraphRecord},
    segment::{PointCode, codes_of, vectors_of},
};

const VECTOR_INDEX: u32 = 5;

#[derive(Debug)]
pub struct VectorIndexFile {
    pub dim: usize,
    /// One per row.
    pub vectors: Vec<Vec<f32>>,
    /// One per point.
    pub codes: Vec<PointCode>,
    pub graph: Option<Graph>,
    pub calibration: Option<OwnCalibration>,
    pub filtered: Vec<FilteredRecall>,
}

/// The calibration of the graph in the same file.
#[derive(Debug)]
pub struct OwnCalibration {
    pub max_neighbors: usize,
    pub questions: usize,
    pub steps: Vec<MeasuredStep>,
}

struct IndexRecord {
    dim: usize,
    graph: Option<GraphRecord>,
    calibration: Option<OwnCalibration>,
}

impl IndexRecord {
    fn read(record: &mut Record) -> Self {
        Self {
            dim: record.size(),
            graph: match record.u32() {
                0 => None,
                1 => Some(GraphRecord::read(record)),
                other => panic!("index {other}"),
            },
            calibration: record.optional(|record| OwnCalibration {
                max_neighbors: record.size(),
                questions: record.size(),
                steps: record.list(MeasuredStep::read),
            }),
        }
    }
}

impl VectorIndexFile {
    pub fn read(path: &Path) -> Self {
        let file = File::read(path);
        assert_eq!((file.kind, file.id.number), (VECTOR_INDEX, 0));
        let IndexRecord { dim, graph, calibration } = file.record(IndexRecord::read);
        let mut tags = vec![1, 50, 51, 60, 61, 62];
        if graph.is_some() {
            tags.extend([63, 64, 70, 71, 72, 73, 80, 81, 82, 83, 84, 85, 86]);
        }
        if graph.is_some() {
            tags.push(101);
        }
        assert_eq!(file.tags(), tags);
        let filtered = graph
            .is_some()
            .then(|| Record::whole(file.section(101), |record| record.list(FilteredRecall::read)));
        let rows = file.section(51).len() / 4;
        let graph = graph.map(|record| Graph::read(&file, &record, rows));
        let points = graph.as_ref().map_or(rows, |graph| graph.first_rows.len());
        let vectors = vectors_of(&file, rows, dim);
        let codes = codes_of(&file, points, dim);
        if let Some(graph) = &graph {
            graph.check_distinct(&vectors);
        }
        Self { dim, vectors, codes, graph, calibration, filtered: filtered.unwrap_or_default() }
    }
}
