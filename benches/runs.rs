//! Tokens per run of a transformer model: texts per CPU second, by the length of the texts and
//! by [`FastEmbedderBuilder::run_tokens`].
//!
//! ```sh
//! PASSIM_TEST_MODEL=FOLDER cargo bench --bench runs
//! ```
//!
//! Settings take turns on one session of one thread; each figure is the median of the rounds.
//! The table is printed and written to `runs.csv` in the target folder.

mod support;

use std::{env, error::Error};

use cpu_time::ProcessTime;
use passim::{Embedder, FastEmbedder, FastEmbedderBuilder, Interrupt, Role};

use support::table::Table;

const RUN_TOKENS: [usize; 6] = [0, 48, 96, 192, 384, 768];
const LENGTHS: [usize; 7] = [6, 12, 24, 48, 96, 192, 384];
/// Tokens of all texts of one length.
const TOKENS: usize = 1_536;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = env::var_os("PASSIM_TEST_MODEL").filter(|name| !name.is_empty()) else {
        eprintln!("NOT RUN: PASSIM_TEST_MODEL is not set to the folder of a transformer model");
        return Ok(());
    };
    let open = |run_tokens| {
        FastEmbedderBuilder::from_folder(&folder).sessions(1).run_tokens(run_tokens).build()
    };
    let embedders = RUN_TOKENS.map(open).into_iter().collect::<Result<Vec<_>, _>>()?;
    // Quick mode only checks that the benchmark runs.
    let rounds = if env::args().any(|argument| argument == "--quick") { 1 } else { ROUNDS };
    let heads = RUN_TOKENS.map(|tokens| format!("{tokens} a run"));
    let mut table = Table::new(&[&["tokens"], &heads.each_ref().map(String::as_str)[..]].concat());
    for tokens in LENGTHS {
        let texts = support::exact_length::texts(&embedders[0], tokens, TOKENS / tokens);
        let figures = rates(&embedders, &texts, rounds)?;
        let cells = figures.iter().map(|rate| format!("{rate:.0}"));
        table.push([tokens.to_string()].into_iter().chain(cells).collect());
    }
    println!("{table}\n{}", table.write_csv("runs.csv")?.display());
    Ok(())
}

/// Texts per CPU second of each embedder.
fn rates(
    embedders: &[FastEmbedder],
    texts: &[String],
    rounds: usize,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut rates = vec![Vec::new(); embedders.len()];
    for _ in 0..rounds {
        for (embedder, rates) in embedders.iter().zip(&mut rates) {
            let started = ProcessTime::now();
            embedder.embed(Role::Passage, &texts, Interrupt::none())?;
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            rates.push(texts.len() as f64 / started.elapsed().as_secs_f64());
        }
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    Ok(rates.into_iter().map(median).collect())
}
