//! The calibration file: questions, and the recall of each graph measured on them.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::stored_segment::StoredSegment;
use crate::{
    Calibration, Result, Vectors,
    format::{
        codec,
        decode_error::{DecodeError, require},
        sections::{Section, Sections},
        tag::Tag,
    },
    vector::{CalibrationRecord, FilteredRecords},
};

/// Questions on which the recall of graphs is measured.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    pub(crate) target_recall: f32,
    pub(crate) vectors: Vectors,
}

#[derive(Serialize, Deserialize)]
struct CalibrationFileRecord {
    target_recall: f32,
    dim: u64,
    #[serde(deserialize_with = "codec::list")]
    graphs: Vec<GraphCalibrationRecord>,
}

#[derive(Serialize, Deserialize)]
struct GraphCalibrationRecord {
    /// Number of the segment's file.
    segment: u64,
    calibration: CalibrationRecord,
}

/// Recalls of filtered searches of each graph, in the order of the record.
#[derive(Default, Serialize, Deserialize)]
struct FilteredGraphs(#[serde(deserialize_with = "codec::list")] Vec<FilteredRecords>);

/// Encoded calibration of an index.
pub(super) struct EncodedCalibration {
    record: Vec<u8>,
    filtered: Vec<u8>,
}

impl EncodedCalibration {
    /// The sections of the file, without the vectors of the questions.
    pub(super) fn sections(&self) -> [Section<'_>; 2] {
        [
            Section::new(Tag::Record, &self.record),
            Section::new(Tag::FilteredRecalls, &self.filtered),
        ]
    }
}

/// Encodes `questions` and the calibrations of `segments`, which are in files.
pub(super) fn encode<S: StoredSegment>(
    questions: &Questions,
    segments: &[S],
) -> Result<EncodedCalibration> {
    let measured = |segment: &S| {
        let calibration = segment.calibration()?.as_ref().into();
        let file = segment.file_id().expect("a segment is written before its calibration");
        Some(GraphCalibrationRecord { segment: file.number, calibration })
    };
    let filtered =
        segments.iter().filter_map(|segment| Some(segment.calibration()?.as_ref().into()));
    let filtered = FilteredGraphs(filtered.collect());
    let record = CalibrationFileRecord {
        target_recall: questions.target_recall,
        dim: questions.vectors.dim() as u64,
        graphs: segments.iter().filter_map(measured).collect(),
    };
    Ok(EncodedCalibration {
        record: codec::encode(&record, "bytes in the calibration of an index")?,
        filtered: codec::encode(&filtered, "bytes in the recalls of filtered searches")?,
    })
}

/// Content of a calibration file.
pub(super) struct CalibrationFile {
    pub(super) questions: Arc<Questions>,
    /// Calibrations by the number of the segment's file.
    pub(super) graphs: HashMap<u64, Calibration>,
}

/// Reads a calibration file of an index with vectors of `dim` values.
pub(super) fn read(sections: &Sections, dim: usize) -> Result<CalibrationFile, DecodeError> {
    let record: Option<CalibrationFileRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
    let CalibrationFileRecord { target_recall, dim: stored, graphs } =
        record.ok_or(DecodeError::Corrupt("the record of the calibration cannot be decoded"))?;
    require(stored == dim as u64, "the questions have another dimension than the index")?;
    let is_share = target_recall > 0.0 && target_recall <= 1.0;
    require(is_share, "the target recall is outside 0 < recall <= 1")?;
    let values = sections.column::<f32>(Tag::Questions)?;
    let vectors = Vectors::stored(dim, values.to_vec());
    let vectors =
        vectors.ok_or(DecodeError::Corrupt("the vector of a question does not have length 1"))?;
    let FilteredGraphs(mut filtered) = sections.optional_record(Tag::FilteredRecalls)?;
    // Files of earlier versions have none.
    if filtered.is_empty() {
        filtered.resize_with(graphs.len(), FilteredRecords::default);
    }
    require(
        filtered.len() == graphs.len(),
        "the filtered recalls are of another number of graphs",
    )?;
    let checked = graphs
        .into_iter()
        .zip(filtered)
        .map(|(graph, filtered)| Ok((graph.segment, graph.calibration.checked(filtered)?)));
    let graphs = checked.collect::<Result<_, DecodeError>>()?;
    Ok(CalibrationFile { questions: Arc::new(Questions { target_recall, vectors }), graphs })
}
