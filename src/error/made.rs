//! Errors made of what their callers have at hand.

use std::{ops::RangeBounds, path::Path};

use crate::{Error, Result};

impl Error {
    /// An [`Error::Read`] about `path`; for `map_err`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// An [`Error::Write`] about `path`; for `map_err`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }

    /// An [`Error::Setting`] if `got` is not in `range`.
    pub(crate) fn check_setting(
        name: &'static str,
        got: usize,
        range: impl RangeBounds<usize>,
        allowed: &'static str,
    ) -> Result<()> {
        if range.contains(&got) { Ok(()) } else { Err(Self::Setting { name, got, allowed }) }
    }

    /// An [`Error::Fraction`] unless `got` is over 0 and at most 1.
    pub(crate) fn check_fraction(name: &'static str, got: f32) -> Result<()> {
        let allowed = "over 0 to 1";
        if got > 0.0 && got <= 1.0 { Ok(()) } else { Err(Self::Fraction { name, got, allowed }) }
    }
}
