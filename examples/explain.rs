//! Explains the score of each hit: its lexical and its dense contribution.
//!
//! `cargo run --release --example explain [QUESTION]`

use std::env;

use passim::{Query, Result, Retriever, read_articles};

const QUESTION: &str = "Welche Rolle spielt die Kohlenstoffspeicherung der Moore?";

fn main() -> Result<()> {
    let question = env::args().nth(1).unwrap_or_else(|| QUESTION.to_owned());
    let mut retriever = Retriever::in_memory()?;
    let articles = read_articles(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles"));
    retriever.add(articles.collect::<Result<Vec<_>>>()?)?;

    println!("{question}\n");
    let hits = retriever.search(Query::new(&question).k(5).explain())?;
    for (rank, hit) in (1..).zip(&hits) {
        println!("{rank}. {} {:?}", hit.article, hit.range);
        if let Some(explanation) = &hit.explanation {
            println!("{explanation}\n");
        }
    }
    println!("{}", hits.plan());
    Ok(())
}
