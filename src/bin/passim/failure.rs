//! Errors of the program, how they are shown, and their exit codes.

use std::{error::Error, io, process::ExitCode};

use anstream::stderr;
use anstyle::AnsiColor;
use passim::ErrorKind;

/// Why the program did not do all of its work.
#[derive(Debug)]
pub(crate) enum CommandFailure {
    /// An error of the library.
    Library(passim::Error),
    /// The arguments do not fit together.
    Usage(String),
    /// The results could not be written.
    Output(io::Error),
    /// A graph of the index misses passages.
    Unsound,
    /// Some articles or questions could not be read; the errors were shown.
    Unread { count: usize, what: &'static str },
}

impl From<passim::Error> for CommandFailure {
    fn from(error: passim::Error) -> Self {
        Self::Library(error)
    }
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<serde_json::Error> for CommandFailure {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}

impl CommandFailure {
    /// The exit code; the help of the program lists all of them.
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Output(_) => 5,
            Self::Unsound => 6,
            Self::Unread { .. } => 7,
            Self::Library(error) => match error.kind() {
                ErrorKind::InvalidInput => 2,
                ErrorKind::NotFound => 3,
                ErrorKind::Conflict => 4,
                ErrorKind::Unavailable => 5,
                ErrorKind::Damaged => 6,
                _ => 1,
            },
        }
    }

    fn show(&self) {
        match self {
            Self::Library(error) => show_error(error),
            Self::Usage(message) => show_message(message),
            Self::Output(error) => show_error(error),
            Self::Unsound => show_message("a graph misses passages: build the index again"),
            Self::Unread { count, what } => show_message(&format!("{what} not read: {count}")),
        }
    }
}

/// Shows the failure of `result`, if any, and returns the exit code.
pub(crate) fn exit_code(result: Result<(), CommandFailure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe, as `head` does.
        Err(CommandFailure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.code())
        }
    }
}

/// Writes an error and its causes to standard error.
pub(crate) fn show_error(error: &dyn Error) {
    show_message(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        note(&format!("  caused by: {error}"));
        cause = error.source();
    }
}

/// Writes a warning to standard error.
pub(crate) fn warn(message: &str) {
    let yellow = AnsiColor::Yellow.on_default().bold();
    note(&format!("{yellow}warning:{yellow:#} {message}"));
}

/// Writes a line to standard error. If that is closed, nobody reads it.
pub(crate) fn note(line: &str) {
    _ = io::Write::write_fmt(&mut stderr(), format_args!("{line}\n"));
}

/// Writes the message of an error to standard error.
pub(crate) fn show_message(message: &str) {
    let red = AnsiColor::Red.on_default().bold();
    note(&format!("{red}error:{red:#} {message}"));
}
