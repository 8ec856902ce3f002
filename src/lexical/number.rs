//! Numbers, versions, addresses and slash dates as single words, and the readings of their
//! separators.

use crate::language::AnalyzedLanguage;

/// Units that are split from digits before them: `5km`. Names such as `5G` and `4K` stay whole.
const UNITS: [&str; 42] = [
    "cm", "dB", "EUR", "eV", "g", "GB", "GHz", "GW", "GWh", "h", "ha", "Hz", "kB", "KB", "kcal",
    "kg", "kHz", "kJ", "km", "kV", "kW", "kWh", "l", "m", "mA", "mAh", "MB", "mg", "MHz", "min",
    "ml", "mm", "ms", "MW", "MWh", "nm", "ppm", "t", "TB", "TWh", "USD", "W",
];
/// Currency codes that are split from digits after them: `EUR3.470`.
const CURRENCIES: [&str; 22] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR",
    "JPY", "KRW", "NOK", "NZD", "PLN", "SEK", "TRY", "USD", "ZAR",
];
/// Length of a group of digits between thousands separators.
const GROUP: usize = 3;
/// Maximum number of groups of digits in a number.
const MAX_GROUPS: usize = 8;

/// Returns the length in bytes of the number that starts at `start` of `text`; `None` if no digit
/// stands there, or if a letter follows (`3D`).
pub(super) fn length_at(text: &str, start: usize) -> Option<usize> {
    let rest = &text[start..];
    let digits = digits(rest);
    if digits == 0 {
        return None;
    }
    // The tail of a list (`1,2,3,4`) is no decimal number.
    let before = &text.as_bytes()[..start];
    let is_in_list = matches!(before, [.., b'0'..=b'9', b',' | b'.']);
    // Numbers in a row are no groups of one: `20 300 100`.
    let joins_blanks = !matches!(before, [.., b'0'..=b'9', b' ']);
    let end = if is_in_list { digits } else { separated(rest, digits, joins_blanks) };
    let after = &rest[end..];
    let letters = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
    let is_version = rest[..end].bytes().filter(|byte| *byte == b'.').count() > 1;
    if is_version {
        // A version may end in letters: `1.2.3b1`.
        Some(end + letters)
    } else {
        let ends = letters == 0 || end > digits || UNITS.contains(&&after[..letters]);
        ends.then_some(end)
    }
}

/// Returns the length of the currency code that starts at `start` of `text`, if a number follows it.
pub(super) fn currency_length(text: &str, start: usize) -> Option<usize> {
    let code = CURRENCIES.iter().find(|code| text[start..].starts_with(**code))?;
    length_at(text, start + code.len()).map(|_| code.len())
}

/// Returns the number of digits at the start of `text`.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Returns the end of the groups of digits that follow the first group, which ends at `first`, and
/// form one number with it; spaces do not join them unless `joins_blanks`.
fn separated(text: &str, first: usize, joins_blanks: bool) -> usize {
    let mut ends = vec![first];
    while let Some(separator) = text[ends[ends.len() - 1]..].chars().next() {
        let start = ends[ends.len() - 1] + separator.len_utf8();
        let group = digits(&text[start..]);
        let belongs = is_separator(separator) && group > 0 && ends.len() < MAX_GROUPS;
        // A space separates two numbers unless it groups thousands.
        if is_blank(separator) && group > 0 && (group != GROUP || !joins_blanks) {
            // Neither is what stands before it in the row.
            let in_row = text[first..].starts_with(' ');
            ends.truncate(if in_row { 1 } else { ends.len() });
            break;
        }
        if !belongs {
            break;
        }
        ends.push(start + group);
    }
    let is_number = |end: &&usize| canonical(&text[..**end], AnalyzedLanguage::German).is_some();
    let is_list =
        ends.len() > 2 && text[first..].starts_with(',') && !is_number(&&ends[ends.len() - 1]);
    if is_list {
        return first;
    }
    ends[1..].iter().rev().find(is_number).copied().unwrap_or(first)
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | ',' | '/') || is_blank(c)
}

/// Whether `c` separates thousands in every language.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}' | '\'' | '’')
}

/// Returns the number `word` as its digits with a decimal point, as `language` reads it; `None` if
/// `word` has no separators or is no number.
///
/// The languages differ in numbers with one separator before three digits: `3.470` is 3470 in
/// German. Versions, addresses and dates with slashes are returned as they are.
pub(super) fn canonical(word: &str, language: AnalyzedLanguage) -> Option<String> {
    let separators: Vec<char> = word.chars().filter(|c| !c.is_ascii_alphanumeric()).collect();
    let (&last, others) = separators.split_last()?;
    if !word.starts_with(|c: char| c.is_ascii_digit())
        || !separators.iter().copied().all(is_separator)
    {
        return None;
    }
    let groups: Vec<&str> = word.split(is_separator).collect();
    let (decimals, whole) = groups.split_last()?;
    if others.iter().any(|other| *other != last) {
        let are_thousands =
            others.iter().all(|c| *c == others[0] && *c != '/') && is_grouped(whole);
        let is_decimal = matches!(last, '.' | ',');
        return (are_thousands && is_decimal).then(|| whole.concat() + "." + decimals);
    }
    let is_grouped = is_grouped(&groups);
    match last {
        '/' => is_slash_date(&groups).then(|| word.to_owned()),
        '.' | ',' if others.is_empty() => {
            let thousands = match language {
                AnalyzedLanguage::German => '.',
                AnalyzedLanguage::English => ',',
            };
            let joined = is_grouped && last == thousands;
            Some(groups.join(if joined { "" } else { "." }))
        }
        '.' if !is_grouped || is_address(&groups) => Some(word.to_lowercase()),
        _ => is_grouped.then(|| groups.concat()),
    }
}

