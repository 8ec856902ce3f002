//! The commands `index`, `sync` and `verify`.

use std::{fs, io::Write, path::Path};

use anstream::stdout;
use passim::{ArticleFiles, Error, Retriever, SyncReport};
use serde_json::json;

use crate::{
    articles_input::ArticlesInput,
    command_line::{VerifyOptions, WriteOptions},
    failure::{CommandFailure, note, show_message, warn},
    models::embedder,
    progress_bar::Bar,
};

/// Adds and replaces articles.
pub(crate) fn index(options: &WriteOptions) -> Result<(), CommandFailure> {
    let input = ArticlesInput::read(&options.articles)?;
    write(options, |retriever| {
        let report = retriever.upsert(input.articles.iter().cloned())?;
        retriever.commit()?;
        Ok(report)
    })?;
    input.check_all_read()
}

/// Refuses a source that cannot be read at all, before an index is created for it.
fn check_source(path: &Path) -> Result<(), CommandFailure> {
    let unread = |source| Error::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unread)?.is_dir() {
        fs::read_dir(path).map_err(unread)?;
    }
    Ok(())
}

/// Makes the index equal to the articles. What could not be read is kept.
pub(crate) fn sync(options: &WriteOptions) -> Result<(), CommandFailure> {
    let mut files: Option<ArticleFiles> = None;
    for path in &options.articles {
        check_source(path)?;
        files = Some(files.map_or_else(|| path.into(), |files| files.also(path)));
    }
    let files = files.expect("at least one path is required");
    let report = write(options, |retriever| retriever.sync_folder(files))?;
    for key in &report.files.duplicate_keys {
        warn(&format!("several articles are called `{key}`: the last one counts"));
    }
    for error in report.unread.iter().flat_map(|source| &source.errors) {
        show_message(error);
    }
    if report.unread.iter().any(|source| source.keys.is_none()) {
        warn("nothing is removed, because the articles of some files are not known");
    }
    match report.unread.iter().map(|source| source.errors.len()).sum() {
        0 => Ok(()),
        count => Err(CommandFailure::Unread { count, what: "articles" }),
    }
}

/// Opens the index, changes it by `change` and reports.
fn write(
    options: &WriteOptions,
    change: impl FnOnce(&mut Retriever) -> passim::Result<SyncReport>,
) -> Result<SyncReport, CommandFailure> {
    let bar = Bar::new();
    let builder = Retriever::builder().embedder(embedder(&options.model)?);
    let builder = bar.follow(builder.settings(&options.settings));
    let mut retriever = builder.open_or_create(&options.index)?;
    let report = change(&mut retriever)?;
    // The program ends soon, and with it the merges.
    retriever.wait_for_merges()?;
    drop(bar);
    for key in &report.empty {
        warn(&format!("article `{key}` has no text"));
    }
    if options.json {
        writeln!(stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        let SyncReport { added, changed, removed, kept, unchanged, embedded, seconds, .. } = report;
        note(&format!(
            "{added} added, {changed} changed, {removed} removed, {kept} kept, {unchanged} \
             unchanged; {embedded} passages embedded in {seconds:.2} s"
        ));
        note(&format!("{} articles, {} passages", retriever.articles(), retriever.passages()));
    }
    Ok(report)
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
