//! Calendar dates.

use std::{fmt, str::FromStr};

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Gregorian calendar date, written `YYYY-MM-DD` and ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(civil::Date);

impl Date {
    /// Creates a date from `year` in `0..=9999`, `month` in `1..=12` and `day` in `1..=31`.
    ///
    /// # Errors
    ///
    /// [`Error::Date`] if a number is out of range or the month has no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self> {
        let date = civil::Date::new(year, month, day).ok().filter(|_| (0..=9999).contains(&year));
        date.map(Self).ok_or_else(|| Error::Date { got: format!("{year:04}-{month:02}-{day:02}") })
    }

    /// Returns the seconds from 1970-01-01T00:00:00Z to the first instant of the date in UTC.
    pub(crate) fn unix_seconds(self) -> i64 {
        self.0.duration_since(civil::date(1970, 1, 1)).as_secs()
    }

    /// Returns the date whose first instant in UTC is `seconds` after 1970-01-01T00:00:00Z; `None` if
    /// there is none.
    pub(crate) fn starting_at(seconds: i64) -> Option<Self> {
        let days = i32::try_from(seconds / 86_400).ok().filter(|_| seconds % 86_400 == 0)?;
        let span = jiff::Span::new().try_days(days).ok()?;
        let date = civil::date(1970, 1, 1).checked_add(span).ok()?;
        (0..=9999).contains(&date.year()).then_some(Self(date))
    }

    pub(crate) fn year(self) -> i16 {
        self.0.year()
    }

    pub(crate) fn month(self) -> i8 {
        self.0.month()
    }

    pub(crate) fn day(self) -> i8 {
        self.0.day()
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // jiff also reads dates with a time or without hyphens. They are not written back in the
        // form that was read, so they are no dates here.
        let has_form = text.len() == "YYYY-MM-DD".len() && text.as_bytes().get(4) == Some(&b'-');
        let date = if has_form { text.parse().ok() } else { None };
        date.map(Self).ok_or_else(|| Error::Date { got: text.to_owned() })
    }
}

impl TryFrom<String> for Date {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_dates_in_the_written_form_are_read() {
        let leap: Date = "2024-02-29".parse().unwrap();
        assert_eq!(leap.to_string(), "2024-02-29");
        assert!(leap < Date::new(2024, 3, 1).unwrap());
        for wrong in ["2023-02-29", "20240229", "2024-02-29T10:00", "29.02.2024", ""] {
            assert!(matches!(wrong.parse::<Date>(), Err(Error::Date { .. })), "{wrong}");
        }
        for (year, month, day) in [(2024, 13, 1), (2023, 2, 29), (-1, 1, 1), (-5, 6, 7)] {
            assert!(matches!(Date::new(year, month, day), Err(Error::Date { .. })), "{year}");
        }
        for date in [Date::new(0, 1, 1), Date::new(9999, 12, 31), Date::new(812, 3, 4)] {
            let date = date.unwrap();
            assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
        }
    }

    #[test]
    fn other_years_have_no_date() {
        for seconds in [-62_167_305_600, 253_402_300_800, i64::MIN, i64::MAX, 86_400 << 32] {
            assert_eq!(Date::starting_at(seconds), None, "{seconds}");
        }
    }

    #[test]
    fn a_date_starts_at_midnight_in_utc() {
        for (date, seconds) in [
            ("1970-01-01", 0),
            ("2024-06-03", 1_717_372_800),
            ("0000-01-01", -62_167_219_200),
            ("9999-12-31", 253_402_214_400),
        ] {
            let date: Date = date.parse().unwrap();
            assert_eq!(date.unix_seconds(), seconds, "{date}");
            assert_eq!(Date::starting_at(seconds), Some(date));
            assert_eq!(Date::starting_at(seconds + 1), None);
        }
    }
}
