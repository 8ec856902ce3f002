//! Extent of a run: quick or full, and the sizes to measure.

use std::{env, error::Error};

/// Whether the run is quick: with `--quick`, or under `cargo test`, which runs benchmarks without
/// `--bench`.
pub fn is_quick() -> bool {
    let given = |option: &str| env::args().any(|argument| argument == option);
    given("--quick") || !given("--bench")
}

/// The argument after `name`.
pub fn option(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}

/// The sizes that `--sizes` lists; by default all of `sizes`, or the first two in a quick run.
pub fn chosen(sizes: &[usize]) -> Result<Vec<usize>, Box<dyn Error>> {
    match option("--sizes") {
        Some(chosen) => Ok(chosen.split(',').map(str::parse).collect::<Result<_, _>>()?),
        None if is_quick() => Ok(sizes[..2].to_vec()),
        None => Ok(sizes.to_vec()),
    }
}

/// Numbers of vectors in the Criterion benchmarks of indexes.
pub fn sizes() -> &'static [usize] {
    if is_quick() { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000] }
}
