//! Loads models in child processes, for other environments and for files that may crash a process.

use std::env;
use std::error::Error as _;
use std::ffi::OsStr;
use std::fs;
#[cfg(feature = "hub")]
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use passim::{Embedder, Error, ExecutionProvider, FastEmbedder, FastEmbedderBuilder};

/// Variables of the user that a child process must not inherit.
const NOT_PASSED_ON: [&str; 10] = [
    "FASTEMBED_CACHE_DIR",
    "HF_HUB_CACHE",
    "HF_HOME",
    "XDG_CACHE_HOME",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
];

/// Returns the error and its causes, one per line.
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}\n{cause}"))
}

/// The entry point of the processes that [`child`] starts.
#[test]
#[ignore = "other tests run it in a child process"]
fn in_child() {
    let Ok(task) = env::var("PASSIM_TEST_TASK") else { return };
    let folder = env::var_os("PASSIM_TEST_FOLDER").map(PathBuf::from);
    let report = match (task.as_str(), folder) {
        ("open", Some(folder)) => opened(FastEmbedder::from_folder(folder)),
        ("embed_many", Some(folder)) => {
            crate::memory::embed_many(FastEmbedder::from_folder(folder))
        }
        ("open_sessions", Some(folder)) => crate::memory::open_sessions(folder),
        ("providers", Some(folder)) => {
            let providers = [
                ExecutionProvider::Cuda { device: 0 },
                ExecutionProvider::CoreMl,
                ExecutionProvider::DirectMl { device: 0 },
            ];
            let open = |provider| FastEmbedderBuilder::from_folder(&folder).providers(&[provider]);
            let reports = providers.map(|provider| opened(open(provider).build()));
            // After the failures the CPU still works.
            [reports.join("\n\n"), opened(FastEmbedder::from_folder(&folder))].join("\n\n")
        }
        ("wait_for_library", Some(folder)) => {
            let early = opened(FastEmbedder::from_folder(&folder));
            let library = PathBuf::from(env::var_os("PASSIM_TEST_LIBRARY").unwrap());
            let place = PathBuf::from(env::var_os("ORT_DYLIB_PATH").unwrap());
            #[cfg(unix)]
            std::os::unix::fs::symlink(&library, place.join(library.file_name().unwrap())).unwrap();
            let late = opened(FastEmbedder::from_folder(&folder));
            format!("{}, then {late}", early.lines().next().unwrap())
        }
        #[cfg(feature = "hub")]
        ("by_name", _) => by_name(),
        task => panic!("no task {task:?}"),
    };
    fs::write(env::var_os("PASSIM_TEST_REPORT").unwrap(), report + "\n").unwrap();
}

/// Opens a model by name. Writes each report of its downloads as a line of a file, if one is named.
#[cfg(feature = "hub")]
fn by_name() -> String {
    let name = env::var("PASSIM_TEST_NAME").unwrap();
    let mut builder = FastEmbedderBuilder::from_name(name).sessions(1);
    if let Some(path) = env::var_os("PASSIM_TEST_DOWNLOADS") {
        let steps = fs::File::create(path).unwrap();
        builder = builder.on_download(move |at| {
            writeln!(&steps, "{} {} {}", at.file, at.done, at.total).unwrap();
        });
    }
    opened(builder.build())
}

/// Returns the dimension, or the variant of the error with its messages on further lines.
fn opened(embedder: passim::Result<FastEmbedder>) -> String {
    match embedder {
        Ok(embedder) => format!("{} dimensions", embedder.dim()),
        Err(error) => {
            let kind = format!("{error:?}");
            let kind = kind.split([' ', '(']).next().unwrap();
            format!("{kind}\n{}", chain(&error))
        }
    }
}

/// Runs one task of [`in_child`] and returns its report; fails if the process crashes.
pub(crate) fn child(task: &str, variables: &[(&str, &OsStr)]) -> String {
    let report = tempfile::NamedTempFile::new().unwrap();
    let output = command(task, variables, report.path()).output().unwrap();
    assert!(output.status.success(), "{task}: {output:?}");
    fs::read_to_string(report.path()).unwrap()
}

/// Returns the command that runs one task of [`in_child`].
pub(crate) fn command(task: &str, variables: &[(&str, &OsStr)], report: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    for variable in NOT_PASSED_ON {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command
        .args(["--exact", "child::in_child", "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .env("PASSIM_TEST_TASK", task)
        .env("PASSIM_TEST_REPORT", report);
    command
}
