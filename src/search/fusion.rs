//! Fusion of the dense and the lexical ranking into one score.

use crate::{Language, Neighbor};

/// A passage of a segment with its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) row: u32,
    /// Higher is better.
    pub(crate) score: f32,
    /// Cosine between question and passage; `None` if the mode compares no vectors.
    pub(crate) similarity: Option<f32>,
    /// `None` if the mode compares no words.
    pub(crate) bm25: Option<f32>,
    /// Mean lexical share that fusion subtracts; `None` if one arm alone ranks.
    pub(crate) baseline: Option<f32>,
    pub(crate) ranks: Ranks,
}

/// Ranks in the arms, from 0; `None` where an arm did not find the passage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ranks {
    pub(crate) dense: Option<usize>,
    pub(crate) lexical: Option<usize>,
}

impl Scored {
    /// Scores a passage by its similarity alone.
    pub(crate) fn dense(Neighbor { row, similarity }: Neighbor) -> Self {
        Self {
            row,
            score: similarity,
            similarity: Some(similarity),
            bm25: None,
            baseline: None,
            ranks: Ranks::default(),
        }
    }

    /// Scores a passage by its BM25 alone.
    pub(crate) fn lexical(row: u32, bm25: f32) -> Self {
        Self {
            row,
            score: bm25,
            similarity: None,
            bm25: Some(bm25),
            baseline: None,
            ranks: Ranks::default(),
        }
    }

    /// Adds the scores and ranks of the same row from the other arm.
    pub(crate) fn add(&mut self, other: Self) {
        self.similarity = self.similarity.or(other.similarity);
        self.bm25 = self.bm25.or(other.bm25);
        self.ranks.dense = self.ranks.dense.or(other.ranks.dense);
        self.ranks.lexical = self.ranks.lexical.or(other.ranks.lexical);
    }
}

/// Passages whose mean share is the baseline of their language; 5 to 10 measured alike.
const BASELINE_SIZE: u8 = 7;
/// Minimum divisor of the mean, so that a lone passage loses only half of its share.
const MIN_DIVISOR: u8 = 2;

/// The scores of both arms for one candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArmScores {
    pub(crate) similarity: f32,
    pub(crate) bm25: f32,
    pub(crate) language: Option<Language>,
}

/// The score of hybrid search: `score = similarity + bm25 / max_bm25 - baseline`.
///
/// The baseline is the mean of `bm25 / max_bm25` over the [`BASELINE_SIZE`] most similar
/// candidates of the same language. It is constant within a language. Passages of another language
/// than the question share few words with it, so their baseline is lower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fusion {
    max_bm25: f32,
    /// By language; the last entry is that of unknown languages.
    baselines: [f32; Language::ALL.len() + 1],
}

impl Fusion {
    /// Computes the baselines of all languages from the scores of all candidates.
    pub(crate) fn new(max_bm25: f32, candidates: &[ArmScores]) -> Self {
        let mut fusion = Self { max_bm25, baselines: Default::default() };
        for place in 0..fusion.baselines.len() {
            let same = candidates.iter().filter(|one| index(one.language) == place);
            let mut same: Vec<&ArmScores> = same.collect();
            same.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
            same.truncate(usize::from(BASELINE_SIZE));
            let len = u8::try_from(same.len()).expect("at most BASELINE_SIZE");
            let sum: f32 = same.iter().map(|one| fusion.share(one.bm25)).sum();
            fusion.baselines[place] = sum / f32::from(len.max(MIN_DIVISOR));
        }
        fusion
    }

    /// Stores the fused score of a candidate, and the scores that it is made of.
    pub(crate) fn score(&self, scored: &mut Scored, arms: &ArmScores) {
        let ArmScores { similarity, bm25, language } = *arms;
        let baseline = self.baselines[index(language)];
        scored.similarity = Some(similarity);
        scored.bm25 = Some(bm25);
        scored.baseline = Some(baseline);
        scored.score = similarity + self.share(bm25) - baseline;
    }

    /// Returns `bm25 / max_bm25`; 0 if no word of the question is in the corpus.
    fn share(&self, bm25: f32) -> f32 {
        if self.max_bm25 > 0.0 { bm25 / self.max_bm25 } else { 0.0 }
    }
}

fn index(language: Option<Language>) -> usize {
    language.map_or(Language::ALL.len(), |language| language as usize)
}
