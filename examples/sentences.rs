//! Prints the sentences of a text from standard input, one JSON object per line.
//!
//! ```text
//! echo "Am 3. Oktober kam Dr. Weiß. Er blieb." | cargo run --example sentences
//! ```

#[path = "support/outcome.rs"]
mod outcome;

use std::{
    io::{self, BufWriter, Read, Write},
    process::ExitCode,
};

use outcome::{Failure, exit_code};
use serde::Serialize;

/// A sentence and its byte range.
#[derive(Serialize)]
struct Sentence<'t> {
    start: usize,
    end: usize,
    text: &'t str,
}

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        format!("standard input is not UTF-8: invalid bytes at offset {}", error.valid_up_to())
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    for range in passim::sentences(text) {
        let sentence = Sentence { start: range.start, end: range.end, text: &text[range] };
        let line = serde_json::to_string(&sentence)?;
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
