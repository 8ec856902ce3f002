//! Embeds German and English sentences with a transformer model and prints their similarities.
//!
//! ```text
//! cargo run --release --example fastembed_model -- FOLDER_OR_NAME
//! cargo run --release --example fastembed_model -- MultilingualE5Small
//! ```

#[path = "support/outcome.rs"]
mod outcome;

use std::{env, path::Path, process::ExitCode};

use outcome::{Failure, exit_code};
use passim::{Embedder, FastEmbedder, Interrupt, Role};

const QUESTION: &str = "Why do sea otters hold hands?";

const PASSAGES: [&str; 4] = [
    "Otters hold each other's paws while they sleep, so that they do not drift apart.",
    "Seeotter halten sich im Schlaf an den Pfoten, damit sie nicht auseinandertreiben.",
    "The city opened a new bridge for trams and bicycles.",
    "Die Stadt hat eine neue Brücke für Straßenbahnen und Fahrräder eröffnet.",
];

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Failure> {
    let model = env::args().nth(1).ok_or("usage: fastembed_model FOLDER_OR_NAME")?;
    let embedder = open(&model)?;
    println!("{}, dimension {}", embedder.identity(), embedder.dim());
    println!("at most {:?} tokens a text", embedder.max_tokens().unwrap_or_default());

    // Many models expect different prefixes for questions and passages; the role selects one.
    let question = embedder.embed(Role::Query, &[QUESTION], Interrupt::none())?;
    let passages = embedder.embed(Role::Passage, &PASSAGES, Interrupt::none())?;

    println!("\n{QUESTION}");
    for (passage, text) in passages.rows().zip(PASSAGES) {
        // Rows are unit vectors, so their dot product is the cosine similarity.
        let similarity: f32 = question.row(0).iter().zip(passage).map(|(q, p)| q * p).sum();
        println!("  {similarity:6.3}  {text}");
    }
    Ok(())
}

/// Loads the model from the folder `model` if it exists, else by the model name `model`.
fn open(model: &str) -> passim::Result<FastEmbedder> {
    #[cfg(feature = "hub")]
    if !Path::new(model).is_dir() {
        return FastEmbedder::from_name(model);
    }
    FastEmbedder::from_folder(Path::new(model))
}
