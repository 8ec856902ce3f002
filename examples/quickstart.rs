//! Indexes three articles in memory and answers two questions, without downloads or set-up.
//!
//! `cargo run --release --example quickstart`

use passim::{Article, Query, Retriever};

fn main() -> passim::Result<()> {
    // The bundled model understands German and English.
    let mut retriever = Retriever::in_memory()?;

    let report = retriever.add([
        Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde. Trocknet man sie, entweicht er."),
        Article::new("brot.txt", "Ein Sauerteig lebt von Hefen und Milchsäurebakterien. Sie brauchen Wärme und Zeit."),
        Article::new("train.txt", "The night train leaves Vienna at eight. It reaches Paris before ten in the morning."),
    ])?;
    println!("{} articles, {} passages\n", report.articles, report.embedding.texts);

    // A German question finds English passages, and vice versa.
    for question in ["Wann kommt der Zug in Frankreich an?", "What lives in sourdough?"] {
        println!("{question}");
        for hit in &retriever.search(Query::new(question).k(2))? {
            // `range` is the byte range of `text` in the article.
            println!("  {:.3}  {} {:?}  {}", hit.score, hit.article, hit.range, hit.text);
        }
    }
    Ok(())
}
