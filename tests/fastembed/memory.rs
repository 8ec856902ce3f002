//! How much memory embedding takes, in a process of its own.

use std::ffi::OsStr;
use std::fs;

use passim::{EmbedStage, Embedder, FastEmbedder, Role};

use crate::child::child;
use crate::minilm;

const TEXTS: usize = 10_000;

/// Embedding needs little more than the sessions that are open: no more than this for each,
/// whatever the number of texts, beside twice the vectors that it returns.
const MIB_A_SESSION: usize = 64;

/// What the process in `memory_of_many_texts` reports: the most memory in use, in MiB, when the
/// model was open, and when all was embedded.
pub(crate) fn embed_many(embedder: passim::Result<FastEmbedder>) -> String {
    let embedder = embedder.unwrap();
    let resident = field("VmRSS:");
    // Mostly short texts, so that the test ends soon; some as long as the model reads.
    let texts: Vec<String> = (0..TEXTS)
        .map(|n| if n % 100 == 0 { 300 + 2 * (n / 100) } else { 2 + n % 9 })
        .map(|words| "otter ".repeat(words))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // From here on the peak is that of embedding.
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
fn ten_thousand_texts_take_little_more_memory_than_one() {
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
    assert!(peak - before <= sessions * MIB_A_SESSION + 2 * vectors, "{said}");
}
