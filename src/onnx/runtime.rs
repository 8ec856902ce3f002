//! The process's ONNX Runtime, loaded or linked, and what it runs models on; the only file that
//! knows `ort`.

#[cfg(feature = "load-dynamic")]
mod library;

#[cfg(feature = "load-dynamic")]
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::{Environment, EnvironmentBuilder};
use ort::ep::ExecutionProviderDispatch;
use ort::logging::LogLevel;
use ort::session::Session;

use super::ExecutionProvider;
#[cfg(not(feature = "load-dynamic"))]
use crate::Error;
use crate::{Cause, Result};

/// Version of the interface that `ort` asks the library for (its feature `api-24`).
const NEEDED: &str = "1.24";
const _: () = assert!(ort::MINOR_VERSION == 24, "NEEDED is the version that ort asks for");

/// The one environment of the process; empty until there is one.
static MADE: Mutex<Option<Environment>> = Mutex::new(None);

/// The process's environment, made at the first call that can.
///
/// # Errors
///
/// [`Error::OnnxRuntime`] if no library works; the next call tries again.
pub(super) fn environment() -> Result<Environment> {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*made {
        return Ok(environment.clone());
    }
    let environment = make()?;
    *made = Some(environment.clone());
    Ok(environment)
}

#[cfg(feature = "load-dynamic")]
fn make() -> Result<Environment> {
    library::first_that_opens(library::places(), open)
}

#[cfg(feature = "load-dynamic")]
fn open(library: &Path) -> Result<Environment, library::Failure> {
    let builder = ort::init_from(library).map_err(|error| match error {
        // The loader's error says more than the one around it.
        ort::LoadDynamicError::Dlopen { error, .. } => {
            library::Failure { found: library.exists(), cause: error.into() }
        }
        error => error.into(),
    })?;
    let environment = configured(builder)?;
    tracing::debug!(library = %library.display(), "loaded ONNX Runtime");
    Ok(environment)
}

/// The environment of the library that was linked.
#[cfg(not(feature = "load-dynamic"))]
fn make() -> Result<Environment> {
    // `ort` panics on a library that is too old.
    let made = std::panic::catch_unwind(|| configured(ort::init()).map_err(Cause::from));
    let made = made.unwrap_or_else(|_| Err("the library that was linked is too old".into()));
    made.map_err(|source| Error::OnnxRuntime { needed: NEEDED, tried: Vec::new(), source })
}

fn configured(builder: EnvironmentBuilder) -> ort::Result<Environment> {
    let environment = builder.with_telemetry(false).with_logger(Arc::new(log)).build()?;
    // With a logger of its user's, it would otherwise report every step.
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

/// Passes on what ONNX Runtime would print.
fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(category, location, "{message}"),
        _ => tracing::warn!(category, location, "{message}"),
    }
}

/// Makes sure that the library has each of `providers`: what it lacks it would otherwise do
/// without, on the processor.
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

/// `providers` for a session, which does not open without one of them.
pub(super) fn dispatches(
    providers: &[ExecutionProvider],
) -> Result<Vec<ExecutionProviderDispatch>, Cause> {
    let dispatches = providers.iter().map(|provider| Ok(dispatch(*provider)?.error_on_failure()));
    dispatches.collect()
}

fn dispatch(provider: ExecutionProvider) -> Result<ExecutionProviderDispatch, Cause> {
    match provider {
        // Rounding products to ten bits would make vectors differ from those of a processor.
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
        #[allow(unreachable_patterns, reason = "with all features there is no other")]
        other => Err(format!("passim was built without its feature `{}`", other.feature()).into()),
    }
}
