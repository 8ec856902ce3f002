//! A question as weighted groups of terms.

use std::{collections::BTreeSet, ops::Range};

use rustc_hash::FxHashMap;

use super::{
    Analyzer,
    analyzer::{ENGLISH_PREFIX, STOP_PREFIX, TermKind},
    german_noun,
    identifier::Identifier,
    number,
    tokenize::{normalize, words},
};
use crate::{language::AnalyzedLanguage, text};

/// Weight of a part of a compound; a word has 1.
const PART_WEIGHT: f32 = 0.5;
/// Weight of a stop word.
const STOP_WEIGHT: f32 = 0.25;
/// Maximum length in bytes of the ending that an English stem lacks, for it to match German passages
/// where the language of the question is unknown.
const MAX_ENDING: usize = 2;
/// Maximum number of groups, since a question may be a whole text.
const MAX_GROUPS: usize = 1 << 10;

/// The words of a question and their parts, each as a group of terms.
#[derive(Debug)]
pub(crate) struct QueryTerms {
    groups: Vec<Group>,
    identifiers: Vec<Identifier>,
}

/// A word of a question with its terms in all languages, without those of its parts.
pub(super) struct QuestionWord {
    /// Byte range in the question.
    pub(super) place: Range<usize>,
    pub(super) terms: BTreeSet<String>,
}

/// The terms of one word of a question, or of a part of one, in all languages.
///
/// A passage has only terms of its own language, so the terms of a group count as one: a passage
/// matches the group if it has any of them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// No term is in two groups.
    pub(crate) terms: BTreeSet<String>,
    /// The weight as a word plus the weights as a part of other words.
    pub(crate) weight: f32,
    /// Byte range of its first occurrence in the question.
    pub(crate) place: Range<usize>,
}

impl Group {
    /// Whether it stands for more than a stop word.
    pub(crate) fn is_content(&self) -> bool {
        self.weight > STOP_WEIGHT
    }
}

impl QueryTerms {
    /// Analyzes `question` into groups, in order. All forms of a word share a group.
    ///
    /// It stops after the word that reaches [`MAX_GROUPS`].
    pub(crate) fn of(question: &str, analyzer: &mut Analyzer) -> Self {
        let language = text::guess_language(question);
        let mut builder = TermGroupBuilder::default();
        let mut question_words = Vec::new();
        for place in words(question) {
            if builder.groups.len() >= MAX_GROUPS {
                break;
            }
            let word = &question[place.clone()];
            // The languages differ in the separators of a number, so it is read as in the question.
            let languages = match &language {
                Some(language) if number::canonical(word, *language).is_some() => {
                    std::slice::from_ref(language)
                }
                _ => &AnalyzedLanguage::ALL[..],
            };
            let terms = WordTerms::of(word, languages, min_joined(word, language), analyzer);
            question_words.push(QuestionWord { place: place.clone(), terms: terms.whole.clone() });
            if terms.are_of_stop_word(language) {
                builder.add_stop_word(terms.whole, language.is_none(), &place);
            } else {
                builder.add_word(terms, &place);
            }
        }
        let identifiers = Identifier::find(question, &question_words, analyzer);
        Self { groups: builder.build(), identifiers }
    }

    /// The groups in the order of the question.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    #[cfg(test)]
    pub(super) fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }

    /// Returns the groups and the identifiers in the order of the question.
    pub(super) fn into_parts(self) -> (Vec<Group>, Vec<Identifier>) {
        (self.groups, self.identifiers)
    }

    /// Whether `term` is a term of the question and not of a stop word.
    pub(crate) fn contains_content_term(&self, term: &str) -> bool {
        self.groups.iter().any(|group| group.is_content() && group.terms.contains(term))
    }
}

/// Returns the terms of passages that each word of `text` matches as a whole, in order.
///
/// A number is read in every language: a passage in either one may have it as it is written here.
pub(super) fn terms_of_words(text: &str, analyzer: &mut Analyzer) -> Vec<BTreeSet<String>> {
    let language = text::guess_language(text);
    let terms = |place: Range<usize>| {
        let word = &text[place];
        let min_joined = min_joined(word, language);
        WordTerms::of(word, &AnalyzedLanguage::ALL, min_joined, analyzer).whole
    };
    words(text).map(terms).collect()
}

/// The terms of a word in some languages.
struct WordTerms {
    whole: BTreeSet<String>,
    /// Terms of each part that differs from the word in these languages.
    parts: Vec<BTreeSet<String>>,
    /// Languages in which the word is a stop word.
    stop_languages: Vec<AnalyzedLanguage>,
}

/// Terms of a part of a word.
#[derive(Default)]
struct PartTerms {
    terms: BTreeSet<String>,
    /// Number of languages in which the part has a term.
    languages: usize,
}

