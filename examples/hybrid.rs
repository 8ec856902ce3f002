//! Compares lexical, dense and hybrid search on the same questions.
//!
//! `cargo run --release --example hybrid [QUESTION]`

use std::env;

use passim::{Mode, Query, Result, Retriever, read_articles};

/// A name unknown to the model, a cross-lingual question, and parts of a German compound.
const QUESTIONS: [&str; 3] = [
    "Warum hält Meta Behemoth zurück?",
    "What do peat bogs store?",
    "Welche Kontrollen gelten für den Export?",
];

fn main() -> Result<()> {
    let mut retriever = Retriever::in_memory()?;
    let articles = read_articles(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles"));
    retriever.add(articles.collect::<Result<Vec<_>>>()?)?;

    let asked: Vec<String> = env::args().skip(1).collect();
    let questions = if asked.is_empty() { QUESTIONS.map(str::to_owned).to_vec() } else { asked };
    for question in &questions {
        println!("{question}");
        for mode in [Mode::Lexical, Mode::Dense, Mode::Hybrid] {
            println!("  {mode:?}");
            for hit in &retriever.search(Query::new(question).mode(mode).k(3))? {
                let first: String = hit.text.chars().take(60).collect();
                println!("    {:6.3}  {} {:?}  {first:?}", hit.score, hit.article, hit.range);
            }
        }
    }
    Ok(())
}
