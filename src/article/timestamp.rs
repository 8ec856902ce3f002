//! Instants in time.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Instant in time with nanosecond precision, within the years `0..=9999`.
///
/// It is written in UTC as RFC 3339 says, such as `2024-06-03T08:30:00Z`. Texts with another offset,
/// such as `2024-06-03T10:30:00+02:00`, are read as the same instant; the offset is not kept.
///
/// # Examples
///
/// ```
/// use passim::Timestamp;
///
/// let sent: Timestamp = "2024-06-03T10:30:00+02:00".parse()?;
/// assert_eq!(sent.to_string(), "2024-06-03T08:30:00Z");
/// assert_eq!(sent, Timestamp::from_unix(1_717_403_400, 0)?);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Creates the timestamp `seconds` and `nanoseconds` after 1970-01-01T00:00:00Z; `nanoseconds`
    /// in `0..=999_999_999`.
    ///
    /// # Errors
    ///
    /// [`Error::Timestamp`] if the year or `nanoseconds` are out of range.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Result<Self> {
        let nanoseconds_in_range =
            i32::try_from(nanoseconds).ok().filter(|part| *part < 1_000_000_000);
        let timestamp =
            nanoseconds_in_range.and_then(|part| jiff::Timestamp::new(seconds, part).ok());
        let got = || format!("{seconds} s and {nanoseconds} ns after 1970");
        timestamp.and_then(Self::checked).ok_or_else(|| Error::Timestamp { got: got() })
    }

    /// Returns the whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second() - i64::from(self.0.subsec_nanosecond() < 0)
    }

    /// Returns the nanoseconds since [`unix_seconds`](Self::unix_seconds), in `0..=999_999_999`.
    #[must_use]
    pub fn subsec_nanoseconds(self) -> u32 {
        self.0.subsec_nanosecond().rem_euclid(1_000_000_000).unsigned_abs()
    }

    fn checked(timestamp: jiff::Timestamp) -> Option<Self> {
        let year = jiff::tz::TimeZone::UTC.to_datetime(timestamp).year();
        (0..=9999).contains(&year).then_some(Self(timestamp))
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // jiff also reads forms that RFC 3339 does not know, such as a time without seconds.
        let timestamp = if has_rfc_3339_form(text) { text.parse().ok() } else { None };
        let timestamp = timestamp.and_then(Self::checked);
        timestamp.ok_or_else(|| Error::Timestamp { got: text.to_owned() })
    }
}

/// Whether `text` is digits and separators of `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`.
fn has_rfc_3339_form(text: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let Some((head, rest)) = text.split_at_checked(form.len()) else { return false };
    let matches_form = head.bytes().zip(form.bytes()).all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        separator => byte.eq_ignore_ascii_case(&separator),
    });
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    matches_form && (offset.eq_ignore_ascii_case("z") || is_numeric_offset(offset))
}

fn is_numeric_offset(text: &str) -> bool {
    let [b'+' | b'-', digits @ ..] = text.as_bytes() else { return false };
    matches!(digits, [a, b, b':', c, d] if [a, b, c, d].into_iter().all(u8::is_ascii_digit))
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self> {
        let timestamp = jiff::Timestamp::try_from(time).ok().and_then(Self::checked);
        timestamp.ok_or_else(|| Error::Timestamp { got: format!("{time:?}") })
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn only_rfc_3339_is_read_and_written_in_utc() {
        for (text, written) in [
            ("2024-06-03T10:30:00+02:00", "2024-06-03T08:30:00Z"),
            ("2024-06-03T10:30:00.250Z", "2024-06-03T10:30:00.25Z"),
            ("2024-06-03t10:30:00z", "2024-06-03T10:30:00Z"),
            ("1960-01-01T00:00:00-05:30", "1960-01-01T05:30:00Z"),
        ] {
            assert_eq!(read(text).to_string(), written);
            assert_eq!(read(written), read(text));
        }
        for wrong in [
            "2024-06-03",
            "2024-06-03T10:30:00",
            "2024-06-03T10:30Z",
            "2024-06-03 10:30:00Z",
            "2024-06-03T10:30:00.Z",
            "2024-06-03T10:30:00+02",
            "2024-06-03T10:30:00+0200",
            "2024-06-03T10:30:00Z[UTC]",
            "2024-02-30T10:30:00Z",
            "2024-06-03T10:30:00ä",
            "",
        ] {
            assert!(matches!(wrong.parse::<Timestamp>(), Err(Error::Timestamp { .. })), "{wrong}");
        }
    }

    #[test]
    fn seconds_and_nanoseconds_survive() {
        for (seconds, nanoseconds) in [(0, 0), (1_717_403_400, 999_999_999), (-1, 1), (-5, 0)] {
            let timestamp = Timestamp::from_unix(seconds, nanoseconds).unwrap();
            assert_eq!(timestamp.unix_seconds(), seconds);
            assert_eq!(timestamp.subsec_nanoseconds(), nanoseconds);
        }
        for (seconds, nanoseconds) in [(i64::MAX, 0), (0, 1_000_000_000), (-70_000_000_000, 0)] {
            let error = Timestamp::from_unix(seconds, nanoseconds).unwrap_err();
            assert!(matches!(error, Error::Timestamp { .. }), "{error}");
        }
        assert_eq!(
            Timestamp::try_from(SystemTime::UNIX_EPOCH).unwrap().to_string(),
            "1970-01-01T00:00:00Z"
        );
    }
}
