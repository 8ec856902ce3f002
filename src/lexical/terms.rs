//! A question as groups of terms, each with its weight.

use std::{collections::BTreeSet, ops::Range};

use rustc_hash::FxHashMap;

use super::{
    Analyzer, Part,
    analyzer::FUNCTION,
    stop::is_stop_word,
    words::{words, written},
};
use crate::{Language, text};

/// What a part of a compound counts, where its word counts 1.
const PART_WEIGHT: f32 = 0.5;
/// What a function word counts.
const STOP_WEIGHT: f32 = 0.25;
/// Groups that a question has at most: it may be any text.
const MAX_GROUPS: usize = 1 << 10;

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
    /// Different ones, which are in no other group.
    pub(super) terms: BTreeSet<String>,
    /// What it counts: more if it is a part of words, too.
    pub(super) weight: f32,
    /// Where it first is in the question.
    pub(super) place: Range<usize>,
}

impl Terms {
    /// The groups of `question`, in their order; of a question as long as a book the first
    /// [`MAX_GROUPS`]. A word that comes again counts once, also in another form.
    pub(crate) fn of(question: &str, analyzer: &mut Analyzer) -> Self {
        let language = text::guess_language(question);
        let mut gathered = Gathered::default();
        for place in words(question) {
            if gathered.groups.len() >= MAX_GROUPS {
                break;
            }
            let word = &question[place.clone()];
            let forms = Forms::of(word, analyzer);
            if is_function_word(&written(word), language) {
                gathered.add_function_word(forms.whole, language.is_none(), &place);
            } else {
                gathered.add_word(forms, &place);
            }
        }
        gathered.into_terms()
    }

    /// Whether `term` is one of the question, and not that of a function word.
    pub(crate) fn tell(&self, term: &str) -> bool {
        let telling = self.groups.iter().filter(|group| group.weight > STOP_WEIGHT);
        telling.map(|group| &group.terms).any(|terms| terms.contains(term))
    }
}

/// Whether `word` is a function word of the language of its question; of any, if none is known.
fn is_function_word(word: &str, language: Option<Language>) -> bool {
    match language {
        Some(language) => is_stop_word(word, language),
        None => Language::ALL.into_iter().any(|language| is_stop_word(word, language)),
    }
}

/// The terms of a word in all languages.
struct Forms {
    whole: BTreeSet<String>,
    /// Those of each part that is other than the word in all languages.
    parts: Vec<BTreeSet<String>>,
}

impl Forms {
    fn of(word: &str, analyzer: &mut Analyzer) -> Self {
        let mut whole = BTreeSet::new();
        let mut parts: Vec<(usize, BTreeSet<String>)> = Vec::new();
        for language in Language::ALL {
            analyzer.word(word, Some(language), |term, part| match part {
                Part::Whole => _ = whole.insert(term.to_owned()),
                Part::Piece(number) => {
                    parts.resize_with(parts.len().max(number + 1), Default::default);
                    let (languages, terms) = &mut parts[number];
                    *languages += 1;
                    terms.insert(term.to_owned());
                }
            });
        }
        // What is left of a word without its ending is the word, if in one language only: that it
        // is another term in the other would be found nowhere.
        let is_part = |(languages, terms): &(usize, BTreeSet<String>)| {
            *languages == Language::ALL.len() && terms.is_disjoint(&whole)
        };
        parts.retain(is_part);
        Self { parts: parts.into_iter().map(|(_, terms)| terms).collect(), whole }
    }
}

/// What a group counts as a word, and as a part of words.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    word: f32,
    parts: f32,
}

impl Counts {
    /// Those of one group with these and `other`: a word counts once, parts add up.
    fn with(self, other: Self) -> Self {
        Self { word: self.word.max(other.word), parts: self.parts + other.parts }
    }
}

/// Groups, each once.
#[derive(Default)]
struct Gathered {
    /// Those without terms became part of another one.
    groups: Vec<(Counts, Group)>,
    /// The group of each term.
    places: FxHashMap<String, usize>,
}

impl Gathered {
    fn add_word(&mut self, forms: Forms, place: &Range<usize>) {
        let before = self.add(forms.whole, Counts { word: 1.0, parts: 0.0 }, place);
        if before.word < 1.0 {
            for part in forms.parts {
                self.add(part, Counts { word: 0.0, parts: PART_WEIGHT }, place);
            }
        }
    }

    /// Adds a function word; what it is in a language in which it is none only if it `may` be of
    /// that language.
    fn add_function_word(&mut self, whole: BTreeSet<String>, may: bool, place: &Range<usize>) {
        let counts = Counts { word: STOP_WEIGHT, parts: 0.0 };
        let (function, others): (BTreeSet<String>, _) =
            whole.into_iter().partition(|term| term.starts_with(FUNCTION));
        self.add(function, counts, place);
        if may && !others.is_empty() {
            self.add(others, counts, place);
        }
    }

