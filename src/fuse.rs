//! One ranking of what the arms of a search found.

use crate::Neighbor;

/// A passage of a segment with what it is ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) row: u32,
    /// Higher is better.
    pub(crate) score: f32,
    /// Cosine between question and passage; `None` if no vectors were compared.
    pub(crate) similarity: Option<f32>,
    /// `None` if no words were.
    pub(crate) bm25: Option<f32>,
    pub(crate) ranks: Ranks,
}

/// Places in the rankings of the arms, from 0; `None` if it is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ranks {
    pub(crate) dense: Option<usize>,
    pub(crate) lexical: Option<usize>,
}

impl Ranks {
    /// These, and where there is none that of `other`.
    #[cfg(feature = "lexical")]
    pub(crate) fn or(self, other: Self) -> Self {
        Self { dense: self.dense.or(other.dense), lexical: self.lexical.or(other.lexical) }
    }
}

impl Scored {
    /// By its similarity alone.
    pub(crate) fn dense(&Neighbor { row, similarity }: &Neighbor) -> Self {
        Self { row, score: similarity, similarity: Some(similarity), bm25: None, ranks: Ranks::default() }
    }

    /// By its words alone.
    #[cfg(feature = "lexical")]
    pub(crate) fn lexical(row: u32, bm25: f32) -> Self {
        Self { row, score: bm25, similarity: None, bm25: Some(bm25), ranks: Ranks::default() }
    }

    /// By both; `most` is the highest BM25 that the question allows.
    #[cfg(feature = "lexical")]
    pub(crate) fn hybrid(row: u32, similarity: f32, bm25: f32, most: f32, ranks: Ranks) -> Self {
        let score = fused(similarity, bm25, most);
        Self { row, score, similarity: Some(similarity), bm25: Some(bm25), ranks }
    }
}

/// Weight of the words beside the cosine.
#[cfg(feature = "lexical")]
const WORDS: f32 = 1.0;

/// The cosine, and BM25 as a share of the most that the question allows: where question and
/// passages have few words in common, as across languages, the words weigh little by themselves.
#[cfg(feature = "lexical")]
fn fused(similarity: f32, bm25: f32, most: f32) -> f32 {
    let share = if most > 0.0 { bm25 / most } else { 0.0 };
    similarity + WORDS * share
}
