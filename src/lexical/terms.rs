//! A question as groups of terms, each with its weight.

use std::{collections::BTreeSet, ops::Range};

use rustc_hash::FxHashMap;

use super::{
    Analyzer, Part,
    stop::is_stop_word,
    words::{words, written},
};
use crate::Language;

/// What a part of a compound counts, where its word counts 1.
const PART_WEIGHT: f32 = 0.5;
/// What a function word counts.
const STOP_WEIGHT: f32 = 0.25;

/// The words of a question and their parts, each as the terms that stand for it.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(super) groups: Vec<Group>,
}

/// The terms that one word of a question, or a part of one, may be in a passage.
///
/// A passage has terms of its own language alone, so a word stands for its terms in all of them,
/// and they count as one: it is in all passages that have any of them.
#[derive(Debug)]
pub(super) struct Group {
    /// Different ones.
    pub(super) terms: BTreeSet<String>,
    /// What it counts: more if it is a part of several words.
    pub(super) weight: f32,
    /// Where it first is in the question.
    pub(super) place: Range<usize>,
}

impl Terms {
    /// The groups of `question`, in their order. A word that comes again counts once.
    pub(crate) fn of(question: &str, analyzer: &mut Analyzer) -> Self {
        let mut gathered = Gathered::default();
        for place in words(question) {
            let word = &question[place.clone()];
            let (whole, parts) = Self::forms(word, analyzer);
            let is_stop_word = is_stop_word(&written(word));
            if !gathered.words.insert(whole.clone()) {
                continue;
            }
            gathered.add(whole, if is_stop_word { STOP_WEIGHT } else { 1.0 }, &place);
            for part in parts.into_iter().filter(|_| !is_stop_word) {
                gathered.add(part, PART_WEIGHT, &place);
            }
        }
        Self { groups: gathered.groups }
    }

    /// Whether `term` is one of the question, and not that of a function word.
    pub(crate) fn tell(&self, term: &str) -> bool {
        let telling = self.groups.iter().filter(|group| group.weight > STOP_WEIGHT);
        telling.map(|group| &group.terms).any(|terms| terms.contains(term))
    }

    /// The terms of `word` in all languages, and those of each of its parts that are others.
    fn forms(word: &str, analyzer: &mut Analyzer) -> (BTreeSet<String>, Vec<BTreeSet<String>>) {
        let (mut whole, mut parts) = (BTreeSet::new(), Vec::<BTreeSet<String>>::new());
        for language in Language::ALL {
            analyzer.word(word, Some(language), |term, part| {
                let forms = match part {
                    Part::Whole => &mut whole,
                    Part::Piece(number) => {
                        parts.resize_with(parts.len().max(number + 1), BTreeSet::new);
                        &mut parts[number]
                    }
                };
                forms.insert(term.to_owned());
            });
        }
        parts.retain(|part| *part != whole);
        (whole, parts)
    }
}

/// Groups, each once.
#[derive(Default)]
struct Gathered {
    groups: Vec<Group>,
    places: FxHashMap<BTreeSet<String>, usize>,
    /// Those of words, not of their parts.
    words: BTreeSet<BTreeSet<String>>,
}

impl Gathered {
    fn add(&mut self, terms: BTreeSet<String>, weight: f32, place: &Range<usize>) {
        if let Some(at) = self.places.get(&terms) {
            self.groups[*at].weight += weight;
        } else {
            self.places.insert(terms.clone(), self.groups.len());
            self.groups.push(Group { terms, weight, place: place.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(question: &str) -> Vec<(String, f32)> {
        let terms = Terms::of(question, &mut Analyzer::new().unwrap());
        let joined = |group: &Group| group.terms.iter().cloned().collect::<Vec<_>>().join(" ");
        terms.groups.iter().map(|group| (joined(group), group.weight)).collect()
    }

    #[test]
    fn words_count_once_and_function_words_less() {
        let weights = weights("Was ist das Haus, das Häuser? HAUS");
        let stop = |word: &str| (word.to_owned(), STOP_WEIGHT);
        assert_eq!(weights[1..3], [stop("ist"), stop("das")]);
        assert_eq!(weights[3], ("haus".to_owned(), 1.0));
    }

    #[test]
    fn parts_count_half_and_with_the_words_that_they_are() {
        let weights: FxHashMap<_, _> = weights("Verfassungsgericht Gericht").into_iter().collect();
        assert_eq!(weights.get("gericht"), Some(&1.5), "{weights:?}");
    }

    #[test]
    fn a_word_stands_for_its_terms_in_both_languages() {
        assert_eq!(weights("information"), [("inform information".to_owned(), 1.0)]);
    }
}
