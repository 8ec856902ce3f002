//! Forms of German nouns that the stemmer does not reduce to their noun.

use std::{borrow::Cow, sync::LazyLock};

use rustc_hash::FxHashMap;

use super::{
    noun_lists::{DISTINCT, IRREGULAR, STRONG},
    tokenize::fold_diacritics,
};

/// Endings of the forms of a listed noun, in the order in which they claim a form: `Herden` is a
/// form of `Herde`, not of `Herd`.
const ENDINGS: [&str; 7] = ["", "n", "e", "s", "en", "es", "er"];
/// Minimum length in bytes of a listed noun at the end of a compound.
const MIN_SUFFIX: usize = 3;
/// Minimum length in bytes of what stands before it.
const MIN_PREFIX: usize = 3;
/// Minimum length in bytes of a word without its plural `s`.
const MIN_BASE: usize = 3;
/// Ends of words whose `s` belongs to the noun: Latin and Greek nouns, and adjectives in `-los`.
const STABLE_ENDS: [&str; 11] =
    ["us", "eis", "nis", "xis", "sis", "polis", "itis", "los", "ös", "ies", "oos"];
/// Ends of plurals and genitives that end like [`STABLE_ENDS`].
const LOAN_ENDS: [&str; 7] = ["eaus", "anis", "inis", "onis", "unis", "llos", "ssis"];
/// Verbs that end like the plural of a noun in `-in`.
const VERBS: [&str; 12] = [
    "winnen",
    "ginnen",
    "spinnen",
    "entrinnen",
    "gerinnen",
    "verrinnen",
    "zerrinnen",
    "besinnen",
    "entsinnen",
    "ersinnen",
    "nachsinnen",
    "binnen",
];

/// A noun form without what the stemmer leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NounForm<'w> {
    /// The stem of a listed noun.
    Stem(String),
    /// A word to be stemmed.
    Word(Cow<'w, str>),
}

/// Reduces `word`, in lower case, to a form that the stemmer treats like its noun.
pub(super) fn reduce(word: &str) -> NounForm<'_> {
    match listed(word) {
        Some(stem) => NounForm::Stem(stem),
        None => NounForm::Word(regular(word)),
    }
}

/// Whether `word`, in lower case, is a listed noun or a compound that ends in one.
pub(super) fn is_listed(word: &str) -> bool {
    listed(word).is_some()
}

/// Returns the stem of a listed noun, or of a compound that ends in one.
fn listed(word: &str) -> Option<String> {
    let key = key(word);
    if let Some(noun) = NOUNS.get(&*key) {
        return Some(noun.stem.to_owned());
    }
    let shortest = key.len().saturating_sub(*LONGEST).max(MIN_PREFIX);
    let ends = shortest..(key.len() + 1).saturating_sub(MIN_SUFFIX);
    ends.filter(|at| key.is_char_boundary(*at)).find_map(|at| {
        let noun = NOUNS.get(&key[at..]).filter(|noun| noun.ends_compounds)?;
        Some(format!("{}{}", fold_diacritics(&key[..at]), noun.stem))
    })
}

/// Returns `word` with the ending of a regular form replaced.
fn regular(word: &str) -> Cow<'_, str> {
    let is_verb = VERBS.iter().any(|verb| word.ends_with(verb));
    if word.len() > "innen".len() + MIN_BASE && word.ends_with("innen") && !is_verb {
        return Cow::Borrowed(&word[..word.len() - "nen".len()]);
    }
    for (ending, replacement) in [("ikum", "ika"), ("ikums", "ika"), ("ium", "i"), ("iums", "i")] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| base.len() >= MIN_BASE) {
            return Cow::Owned(format!("{base}{replacement}"));
        }
    }
    let ism = word.strip_suffix("us").filter(|base| base.ends_with("ism"));
    Cow::Borrowed(ism.or_else(|| without_s(word)).unwrap_or(word))
}

/// Returns `word` without the `s` of a plural or genitive that the stemmer keeps: after vowels and
/// after `c`, `p`, `w` and `y`.
fn without_s(word: &str) -> Option<&str> {
    let base = word.strip_suffix('s').filter(|base| base.len() >= MIN_BASE)?;
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let is_form = base.ends_with(['a', 'c', 'i', 'o', 'p', 'u', 'w', 'y', 'ä', 'ö', 'ü']);
    (is_form && (!ends(&STABLE_ENDS) || ends(&LOAN_ENDS))).then_some(base)
}

/// Returns `word` with umlauts as two letters, so that `Bürger` and `Buerger` are one key.
fn key(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue"))
}

/// A listed noun.
#[derive(Clone, Copy)]
struct Noun {
    stem: &'static str,
    ends_compounds: bool,
}

/// The listed nouns by the keys of their forms.
static NOUNS: LazyLock<FxHashMap<String, Noun>> = LazyLock::new(|| {
    let lists = [DISTINCT, STRONG, IRREGULAR];
    let entries: Vec<&str> = lists.iter().flat_map(|list| list.split_whitespace()).collect();
    let mut nouns = FxHashMap::default();
    for ending in ENDINGS {
        for entry in &entries {
            let forms = entry.trim_start_matches('-');
            let stem = forms.split('/').next().expect("a split has a first part");
            let noun = Noun { stem, ends_compounds: entry.starts_with('-') };
            for form in forms.split('/') {
                nouns.entry(key(&format!("{form}{ending}")).into_owned()).or_insert(noun);
            }
        }
    }
    nouns
});

/// Length in bytes of the longest key. Longer ends of a word need no lookup.
static LONGEST: LazyLock<usize> =
    LazyLock::new(|| NOUNS.keys().map(String::len).max().unwrap_or(0));

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> String {
        match reduce(word) {
            NounForm::Stem(stem) => stem,
            NounForm::Word(word) => word.into_owned(),
        }
    }

    #[test]
    fn the_s_of_loan_words_and_names_is_an_ending() {
        for (form, noun) in [
            ("handys", "handy"),
            ("autos", "auto"),
            ("europas", "europa"),
            ("jeeps", "jeep"),
            ("interviews", "interview"),
            ("taxis", "taxi"),
            ("berlusconis", "berlusconi"),
            ("tabus", "tabu"),
            ("niveaus", "niveau"),
            ("menüs", "menü"),
            ("cellos", "cello"),
        ] {
            assert_eq!(word(form), noun, "{form}");
        }
        for stable in
            ["haus", "status", "arbeitslos", "ergebnis", "nervös", "news", "paris", "gips"]
        {
            assert_eq!(word(stable), stable);
        }
    }

    #[test]
    fn irregular_plurals_have_the_stem_of_their_noun() {
        for (form, stem) in [
            ("themen", "thema"),
            ("hauptthemen", "hauptthema"),
            ("museen", "museum"),
            ("kleinbusse", "kleinbus"),
            ("kursen", "kurs"),
            ("nachbarn", "nachbar"),
            ("algorithmen", "algorithmus"),
            ("probleme", "problem"),
        ] {
            assert_eq!(word(form), stem, "{form}");
        }
        assert_eq!(word("kundinnen"), "kundin");
        assert_eq!(word("ministerium"), "ministeri");
        assert_eq!(word("gewinnen"), "gewinnen");
    }

    #[test]
    fn umlauts_may_be_typed_as_two_letters() {
        assert_eq!(reduce("bürger"), reduce("buerger"));
        assert_ne!(reduce("bürger"), reduce("burger"));
    }
}
