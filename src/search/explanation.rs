//! Explanations: the parts of which a score is made.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use super::word_match::WordMatch;

/// The parts of a [hit](crate::Hit)'s score, if the query [asks](crate::Query::explain) for them.
///
/// `Display` writes a few lines for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Cosine between the vectors of query and passage; `None` if the mode compares no vectors.
    pub similarity: Option<f32>,
    /// Rank in the dense arm, from 1; `None` if that arm did not find the passage.
    pub dense_rank: Option<usize>,
    /// Mean similarity of the question to passages in the same language, which is subtracted. `None`
    /// outside hybrid mode.
    pub mean_similarity: Option<f32>,
    /// Factor of the lexical, the late and the identifier part, in `0.05..=1.0`; `None` outside hybrid
    /// mode.
    pub spread: Option<f32>,
    /// BM25; `None` if the mode compares no words.
    pub bm25: Option<f32>,
    /// The limit of BM25 for this question, which no passage exceeds.
    pub max_bm25: Option<f32>,
    /// Baseline that is subtracted from `bm25 / max_bm25`: the mean share of the seven most
    /// similar passages in the same language. `None` outside hybrid mode.
    pub baseline_share: Option<f32>,
    /// Rank in the lexical arm, from 1; `None` if that arm did not find the passage.
    pub lexical_rank: Option<usize>,
    /// Score of late interaction; `None` without it.
    pub late: Option<f32>,
    /// Score of the identifiers of the question that the passage has: the sum of `certainty * rarity`,
    /// each in `0.0..=1.0`. `None` outside hybrid mode.
    pub identifiers: Option<f32>,
    /// What is subtracted from the score of a passage of web addresses or digits, if the question has
    /// neither; 0 for others.
    pub noise_penalty: f32,
    /// Freshness of the article, in `0.0..=1.0`; `None` without [recency](crate::Query::recency).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<f32>,
    /// What recency adds to the score; `None` without recency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recency: Option<f32>,
    /// The words of the passage that answer words of the question; empty without late interaction.
    pub matches: Vec<WordMatch>,
    /// Contributions to BM25 of each word of the question and each part of a compound.
    pub words: Vec<WordContribution>,
    /// The score before reranking.
    pub retrieved: f32,
    /// Rank before reranking and the reranker's score; `None` without reranking.
    pub reranked: Option<Reranked>,
}

/// The contribution of a word of the question, or of a part of a compound, to a passage's BM25.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WordContribution {
    /// Byte range of its first occurrence in the question.
    pub place: Range<usize>,
    /// The indexed forms that it matches: its stems in the known languages.
    pub terms: Vec<String>,
    /// 1, or less for a stop word or a part of a compound.
    pub weight: f32,
    /// Number of passages of the corpus that contain it.
    pub doc_freq: u64,
    /// Inverse document frequency: the rarer the word, the higher.
    pub idf: f32,
    /// Number of occurrences in the passage.
    pub tf: u32,
    /// Addend of the passage's BM25.
    pub contribution: f32,
}

/// Rank before reranking, and the reranker's score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reranked {
    /// Rank before reranking, from 1.
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
        if let Some(mean) = self.mean_similarity {
            write!(f, ", mean {mean:.3}")?;
        }
        if let (Some(bm25), Some(max_bm25)) = (self.bm25, self.max_bm25) {
            write!(f, "; BM25 {bm25:.2} of {max_bm25:.2}{}", Rank(self.lexical_rank))?;
            if let Some(share) = self.baseline_share {
                write!(f, ", baseline {:.2}", share * max_bm25)?;
            }
        }
        if let Some(late) = self.late {
            write!(f, "; late {late:.3}")?;
        }
        if let Some(identifiers) = self.identifiers.filter(|score| *score > 0.0) {
            write!(f, "; identifiers {identifiers:.2}")?;
        }
        if self.noise_penalty > 0.0 {
            write!(f, "; noise -{:.1}", self.noise_penalty)?;
        }
        if let (Some(recency), Some(freshness)) = (self.recency, self.freshness) {
            write!(f, "; recency {recency:+.3} (freshness {freshness:.2})")?;
        }
        if let Some(Reranked { rank_before, score }) = self.reranked {
            write!(f, "; reranked {score:.3} from rank {rank_before}")?;
        }
        self.words.iter().filter(|word| word.tf > 0).try_for_each(|word| write!(f, "\n{word}"))?;
        self.matches.iter().try_for_each(|answer| write!(f, "\n  {answer}"))
    }
}

/// Writes the rank in an arm, if there is one.
struct Rank(Option<usize>);

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |rank| write!(f, " (rank {rank})"))
    }
}

impl fmt::Display for WordContribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { terms, weight, doc_freq, idf, tf, contribution, .. } = self;
        let terms = terms.join("/");
        write!(f, "  {contribution:+.2}  {terms} ×{tf}, idf {idf:.2} (passages: {doc_freq})")?;
        if (weight - 1.0).abs() < f32::EPSILON { Ok(()) } else { write!(f, ", weight {weight}") }
    }
}