    /// Adds `terms`, with what they count, to the group that has one of them, or as one of their
    /// own; returns what that counted before.
    ///
    /// Forms of a word may be one term in one language and two in the other: groups that they
    /// have in common are one.
    fn add(&mut self, terms: BTreeSet<String>, counts: Counts, place: &Range<usize>) -> Counts {
        let known: BTreeSet<usize> =
            terms.iter().filter_map(|term| self.places.get(term).copied()).collect();
        let mut known = known.into_iter();
        let at = known.next().unwrap_or(self.groups.len());
        if at == self.groups.len() {
            let none = Group { terms: BTreeSet::new(), weight: 0.0, place: place.clone() };
            self.groups.push((Counts::default(), none));
        }
        let mut terms = terms;
        for other in known {
            let (counts, group) = &mut self.groups[other];
            terms.append(&mut group.terms);
            let counts = std::mem::take(counts);
            self.groups[at].0 = self.groups[at].0.with(counts);
        }
        self.places.extend(terms.iter().map(|term| (term.clone(), at)));
        let (before, group) = &mut self.groups[at];
        group.terms.append(&mut terms);
        let counted = *before;
        *before = before.with(counts);
        counted
    }

    fn into_terms(self) -> Terms {
        let some = self.groups.into_iter().filter(|(_, group)| !group.terms.is_empty());
        let weighed = |(Counts { word, parts }, group)| Group { weight: word + parts, ..group };
        Terms { groups: some.map(weighed).collect() }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums of halves and quarters are exact")]
mod tests {
    use super::*;

    fn weights(question: &str) -> Vec<(String, f32)> {
        let terms = Terms::of(question, &mut Analyzer::new().unwrap());
        let joined = |group: &Group| group.terms.iter().cloned().collect::<Vec<_>>().join(" ");
        terms.groups.iter().map(|group| (joined(group), group.weight)).collect()
    }

    fn weight_of(term: &str, question: &str) -> f32 {
        let all = weights(question);
        let one = all.iter().find(|(terms, _)| terms.split(' ').any(|one| one == term));
        one.unwrap_or_else(|| panic!("{term} in {all:?}")).1
    }

    #[test]
    fn words_count_once_and_function_words_less() {
        let weights = weights("Was ist das Haus, das Häuser? HAUS");
        let stop = |terms: &str| (terms.to_owned(), STOP_WEIGHT);
        assert_eq!(weights[1..3], [stop("=ist"), stop("=das")]);
        assert_eq!(weights[3..], [("haus hauser".to_owned(), 1.0)]);
    }

    #[test]
    fn words_are_no_function_words_for_their_stems() {
        for (question, term) in [
            ("Wie steht es um die Sicherheit, und wer freut sich?", "sich"),
            ("Can the cans rust?", "can"),
            ("Seit wann ist die Seite da?", "seit"),
        ] {
            assert_eq!(weight_of(term, question), 1.0, "{question}");
            assert_eq!(weight_of(&format!("={term}"), question), STOP_WEIGHT, "{question}");
        }
    }

    #[test]
    fn function_words_are_those_of_the_question_s_language() {
        assert_eq!(weights("war"), ["=war", "war"].map(|term| (term.to_owned(), STOP_WEIGHT)));
        assert_eq!(weight_of("war", "When did the war in Vietnam end?"), 1.0);
        assert_eq!(weight_of("=war", "Wann war der Krieg in Vietnam zu Ende?"), STOP_WEIGHT);
        assert_eq!(weight_of("not", "Wie groß ist die Not in der Stadt?"), 1.0);
    }

    #[test]
    fn forms_of_a_word_are_one_word() {
        for question in ["Modelle Modellen", "Modellen Modelle"] {
            assert_eq!(weights(question), [("modell modellen".to_owned(), 1.0)], "{question}");
        }
        // Their English terms tie those together that came apart before.
        let one = weights("Verfassung");
        for question in ["Verfassungen", "Verfassung Verfassungen", "Verfassungen Verfassung"] {
            let weights = weights(question);
            assert_eq!((weights.len(), weights[0].1), (one.len(), 1.0), "{weights:?}");
        }
    }

    #[test]
    fn parts_count_half_and_with_the_words_that_they_are() {
        assert_eq!(weight_of("gericht", "Verfassungsgericht Gericht"), 1.5);
        assert_eq!(weight_of("gericht", "Gericht Verfassungsgericht Verfassungsgerichts"), 1.5);
    }

    #[test]
    fn a_word_stands_for_its_terms_in_both_languages() {
        assert_eq!(weights("information"), [("inform information".to_owned(), 1.0)]);
    }

    #[test]
    fn a_question_may_be_any_text() {
        let words = (0..5_000).map(|at| format!("wort{at}"));
        let question = words.collect::<Vec<_>>().join(" ");
        let groups = weights(&question).len();
        assert!((MAX_GROUPS..MAX_GROUPS + 8).contains(&groups), "{groups}");
    }
}
