//! Adds articles with vectors that were computed elsewhere, such as on a server with a GPU.
//!
//! The vectors here are those of the bundled model, which another program could compute: it needs
//! the texts alone. The retriever embeds only the questions.
//!
//! `cargo run --release --example own_vectors`

use passim::{
    Article, EmbedStage, EmbeddedArticle, Passage, Query, Result, Retriever, Role, StaticEmbedder,
    Vectors,
};

/// Stands for the other program: texts in, vectors out.
fn embed_elsewhere(texts: &[String]) -> Result<Vectors> {
    let model = StaticEmbedder::bundled()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (vectors, _) = EmbedStage::new(&model).run(Role::Passage, &texts)?;
    Ok(vectors)
}

/// Joins an article with its passages and their vectors.
fn with_vectors(article: Article, passages: Vec<Passage>) -> Result<EmbeddedArticle> {
    let texts: Vec<String> =
        passages.iter().map(|passage| passage.text_in_context(&article)).collect();
    let vectors = embed_elsewhere(&texts)?;
    EmbeddedArticle::new(article, passages, vectors)
}

fn main() -> Result<()> {
    let mut retriever = Retriever::in_memory()?;

    // The passages of the chunker.
    let bogs = Article::new("moor.txt", "Moore speichern viel Kohlenstoff. Sie wachsen langsam.");
    let passages = retriever.chunker().passages(&bogs, retriever.embedder())?;
    let bogs = with_vectors(bogs, passages)?;

    // Passages of your own: here each line is one.
    let trains =
        Article::new("bahn.txt", "Der Nachtzug nach Prag fährt täglich.\nEr hat Schlafwagen.");
    let mut start = 0;
    let lines = trains.text.split('\n').map(|line| {
        let range = start..start + line.len();
        start = range.end + 1;
        Passage::new(&trains, range)
    });
    let lines = lines.collect();
    let trains = with_vectors(trains, lines)?;

    let report = retriever.add_embedded([bogs.clone(), trains])?;
    println!("{} passages, {} embedded here", report.given, report.embedding.texts);
    for question in ["What do peat bogs store?", "sleeping car"] {
        for hit in &retriever.search(Query::new(question).k(1))? {
            println!("{question}  {} {:?}  {}", hit.article, hit.range, hit.text);
        }
    }

    // The same article with the same passages and vectors is no change.
    let report = retriever.upsert_embedded([bogs])?;
    println!("{} changed, {} unchanged", report.changed, report.unchanged);
    Ok(())
}
