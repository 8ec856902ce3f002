//! Embeds lines of text with the bundled model, as vectors for all libraries.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
};

use passim::{EmbedStage, Embedder, Role, StaticEmbedder};
use serde_json::{Value, json};

use crate::Result;

/// Number of queries, embedded from the last lines of the text.
const QUERIES: usize = 1_000;
/// Words of a query.
const QUESTION_WORDS: usize = 8;
/// Number of texts embedded at a time.
const BLOCK: usize = 10_000;

/// Writes the vectors of the first `count` lines of `text` to `base`, and those of the first words
/// of its last lines to `queries`; the answer has the number of vectors and their dimension.
///
/// The queries' lines are not among the first `count`. Empty lines are skipped.
pub fn embed_lines(text: &str, count: usize, base: &str, queries: &str) -> Result<Value> {
    let model = StaticEmbedder::bundled()?;
    let mut rows = BufWriter::new(File::create(base)?);
    let mut block: Vec<String> = Vec::with_capacity(BLOCK);
    let mut last = VecDeque::with_capacity(QUERIES + 1);
    let mut written = 0;
    for line in BufReader::new(File::open(text)?).lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        last.push_back(line);
        if last.len() > QUERIES {
            let next = last.pop_front();
            block.extend(next.filter(|_| written + block.len() < count));
        }
        if block.len() == BLOCK {
            written += block.len();
            write_embedded(&model, Role::Passage, &block, &mut rows)?;
            block.clear();
        }
    }
    written += block.len();
    write_embedded(&model, Role::Passage, &block, &mut rows)?;
    rows.flush()?;
    let questions: Vec<String> = last.iter().map(|line| first_words(line)).collect();
    let mut rows = BufWriter::new(File::create(queries)?);
    write_embedded(&model, Role::Query, &questions, &mut rows)?;
    rows.flush()?;
    Ok(json!({"count": written, "dim": model.dim()}))
}

fn first_words(line: &str) -> String {
    line.split_whitespace().take(QUESTION_WORDS).collect::<Vec<_>>().join(" ")
}

fn write_embedded(
    model: &StaticEmbedder,
    role: Role,
    texts: &[String],
    rows: &mut impl Write,
) -> Result<()> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (vectors, _) = EmbedStage::new(model).run(role, &texts)?;
    for value in vectors.as_slice() {
        rows.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}
