//! Text that is no prose: lists of web addresses and tables of digits.

/// Words that make a sentence of a text with a single web address.
const MIN_WORDS: usize = 5;

/// Whether web addresses and digits make up at least half of the characters of `text`, without white
/// space.
///
/// A sentence that points to a single address is no noise, however long the address is: it often is
/// the answer to a question.
pub(crate) fn is_noise(text: &str) -> bool {
    let mut counts = Counts::default();
    text.split_whitespace().for_each(|run| counts.add(run));
    let noise = counts.in_addresses + counts.digits;
    let is_sentence = counts.addresses == 1
        && counts.words >= MIN_WORDS
        && counts.digits * 2 < counts.characters - counts.in_addresses;
    counts.characters > 0 && noise * 2 >= counts.characters && !is_sentence
}

/// The counts of the runs of a text, which have no white space.
#[derive(Debug, Default)]
struct Counts {
    characters: usize,
    addresses: usize,
    /// Characters of addresses.
    in_addresses: usize,
    /// Digits outside of addresses.
    digits: usize,
    /// Runs with a letter and without a digit, outside of addresses.
    words: usize,
}

impl Counts {
    fn add(&mut self, run: &str) {
        let characters = run.chars().count();
        self.characters += characters;
        if is_web_address(run) {
            self.addresses += 1;
            self.in_addresses += characters;
        } else {
            let digits = digits(run);
            self.digits += digits;
            self.words += usize::from(digits == 0 && run.contains(char::is_alphabetic));
        }
    }
}

/// Whether `text` has a web address or a digit.
pub(crate) fn has_web_address_or_digit(text: &str) -> bool {
    text.split_whitespace().any(|run| is_web_address(run) || digits(run) > 0)
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether `run`, which has no white space, is or contains a web address, with or without its
/// scheme.
fn is_web_address(run: &str) -> bool {
    let run = run.trim_start_matches(|c: char| !c.is_alphanumeric());
    if run.contains("://") || run.starts_with("www.") {
        return true;
    }
    let Some((host, _)) = run.split_once('/') else { return false };
    let Some((name, domain)) = host.rsplit_once('.') else { return false };
    let is_domain = domain.len() >= 2 && domain.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_domain && name.ends_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_digits_are_noise() {
        for text in [
            "https://example.org/a https://example.org/b",
            "[1] https://example.org/very/long/path?with=a&query Abruf: Mai",
            "Quelle: www.example.org, example.net/archive/2020/",
            "2019 1.204 77 %\n2020 1.350 79 %",
            "+49 30 1234567",
            "Siehe dazu auch: https://example.org/veroeffentlichungen/jahrgang/uebersicht",
            "Alle Zahlen stehen hier als Tabelle: 2019 1.204.112 77.120 2020 1.350.903 79.004 2021 \
             1.401.220 80.417 https://example.org/tabelle",
            "Das erste Blatt liegt hier: https://example.org/blatt/eins und das zweite Blatt liegt \
             dort: https://example.org/blatt/zwei/mit/anhang",
        ] {
            assert!(is_noise(text), "{text}");
            assert!(has_web_address_or_digit(text), "{text}");
        }
    }

    #[test]
    fn prose_with_addresses_or_digits_is_no_noise() {
        for text in [
            "",
            "Moore speichern Kohlenstoff, und Männer und/oder Frauen zählen ihn z. B./etwa so.",
            "Im Jahr 2024 kamen 1.200 Menschen nach Ulm, 300 mehr als 2023.",
            "Mehr dazu steht auf https://example.org und in den Protokollen der letzten Sitzung.",
            "Den Antrag laden Sie hier herunter: https://example.org/formulare/antraege/antrag-a.pdf",
            "Version v1.2.3 behebt den Fehler in der Suche.",
        ] {
            assert!(!is_noise(text), "{text}");
        }
        assert!(!has_web_address_or_digit("Was sagen die Moore/Wälder usw.?"));
    }
}
