//! The manifest: the files and settings of a generation.

use serde::{Deserialize, Serialize};

use crate::{
    Chunker, Embedder, Error, HnswParams, IndexChoice, ModelIdentity, Result,
    format::{
        codec,
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Sections, Tag},
    },
};

/// A generation: its files, its model and its settings for new articles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// Number of commits; 0 for the empty index.
    pub(crate) generation: u64,
    /// The number of the next file.
    pub(crate) next_number: u64,
    pub(crate) model: ModelIdentity,
    pub(crate) dim: usize,
    pub(crate) chunker: Chunker,
    pub(crate) index: IndexChoice,
    pub(crate) probes: Vec<Probe>,
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) calibration: Option<FileId>,
}

/// A text with its vector by the model that the index was created with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) text: String,
    pub(crate) vector: Vec<f32>,
}

/// A segment of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub(crate) file: FileId,
    /// The file that lists its removed articles; `None` if there are none.
    pub(crate) removals: Option<FileId>,
}

/// Generation and file numbers are lower, so that the next number always fits a `u64`.
pub(super) const MAX_NUMBER: u64 = 1 << 63;

#[derive(Serialize, Deserialize)]
struct ManifestRecord<'a> {
    generation: u64,
    next_number: u64,
    model_name: &'a str,
    model_hash: u128,
    dim: u64,
    max_tokens: u64,
    overlap_sentences: u64,
    context: bool,
    index: IndexChoiceRecord,
    #[serde(borrow, deserialize_with = "codec::list")]
    probes: Vec<ProbeRecord<'a>>,
    #[serde(deserialize_with = "codec::list")]
    segments: Vec<SegmentEntry>,
    calibration: Option<FileId>,
}

#[derive(Serialize, Deserialize)]
struct ProbeRecord<'a> {
    text: &'a str,
    #[serde(deserialize_with = "codec::list")]
    vector: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
enum IndexChoiceRecord {
    Exact,
    Hnsw { m: u64, ef_construction: u64 },
    Auto { m: u64, ef_construction: u64 },
}

impl Manifest {
    /// Encodes the record.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let record = ManifestRecord {
            generation: self.generation,
            next_number: self.next_number,
            model_name: &self.model.name,
            model_hash: self.model.hash,
            dim: self.dim as u64,
            max_tokens: self.chunker.budget() as u64,
            overlap_sentences: self.chunker.overlap() as u64,
            context: self.chunker.has_context(),
            index: self.index.into(),
            probes: self.probes.iter().map(ProbeRecord::new).collect(),
            segments: self.segments.clone(),
            calibration: self.calibration,
        };
        codec::encode(&record, "bytes in the manifest")
    }

    /// Reads a manifest file and checks every byte.
    pub(super) fn read(sections: &Sections) -> Result<Self, DecodeError> {
        sections.check_all()?;
        let record: Option<ManifestRecord> = codec::decode(sections.checked_bytes(Tag::Record)?);
        let manifest = record.and_then(ManifestRecord::checked);
        let manifest = manifest.ok_or(DecodeError::Corrupt("its record is not readable"))?;
        let is_own = manifest.generation == sections.id().number;
        require(is_own, "it is not of the generation that its header names")?;
        let counts = [manifest.generation, manifest.next_number];
        require(
            counts.iter().all(|count| *count < MAX_NUMBER),
            "it counts further than anybody has",
        )?;
        let files = manifest.files().map(|(_, file)| file.number);
        let mut numbers: Vec<u64> = files.collect();
        require(
            numbers.iter().all(|number| *number < manifest.next_number),
            "it names a file with a number that was not given yet",
        )?;
        numbers.sort_unstable();
        require(numbers.is_sorted_by(|a, b| a < b), "it names a file twice")?;
        let total = manifest.files().try_fold(0_u64, |sum, (_, file)| sum.checked_add(file.length));
        require(total.is_some(), "it names files of more bytes than a disk can hold")?;
        Ok(manifest)
    }

    /// Checks that `embedder` is the model that the index was created with.
    pub(crate) fn check_model(&self, embedder: &dyn Embedder) -> Result<()> {
        let given = embedder.identity();
        if self.model != *given {
            return Err(Error::ModelMismatch {
                index: Box::new(self.model.clone()),
                given: Box::new(given.clone()),
            });
        }
        if self.dim != embedder.dim() {
            return Err(Error::Dimension { expected: self.dim, got: embedder.dim() });
        }
        Ok(())
    }

    /// Bytes of the files of this generation, without the manifest.
    pub(super) fn bytes(&self) -> u64 {
        let total = self.files().try_fold(0_u64, |bytes, (_, file)| bytes.checked_add(file.length));
        total.expect("`read` checked that the lengths add up")
    }

    /// The files of this generation, without the manifest.
    pub(super) fn files(&self) -> impl Iterator<Item = (Kind, FileId)> {
        let segments = self.segments.iter().map(|entry| (Kind::Segment, entry.file));
        let removals = self.segments.iter().filter_map(|entry| entry.removals);
        let removals = removals.map(|file| (Kind::Removals, file));
        let calibration = self.calibration.map(|file| (Kind::Calibration, file));
        segments.chain(removals).chain(calibration)
    }
}

impl<'a> ProbeRecord<'a> {
    fn new(probe: &'a Probe) -> Self {
        Self { text: &probe.text, vector: probe.vector.clone() }
    }
}

impl ManifestRecord<'_> {
    fn checked(self) -> Option<Manifest> {
        let number = |number: u64| usize::try_from(number).ok();
        let chunker = Chunker::default()
            .max_tokens(number(self.max_tokens)?)
            .overlap_sentences(number(self.overlap_sentences)?)
            .context(self.context);
        chunker.check().ok()?;
        let index = self.index.checked()?;
        let dim = number(self.dim)?;
        let have_dim = self.probes.iter().all(|probe| probe.vector.len() == dim);
        let probe =
            |probe: ProbeRecord| Probe { text: probe.text.to_owned(), vector: probe.vector };
        have_dim.then_some(Manifest {
            generation: self.generation,
            next_number: self.next_number,
            model: ModelIdentity { name: self.model_name.to_owned(), hash: self.model_hash },
            dim,
            chunker,
            index,
            probes: self.probes.into_iter().map(probe).collect(),
            segments: self.segments,
            calibration: self.calibration,
        })
    }
}

impl From<IndexChoice> for IndexChoiceRecord {
    fn from(choice: IndexChoice) -> Self {
        let numbers = |params: HnswParams| (params.m as u64, params.ef_construction as u64);
        match choice {
            IndexChoice::Exact => Self::Exact,
            IndexChoice::Hnsw(params) => {
                let (m, ef_construction) = numbers(params);
                Self::Hnsw { m, ef_construction }
            }
            IndexChoice::Auto(params) => {
                let (m, ef_construction) = numbers(params);
                Self::Auto { m, ef_construction }
            }
        }
    }
}

impl IndexChoiceRecord {
    fn checked(self) -> Option<IndexChoice> {
        let params = |m: u64, ef_construction: u64| {
            let ef_construction = usize::try_from(ef_construction).ok()?;
            Some(HnswParams { m: usize::try_from(m).ok()?, ef_construction })
        };
        let choice = match self {
            Self::Exact => IndexChoice::Exact,
            Self::Hnsw { m, ef_construction } => IndexChoice::Hnsw(params(m, ef_construction)?),
            Self::Auto { m, ef_construction } => IndexChoice::Auto(params(m, ef_construction)?),
        };
        choice.check().ok().map(|()| choice)
    }
}
