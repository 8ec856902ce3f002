//! Nouns that name all genders: `Kund:innen`, `Leser*in`, `Ärzt_innen`, `Schüler/-innen`,
//! `Lehrer(innen)`, `KollegInnen`.

/// Separators of a noun from its ending; longer ones come first.
const SEPARATORS: [&str; 8] = [":", "*", "_", "·", "•", "/-", "/", "("];
const ENDINGS: [&str; 4] = ["innen", "Innen", "in", "In"];
/// Ends of nouns before a capital `In`. Other words, such as `LinkedIn`, are no gender forms.
const PERSONS: [&str; 8] = ["er", "ent", "ant", "ist", "or", "eur", "är", "at"];
/// Minimum length of the noun in characters: `an/in` is no gender form.
const MIN_BASE: usize = 3;

/// Returns the length of the separator and ending at the start of `after`, which follows `noun`.
pub(super) fn ending_length(noun: &str, after: &str) -> Option<usize> {
    let is_noun = noun.starts_with(char::is_uppercase) && noun.chars().count() >= MIN_BASE;
    let separator = SEPARATORS.iter().find(|separator| after.starts_with(**separator))?;
    let rest = &after[separator.len()..];
    let ending = ENDINGS.iter().find(|ending| rest.starts_with(**ending))?;
    let mut len = separator.len() + ending.len();
    if *separator == "(" {
        after[len..].starts_with(')').then_some(())?;
        len += 1;
        // `Lehrer(in)nen`
        let plural = after[len..].strip_prefix("nen").map_or(0, |_| "nen".len());
        len += plural;
    }
    let ends = !after[len..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (is_noun && ends).then_some(len)
}

/// Returns the noun of a gender form without its ending; `None` for any other word.
///
/// The stem of what remains is that of the masculine noun: `Kund` of `Kunde`, `Leser` of `Leser`.
pub(super) fn base(word: &str) -> Option<&str> {
    let first = word.chars().next()?;
    if !first.is_uppercase() {
        return None;
    }
    let separator = word.find([':', '*', '_', '·', '•', '/', '(']);
    separator.map(|at| &word[..at]).or_else(|| inner_capital(word))
}

/// Returns the noun of `LeserInnen` and `LeserIn`.
fn inner_capital(word: &str) -> Option<&str> {
    let plural = word.strip_suffix("Innen").filter(|base| base.ends_with(char::is_lowercase));
    let is_person = |base: &&str| PERSONS.iter().any(|person| base.ends_with(person));
    let singular = || word.strip_suffix("In").filter(is_person);
    plural.or_else(singular).filter(|base| base.chars().count() >= MIN_BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gender_forms_have_a_base() {
        for (word, noun) in [
            ("Kund:innen", "Kund"),
            ("Leser*in", "Leser"),
            ("Ärzt_innen", "Ärzt"),
            ("Bürger·innen", "Bürger"),
            ("Schüler/-innen", "Schüler"),
            ("Lehrer/in", "Lehrer"),
            ("Lehrer(innen)", "Lehrer"),
            ("Lehrer(in)nen", "Lehrer"),
        ] {
            let after = &word[noun.len()..];
            assert_eq!(ending_length(noun, after), Some(after.len()), "{word}");
            assert_eq!(base(word), Some(noun), "{word}");
        }
        assert_eq!(base("KollegInnen"), Some("Kolleg"));
        assert_eq!(base("StudentIn"), Some("Student"));
    }

    #[test]
    fn other_words_are_no_gender_forms() {
        for word in ["Innen", "LinkedIn", "PlugIn", "Berlin", "kund:innen", "DIN", "Haus", ""] {
            assert_eq!(base(word), None, "{word}");
        }
        for (noun, after) in [
            ("Haus", ": in der Stadt"),
            ("Haus", "/innerhalb"),
            ("an", "/in"),
            ("An", "/in"),
            ("Lehrer", "(in der Stadt)"),
            ("Datei", "_index"),
        ] {
            assert_eq!(ending_length(noun, after), None, "{noun}{after}");
        }
    }
}
