//! Fusion of similarity, words, late interaction and identifiers into one score, in units of cosine.

use super::{
    language_totals::LanguageMeans,
    view::{Candidate, Question, View},
    weights::Weights,
};
use crate::{Result, language::AnalyzedLanguage};

/// Passages whose mean share is the baseline of their language; 5 to 10 measured alike.
const BASELINE_SIZE: u8 = 7;
/// Penalty of noise if the question has neither a web address nor a digit. With the default weights
/// it exceeds the differences within a tier.
const NOISE_PENALTY: f32 = 4.0;
/// Minimum divisor of the mean: the baseline of a single passage is half of its share.
const MIN_DIVISOR: u8 = 2;

/// The constants of one query, which turn the similarity and the BM25 of a passage into its score:
///
/// `score = (cosine - mean of its language)
///     + spread * (lexical weight * (bm25 / max_bm25 - baseline of its language)
///         + late weight * late score
///         + identifier weight * identifier score)
///     - penalty of noise`
///
/// The means are cosines of the question with the mean vectors of the live passages. Models differ
/// in the spread of their cosines: `spread`, 1 less the mean of all and at least 0.05, is what an
/// unrelated passage lacks to a perfect one, so that a share counts as much with each model.
#[derive(Debug)]
pub(super) struct Fusion {
    max_bm25: f32,
    means: LanguageMeans,
    baselines: Baselines,
    /// Whether passages of web addresses or digits come after prose.
    demotes_noise: bool,
}

impl Fusion {
    /// Computes the constants of `question`, whose first tier is `candidates`.
    pub(super) fn new<V: View>(
        view: &V,
        question: &Question,
        candidates: &[Candidate],
    ) -> Result<Self> {
        let max_bm25 = question.terms.max_bm25();
        Ok(Self {
            max_bm25,
            means: view.language_totals()?.means(question.vector),
            baselines: Baselines::new(candidates, max_bm25),
            demotes_noise: question.is_prose,
        })
    }

    /// Returns the factor of all parts but the similarity.
    pub(super) fn spread(&self) -> f32 {
        self.means.spread()
    }

    /// Sets the scores of `candidates`, whose parts are known.
    pub(super) fn score(&self, weights: Weights, candidates: &mut [Candidate]) {
        for candidate in candidates {
            let baseline = self.baselines.of(candidate.language);
            let share = share(candidate, self.max_bm25) - baseline;
            candidate.baseline = Some(baseline);
            let parts = weights.lexical * share
                + weights.late * candidate.late.unwrap_or(0.0)
                + weights.identifier * candidate.identifiers;
            let mean = self.means.of(candidate.language);
            candidate.mean = Some(mean);
            candidate.spread = Some(self.means.spread());
            if self.demotes_noise && candidate.is_noise {
                candidate.noise_penalty = NOISE_PENALTY;
            }
            candidate.score = similarity(candidate) - mean + self.means.spread() * parts
                - candidate.noise_penalty;
        }
    }
}

/// The baseline of each language: the mean of `bm25 / max_bm25` over the [`BASELINE_SIZE`] most
/// similar candidates of the first tier in that language.
///
/// Passages of another language than the question share few words with it, so their baseline is
/// lower.
#[derive(Debug)]
struct Baselines([f32; AnalyzedLanguage::GROUPS]);

impl Baselines {
    fn new(candidates: &[Candidate], max_bm25: f32) -> Self {
        let mut baselines = Self(Default::default());
        for (group, baseline) in baselines.0.iter_mut().enumerate() {
            let same = candidates
                .iter()
                .filter(|candidate| AnalyzedLanguage::group(candidate.language) == group);
            *baseline = mean_share(same.collect(), max_bm25);
        }
        baselines
    }

    fn of(&self, language: Option<AnalyzedLanguage>) -> f32 {
        self.0[AnalyzedLanguage::group(language)]
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
