//! Memory of embedding, measured in a child process.

use std::ffi::OsStr;
use std::fs;

use passim::{EmbedStage, Embedder, FastEmbedder, Role};

use crate::child::child;
use crate::minilm;

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
