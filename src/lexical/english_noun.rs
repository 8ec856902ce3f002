//! Irregular plurals of English nouns, which the stemmer does not reduce to their noun.

use std::{borrow::Cow, sync::LazyLock};

use rustc_hash::FxHashMap;

/// Singulars and plurals. Forms that are also forms of another word are left out: `lives`, `leaves`,
/// `bases`, `axes`, `ellipses`; so are `data`, `media` and `people`, which are nouns of their own.
pub(super) const PLURALS: &str = "\
    child/children man/men woman/women foot/feet tooth/teeth goose/geese mouse/mice louse/lice \
    dormouse/dormice titmouse/titmice ox/oxen knife/knives wife/wives wolf/wolves shelf/shelves \
    half/halves calf/calves loaf/loaves thief/thieves scarf/scarves elf/elves self/selves hoof/hooves \
    wharf/wharves analysis/analyses crisis/crises thesis/theses hypothesis/hypotheses \
    antithesis/antitheses synthesis/syntheses photosynthesis/photosyntheses \
    parenthesis/parentheses diagnosis/diagnoses prognosis/prognoses oasis/oases emphasis/emphases \
    neurosis/neuroses psychosis/psychoses synopsis/synopses metastasis/metastases \
    metamorphosis/metamorphoses paralysis/paralyses catalysis/catalyses dialysis/dialyses \
    criterion/criteria phenomenon/phenomena automaton/automata bacterium/bacteria \
    curriculum/curricula memorandum/memoranda referendum/referenda erratum/errata \
    addendum/addenda stratum/strata ovum/ova symposium/symposia consortium/consortia \
    aquarium/aquaria millennium/millennia equilibrium/equilibria quantum/quanta spectrum/spectra \
    genus/genera corpus/corpora nucleus/nuclei fungus/fungi cactus/cacti alumnus/alumni \
    stimulus/stimuli focus/foci radius/radii locus/loci syllabus/syllabi bacillus/bacilli \
    larva/larvae alga/algae antenna/antennae formula/formulae vertebra/vertebrae nebula/nebulae \
    amoeba/amoebae index/indices matrix/matrices vertex/vertices appendix/appendices \
    vortex/vortices codex/codices cortex/cortices helix/helices schema/schemata stigma/stigmata \
    bureau/bureaux plateau/plateaux tableau/tableaux chateau/chateaux";

/// Nouns and names that end in `men` and are no plural.
pub(super) const SINGULARS: [&str; 19] = [
    "abdomen", "acumen", "albumen", "bitumen", "bremen", "carmen", "cerumen", "cyclamen", "dolmen",
    "duramen", "examen", "flamen", "foramen", "gravamen", "regimen", "specimen", "stamen",
    "tegmen", "turkmen",
];
/// Minimum length in bytes of what stands before `men` or `children` in a compound.
const MIN_PREFIX: usize = 3;

/// Returns the singular of an irregular plural in lower case; any other word is returned as it is.
pub(super) fn singular(word: &str) -> Cow<'_, str> {
    if let Some(singular) = SINGULAR_OF.get(word) {
        return Cow::Borrowed(singular);
    }
    let prefix = |end| word.strip_suffix(end).filter(|prefix: &&str| prefix.len() >= MIN_PREFIX);
    if let Some(prefix) = prefix("men").filter(|_| !SINGULARS.contains(&word)) {
        return Cow::Owned(format!("{prefix}man"));
    }
    match prefix("children") {
        Some(_) => Cow::Borrowed(&word[..word.len() - "ren".len()]),
        None => Cow::Borrowed(word),
    }
}

/// The singulars of the listed plurals.
static SINGULAR_OF: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| {
    let pairs = PLURALS.split_whitespace();
    let pairs = pairs.map(|pair| pair.split_once('/').expect("a pair has two nouns"));
    pairs.map(|(singular, plural)| (plural, singular)).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irregular_plurals_have_a_singular() {
        for (plural, noun) in [
            ("children", "child"),
            ("grandchildren", "grandchild"),
            ("women", "woman"),
            ("businessmen", "businessman"),
            ("mice", "mouse"),
            ("analyses", "analysis"),
            ("criteria", "criterion"),
            ("indices", "index"),
        ] {
            assert_eq!(singular(plural), noun);
        }
    }

    #[test]
    fn other_words_stay() {
        for word in [
            "means", "news", "series", "species", "specimen", "omen", "lumen", "lives", "data",
            "people", "houses", "genesis", "pumice", "opera", "rice", "agenda",
        ] {
            assert_eq!(singular(word), word);
        }
    }
}
