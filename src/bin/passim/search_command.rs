//! The command `search`.

use std::io::{self, BufRead, IsTerminal, Write};

use anstream::{eprint, stdout};
use anstyle::{AnsiColor, Style};
use passim::{Hit, Hits, Query, Retriever, Searcher};
use serde_json::json;

use crate::{
    articles_input::ArticlesInput,
    command_line::{CorpusOptions, ModelOptions, SearchOptions},
    failure::{CommandFailure, show_error, warn},
    models::embedder,
    progress_bar::Bar,
};

/// The corpus that is searched, and how many of its articles could not be read.
pub(crate) struct OpenCorpus {
    pub(crate) searcher: Searcher,
    unread: usize,
}

impl OpenCorpus {
    /// Opens the index for reading, or indexes the articles in memory.
    pub(crate) fn open(
        corpus: &CorpusOptions,
        model: &ModelOptions,
    ) -> Result<Self, CommandFailure> {
        let builder = Retriever::builder().embedder(embedder(model)?);
        if let Some(folder) = &corpus.index {
            return Ok(Self { searcher: builder.open_searcher(folder)?, unread: 0 });
        }
        let ArticlesInput { articles, unread } = ArticlesInput::read(&corpus.articles)?;
        let bar = Bar::new();
        let mut retriever = bar.follow(builder).in_memory()?;
        retriever.add(articles)?;
        retriever.commit()?;
        Ok(Self { searcher: retriever.searcher(), unread })
    }

    /// Returns a failure if some articles could not be read.
    pub(crate) fn check_all_read(&self) -> Result<(), CommandFailure> {
        ArticlesInput { articles: Vec::new(), unread: self.unread }.check_all_read()
    }
}

/// Answers the questions of the arguments, or of standard input.
pub(crate) fn search(options: &SearchOptions) -> Result<(), CommandFailure> {
    let query = base_query(options)?;
    let corpus = OpenCorpus::open(&options.corpus, &options.model)?;
    let answer = |question: &str| answer(&corpus.searcher, &query, question, options.json);
    if options.questions.is_empty() {
        answer_lines(answer)?;
    } else {
        options.questions.iter().try_for_each(|question| answer(question))?;
    }
    corpus.check_all_read()
}

/// Returns the query of `options`, without its question.
fn base_query(options: &SearchOptions) -> Result<Query, CommandFailure> {
    let mut query: Query = serde_json::from_str(&options.query)
        .map_err(|error| CommandFailure::Usage(format!("--query: {error}")))?;
    query.k = options.k.unwrap_or(query.k);
    query.mode = options.mode.unwrap_or(query.mode);
    if let Some(filter) = &options.filter {
        query = query.filter(filter.clone());
    }
    query.required.extend_from_slice(&options.require);
    query.excluded.extend_from_slice(&options.exclude);
    query.required_phrases.extend_from_slice(&options.phrase);
    Ok(query)
}

/// Calls `answer` with each line of standard input; lines that are not UTF-8 are shown and counted.
fn answer_lines(answer: impl Fn(&str) -> Result<(), CommandFailure>) -> Result<(), CommandFailure> {
    let prompts = io::stdin().is_terminal();
    let mut count = 0;
    let mut lines = io::stdin().lock().lines();
    loop {
        if prompts {
            eprint!("question> ");
        }
        match lines.next() {
            None => break,
            Some(Ok(question)) if question.trim().is_empty() => {}
            Some(Ok(question)) => answer(&question)?,
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                show_error(&error);
                count += 1;
            }
            Some(Err(error)) => return Err(error.into()),
        }
    }
    if count == 0 { Ok(()) } else { Err(CommandFailure::Unread { count, what: "questions" }) }
}

fn answer(
    searcher: &Searcher,
    query: &Query,
    question: &str,
    is_json: bool,
) -> Result<(), CommandFailure> {
    let mut query = query.clone();
    question.clone_into(&mut query.text);
    let hits = searcher.search(query)?;
    if !hits.is_complete() {
        warn("the search ended early: there may be better hits");
    }
    let written = if is_json { write_json(question, &hits) } else { write_text(question, &hits) };
    Ok(written?)
}

fn write_json(question: &str, hits: &Hits) -> io::Result<()> {
    let mut out = stdout().lock();
    for (hit, rank) in hits.iter().zip(1..) {
        let object = json!({
            "query": question, "rank": rank, "article": hit.article, "start": hit.range.start,
            "end": hit.range.end, "score": hit.score, "similarity": hit.similarity,
            "bm25": hit.bm25, "text": hit.text,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

fn write_text(question: &str, hits: &Hits) -> io::Result<()> {
    let bold = Style::new().bold();
    let place = AnsiColor::Cyan.on_default();
    let dim = Style::new().dimmed();
    let mut out = stdout().lock();
    writeln!(out, "\n{bold}{question}{bold:#}")?;
    for (Hit { article, range, score, text, .. }, rank) in hits.iter().zip(1..) {
        write!(out, "\n{rank:>2}. {place}{article}:{}..{}{place:#}", range.start, range.end)?;
        writeln!(out, "  {dim}score {score:.3}{dim:#}")?;
        text.lines().try_for_each(|line| writeln!(out, "    {line}"))?;
    }
    Ok(())
}
