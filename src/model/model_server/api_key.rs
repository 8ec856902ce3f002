//! The key that grants access to a model server. Neither `Debug` nor an error shows it.

use std::fmt;

use crate::{Error, Result};

/// A key, which is sent as a bearer token.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    pub(super) fn new(key: String) -> Self {
        Self(key)
    }

    /// Checks that the key can be sent.
    ///
    /// # Errors
    ///
    /// [`Error::Choice`] if it is empty or has characters that a header cannot hold.
    pub(super) fn check(&self) -> Result<()> {
        if !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        let got = if self.0.is_empty() { "empty" } else { "a text with other characters" };
        Err(Error::Choice { name: "api_key", got, allowed: "of ASCII characters without spaces" })
    }

    /// Returns the value of the header `Authorization`.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Replaces the key in `text`.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([key])")
    }
}
