//! Text that is no prose: lists of web addresses and tables of digits.

/// Whether web addresses and digits make up at least half of the characters of `text`, without white
/// space.
pub(crate) fn is_noise(text: &str) -> bool {
    let mut all = 0_usize;
    let mut noise = 0;
    for run in text.split_whitespace() {
        let characters = run.chars().count();
        all += characters;
        noise += if is_web_address(run) { characters } else { digits(run) };
    }
    all > 0 && noise * 2 >= all
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
            "Version v1.2.3 behebt den Fehler in der Suche.",
        ] {
            assert!(!is_noise(text), "{text}");
        }
        assert!(!has_web_address_or_digit("Was sagen die Moore/Wälder usw.?"));
    }
}
