//! Keeps an index in sync with a changing folder: reads only changed files, embeds only new passages.
//!
//! Run `cargo run --release --example incremental_news -- ARTICLES_DIR INDEX_DIR` twice, with a
//! change in between. Without arguments it syncs the sample articles, changes, adds and removes
//! one article each, and syncs again.

#[path = "support/bar.rs"]
mod bar;
#[path = "support/outcome.rs"]
mod outcome;

use std::{env, fs, path::Path, process::ExitCode};

use outcome::{Failure, exit_code};
use passim::{Retriever, SyncReport};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles");

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => demonstrate(),
        [articles, index] => update(Path::new(articles), Path::new(index)),
        _ => Err("give a folder of articles and a folder for the index, or nothing".into()),
    }
}

/// Syncs the index with the folder of articles.
fn update(articles: &Path, index: &Path) -> Result<(), Failure> {
    let bar = bar::bar();
    let mut retriever = Retriever::builder().progress(bar::advance(&bar)).open_or_create(index)?;
    // Opens only files whose length or times changed, and keeps the articles of unreadable ones.
    let synced = retriever.sync_folder(articles)?;
    // Dropping the retriever would end the merges that follow a commit.
    retriever.wait_for_merges()?;
    bar.finish_and_clear();
    show(&synced, &retriever);
    Ok(())
}

fn show(synced: &SyncReport, retriever: &Retriever) {
    let SyncReport { added, changed, removed, unchanged, embedded, reused, seconds, .. } = synced;
    for error in synced.unread.iter().flat_map(|source| &source.errors) {
        eprintln!("kept: {error}");
    }
    let files = &synced.files;
    println!("{} files: {} opened", files.found, files.hashed + files.parsed);
    println!("{added} added, {changed} changed, {removed} removed, {unchanged} unchanged");
    println!("{embedded} passages embedded, {reused} reused, {seconds:.3} s");
    let stats = retriever.stats();
    println!(
        "generation {}: {} articles, {} passages, {} bytes\n",
        stats.generation, stats.articles, stats.passages, stats.bytes_on_disk
    );
}

fn demonstrate() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let articles = folder.path().join("articles");
    let index = folder.path().join("index");
    fs::create_dir(&articles)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(SAMPLES)? {
        let entry = entry?;
        fs::copy(entry.path(), articles.join(entry.file_name()))?;
        names.push(entry.file_name());
    }
    names.sort();
    update(&articles, &index)?;

    let changed = articles.join(&names[0]);
    let text = fs::read_to_string(&changed)?;
    fs::write(&changed, text + "\n\nNachtrag: Die Zahlen wurden am Abend bestätigt.\n")?;
    fs::remove_file(articles.join(&names[1]))?;
    fs::write(articles.join("neu.txt"), "Am Morgen fuhr der erste Zug durch den neuen Tunnel.\n")?;
    update(&articles, &index)
}
