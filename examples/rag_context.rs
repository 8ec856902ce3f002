//! What a language model is given to answer a question from: numbered excerpts that it can cite,
//! each with its exact place in its article.
//!
//! `cargo run --release --example rag_context [QUESTION]`

use std::env;

use passim::{Context, Query, Result, Retriever, read_articles};

const QUESTION: &str = "Warum könnte Meta aufhören, offene Modelle zu veröffentlichen?";
/// Tokens that the excerpts may have together.
const BUDGET: usize = 2_000;

fn main() -> Result<()> {
    let question = env::args().nth(1).unwrap_or_else(|| QUESTION.to_owned());
    let mut retriever = Retriever::in_memory()?;
    let articles = read_articles(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles"));
    retriever.add(articles.collect::<Result<Vec<_>>>()?)?;

    let hits = retriever.search(Query::new(&question).k(8).per_article(3))?;
    // Each hit with the passages beside it: an answer often begins a sentence earlier.
    let excerpts = retriever.excerpts(&hits, 1)?;
    let context = Context::pack(excerpts, BUDGET, |text| retriever.embedder().count_tokens(text))?;

    println!("Answer the question from the excerpts alone, and cite them by their numbers.\n");
    println!("{context}");
    println!("Question: {question}\n");
    for (number, excerpt) in (1..).zip(&context.excerpts) {
        println!("[{number}] is {} bytes {:?}", excerpt.article, excerpt.range);
    }
    println!("{} tokens, {} excerpts left out", context.tokens, context.left_out);
    Ok(())
}
