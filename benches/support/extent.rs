//! How much a run is to measure.

#![allow(dead_code, reason = "no file uses all of it")]

use std::env;

/// Whether little is to be measured: with `--quick`, and where `cargo test` runs a benchmark,
/// which it does without `--bench`.
pub fn is_quick() -> bool {
    let given = |option: &str| env::args().any(|argument| argument == option);
    given("--quick") || !given("--bench")
}

/// The argument after `name`.
pub fn option(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}

/// Numbers of vectors that the Criterion benchmarks of indexes go through.
pub fn sizes() -> &'static [usize] {
    if is_quick() { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000] }
}
