//! Memory of embedding, measured in a child process.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use passim::{EmbedStage, Embedder, FastEmbedder, FastEmbedderBuilder, Interrupt, Role};

use crate::child::child;
use crate::{minilm, model_in};

/// Variable that passes the number of sessions to [`open_sessions`].
const SESSIONS: &str = "PASSIM_TEST_SESSIONS";

const TEXTS: usize = 10_000;

/// Maximum memory of a session while it embeds, in MiB, in addition to twice the returned vectors.
const MIB_PER_SESSION: usize = 64;

/// Embeds many texts. Returns the memory of the open model and the peak while it embeds, both in
/// MiB, and the number of sessions.
pub(crate) fn embed_many(embedder: passim::Result<FastEmbedder>) -> String {
    let embedder = embedder.unwrap();
    let resident = field("VmRSS:");
    // Mostly short texts, so that the test is fast; some are as long as the limit of the model.
    let texts: Vec<String> = (0..TEXTS)
        .map(|n| if n % 100 == 0 { 300 + 2 * (n / 100) } else { 2 + n % 9 })
        .map(|words| "otter ".repeat(words))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // Resets the peak.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (vectors, report) = EmbedStage::new(&embedder).run(Role::Passage, &texts).unwrap();
    assert_eq!((vectors.len(), report.truncated), (TEXTS, 0));
    format!("{resident} {} {}", field("VmHWM:"), embedder.max_concurrency())
}

/// Opens a model with as many sessions as a variable names, and embeds a text on each. Returns the
/// memory of the open model and the peak since the start of the process, both in MiB.
pub(crate) fn open_sessions(folder: PathBuf) -> String {
    let sessions = env::var(SESSIONS).unwrap().parse().unwrap();
    let embedder = FastEmbedderBuilder::from_folder(folder).sessions(sessions).build().unwrap();
    assert_eq!(embedder.max_concurrency(), sessions);
    thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(|| {
                embedder.embed(Role::Passage, &["otter"; 8], Interrupt::none()).unwrap();
            });
        }
    });
    format!("{} {}", field("VmRSS:"), field("VmHWM:"))
}

fn field(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_number_of_texts() {
    let Some(model) = minilm() else { return };
    let folder = ("PASSIM_TEST_FOLDER", OsStr::new(model.as_os_str()));
    let said = child("embed_many", &[folder]);
    let [before, peak, sessions] =
        said.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<usize>>()[..]
    else {
        panic!("{said}")
    };
    let vectors = (TEXTS * 384 * 4) >> 20;
    println!("{before} MiB when the model is open, {peak} MiB at most, {sessions} sessions");
    assert!(peak - before <= sessions * MIB_PER_SESSION + 2 * vectors, "{said}");
}

/// Returns the memory of a model with `sessions` sessions and the peak while it opens, in MiB.
#[cfg(target_os = "linux")]
fn opened(model: &Path, sessions: &str) -> [usize; 2] {
    let folder = ("PASSIM_TEST_FOLDER", model.as_os_str());
    let report = child("open_sessions", &[folder, (SESSIONS, OsStr::new(sessions))]);
    let numbers: Vec<usize> = report.split_whitespace().map(|n| n.parse().unwrap()).collect();
    println!(
        "{}, {sessions} sessions: {} MiB, at most {}",
        model.display(),
        numbers[0],
        numbers[1]
    );
    numbers.try_into().unwrap()
}

/// The limits, in MiB, of a session and of a second one are about a quarter over what was measured.
/// The tokenizer of XLM-R takes 250 MiB, the table of E5 in 32 bits 366 MiB.
#[test]
#[cfg(target_os = "linux")]
fn sessions_share_tokenizer_and_weights() {
    for (variable, first, second) in [
        ("PASSIM_TEST_MODEL", 120, 65),
        ("PASSIM_TEST_E5_INT8", 430, 50),
        ("PASSIM_TEST_E5", 500, 115),
    ] {
        let Some(model) = model_in(variable) else { continue };
        let [_, one] = opened(&model, "1");
        let [_, two] = opened(&model, "2");
        assert!(one <= first, "{variable}: {one} MiB, not {first}");
        assert!(two <= one + second, "{variable}: {two} MiB, not {one} and {second}");
    }
}
