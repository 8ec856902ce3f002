//! Searches the sample articles and reranks the hits with a cross-encoder.
//!
//! ```text
//! cargo run --release --example rerank -- FOLDER_OR_NAME [QUESTION]
//! cargo run --release --example rerank -- BGERerankerV2M3
//! ```
//!
//! `./scripts/test` runs it with a cross-encoder of random weights, whose order is meaningless.

#[path = "support/outcome.rs"]
mod outcome;

use std::{env, path::Path, process::ExitCode};

use outcome::{Failure, exit_code};
use passim::{FastReranker, Query, Reranker, Retriever, read_articles};

const QUESTION: &str = "Warum hält Meta sein Modell Behemoth zurück?";

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let model = arguments.next().ok_or("usage: rerank FOLDER_OR_NAME [QUESTION]")?;
    let question = arguments.next().unwrap_or_else(|| QUESTION.to_owned());
    let reranker = open(&model)?;
    println!("{}\n{question}", reranker.identity());

    let mut retriever = Retriever::builder().reranker(reranker).in_memory()?;
    let articles = read_articles(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles"));
    retriever.add(articles.collect::<passim::Result<Vec<_>>>()?)?;

    // The cross-encoder scores the 20 best passages; the best 5 are shown.
    for hit in &retriever.search(Query::new(question).k(5).rerank(20))? {
        println!("  {:6.2}  {} {:?}", hit.score, hit.article, hit.range);
    }
    Ok(())
}

/// Loads the model from the folder `model` if it exists, else by the model name `model`.
fn open(model: &str) -> passim::Result<FastReranker> {
    #[cfg(feature = "hub")]
    if !Path::new(model).is_dir() {
        return FastReranker::from_name(model);
    }
    FastReranker::from_folder(Path::new(model))
}
