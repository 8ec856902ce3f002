//! The calibration file: the questions, and the recall of each graph measured with them.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::segment::LiveSegment;
use crate::{
    Calibration, Result, Vectors,
    format::{
        codec,
        decode_error::{DecodeError, require},
        sections::{Sections, Tag},
    },
    vector::CalibrationRecord,
};

/// The questions that graphs are calibrated with, as vectors.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    pub(crate) target_recall: f32,
    pub(crate) vectors: Vectors,
}

#[derive(Serialize, Deserialize)]
struct CalibrationFileRecord {
    target_recall: f32,
    dim: u64,
    /// By the number of the segment's file.
    #[serde(deserialize_with = "codec::list")]
    graphs: Vec<(u64, CalibrationRecord)>,
}

/// Encodes the record of `questions` and the calibrations of `segments`.
pub(super) fn encode(questions: &Questions, segments: &[LiveSegment]) -> Result<Vec<u8>> {
    let measured = |segment: &LiveSegment| {
        let number = segment.segment().id()?.number;
        Some((number, segment.calibration()?.into()))
    };
    let record = CalibrationFileRecord {
        target_recall: questions.target_recall,
        dim: questions.vectors.dim() as u64,
        graphs: segments.iter().filter_map(measured).collect(),
    };
    codec::encode(&record, "bytes in the calibration of an index")
}

/// The content of a calibration file.
pub(super) struct CalibrationFile {
    pub(super) questions: Arc<Questions>,
    /// By the number of the segment's file.
    pub(super) graphs: HashMap<u64, Calibration>,
}

/// Reads a calibration file of an index with vectors of `dim` values.
pub(super) fn read(sections: &Sections, dim: usize) -> Result<CalibrationFile, DecodeError> {
    let record: Option<CalibrationFileRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
    let CalibrationFileRecord { target_recall, dim: stored, graphs } =
        record.ok_or(DecodeError::Corrupt("its record is not readable"))?;
    require(stored == dim as u64, "its questions are of another model")?;
    require(target_recall > 0.0 && target_recall <= 1.0, "its recall is not a share")?;
    let values = sections.column::<f32>(Tag::Questions)?;
    let vectors = Vectors::stored(dim, values.to_vec());
    let vectors = vectors.ok_or(DecodeError::Corrupt("it has a vector that is not of length 1"))?;
    let graph = |(number, record): (u64, CalibrationRecord)| Ok((number, record.checked()?));
    let graphs = graphs.into_iter().map(graph).collect::<Result<_, DecodeError>>()?;
    Ok(CalibrationFile { questions: Arc::new(Questions { target_recall, vectors }), graphs })
}