/// Whether all groups but the first have three digits, and the first has one to three.
fn is_grouped(groups: &[&str]) -> bool {
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let Some((first, others)) = groups.split_first() else { return false };
    !others.is_empty()
        && (1..=GROUP).contains(&first.len())
        && !first.starts_with('0')
        && others.iter().all(|group| group.len() == GROUP && is_digits(group))
}

/// Whether `groups` are those of an IP address.
fn is_address(groups: &[&str]) -> bool {
    groups.len() == 4 && groups.iter().all(|group| group.parse::<u8>().is_ok())
}

/// Whether `groups` are day, month and year, in an unknown order of day and month.
fn is_slash_date(groups: &[&str]) -> bool {
    let [first, second, year] = groups else { return false };
    first.len() <= 2 && second.len() <= 2 && matches!(year.len(), 2 | 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(word: &str) -> [Option<String>; 2] {
        AnalyzedLanguage::ALL.map(|language| canonical(word, language))
    }

    #[test]
    fn separators_of_thousands_are_no_part_of_a_number() {
        for word in ["3 470", "3\u{A0}470", "3\u{202F}470", "3'470"] {
            assert_eq!(
                readings(word),
                [Some("3470".to_owned()), Some("3470".to_owned())],
                "{word}"
            );
        }
        for (word, number) in [
            ("1.234.567", "1234567"),
            ("1,234,567", "1234567"),
            ("1.234,50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("1 234,5", "1234.5"),
        ] {
            assert_eq!(
                readings(word),
                [Some(number.to_owned()), Some(number.to_owned())],
                "{word}"
            );
        }
    }

    #[test]
    fn one_separator_is_read_by_language() {
        for (word, german, english) in [
            ("3.470", "3470", "3.470"),
            ("3,470", "3.470", "3470"),
            ("1,5", "1.5", "1.5"),
            ("1.5", "1.5", "1.5"),
            ("0.125", "0.125", "0.125"),
            ("2024.123", "2024.123", "2024.123"),
        ] {
            assert_eq!(canonical(word, AnalyzedLanguage::German).unwrap(), german, "{word}");
            assert_eq!(canonical(word, AnalyzedLanguage::English).unwrap(), english, "{word}");
        }
    }

    #[test]
    fn versions_addresses_sections_and_slash_dates_stay_whole() {
        for word in ["1.2.3", "10.0.19041", "192.168.100.200", "127.0.0.1", "3.2.1", "3/14/2024"] {
            assert_eq!(readings(word), [Some(word.to_owned()), Some(word.to_owned())], "{word}");
        }
        assert_eq!(canonical("1.2.3B1", AnalyzedLanguage::German).unwrap(), "1.2.3b1");
    }

    #[test]
    fn other_words_are_no_numbers() {
        for word in ["3470", "1,2,3", "1,2.3,4", "a.b", "3D", "24/7", "", "1.2/3"] {
            assert_eq!(readings(word), [None, None], "{word}");
        }
    }

    #[test]
    fn a_currency_code_ends_before_a_number() {
        for (text, length) in [
            ("EUR3.470", Some(3)),
            ("USD12", Some(3)),
            ("EUR 3", None),
            ("EUR3D", None),
            ("EURO3", None),
            ("XYZ12", None),
        ] {
            assert_eq!(currency_length(text, 0), length, "{text}");
        }
    }

    #[test]
    fn a_number_ends_where_its_groups_end() {
        let whole = |text| length_at(text, 0).map(|length| &text[..length]);
        for (text, number) in [
            ("3.470 Euro", Some("3.470")),
            ("3 470 Euro", Some("3 470")),
            ("2020 300 Euro", Some("2020")),
            ("12 3456", Some("12")),
            ("20 300 5", Some("20")),
            ("1,5-mal", Some("1,5")),
            ("3.", Some("3")),
            ("3, 4", Some("3")),
            ("1,2,3", Some("1")),
            ("5km weit", Some("5")),
            ("1.5er", Some("1.5")),
            ("1.2.3b1.", Some("1.2.3b1")),
            ("24/7", Some("24")),
            ("3D", None),
            ("90er", None),
            ("Ende", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
        assert_eq!(length_at("1,2,3", 2), Some(1));
    }
}
