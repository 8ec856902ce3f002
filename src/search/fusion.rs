//! Fusion of the dense and the lexical ranking into one score.

use super::view::Candidate;
use crate::language::AnalyzedLanguage;

/// Passages whose mean share is the baseline of their language; 5 to 10 measured alike.
const BASELINE_SIZE: u8 = 7;
/// Minimum divisor of the mean, so that a lone passage loses only half of its share.
const MIN_DIVISOR: u8 = 2;

/// Scores candidates whose similarity and BM25 are known:
/// `score = similarity + bm25 / max_bm25 - baseline`.
///
/// The baseline is the mean of `bm25 / max_bm25` over the [`BASELINE_SIZE`] most similar
/// candidates of the same language. It is constant within a language. Passages of another language
/// than the question share few words with it, so their baseline is lower.
pub(crate) fn fuse(candidates: &mut [Candidate], max_bm25: f32) {
    let baselines = Baselines::new(candidates, max_bm25);
    for candidate in candidates {
        let baseline = baselines.of(candidate.language);
        candidate.baseline = Some(baseline);
        candidate.score = similarity(candidate) + share(candidate, max_bm25) - baseline;
    }
}

/// The baseline of each language; the last is that of unknown languages.
struct Baselines([f32; AnalyzedLanguage::ALL.len() + 1]);

impl Baselines {
    fn new(candidates: &[Candidate], max_bm25: f32) -> Self {
        let mut baselines = Self(Default::default());
        for (place, baseline) in baselines.0.iter_mut().enumerate() {
            let same = candidates.iter().filter(|candidate| index(candidate.language) == place);
            *baseline = mean_share(same.collect(), max_bm25);
        }
        baselines
    }

    fn of(&self, language: Option<AnalyzedLanguage>) -> f32 {
        self.0[index(language)]
    }
}

/// Returns the mean share of the [`BASELINE_SIZE`] most similar of `candidates`.
fn mean_share(mut candidates: Vec<&Candidate>, max_bm25: f32) -> f32 {
    // Ties are broken by BM25, so that the mean does not depend on the order of the corpus.
    let bm25 = |candidate: &Candidate| candidate.bm25.expect("the candidate is complete");
    candidates.sort_by(|a, b| {
        let by_similarity = similarity(b).total_cmp(&similarity(a));
        by_similarity.then_with(|| bm25(b).total_cmp(&bm25(a)))
    });
    candidates.truncate(usize::from(BASELINE_SIZE));
    let len = u8::try_from(candidates.len()).expect("at most BASELINE_SIZE");
    let sum: f32 = candidates.iter().map(|candidate| share(candidate, max_bm25)).sum();
    sum / f32::from(len.max(MIN_DIVISOR))
}

fn similarity(candidate: &Candidate) -> f32 {
    candidate.similarity.expect("the candidate is complete")
}

/// Returns `bm25 / max_bm25`; 0 if no word of the question is in the corpus.
fn share(candidate: &Candidate, max_bm25: f32) -> f32 {
    let bm25 = candidate.bm25.expect("the candidate is complete");
    if max_bm25 > 0.0 { bm25 / max_bm25 } else { 0.0 }
}

fn index(language: Option<AnalyzedLanguage>) -> usize {
    language.map_or(AnalyzedLanguage::ALL.len(), |language| language as usize)
}
