//! The commands `index`, `sync` and `verify`.

use std::io::Write;

use anstream::stdout;
use passim::{Retriever, SyncReport};
use serde_json::json;

use crate::{
    articles_input::ArticlesInput,
    command_line::{VerifyOptions, WriteOptions},
    failure::{CommandFailure, note, warn},
    models::embedder,
    progress_bar::Bar,
};

/// Adds and replaces articles.
pub(crate) fn index(options: &WriteOptions) -> Result<(), CommandFailure> {
    write(options, |retriever, input| {
        let report = retriever.upsert(input.articles.iter().cloned())?;
        retriever.commit()?;
        Ok(report)
    })
}

/// Makes the index equal to the articles. If some could not be read, nothing is removed, since they
/// still exist.
pub(crate) fn sync(options: &WriteOptions) -> Result<(), CommandFailure> {
    write(options, |retriever, input| {
        if input.unread == 0 {
            return retriever.sync(input.articles.iter().cloned());
        }
        warn("nothing is removed, because some articles could not be read");
        let report = retriever.upsert(input.articles.iter().cloned())?;
        retriever.commit()?;
        Ok(report)
    })
}

/// Opens the index, reads the articles, changes the index by `change` and reports.
fn write(
    options: &WriteOptions,
    change: impl FnOnce(&mut Retriever, &ArticlesInput) -> passim::Result<SyncReport>,
) -> Result<(), CommandFailure> {
    let input = ArticlesInput::read(&options.articles)?;
    let bar = Bar::new();
    let builder = Retriever::builder().embedder(embedder(&options.model)?);
    let builder = bar.follow(builder.settings(&options.settings));
    let mut retriever = builder.open_or_create(&options.index)?;
    let report = change(&mut retriever, &input)?;
    // The program ends soon, and with it the merges.
    retriever.wait_for_merges()?;
    drop(bar);
    for key in &report.empty {
        warn(&format!("article `{key}` has no text"));
    }
    if options.json {
        writeln!(stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        let SyncReport { added, changed, removed, unchanged, embedded, seconds, .. } = report;
        note(&format!(
            "{added} added, {changed} changed, {removed} removed, {unchanged} unchanged; {embedded} \
             passages embedded in {seconds:.2} s"
        ));
        note(&format!("{} articles, {} passages", retriever.articles(), retriever.passages()));
    }
    input.check_all_read()
}

/// Verifies an index.
pub(crate) fn verify(options: &VerifyOptions) -> Result<(), CommandFailure> {
    let builder = Retriever::builder().embedder(embedder(&options.model)?);
    let report = builder.open(&options.index)?.verify()?;
    let is_sound = report.is_sound();
    if options.json {
        let mut object = json!(report);
        object["is_sound"] = is_sound.into();
        writeln!(stdout(), "{object}")?;
    } else {
        writeln!(
            stdout(),
            "{} files, {} bytes, {} articles, {} passages, {} graphs: undamaged",
            report.files,
            report.bytes,
            report.articles,
            report.passages,
            report.graphs.len()
        )?;
    }
    if is_sound { Ok(()) } else { Err(CommandFailure::Unsound) }
}
