//! Words of the bundled model that are parts of German and English compounds, or are not. The
//! lists of words are sorted.

/// Words of three letters that are parts of compounds.
pub(super) const SHORT_PARTS: [&str; 74] = [
    "abo", "akt", "alm", "alt", "amt", "arm", "art", "axt", "bad", "bar", "bau", "box", "bus",
    "bär", "ehe", "eis", "erb", "erz", "fan", "fax", "fee", "fuß", "fön", "gas", "gen", "gut",
    "heu", "hof", "hut", "inn", "job", "kai", "kuh", "kur", "lok", "maß", "mut", "neu", "ohr",
    "ort", "ost", "pop", "rad", "rat", "rau", "reh", "rot", "ruf", "rum", "see", "ski", "sud",
    "süd", "tag", "tal", "tau", "tee", "tod", "ton", "tor", "typ", "tür", "ufo", "uhr", "ulk",
    "wal", "web", "weg", "wut", "zeh", "zoo", "zug", "öko", "öl",
];
/// Particles, pronouns, auxiliary verbs and beginnings of words.
pub(super) const NO_PARTS: [&str; 89] = [
    "aber", "abge", "abzu", "ange", "anti", "anzu", "auch", "aufge", "aufzu", "ausge", "auszu",
    "been", "dass", "desc", "dies", "diese", "dieser", "durch", "eine", "einen", "einer", "einge",
    "einsch", "einzu", "erst", "from", "gegen", "gene", "haben", "hatte", "have", "herr", "hier",
    "hinter", "ihre", "ihren", "inter", "kann", "kein", "mehr", "mini", "miss", "mono", "nach",
    "nachge", "nachzu", "neben", "nicht", "oben", "ohne", "outs", "over", "rück", "schl", "schon",
    "sehr", "sein", "self", "semi", "sind", "sonder", "super", "than", "that", "their", "them",
    "then", "they", "this", "tran", "trans", "under", "unge", "unter", "versch", "voll", "vorge",
    "vorzu", "wenn", "were", "wider", "wieder", "wird", "with", "zuge", "zusammen", "zwischen",
    "über", "übersch",
];
/// Endings of words that are also words or pieces of the model.
pub(super) const NO_HEADS: [&str; 73] = [
    "able", "ally", "ames", "amkeit", "ation", "atorium", "bare", "barer", "barkeit", "bart",
    "beth", "chen", "ellen", "enden", "ender", "ends", "erei", "erin", "fully", "fung", "gerei",
    "haft", "haften", "heit", "hers", "hood", "ieren", "iert", "iker", "ings", "innen", "ions",
    "isch", "ische", "ischen", "ischer", "isches", "ismus", "kade", "keit", "kraten", "less",
    "lich", "liche", "lichen", "licher", "ling", "lings", "lion", "lose", "losen", "lung", "ment",
    "ments", "nade", "ness", "onade", "orium", "ration", "rott", "rotte", "rung", "samkeit",
    "schaft", "schen", "sches", "ship", "sten", "ster", "tion", "torium", "ungen", "wise",
];
/// Letters between the parts of a compound.
pub(super) const LINKS: [&str; 9] = ["", "s", "es", "n", "en", "er", "e", "ens", "ns"];
/// Endings of the last part.
pub(super) const ENDINGS: [&str; 9] = ["", "s", "es", "n", "en", "e", "er", "ern", "em"];
/// Endings that make a noun of a verb, a noun or an adjective, of the last part.
pub(super) const NOUN_ENDINGS: [&str; 6] = ["ung", "ungen", "in", "ige", "iger", "igen"];
/// Ending of a noun from a verb, with the letter that links it: `Impfungs` in `Impfungsgegner`.
pub(super) const NOUN_LINK: &str = "ungs";
/// Endings of nouns that are participles or adjectives, and those of their other forms, one of which
/// is enough: `Vorsitzender` is known by `Vorsitzende`, `Beamtin` by `Beamte`.
pub(super) const FORMS: [(&str, [&str; 2]); 6] = [
    ("e", ["en", "er"]),
    ("er", ["e", "en"]),
    ("en", ["e", "er"]),
    ("es", ["e", "en"]),
    ("em", ["e", "en"]),
    ("in", ["e", "er"]),
];
/// Endings of present participles as nouns, whose verb ends in `en`: `Suchende`.
pub(super) const PARTICIPLES: [&str; 4] = ["ende", "enden", "ender", "endes"];
/// Prefixes of words, which belong to the part that follows: `Vorsitzende`, `Instinkt` after `Ur`.
pub(super) const PREFIXES: [&str; 28] = [
    "ab", "abge", "an", "ange", "auf", "aufge", "aus", "ausge", "bei", "dar", "ein", "einge",
    "her", "hin", "miss", "mit", "nach", "nachge", "um", "un", "unter", "ur", "vor", "vorge",
    "wieder", "zu", "zuge", "über",
];
/// Prefixes of verbs. They make a part only with the ending of a noun or with an adjective in `-ig`:
/// `Beinhaltung`, `Bedürftige`.
pub(super) const VERB_PREFIXES: [&str; 6] = ["be", "ent", "er", "ge", "ver", "zer"];
/// Endings of derived words, whose base is no part: `Eins` of `Einsamkeit`.
pub(super) const DERIVATIONS: [&str; 13] = [
    "ade", "erei", "heit", "iker", "ismus", "keit", "ment", "orium", "ation", "omie", "logie",
    "grafie", "graphie",
];
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_words_are_sorted() {
        for list in [&SHORT_PARTS[..], &NO_PARTS, &NO_HEADS] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