impl WordTerms {
    fn of(
        word: &str,
        languages: &[AnalyzedLanguage],
        min_joined: usize,
        analyzer: &mut Analyzer,
    ) -> Self {
        let mut whole = BTreeSet::new();
        let mut parts: Vec<PartTerms> = Vec::new();
        let mut stop_languages = Vec::new();
        for language in languages {
            analyzer.word(word, Some(*language), |term, kind| match kind {
                TermKind::Word => {
                    stop_languages.extend(term.starts_with(STOP_PREFIX).then_some(*language));
                    whole.extend(in_passages(term, *language, min_joined));
                }
                TermKind::CompoundPart(number) => {
                    parts.resize_with(parts.len().max(number + 1), Default::default);
                    parts[number].languages += 1;
                    parts[number].terms.extend(in_passages(term, *language, min_joined));
                }
            });
        }
        // A part with the stem of the word in one language is the word without its ending. Then its
        // term in the other language is not a part of a compound.
        parts.retain(|part| part.languages == languages.len() && part.terms.is_disjoint(&whole));
        let parts = parts.into_iter().map(|part| part.terms).collect();
        Self { whole, parts, stop_languages }
    }

    /// Whether the word is a stop word of `language`; if that is unknown, of any language.
    fn are_of_stop_word(&self, language: Option<AnalyzedLanguage>) -> bool {
        match language {
            Some(language) => self.stop_languages.contains(&language),
            None => !self.stop_languages.is_empty(),
        }
    }
}

/// Returns the terms of passages that `term` of `language` matches.
///
/// The stems of the two languages agree in many loan words: `Studenten` and `student`, `energy` and
/// `Energie`. An English stem of at least `min_joined` bytes matches German passages.
fn in_passages(
    term: &str,
    language: AnalyzedLanguage,
    min_joined: usize,
) -> impl Iterator<Item = String> {
    let other = match language {
        AnalyzedLanguage::German => is_stem(term).then(|| format!("{ENGLISH_PREFIX}{term}")),
        AnalyzedLanguage::English => {
            let stem = term.strip_prefix(ENGLISH_PREFIX);
            stem.filter(|stem| stem.len() >= min_joined).map(str::to_owned)
        }
    };
    [term.to_owned()].into_iter().chain(other)
}

/// Returns the minimum length of an English stem of `word` that matches German passages, in bytes,
/// in a question in `language`.
///
/// In a question that may be German, an English stem could join nouns that German distinguishes:
/// `Kurs` and `Kur`, `Format` and `Formation`.
fn min_joined(word: &str, language: Option<AnalyzedLanguage>) -> usize {
    let word = normalize(word);
    match language {
        Some(AnalyzedLanguage::English) => 0,
        None if !word.ends_with('s') && !german_noun::is_listed(&word) => {
            word.len().saturating_sub(MAX_ENDING)
        }
        _ => usize::MAX,
    }
}

/// Whether `term` is a stem: neither a stop word nor a number.
fn is_stem(term: &str) -> bool {
    !term.starts_with(|c: char| c == STOP_PREFIX || c.is_ascii_digit())
}

/// The weights of a group as a word, and as a part of other words.
#[derive(Clone, Copy, Debug, Default)]
struct GroupWeight {
    word: f32,
    parts: f32,
}

impl GroupWeight {
    /// Returns the weight of a joined group: a word counts once, parts add up.
    fn join(self, other: Self) -> Self {
        Self { word: self.word.max(other.word), parts: self.parts + other.parts }
    }
}

/// A [`Group`] whose weight may still grow.
struct PendingGroup {
    terms: BTreeSet<String>,
    weight: GroupWeight,
    place: Range<usize>,
}

/// Joins the words of a question into groups.
#[derive(Default)]
struct TermGroupBuilder {
    /// In the order of the question. A group without terms was joined into an earlier one.
    groups: Vec<PendingGroup>,
    /// Position in `groups` of the group of each term.
    places: FxHashMap<String, usize>,
}

impl TermGroupBuilder {
    fn add_word(&mut self, word: WordTerms, place: &Range<usize>) {
        let before = self.add(word.whole, GroupWeight { word: 1.0, parts: 0.0 }, place);
        if before.word < 1.0 {
            for part in word.parts {
                self.add(part, GroupWeight { word: 0.0, parts: PART_WEIGHT }, place);
            }
        }
    }

    /// Adds a stop word. Its terms as an ordinary word of the other language are added only if the
    /// language of the question is unknown.
    fn add_stop_word(&mut self, whole: BTreeSet<String>, is_mixed: bool, place: &Range<usize>) {
        let weight = GroupWeight { word: STOP_WEIGHT, parts: 0.0 };
        let (stop, others): (BTreeSet<String>, _) =
            whole.into_iter().partition(|term| term.starts_with(STOP_PREFIX));
        self.add(stop, weight, place);
        if is_mixed && !others.is_empty() {
            self.add(others, weight, place);
        }
    }

