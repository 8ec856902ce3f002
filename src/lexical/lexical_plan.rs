//! How the words of a question were found in a segment.

use std::fmt;

use serde::Serialize;

/// How the words of a question were found in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LexicalPlan {
    /// Passages of the segment.
    pub passages: usize,
    /// Words of the question and compound parts that occur in the segment.
    pub words: usize,
    /// Passages whose BM25 was computed, at least in part; the others cannot be among the top k.
    /// With a narrow filter, allowed passages without any of the words are counted as well.
    pub scored: usize,
    /// False if a time limit or a cancel handle interrupted the search.
    pub complete: bool,
}

impl fmt::Display for LexicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passages, words, scored, complete } = self;
        write!(f, "{words} found, {scored} of {passages} passages scored")?;
        if *complete { Ok(()) } else { write!(f, ", interrupted") }
    }
}
