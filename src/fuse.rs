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

impl Scored {
    /// By its similarity alone.
    pub(crate) fn dense(Neighbor { row, similarity }: Neighbor) -> Self {
        Self {
            row,
            score: similarity,
            similarity: Some(similarity),
            bm25: None,
            ranks: Ranks::default(),
        }
    }

    /// By its words alone.
    #[cfg(feature = "lexical")]
    pub(crate) fn lexical(row: u32, bm25: f32) -> Self {
        Self { row, score: bm25, similarity: None, bm25: Some(bm25), ranks: Ranks::default() }
    }

    /// Takes over what the other arm knows of the same row.
    #[cfg(feature = "lexical")]
    pub(crate) fn add(&mut self, other: Self) {
        self.similarity = self.similarity.or(other.similarity);
        self.bm25 = self.bm25.or(other.bm25);
        self.ranks.dense = self.ranks.dense.or(other.ranks.dense);
        self.ranks.lexical = self.ranks.lexical.or(other.ranks.lexical);
    }
}

/// Share of the best passage's words that says nothing: what unrelated passages of the
/// question's own language have.
#[cfg(feature = "lexical")]
const UNTOLD: f32 = 0.25;

/// One score of both arms, for all passages that a question may find.
///
/// It is the cosine, and BM25 as a share of the most that the question allows: where question
/// and passages have few words in common, as across languages, words weigh little by themselves.
/// A passage whose words are far behind those of the best one gets nothing for them, so that in
/// a corpus of two languages the question's own does not crowd out the other.
#[cfg(feature = "lexical")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fusion {
    most: f32,
    untold: f32,
}

#[cfg(feature = "lexical")]
impl Fusion {
    /// For a question that allows a BM25 of `most`, and whose best passage has `best`.
    pub(crate) fn new(most: f32, best: f32) -> Self {
        Self { most, untold: UNTOLD * best }
    }

    /// The passage of `row`, by both arms.
    pub(crate) fn scored(self, row: u32, similarity: f32, bm25: f32, ranks: Ranks) -> Scored {
        let told = (bm25 - self.untold).max(0.0);
        let share = if self.most > 0.0 { told / self.most } else { 0.0 };
        let score = similarity + share;
        Scored { row, score, similarity: Some(similarity), bm25: Some(bm25), ranks }
    }
}
