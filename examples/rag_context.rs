//! Builds a prompt for a language model: numbered excerpts to cite, with their exact byte ranges.
//!
//! `cargo run --release --example rag_context [QUESTION]`

use std::env;

use passim::{Query, Result, Retriever, read_articles};

const QUESTION: &str = "Warum könnte Meta aufhören, offene Modelle zu veröffentlichen?";
/// Maximum tokens of all excerpts together.
const BUDGET: usize = 600;

fn main() -> Result<()> {
    let question = env::args().nth(1).unwrap_or_else(|| QUESTION.to_owned());
    let mut retriever = Retriever::in_memory()?;
    let articles = read_articles(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles"));
    retriever.add(articles.collect::<Result<Vec<_>>>()?)?;

    let hits = retriever.search(Query::new(&question).k(8).per_article(3))?;
    // Takes the best hits that fit and merges adjacent ones into one excerpt.
    let context = retriever.context(&hits, BUDGET)?;

    println!("Answer the question from the excerpts alone, and cite them by their numbers.\n");
    println!("{context}");
    println!("Question: {question}\n");
    for (number, excerpt) in (1..).zip(&context.excerpts) {
        println!("[{number}] is {} bytes {:?}", excerpt.article, excerpt.range);
    }
    println!("{} tokens, {} hits left out", context.tokens, context.left_out);
    Ok(())
}
