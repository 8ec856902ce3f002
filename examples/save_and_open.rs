//! Keeps an index in a folder: commit, reload of a reader, rollback, verification, backup.
//!
//! `cargo run --release --example save_and_open`

use passim::{Article, Retriever, Searcher};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let index = folder.path().join("index");

    let mut retriever = Retriever::create(&index)?;
    retriever.add([
        Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
        Article::new(
            "train.txt",
            "The night train leaves Vienna at eight and reaches Paris by ten.",
        ),
    ])?;
    println!("generation {} is on disk", retriever.commit()?);

    // A reader, in this or another process, answers from the generation it opened until `reload`.
    let mut reader = Searcher::open(&index)?;

    retriever.upsert([
        Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
        Article::new("brot.txt", "Ein Sauerteig braucht Mehl, Wasser, Wärme und Geduld."),
    ])?;
    retriever.remove("train.txt")?;
    let question = "What does sourdough need?";
    show("the writer, not yet committed", &retriever.search(question)?);
    show("the reader, before the commit", &reader.search(question)?);

    println!("generation {} is on disk", retriever.commit()?);
    reader.reload()?;
    show("the reader, after it", &reader.search(question)?);

    // `rollback` discards uncommitted changes.
    retriever.remove("brot.txt")?;
    retriever.rollback();

    let report = retriever.verify()?;
    println!("{} files, {} bytes: every checksum matches", report.files, report.bytes);

    // A copy of the last commit, which a writer need not wait for.
    let copy = folder.path().join("backup");
    let copied = reader.backup(&copy)?;
    println!("generation {} is copied, {} files", copied.generation, copied.files);
    show("the copy", &Searcher::open(&copy)?.search(question)?);

    // An index has one writer at a time; dropping the writer releases its lock.
    drop(retriever);
    let retriever = Retriever::open(&index)?;
    println!("opened again: {} articles", retriever.articles());
    Ok(())
}

fn show(who: &str, hits: &[passim::Hit]) {
    let best = hits.first().map_or("nothing", |hit| hit.article.as_str());
    println!("  {who}: {best} first of {}", hits.len());
}
