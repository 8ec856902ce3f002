//! The ways to rank that the command line names.

use std::fmt;

use passim::{Mode, Query, Weights};
use serde_json::{Value, from_value};

use super::outcome::Failure;

/// A way to rank passages.
#[derive(Clone, Copy, PartialEq)]
pub enum Method {
    Mode(Mode),
    /// Similarity and late interaction, without words and identifiers.
    Late,
    /// Hybrid search with other weights.
    Weights(Weights),
}

impl Method {
    /// Returns the method called `name`.
    pub fn named(name: &str) -> Result<Self, Failure> {
        if name == "late" {
            return Ok(Self::Late);
        }
        if let Some(weights) = weights(name) {
            return Ok(Self::Weights(weights));
        }
        let mode = from_value(Value::from(name)).map(Self::Mode);
        mode.map_err(|error| {
            format!("`{name}` is no mode: {error}, `late`, or weights such as 0.75/0.75/0.5").into()
        })
    }

    /// Returns `query` ranked by this method.
    pub fn of(self, query: Query) -> Query {
        match self {
            Self::Mode(mode) => query.mode(mode),
            Self::Late => {
                query.weights(Weights { lexical: 0.0, identifier: 0.0, ..Weights::default() })
            }
            Self::Weights(weights) => query.weights(weights),
        }
    }
}

/// Reads weights of words, late interaction and identifiers, such as `0.75/0.75/0.5`.
fn weights(text: &str) -> Option<Weights> {
    let numbers = text.split('/').map(str::parse).collect::<Result<Vec<f32>, _>>().ok()?;
    let [lexical, late, identifier] = numbers.try_into().ok()?;
    Some(Weights { lexical, late, identifier })
}

impl Default for Method {
    fn default() -> Self {
        Self::Mode(Mode::default())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => mode.fmt(f),
            Self::Late => f.pad("late"),
            Self::Weights(Weights { lexical, late, identifier }) => {
                f.pad(&format!("{lexical}/{late}/{identifier}"))
            }
        }
    }
}
