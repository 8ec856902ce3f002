//! A model that records the texts that it embeds.

use std::sync::{Arc, Mutex};

use passim::{Embedder, Interrupt, ModelIdentity, Result, Role, Vectors};
use passim_testkit::FakeEmbedder;

/// Returns word vectors that depend on the number of the model and on the role.
#[derive(Clone)]
pub struct RecordingModel {
    words: Arc<FakeEmbedder>,
    identity: ModelIdentity,
    seen: Arc<Mutex<Vec<String>>>,
}

impl RecordingModel {
    pub fn new(number: u128, dim: usize) -> Self {
        let identity = ModelIdentity { name: format!("recording {number}"), hash: number };
        Self { words: Arc::new(FakeEmbedder::new(dim)), identity, seen: Arc::default() }
    }

    /// Returns the texts embedded since the last call, sorted.
    pub fn take_seen(&self) -> Vec<String> {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.sort();
        seen
    }

    /// Returns the vectors of `texts` without recording the texts.
    pub fn vectors(&self, role: Role, texts: &[&str]) -> Vectors {
        let prefix = format!("{role:?} {}", self.identity.hash);
        let texts: Vec<String> = texts.iter().map(|text| format!("{prefix} {text}")).collect();
        self.words
            .embed(role, &texts.iter().map(String::as_str).collect::<Vec<_>>(), Interrupt::none())
            .unwrap()
    }
}

impl Embedder for RecordingModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        self.words.dim()
    }

    fn max_tokens(&self) -> Option<usize> {
        None
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.words.count_tokens(text)
    }

    fn embed(&self, role: Role, texts: &[&str], _: Interrupt<'_>) -> Result<Vectors> {
        self.seen.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
        Ok(self.vectors(role, texts))
    }
}
