//! The contents of a corpus: its model, and the settings for new articles.

use serde::{Deserialize, Serialize};

use super::{contents::Contents, index_choice_record::IndexChoiceRecord};
use crate::{
    Chunker, Embedder, IndexChoice, ModelIdentity, Result,
    embed::check_model,
    format::{codec, sections::Kind},
};

/// A corpus: its model, and the settings for new articles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CorpusContents {
    pub(crate) model: ModelIdentity,
    pub(crate) dim: usize,
    pub(crate) chunker: Chunker,
    pub(crate) index: IndexChoice,
    pub(crate) probes: Vec<Probe>,
}

/// A text with its vector by the model that created the index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) text: String,
    pub(crate) vector: Vec<f32>,
}

/// Stored form of [`CorpusContents`].
#[derive(Serialize, Deserialize)]
pub(crate) struct CorpusRecord<'a> {
    model_name: &'a str,
    model_hash: u128,
    dim: u64,
    max_tokens: u64,
    overlap_sentences: u64,
    context: bool,
    index: IndexChoiceRecord,
    #[serde(borrow, deserialize_with = "codec::list")]
    probes: Vec<ProbeRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ProbeRecord<'a> {
    text: &'a str,
    #[serde(deserialize_with = "codec::list")]
    vector: Vec<f32>,
}

impl CorpusContents {
    /// Checks that `embedder` is the model that created the index.
    pub(crate) fn check_model(&self, embedder: &dyn Embedder) -> Result<()> {
        check_model(embedder, &self.model, self.dim)
    }
}

impl Contents for CorpusContents {
    const MANIFEST: Kind = Kind::Manifest;
    const SEGMENT: Kind = Kind::Segment;

    type Record<'a> = CorpusRecord<'a>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn record(&self) -> CorpusRecord<'_> {
        CorpusRecord {
            model_name: &self.model.name,
            model_hash: self.model.hash,
            dim: self.dim as u64,
            max_tokens: self.chunker.budget() as u64,
            overlap_sentences: self.chunker.overlap() as u64,
            context: self.chunker.has_context(),
            index: self.index.into(),
            probes: self.probes.iter().map(ProbeRecord::new).collect(),
        }
    }

    fn checked(record: CorpusRecord<'_>) -> Option<Self> {
        let chunker = Chunker::default()
            .max_tokens(usize::try_from(record.max_tokens).ok()?)
            .overlap_sentences(usize::try_from(record.overlap_sentences).ok()?)
            .context(record.context);
        chunker.check().ok()?;
        let index = record.index.checked()?;
        let dim = usize::try_from(record.dim).ok()?;
        let have_dim = record.probes.iter().all(|probe| probe.vector.len() == dim);
        let probe =
            |probe: ProbeRecord| Probe { text: probe.text.to_owned(), vector: probe.vector };
        have_dim.then_some(Self {
            model: ModelIdentity { name: record.model_name.to_owned(), hash: record.model_hash },
            dim,
            chunker,
            index,
            probes: record.probes.into_iter().map(probe).collect(),
        })
    }
}

impl<'a> ProbeRecord<'a> {
    fn new(probe: &'a Probe) -> Self {
        Self { text: &probe.text, vector: probe.vector.clone() }
    }
}
