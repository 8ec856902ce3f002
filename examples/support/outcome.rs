//! Reports errors with their causes on stderr and returns an exit code.

use std::{error::Error, io, process::ExitCode};

use anstream::eprintln;
use anstyle::AnsiColor;

/// Error type of the examples.
pub type Failure = Box<dyn Error>;

/// Reports the error of `result`, if any, and returns the exit code.
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Writes an error and its causes to stderr.
pub fn report(error: &dyn Error) {
    let red = AnsiColor::Red.on_default().bold();
    eprintln!("{red}error:{red:#} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
}

fn is_broken_pipe(error: &Failure) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
