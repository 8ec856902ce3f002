//! Devices other than the CPU that can run models.

use crate::{Cause, Error};

/// A device that runs models instead of the CPU.
///
/// Each needs the feature of its name, and an ONNX Runtime library built for it. The library of
/// `pip install onnxruntime` supports neither CUDA nor `DirectML`. The CPU runs those parts of a
/// model that the device cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecutionProvider {
    /// NVIDIA GPUs: feature `cuda`.
    Cuda {
        /// Number of the device, from 0.
        device: u16,
    },
    /// Apple's GPUs and Neural Engine: feature `coreml`.
    CoreMl,
    /// GPUs under Windows: feature `directml`.
    DirectMl {
        /// Number of the device, from 0.
        device: u16,
    },
}

impl ExecutionProvider {
    /// Returns the feature of this crate that the provider needs.
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Cuda { .. } => "cuda",
            Self::CoreMl => "coreml",
            Self::DirectMl { .. } => "directml",
        }
    }

    /// Returns the error for a provider that cannot be used.
    pub(super) fn unusable(self, source: Cause) -> Error {
        let built = match self {
            Self::Cuda { .. } => cfg!(feature = "cuda"),
            Self::CoreMl => cfg!(feature = "coreml"),
            Self::DirectMl { .. } => cfg!(feature = "directml"),
        };
        let remedy = match self {
            _ if !built => "enable its feature of passim, or run models on the CPU",
            Self::Cuda { .. } => {
                "install the CUDA and cuDNN libraries and an ONNX Runtime built for \
                 them (for example with `pip install onnxruntime-gpu`), and set ORT_DYLIB_PATH \
                 to its library"
            }
            Self::CoreMl => "set ORT_DYLIB_PATH to an ONNX Runtime for macOS or iOS",
            Self::DirectMl { .. } => {
                "install an ONNX Runtime built for it (for example with `pip install \
                 onnxruntime-directml`), and set ORT_DYLIB_PATH to its library"
            }
        };
        Error::Provider { name: self.feature(), remedy, source }
    }
}
