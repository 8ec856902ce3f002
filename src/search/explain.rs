//! Why a hit is where it is.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

/// What a [hit](crate::Hit)'s score is made of; there if the query [asked](crate::Query::explain)
/// for it.
///
/// Its `Display` is a few lines for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Cosine between the query's vector and the passage's, if vectors were compared.
    pub similarity: Option<f32>,
    /// Place among the passages that vectors found, from 1; `None` if it was not one of them.
    pub dense_rank: Option<usize>,
    /// BM25, if words were compared.
    pub bm25: Option<f32>,
    /// The highest BM25 that the question allows: that of a passage which says nothing but the
    /// question, without end.
    pub max_bm25: Option<f32>,
    /// The mean share of BM25 in `max_bm25` of the passages closest in meaning that are in the
    /// same language, which is taken off this one's, if both were compared.
    pub baseline_share: Option<f32>,
    /// Place among the passages that words found, from 1; `None` if it was not one of them.
    pub lexical_rank: Option<usize>,
    /// What each word of the question adds to BM25, and each part of a compound.
    pub words: Vec<WordShare>,
    /// The score before reranking.
    pub retrieved: f32,
    /// Place before reranking, from 1, and what the reranker said; `None` if it was not asked.
    pub reranked: Option<Reranked>,
}

/// What a word of the question, or a part of one, adds to the BM25 of a passage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WordShare {
    /// Where it first is in the question, in bytes.
    pub place: Range<usize>,
    /// The forms in which it is looked for: its stems in the languages known.
    pub terms: Vec<String>,
    /// What it counts: 1, or less if it is a stop word or a part of a compound.
    pub weight: f32,
    /// In how many passages of the corpus it is.
    pub passages: u64,
    /// Inverse document frequency: the rarer the word, the higher.
    pub idf: f32,
    /// How often it is in the passage.
    pub times: u32,
    /// What it adds.
    pub share: f32,
}

/// What reranking made of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reranked {
    /// Place before, from 1.
    pub rank_before: usize,
    /// The reranker's score.
    pub score: f32,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "score {:.3}", self.retrieved)?;
        if let Some(similarity) = self.similarity {
            write!(f, "; similarity {similarity:.3}{}", Rank(self.dense_rank))?;
        }
        if let (Some(bm25), Some(most)) = (self.bm25, self.max_bm25) {
            write!(f, "; BM25 {bm25:.2} of {most:.2}{}", Rank(self.lexical_rank))?;
            if let Some(usual) = self.baseline_share {
                write!(f, ", usual {:.2}", usual * most)?;
            }
        }
        if let Some(Reranked { rank_before, score }) = self.reranked {
            write!(f, "; reranked {score:.3} from rank {rank_before}")?;
        }
        self.words.iter().filter(|word| word.times > 0).try_for_each(|word| write!(f, "\n{word}"))
    }
}

/// A rank in an arm, if it has one.
struct Rank(Option<usize>);

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |rank| write!(f, " (rank {rank})"))
    }
}

impl fmt::Display for WordShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { terms, weight, passages, idf, times, share, .. } = self;
        let terms = terms.join("/");
        write!(f, "  {share:+.2}  {terms} ×{times}, idf {idf:.2} (passages: {passages})")?;
        if (weight - 1.0).abs() < f32::EPSILON { Ok(()) } else { write!(f, ", weight {weight}") }
    }
}
