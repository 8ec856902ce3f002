//! Prints the sentences of a text from standard input, one JSON object per line.
//!
//! ```text
//! echo "Am 3. Oktober kam Dr. Weiß. Er blieb." | cargo run --example sentences
//! ```
//!
//! Arguments are files of a treebank in the CoNLL-U format. The example joins the sentences of each
//! file by spaces and splits them again. It prints the precision and recall of the sentence ends:
//!
//! ```text
//! cargo run --release --example sentences -- de_pud-ud-test.conllu en_pud-ud-test.conllu
//! ```

#[path = "support/outcome.rs"]
mod outcome;

use std::{
    collections::BTreeSet,
    env, fs,
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
    let files: Vec<_> = env::args_os().skip(1).collect();
    if files.is_empty() {
        return print_sentences();
    }
    for file in files {
        let treebank = fs::read_to_string(&file)?;
        let sentences = treebank.lines().filter_map(|line| line.strip_prefix("# text = "));
        let sentences: Vec<&str> = sentences.map(str::trim).collect();
        println!("{}: {}", file.display(), measure(&sentences));
    }
    Ok(())
}

/// Measures how well the ends of `sentences` are found in the text that joins them.
fn measure(sentences: &[&str]) -> String {
    let text = sentences.join(" ");
    let mut end = 0;
    let mut ends = BTreeSet::new();
    for sentence in sentences {
        end += sentence.len();
        ends.insert(end);
        end += " ".len();
    }
    let found: BTreeSet<usize> = passim::sentences(&text).map(|range| range.end).collect();
    for wrong in ends.symmetric_difference(&found) {
        let kind = if found.contains(wrong) { "split" } else { "missed" };
        let start = text.floor_char_boundary(wrong.saturating_sub(40));
        let next = text.ceil_char_boundary((wrong + 40).min(text.len()));
        eprintln!("{kind}: {} ⏐ {}", &text[start..*wrong], text[*wrong..next].trim_start());
    }
    let right = ends.intersection(&found).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of sentences are small")]
    let share = |of: usize| right as f64 / of.max(1) as f64;
    let precision = share(found.len());
    let recall = share(ends.len());
    format!("{} sentences, precision {precision:.4}, recall {recall:.4}", ends.len())
}

fn print_sentences() -> Result<(), Failure> {
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
