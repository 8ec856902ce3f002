//! Identity of a model: a display name, and a hash for equality; the connection to a model server.

#[cfg(feature = "http")]
mod model_server;

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(feature = "http")]
pub(crate) use model_server::{
    ModelServer, Parameters, ServerOptions, ServerRequest, check_parameters, server_option_setters,
    set_parameter, settings_hash,
};

/// Identity of an embedding model. Only vectors of equal models can be compared.
///
/// Two identities are equal if their hashes are, whatever their names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Display name.
    pub name: String,
    /// Hash of everything that determines the vectors: weights, tokenizer, pooling, prefixes and
    /// token limit.
    pub hash: u128,
}

impl PartialEq for ModelIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for ModelIdentity {}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:032x})", self.name, self.hash)
    }
}
