//! Modes by their names on a command line.

use passim::Mode;
use serde_json::{Value, from_value, to_value};

use super::outcome::Failure;

/// The mode of this name.
pub fn mode(name: &str) -> Result<Mode, Failure> {
    let mode = from_value(Value::from(name));
    mode.map_err(|error| format!("`{name}` is no mode: {error}").into())
}

/// The name of `mode`.
#[allow(dead_code, reason = "not every example shows it")]
pub fn name(mode: Mode) -> String {
    to_value(mode).ok().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
