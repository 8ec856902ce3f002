//! Opens the model named by the flag `--embedder` of the examples.

use passim::{Embedder, StaticEmbedder};

use crate::outcome::Failure;

/// Values that `--embedder` accepts.
pub const CHOICES: &str = "bundled | fastembed:MODEL | onnx:DIR";

/// Opens the model named by `choice`.
pub fn embedder(choice: &str) -> Result<Box<dyn Embedder>, Failure> {
    match choice.split_once(':') {
        None if choice == "bundled" => Ok(Box::new(StaticEmbedder::bundled()?)),
        #[cfg(feature = "hub")]
        Some(("fastembed", name)) => Ok(Box::new(passim::FastEmbedder::from_name(name)?)),
        #[cfg(feature = "fastembed")]
        Some(("onnx", folder)) => Ok(Box::new(passim::FastEmbedder::from_folder(folder)?)),
        _ => Err(format!("--embedder is `{choice}`, give {CHOICES} (compiled in: {})", compiled())
            .into()),
    }
}

fn compiled() -> &'static str {
    match (cfg!(feature = "fastembed"), cfg!(feature = "hub")) {
        (_, true) => "all of them",
        (true, false) => "bundled, onnx",
        (false, false) => "bundled",
    }
}
