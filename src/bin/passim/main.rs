//! The program `passim`: indexes articles, searches them, measures and verifies.

mod articles_input;
mod command_line;
mod evaluate_command;
mod failure;
mod models;
mod progress_bar;
mod search_command;
mod write_commands;

use std::process::ExitCode;

use clap::Parser;

use command_line::{Command, CommandLine};
use failure::{CommandFailure, exit_code};

fn main() -> ExitCode {
    exit_code(run(&CommandLine::parse().command))
}

fn run(command: &Command) -> Result<(), CommandFailure> {
    match command {
        Command::Index(options) => write_commands::index(options),
        Command::Sync(options) => write_commands::sync(options),
        Command::Search(options) => search_command::search(options),
        Command::Evaluate(options) => evaluate_command::evaluate(options),
        Command::Verify(options) => write_commands::verify(options),
    }
}
