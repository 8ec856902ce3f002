//! Serves an index: `cargo run --release -- --index INDEX_DIR`; `--help` lists the settings.

use std::{io, process::ExitCode};

use clap::Parser;
use passim::Retriever;
use passim_service::{Failure, Settings, serve};
use tokio::{net::TcpListener, runtime::Runtime, signal};
use tracing_subscriber::prelude::*;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(settings.log.clone())).init();
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the service has ended");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Failure> {
    // Opening blocks, so it comes before the runtime.
    let retriever = Retriever::open_or_create(&settings.index)?;
    let shared = retriever.into_shared(settings.commit_schedule())?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(settings.listen).await?;
        let stop = stop_signal()?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        let generation = serve(listener, shared, settings, stop).await?;
        tracing::info!(generation, "closed");
        Ok(())
    })
}

/// Returns a future that completes on SIGINT (Ctrl-C) or SIGTERM. From this call on, they no longer
/// end the process.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    use signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Returns a future that completes on Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async { signal::ctrl_c().await.expect("a handler of Ctrl-C can be set") })
}
