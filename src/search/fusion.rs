//! One ranking of what the arms of a search found.

use crate::{Language, Neighbor};

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
    /// What is taken off the share of words; `None` if one arm alone ranks.
    pub(crate) usual: Option<f32>,
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
            usual: None,
            ranks: Ranks::default(),
        }
    }

    /// By its words alone.
    pub(crate) fn lexical(row: u32, bm25: f32) -> Self {
        Self {
            row,
            score: bm25,
            similarity: None,
            bm25: Some(bm25),
            usual: None,
            ranks: Ranks::default(),
        }
    }

    /// Takes over what the other arm knows of the same row.
    pub(crate) fn add(&mut self, other: Self) {
        self.similarity = self.similarity.or(other.similarity);
        self.bm25 = self.bm25.or(other.bm25);
        self.ranks.dense = self.ranks.dense.or(other.ranks.dense);
        self.ranks.lexical = self.ranks.lexical.or(other.ranks.lexical);
    }
}

/// How many passages tell what is usual in their language: where it was tried, 5 to 10 were alike.
const TELLING: u8 = 7;
/// As how many they count at least: a passage that is alone in its language keeps half its share.
const LEAST_TELLING: u8 = 2;

/// One score of both arms, for all passages that a question may find.
///
/// It is the cosine, and BM25 as a share of the most that the question allows, less what is
/// usual: the mean share of those passages that are closest in meaning, of the same language.
/// Within a language that takes the same off all of them. Passages of another one have few words
/// in common with the question, whatever they say, and so less is taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fusion {
    most: f32,
    /// What is usual, by language; the last is that of unknown ones.
    usual: [f32; Language::ALL.len() + 1],
}

impl Fusion {
    /// For a question that allows a BM25 of `most`, and `candidates` with their languages, of all
    /// of which both scores are known.
    pub(crate) fn new(most: f32, candidates: &[(Scored, Option<Language>)]) -> Self {
        let mut fusion = Self { most, usual: Default::default() };
        let similarity = |one: &(Scored, _)| one.0.similarity.unwrap_or(f32::NEG_INFINITY);
        for place in 0..fusion.usual.len() {
            let same = candidates.iter().filter(|(_, language)| index(*language) == place);
            let mut same: Vec<_> = same.collect();
            same.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
            same.truncate(usize::from(TELLING));
            let number = u8::try_from(same.len()).unwrap_or(TELLING).max(LEAST_TELLING);
            let shares = same.iter().map(|(one, _)| fusion.share(one.bm25));
            fusion.usual[place] = shares.sum::<f32>() / f32::from(number);
        }
        fusion
    }

    /// Gives `one`, of this language, its score.
    pub(crate) fn score(&self, one: &mut Scored, language: Option<Language>) {
        let usual = self.usual[index(language)];
        one.usual = Some(usual);
        one.score = one.similarity.unwrap_or_default() + self.share(one.bm25) - usual;
    }

    fn share(&self, bm25: Option<f32>) -> f32 {
        if self.most > 0.0 { bm25.unwrap_or_default() / self.most } else { 0.0 }
    }
}

fn index(language: Option<Language>) -> usize {
    language.map_or(Language::ALL.len(), |language| language as usize)
}
