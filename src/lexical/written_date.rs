//! Calendar dates in the notations of German, English and ISO 8601.

use std::ops::Range;

/// Names of months, abbreviated or not, in German and English.
const MONTHS: [&str; 12] = [
    "Januar January Jan Jänner",
    "Februar February Feb Feber",
    "März March Mär Mrz Mar",
    "April Apr",
    "Mai May",
    "Juni June Jun",
    "Juli July Jul",
    "August Aug",
    "September Sep Sept",
    "Oktober October Okt Oct",
    "November Nov",
    "Dezember December Dez Dec",
];

/// A date in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenDate<'t> {
    year: &'t str,
    month: usize,
    day: usize,
    /// The name of the month, if it is written as a word.
    name: Option<&'t str>,
    /// Length of the date in bytes.
    pub(super) len: usize,
}

impl<'t> WrittenDate<'t> {
    /// Reads the date that `text` starts with.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        let starts = |test: fn(&u8) -> bool| text.as_bytes().first().is_some_and(test);
        let date = if starts(u8::is_ascii_digit) {
            iso(text).or_else(|| numeric(text)).or_else(|| day_first(text))
        } else if starts(u8::is_ascii_uppercase) {
            month_first(text)
        } else {
            None
        };
        date.filter(|date| (1..=12).contains(&date.month) && (1..=31).contains(&date.day))
    }

    /// The term that all notations of a day share: its date by ISO 8601.
    pub(super) fn term(&self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// The words of the date that are searched alone: the year, and the day and month beside a name.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        let named = self.name.map(|name| [self.day.to_string(), name.to_owned()]);
        named.into_iter().flatten().chain([self.year.to_owned()])
    }
}

/// Reads a text from left to right.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Takes a number whose count of digits is in `lengths`.
    fn number(&mut self, lengths: Range<usize>) -> Option<&'t str> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        lengths.contains(&digits).then(|| self.take(digits))
    }

    fn small_number(&mut self) -> Option<usize> {
        self.number(1..3)?.parse().ok()
    }

    /// Takes a year of four digits that ends a word.
    fn year(&mut self) -> Option<&'t str> {
        let year = self.number(4..5)?;
        let ends = !self.rest().starts_with(char::is_alphanumeric);
        ends.then_some(year)
    }

    fn take(&mut self, len: usize) -> &'t str {
        let taken = &self.rest()[..len];
        self.at += len;
        taken
    }

    /// Takes `expected` if it comes next.
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.rest().starts_with(expected).then(|| self.at += expected.len())
    }

    /// Takes one or two blanks.
    fn blank(&mut self) -> Option<()> {
        let is_blank = |c: &char| matches!(c, ' ' | '\u{A0}' | '\u{202F}' | '\n');
        let blanks = self.rest().chars().take(2).take_while(is_blank);
        let len: usize = blanks.map(char::len_utf8).sum();
        self.at += len;
        (len > 0).then_some(())
    }

    /// Takes letters, which may name a month.
    fn letters(&mut self) -> &'t str {
        let rest = self.rest();
        self.take(rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len()))
    }
}

/// Returns the number of the month `name`, from 1.
///
/// Dates call it last: every capital in a text may begin the name of a month.
fn month_of(name: &str) -> Option<usize> {
    let month = MONTHS.iter().position(|names| names.split(' ').any(|known| known == name));
    month.map(|before| before + 1)
}

/// Reads `2024-03-05`.
fn iso(text: &str) -> Option<WrittenDate<'_>> {
    let mut reader = Reader::new(text);
    let year = reader.number(4..5)?;
    reader.skip("-")?;
    let month = reader.number(2..3)?.parse().ok()?;
    reader.skip("-")?;
    let day = reader.number(2..3)?.parse().ok()?;
    Some(WrittenDate { year, month, day, name: None, len: reader.at })
}

/// Reads `5.3.2024` and `05. 03. 2024`.
fn numeric(text: &str) -> Option<WrittenDate<'_>> {
    let mut reader = Reader::new(text);
    let day = reader.small_number()?;
    reader.skip(".")?;
    _ = reader.blank();
    let month = reader.small_number()?;
    reader.skip(".")?;
    _ = reader.blank();
    let year = reader.year()?;
    Some(WrittenDate { year, month, day, name: None, len: reader.at })
}

/// Reads `5. März 2024`, `5 March 2024` and `5th of March, 2024`.
fn day_first(text: &str) -> Option<WrittenDate<'_>> {
    let mut reader = Reader::new(text);
    let day = reader.small_number()?;
    _ = [".", "st", "nd", "rd", "th"].iter().find_map(|ordinal| reader.skip(ordinal));
    reader.blank()?;
    _ = reader.skip("of ");
    let name = reader.letters();
    _ = reader.skip(".").or_else(|| reader.skip(","));
    reader.blank()?;
    let year = reader.year()?;
    let month = month_of(name)?;
    Some(WrittenDate { year, month, day, name: Some(name), len: reader.at })
}

/// Reads `March 5, 2024` and `Mar. 5th 2024`.
fn month_first(text: &str) -> Option<WrittenDate<'_>> {
    let mut reader = Reader::new(text);
    let name = reader.letters();
    _ = reader.skip(".");
    reader.blank()?;
    let day = reader.small_number()?;
    _ = ["st", "nd", "rd", "th"].iter().find_map(|ordinal| reader.skip(ordinal));
    _ = reader.skip(",");
    reader.blank()?;
    let year = reader.year()?;
    let month = month_of(name)?;
    Some(WrittenDate { year, month, day, name: Some(name), len: reader.at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_of_a_day_share_a_term() {
        for text in [
            "2024-03-05",
            "5.3.2024",
            "05.03.2024",
            "05. 03. 2024",
            "5. März 2024",
            "5 March 2024",
            "5th of March 2024",
            "March 5, 2024",
            "Mar. 5th, 2024",
        ] {
            let date = WrittenDate::read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*date.term(), date.len), ("2024-03-05", text.len()), "{text}");
            assert_eq!(date.words().last().unwrap(), "2024");
        }
    }

    #[test]
    fn other_numbers_are_no_dates() {
        for text in [
            "2024-13-05",
            "5.3.24",
            "32.3.2024",
            "1.2.3",
            "5. Haus 2024",
            "März 2024",
            "May 5 men",
            "5. März",
            "2024-3-5",
            "",
            "May",
            "1.2.20245",
        ] {
            assert_eq!(WrittenDate::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_named_month_is_a_word_of_the_date() {
        let words = |text| WrittenDate::read(text).unwrap().words().collect::<Vec<_>>();
        assert_eq!(words("5. März 2024, abends"), ["5", "März", "2024"]);
        assert_eq!(words("2024-03-05"), ["2024"]);
    }
}