    /// Adds `terms` to the group that has one of them, or as a new group; returns the previous
    /// weight of the group.
    ///
    /// Two forms of a word can share their term in one language and differ in the other. Such a
    /// shared term joins two groups.
    fn add(
        &mut self,
        mut terms: BTreeSet<String>,
        weight: GroupWeight,
        place: &Range<usize>,
    ) -> GroupWeight {
        let known: BTreeSet<usize> =
            terms.iter().filter_map(|term| self.places.get(term).copied()).collect();
        let mut known = known.into_iter();
        let at = known.next().unwrap_or(self.groups.len());
        if at == self.groups.len() {
            let terms = BTreeSet::new();
            let weight = GroupWeight::default();
            self.groups.push(PendingGroup { terms, weight, place: place.clone() });
        }
        for other in known {
            let joined = &mut self.groups[other];
            terms.append(&mut joined.terms);
            let joined_weight = std::mem::take(&mut joined.weight);
            self.groups[at].weight = self.groups[at].weight.join(joined_weight);
        }
        self.places.extend(terms.iter().map(|term| (term.clone(), at)));
        let group = &mut self.groups[at];
        group.terms.append(&mut terms);
        let before = group.weight;
        group.weight = before.join(weight);
        before
    }

    fn build(self) -> Vec<Group> {
        let groups = self.groups.into_iter().filter(|group| !group.terms.is_empty());
        let weighted = groups.map(|PendingGroup { terms, weight, place }| Group {
            terms,
            weight: weight.word + weight.parts,
            place,
        });
        weighted.collect()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums of halves and quarters are exact")]
mod tests {
    use super::*;

    /// Returns the distinct terms of each group without the prefix of English, and its weight.
    fn weights(question: &str) -> Vec<(String, f32)> {
        let terms = QueryTerms::of(question, &mut Analyzer::new().unwrap());
        let joined = |group: &Group| {
            let plain = group.terms.iter().map(|term| term.trim_start_matches(ENGLISH_PREFIX));
            plain.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        };
        terms.groups.iter().map(|group| (joined(group), group.weight)).collect()
    }

    fn weight_of(term: &str, question: &str) -> f32 {
        let all = weights(question);
        let one = all.iter().find(|(terms, _)| terms.split(' ').any(|one| one == term));
        one.unwrap_or_else(|| panic!("{term} in {all:?}")).1
    }

    #[test]
    fn words_count_once_and_stop_words_less() {
        let weights = weights("Was ist das Haus, das Häuser? HAUS");
        let stop = |terms: &str| (terms.to_owned(), STOP_WEIGHT);
        assert_eq!(weights[1..3], [stop("=ist"), stop("=das")]);
        assert_eq!(weights[3..], [("haus hauser".to_owned(), 1.0)]);
    }

    #[test]
    fn a_stem_that_equals_a_stop_word_stays_a_word() {
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
    fn stop_words_follow_the_language_of_the_question() {
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
        // Their shared English terms join the groups that their German terms begin.
        let one = weights("Verfassung");
        for question in ["Verfassungen", "Verfassung Verfassungen", "Verfassungen Verfassung"] {
            let weights = weights(question);
            assert_eq!((weights.len(), weights[0].1), (one.len(), 1.0), "{weights:?}");
        }
    }

    #[test]
    fn parts_count_half_and_add_to_the_same_word() {
        assert_eq!(weight_of("gericht", "Verfassungsgericht Gericht"), 1.5);
        assert_eq!(weight_of("gericht", "Gericht Verfassungsgericht Verfassungsgerichts"), 1.5);
    }

    #[test]
    fn a_word_has_its_terms_in_both_languages() {
        assert_eq!(weights("information"), [("inform information".to_owned(), 1.0)]);
    }

    #[test]
    fn an_english_stem_joins_no_german_nouns() {
        let terms = QueryTerms::of("Kurs", &mut Analyzer::new().unwrap());
        let [group] = terms.groups() else { panic!("{terms:?}") };
        assert!(group.terms.iter().eq(["kurs", "~kur", "~kurs"]), "{group:?}");
        assert_eq!(weight_of("energi", "Where does the energy come from?"), 1.0);
    }

    #[test]
    fn a_number_is_read_in_the_language_of_the_question() {
        assert_eq!(weights("3.470"), [("3.470 3470".to_owned(), 1.0)]);
        assert_eq!(weight_of("3470", "Wer hat die 3.470 Euro?"), 1.0);
        assert_eq!(weights("Who has the 3,470 dollars?").len(), 5);
        assert_eq!(weight_of("3470", "Who has the 3,470 dollars?"), 1.0);
    }

    #[test]
    fn an_acronym_is_no_stop_word() {
        for question in ["What is the US policy?", "What is the U.S. policy?"] {
            assert_eq!(weight_of("us", question), 1.0, "{question}");
        }
    }

    #[test]
    fn a_question_may_be_any_text() {
        let words = (0..5_000).map(|at| format!("wort{at}"));
        let question = words.collect::<Vec<_>>().join(" ");
        let groups = weights(&question).len();
        assert!((MAX_GROUPS..MAX_GROUPS + 8).contains(&groups), "{groups}");
    }
}
