//! Settings as JSON text, and durations as milliseconds.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser};

use crate::{Error, Result};

/// Reads settings from JSON; `what` names them in the error.
///
/// # Errors
///
/// [`Error::InvalidSettings`] if `text` is no JSON, or has unknown fields or values of other types.
pub(crate) fn read_settings<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::InvalidSettings { what, source: error.into() })
}

/// Writes settings as JSON on one line, or why they have no such form.
pub(crate) fn write_settings(f: &mut fmt::Formatter<'_>, settings: &impl Serialize) -> fmt::Result {
    match serde_json::to_string(settings) {
        Ok(json) => f.write_str(&json),
        Err(error) => write!(f, "(no JSON form: {error})"),
    }
}

/// Whole milliseconds, or nothing, for `#[serde(with)]`.
pub(crate) mod milliseconds {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, ser};

    #[expect(clippy::ref_option, reason = "serde calls it")]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let whole = |duration: &Duration| {
            let milliseconds = u64::try_from(duration.as_millis()).ok()?;
            (Duration::from_millis(milliseconds) == *duration).then_some(milliseconds)
        };
        let milliseconds = match duration {
            Some(duration) => Some(whole(duration).ok_or_else(|| {
                ser::Error::custom(format!("the time {duration:?} is not in whole milliseconds"))
            })?),
            None => None,
        };
        milliseconds.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

/// Implements `FromStr`, which reads JSON and checks the settings, and `Display`, which writes it.
macro_rules! json_text {
    ($settings:ty, $what:literal) => {
        /// Reads JSON and checks it.
        impl std::str::FromStr for $settings {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                let settings: Self = $crate::format::settings_text::read_settings($what, text)?;
                settings.check()?;
                Ok(settings)
            }
        }

        /// Writes JSON on one line.
        impl std::fmt::Display for $settings {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::format::settings_text::write_settings(f, self)
            }
        }
    };
}
pub(crate) use json_text;
