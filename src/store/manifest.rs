//! The manifest: the files and settings of a generation.

use serde::{Deserialize, Serialize};

use super::file_names::FileNumber;
use crate::{
    Chunker, Embedder, HnswParams, IndexChoice, ModelIdentity, Result,
    embed::check_model,
    format::{
        codec,
        decode_error::{DecodeError, require},
        sections::{FileId, Kind, Sections, Tag},
    },
};

/// A generation: its files, its model, and the settings for new articles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// Number of commits; 0 for the empty index.
    pub(crate) generation: u64,
    /// Number of the next file to write.
    pub(crate) next_number: u64,
    pub(crate) model: ModelIdentity,
    pub(crate) dim: usize,
    pub(crate) chunker: Chunker,
    pub(crate) index: IndexChoice,
    pub(crate) probes: Vec<Probe>,
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) calibration: Option<FileId>,
}

/// A text with its vector by the model that created the index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) text: String,
    pub(crate) vector: Vec<f32>,
}

/// A segment of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub(crate) file: FileId,
    /// File that lists the removed articles; `None` if there are none.
    pub(crate) removals: Option<FileId>,
}

/// A file of a generation, other than the manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedFile {
    pub(super) kind: Kind,
    pub(super) id: FileId,
}

impl ListedFile {
    pub(super) fn file_number(self) -> FileNumber {
        FileNumber { kind: self.kind, number: self.id.number }
    }
}

/// Bound of generation and file numbers, so that the next number always fits a `u64`.
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
        let manifest =
            manifest.ok_or(DecodeError::Corrupt("the record of the manifest cannot be decoded"))?;
        manifest.check_numbers(sections.id().number)?;
        Ok(manifest)
    }

    /// Checks that no arithmetic on generation, file numbers and lengths can overflow, and that
    /// files are distinct.
    fn check_numbers(&self, generation: u64) -> Result<(), DecodeError> {
        let is_own = self.generation == generation;
        require(is_own, "the record has another generation than the header")?;
        let are_bounded = self.generation < MAX_NUMBER && self.next_number < MAX_NUMBER;
        require(are_bounded, "the generation or the next file number is 2^63 or more")?;
        let mut numbers: Vec<u64> = self.files().map(|file| file.id.number).collect();
        let precede_next = numbers.iter().all(|number| *number < self.next_number);
        require(precede_next, "a file has a number that is not below the next file number")?;
        numbers.sort_unstable();
        require(numbers.is_sorted_by(|a, b| a < b), "a file is named twice")?;
        require(self.checked_bytes().is_some(), "the lengths of the files exceed 2^64 bytes")
    }

    /// Checks that `embedder` is the model that created the index.
    pub(crate) fn check_model(&self, embedder: &dyn Embedder) -> Result<()> {
        check_model(embedder, &self.model, self.dim)
    }

    /// Total length of the files of this generation, without the manifest.
    pub(super) fn bytes(&self) -> u64 {
        self.checked_bytes().expect("`read` checked the sum of the lengths")
    }

    fn checked_bytes(&self) -> Option<u64> {
        self.files().try_fold(0_u64, |bytes, file| bytes.checked_add(file.id.length))
    }

    /// The files of this generation, without the manifest.
    pub(super) fn files(&self) -> impl Iterator<Item = ListedFile> {
        let file = |kind| move |id| ListedFile { kind, id };
        let segments = self.segments.iter().map(|entry| entry.file).map(file(Kind::Segment));
        let removals = self.segments.iter().filter_map(|entry| entry.removals);
        let removals = removals.map(file(Kind::Removals));
        let calibration = self.calibration.into_iter().map(file(Kind::Calibration));
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
        let chunker = Chunker::default()
            .max_tokens(usize::try_from(self.max_tokens).ok()?)
            .overlap_sentences(usize::try_from(self.overlap_sentences).ok()?)
            .context(self.context);
        chunker.check().ok()?;
        let index = self.index.checked()?;
        let dim = usize::try_from(self.dim).ok()?;
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
        match choice {
            IndexChoice::Exact => Self::Exact,
            IndexChoice::Hnsw(HnswParams { m, ef_construction }) => {
                Self::Hnsw { m: m as u64, ef_construction: ef_construction as u64 }
            }
            IndexChoice::Auto(HnswParams { m, ef_construction }) => {
                Self::Auto { m: m as u64, ef_construction: ef_construction as u64 }
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
