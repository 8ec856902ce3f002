//! Articles of one passage for benchmarks of corpora, and questions about other texts of their kind.

use std::{env, path::PathBuf};

use passim::Article;
use passim_testkit::corpus;

use super::datasets::{QUESTION_WORDS, lines};

const WORDS: usize = 60;

/// Articles, and questions.
pub struct Articles {
    pub articles: Vec<Article>,
    pub questions: Vec<String>,
}

impl Articles {
    /// Seeded mixtures of the sample articles or, with `PASSIM_BENCH_TEXT=FILE`, the lines of that
    /// file, without the last ones, whose first words are the questions. Fewer than `size` if the file
    /// is short.
    pub fn new(size: usize, questions: usize) -> Self {
        let (texts, questions) = match env::var_os("PASSIM_BENCH_TEXT").map(PathBuf::from) {
            None => (corpus::texts(1, size, WORDS), corpus::texts(2, questions, QUESTION_WORDS)),
            Some(path) => {
                let (texts, last) = lines(&path, size, questions);
                (texts, last.iter().map(|line| first_words(line)).collect())
            }
        };
        let article = |(at, text): (usize, String)| Article::new(at.to_string(), text);
        Self { articles: texts.into_iter().enumerate().map(article).collect(), questions }
    }
}

/// The words of a line that make a question.
pub fn first_words(line: &str) -> String {
    line.split_whitespace().take(QUESTION_WORDS).collect::<Vec<_>>().join(" ")
}
