//! The settings of the service, from arguments and environment variables.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, value_parser};
use passim::CommitSchedule;
use tracing_subscriber::filter::Targets;

/// Settings of the service. An argument overrides its environment variable.
#[derive(Clone, Debug, Parser)]
pub struct Settings {
    /// Folder of the index; created if there is none
    #[arg(long, env = "PASSIM_INDEX")]
    pub index: PathBuf,
    /// Address to listen on; the service has no authentication
    #[arg(long, env = "PASSIM_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Maximum length of a request's body, in bytes
    #[arg(long, env = "PASSIM_MAX_BODY_BYTES", default_value_t = 8 << 20)]
    pub max_body_bytes: usize,
    /// Maximum number of requests in progress; more are refused at once
    #[arg(long, env = "PASSIM_MAX_REQUESTS", default_value_t = 256)]
    pub max_requests: usize,
    /// Number of searches that run at once; by default one for each core
    #[arg(long, env = "PASSIM_SEARCHES", value_parser = value_parser!(u16).range(1..))]
    pub searches: Option<u16>,
    /// Maximum time of a request, in seconds
    #[arg(long, env = "PASSIM_REQUEST_SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..))]
    pub request_seconds: u64,
    /// Time after which a change is committed, in milliseconds
    #[arg(long, env = "PASSIM_COMMIT_MILLIS", default_value_t = 1_000)]
    pub commit_millis: u64,
    /// Levels of the log, such as `info,passim=debug`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: Targets,
}

impl Settings {
    /// When changes are committed without a request.
    #[must_use]
    pub fn commit_schedule(&self) -> CommitSchedule {
        CommitSchedule::default().every(Duration::from_millis(self.commit_millis))
    }

    pub(crate) fn request_limit(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    pub(crate) fn searches(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.searches.map_or_else(cores, usize::from)
    }
}
