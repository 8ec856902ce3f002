//! The engines that run models, and their limits.

use super::{ExecutionProvider, runtime};
use crate::{Cause, Error, Result};

/// Default maximum input length of a model in candle, in tokens. The memory of a run grows with
/// the square of the length: the smallest Qwen3 took 650 MiB at this length and 2,370 MiB at twice
/// this length.
const CANDLE_LENGTH: usize = 2_048;

/// The library that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// ONNX Runtime: models that have an ONNX graph.
    OnnxRuntime,
    /// candle: Qwen3 models without a graph, on the CPU, with the feature `qwen3`. It needs no ONNX
    /// Runtime.
    Candle,
}

impl Engine {
    /// Checks that the engine is available and has all `providers`.
    ///
    /// # Errors
    ///
    /// - [`Error::OnnxRuntime`] if there is no ONNX Runtime.
    /// - [`Error::Provider`] if ONNX Runtime lacks a provider.
    /// - [`Error::Choice`] if `providers` are set for candle.
    pub(crate) fn require(self, providers: &[ExecutionProvider]) -> Result<()> {
        match self {
            Self::OnnxRuntime => runtime::require(providers),
            Self::Candle => match providers.first() {
                None => Ok(()),
                Some(provider) => Err(Error::Choice {
                    name: "providers",
                    got: provider.feature(),
                    allowed: "none: candle runs this model, on the CPU only",
                }),
            },
        }
    }

    /// Default limit of the input length, in tokens.
    pub(super) fn default_max_length(self) -> usize {
        match self {
            Self::OnnxRuntime => usize::MAX,
            Self::Candle => CANDLE_LENGTH,
        }
    }
}

/// Returns the error for the model `name`, which needs candle, in a build without candle.
pub(crate) fn without_candle(name: String) -> Error {
    let remedy = "enable the feature `qwen3` of passim, or export the model to ONNX";
    let source: Cause = "it is a Qwen3 model without an ONNX graph".into();
    Error::Model { name, remedy, source }
}
