//! The process's ONNX Runtime and its execution providers. No other file uses `ort`.

mod graph_session;
#[cfg(feature = "load-dynamic")]
mod library;

#[cfg(feature = "load-dynamic")]
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::{Environment, EnvironmentBuilder};
use ort::ep::ExecutionProviderDispatch;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{DynValue, Tensor};

pub(super) use graph_session::{GraphOutput, GraphSession};

use super::ExecutionProvider;
#[cfg(not(feature = "load-dynamic"))]
use crate::Error;
use crate::{Cause, Result};

/// Version of the C interface that `ort` requires (its feature `api-24`).
const NEEDED: &str = "1.24";
const _: () = assert!(ort::MINOR_VERSION == 24, "NEEDED is the version that ort requires");

/// The environment of the process, once it is created.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Returns the environment of the process; the first call creates it.
///
/// # Errors
///
/// [`Error::OnnxRuntime`] if no library works. The next call tries again.
pub(super) fn environment() -> Result<Environment> {
    let mut created = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*created {
        return Ok(environment.clone());
    }
    let environment = create()?;
    *created = Some(environment.clone());
    Ok(environment)
}

/// Creates the environment of the first library that works.
#[cfg(feature = "load-dynamic")]
fn create() -> Result<Environment> {
    library::first_that_opens(library::places(), open)
}

#[cfg(feature = "load-dynamic")]
fn open(library: &Path) -> Result<Environment, library::Failure> {
    let builder = ort::init_from(library).map_err(|error| match error {
        // The error of the loader is more precise than the one that wraps it.
        ort::LoadDynamicError::Dlopen { error, .. } => {
            library::Failure { found: library.exists(), cause: error.into() }
        }
        error => error.into(),
    })?;
    let environment = configured(builder)?;
    tracing::debug!(library = %library.display(), "loaded ONNX Runtime");
    Ok(environment)
}

/// Creates the environment of the linked library.
#[cfg(not(feature = "load-dynamic"))]
fn create() -> Result<Environment> {
    // `ort` panics if the library is too old.
    let outcome = std::panic::catch_unwind(|| configured(ort::init()).map_err(Cause::from));
    let created = outcome.unwrap_or_else(|_| Err("the linked library is too old".into()));
    created.map_err(|source| Error::OnnxRuntime { needed: NEEDED, tried: Vec::new(), source })
}

fn configured(builder: EnvironmentBuilder) -> ort::Result<Environment> {
    let environment = builder.with_telemetry(false).with_logger(Arc::new(log)).build()?;
    // With a custom logger, ONNX Runtime otherwise reports every step.
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

/// Forwards the messages of ONNX Runtime to `tracing`.
fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(category, location, "{message}"),
        _ => tracing::warn!(category, location, "{message}"),
    }
}

/// Checks that the library supports each of `providers`. It would otherwise run the model on the
/// CPU without an error.
///
/// # Errors
///
/// [`Error::OnnxRuntime`] if there is no library, [`Error::Provider`] for the first provider that
/// cannot be used.
pub(super) fn require(providers: &[ExecutionProvider]) -> Result<()> {
    let environment = environment()?;
    for provider in providers {
        let register = || -> Result<(), Cause> {
            dispatch(*provider)?.register(&mut Session::builder(&environment)?)?;
            Ok(())
        };
        register().map_err(|source| provider.unusable(source))?;
    }
    Ok(())
}

/// Converts `providers` for a session. The session does not open if one of them fails.
pub(super) fn dispatches(
    providers: &[ExecutionProvider],
) -> Result<Vec<ExecutionProviderDispatch>, Cause> {
    let dispatches = providers.iter().map(|provider| Ok(dispatch(*provider)?.error_on_failure()));
    dispatches.collect()
}

fn dispatch(provider: ExecutionProvider) -> Result<ExecutionProviderDispatch, Cause> {
    match provider {
        // TF32 rounds products to ten bits, so vectors would differ from those of a CPU.
        #[cfg(feature = "cuda")]
        ExecutionProvider::Cuda { device } => {
            Ok(ort::ep::CUDA::default().with_device_id(device.into()).with_tf32(false).build())
        }
        #[cfg(feature = "coreml")]
        ExecutionProvider::CoreMl => Ok(ort::ep::CoreML::default().build()),
        #[cfg(feature = "directml")]
        ExecutionProvider::DirectMl { device } => {
            Ok(ort::ep::DirectML::default().with_device_id(device.into()).build())
        }
        #[allow(unreachable_patterns, reason = "no pattern is left with all features")]
        other => Err(format!("passim was built without its feature `{}`", other.feature()).into()),
    }
}
