//! What runs a model, and what it cannot be asked for.

use super::{ExecutionProvider, runtime};
use crate::{Cause, Error, Result};

/// The longest input of a model in candle, in tokens, unless the user sets it: a run's memory grows
/// with its square. With the smallest Qwen3's size, a run took 650 MiB at this length and 2,370 MiB
/// at twice this length.
const CANDLE_LENGTH: usize = 2_048;

/// What runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// ONNX Runtime: models that have an ONNX graph.
    OnnxRuntime,
    /// candle, on the processor and without ONNX Runtime: Qwen3 models without a graph, with the
    /// feature `qwen3`.
    Candle,
}

impl Engine {
    /// Makes sure that the engine is there, and that it has `providers`.
    ///
    /// # Errors
    ///
    /// [`Error::OnnxRuntime`] if there is no ONNX Runtime, [`Error::Provider`] if it lacks one of
    /// them, [`Error::Choice`] if candle is asked for any.
    pub(crate) fn require(self, providers: &[ExecutionProvider]) -> Result<()> {
        match self {
            Self::OnnxRuntime => runtime::require(providers),
            Self::Candle => match providers.first() {
                None => Ok(()),
                Some(provider) => Err(Error::Choice {
                    name: "providers",
                    got: provider.feature(),
                    allowed: "none: candle runs this model, on the processor alone",
                }),
            },
        }
    }

    /// The longest input, in tokens, unless the user sets it.
    pub(super) fn usual_length(self) -> usize {
        match self {
            Self::OnnxRuntime => usize::MAX,
            Self::Candle => CANDLE_LENGTH,
        }
    }
}

/// The error of the model `name`, which needs candle, where that was left out.
pub(crate) fn without_candle(name: String) -> Error {
    let remedy = "turn the feature `qwen3` of passim on, or export it to ONNX";
    let source: Cause = "it is a Qwen3 model without an ONNX graph".into();
    Error::Model { name, remedy, source }
}
