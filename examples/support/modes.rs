//! Parses search modes of the command line.

use passim::Mode;
use serde_json::{Value, from_value};

use super::outcome::Failure;

/// Returns the mode called `name`.
pub fn mode(name: &str) -> Result<Mode, Failure> {
    let mode = from_value(Value::from(name));
    mode.map_err(|error| format!("`{name}` is no mode: {error}").into())
}
