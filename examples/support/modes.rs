//! Modes by their names on a command line.

use passim::Mode;
use serde_json::{Value, from_value};

use super::outcome::Failure;

/// The mode of this name.
pub fn mode(name: &str) -> Result<Mode, Failure> {
    let mode = from_value(Value::from(name));
    mode.map_err(|error| format!("`{name}` is no mode: {error}").into())
}
