//! Verification that a model still returns the vectors that it returned at index creation.

use crate::{EmbedStage, Embedder, Error, Result, Role, Vectors, store::Probe, vector::kernel};

/// Texts embedded at index creation, and again when the index is opened.
const PROBES: [&str; 3] = [
    "Der Bundestag berät am Donnerstag über den Haushalt für das kommende Jahr.",
    "The new chip doubles the memory and needs a third less power.",
    "Straßenbahnhaltestelle 7, geöffnet von 6.30 bis 22 Uhr – \"closed on Sundays\"",
];

/// Minimum cosine between two vectors of one text from one model; rounding differs between
/// CPUs and runtime versions by less than this allows.
const MIN_SIMILARITY: f32 = 0.99;

pub(super) fn probes(embedder: &dyn Embedder) -> Result<Vec<Probe>> {
    let vectors = probe_vectors(embedder, &PROBES)?;
    let probes = PROBES.iter().zip(vectors.rows());
    let probe = |(text, vector): (&&str, &[f32])| Probe {
        text: (*text).to_owned(),
        vector: vector.to_vec(),
    };
    Ok(probes.map(probe).collect())
}

/// Embeds the texts of `probes` again and compares the vectors.
///
/// # Errors
///
/// - [`Error::NotVerifiable`] if there are no probes.
/// - [`Error::ModelDrift`] if a vector differs from its probe.
pub(super) fn check_probes(embedder: &dyn Embedder, probes: &[Probe]) -> Result<()> {
    if probes.is_empty() {
        return Err(Error::NotVerifiable);
    }
    let texts: Vec<&str> = probes.iter().map(|probe| probe.text.as_str()).collect();
    let vectors = probe_vectors(embedder, &texts)?;
    for (probe, vector) in probes.iter().zip(vectors.rows()) {
        let similarity = kernel::dot(&probe.vector, vector);
        let drifted = similarity.is_nan() || similarity < MIN_SIMILARITY;
        if drifted {
            let model = Box::new(embedder.identity().clone());
            let text = probe.text.clone();
            return Err(Error::ModelDrift { model, text, similarity });
        }
    }
    Ok(())
}

fn probe_vectors(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vectors> {
    let stage = EmbedStage::new(embedder).embed_threads(1);
    Ok(stage.run(Role::Passage, texts)?.0)
}
