//! Prints the sentences of a text from standard input, one JSON object per line.
//!
//! ```text
//! echo "Am 3. Oktober kam Dr. Weiß. Er blieb." | cargo run --example sentences
//! ```

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::process::ExitCode;

use serde::Serialize;

/// A sentence and where it is, in bytes.
#[derive(Serialize)]
struct Sentence<'t> {
    start: usize,
    end: usize,
    text: &'t str,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the sentences has seen enough of them.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let message =
            format!("standard input is not UTF-8: invalid bytes at offset {}", error.valid_up_to());
        io::Error::new(ErrorKind::InvalidData, message)
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    for range in passim::sentences(text) {
        let sentence = Sentence { start: range.start, end: range.end, text: &text[range] };
        serde_json::to_writer(&mut out, &sentence)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
