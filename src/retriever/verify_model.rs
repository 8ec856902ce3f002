//! Texts that tell whether a model still gives the vectors that it gave when an index was made.

use crate::{EmbedStage, Embedder, Error, Result, Role, Vectors, store::Probe, vector::kernel};

/// Texts that are embedded when an index is made, and again when it is opened.
const PROBES: [&str; 3] = [
    "Der Bundestag berät am Donnerstag über den Haushalt für das kommende Jahr.",
    "The new chip doubles the memory and needs a third less power.",
    "Straßenbahnhaltestelle 7, geöffnet von 6.30 bis 22 Uhr – \"closed on Sundays\"",
];

/// The least cosine between two vectors of one text from one model: other processors and
/// versions of a runtime round otherwise, but not as much as this.
const SAME: f32 = 0.99;

pub(super) fn probes(embedder: &dyn Embedder) -> Result<Vec<Probe>> {
    let vectors = probe_vectors(embedder, &PROBES)?;
    let probes = PROBES.iter().zip(vectors.rows());
    let probe = |(text, vector): (&&str, &[f32])| Probe {
        text: (*text).to_owned(),
        vector: vector.to_vec(),
    };
    Ok(probes.map(probe).collect())
}

pub(super) fn check_probes(embedder: &dyn Embedder, probes: &[Probe]) -> Result<()> {
    let texts: Vec<&str> = probes.iter().map(|probe| probe.text.as_str()).collect();
    let vectors = probe_vectors(embedder, &texts)?;
    for (probe, vector) in probes.iter().zip(vectors.rows()) {
        let similarity = kernel::dot(&probe.vector, vector);
        let drifted = similarity.is_nan() || similarity < SAME;
        if drifted {
            let (model, text) = (Box::new(embedder.identity().clone()), probe.text.clone());
            return Err(Error::ModelDrift { model, text, similarity });
        }
    }
    Ok(())
}

fn probe_vectors(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vectors> {
    let stage = EmbedStage::new(embedder).embed_threads(1);
    Ok(stage.run(Role::Passage, texts)?.0)
}
