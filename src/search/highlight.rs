//! Sentences and words of a hit that match the question.

use std::ops::Range;

use serde::Serialize;

use super::lexical_candidates::words_in;
use crate::{Hit, Interrupt, Query, Result, Role, Searcher, sentences, vector};

/// The sentences of a hit with their similarity to the question, and the words of the question in
/// it. All ranges are bytes of the article's text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Highlights {
    /// The sentences of the passage, in their order.
    pub sentences: Vec<Sentence>,
    /// Words that match the question in any form or as parts of compounds, without stop words.
    pub words: Vec<Range<usize>>,
}

/// A sentence of a hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sentence {
    /// Where it is in the article's text, in bytes.
    pub range: Range<usize>,
    /// Cosine between the question's vector and its own, -1 to 1; higher is closer.
    pub similarity: f32,
}

impl Highlights {
    /// The sentence that is closest to the question; the first of equal ones.
    #[must_use]
    pub fn best(&self) -> Option<&Sentence> {
        self.sentences.iter().rev().max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }
}

impl Searcher {
    /// Where in `hit` the question of `query` is spoken of. The sentences of the hit are
    /// embedded for it, and compared with the query's [vector](Query::vector) or, without one,
    /// with that of its text.
    ///
    /// # Errors
    ///
    /// Those of [`search`](Self::search) for the same query: of its settings, its vector and its
    /// text.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let text = "Der Zug hält in Wien. Moore speichern viel Kohlenstoff. Das Brot ruht.";
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([Article::new("a", text)])?;
    /// let question = "Was speichert ein Moor?";
    /// let hits = retriever.search(question)?;
    /// let highlights = retriever.highlights(question, &hits[0])?;
    /// let best = highlights.best().expect("a sentence");
    /// assert_eq!(&text[best.range.clone()], "Moore speichern viel Kohlenstoff.");
    /// assert_eq!(&text[highlights.words[0].clone()], "Moore");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn highlights(&self, query: impl Into<Query>, hit: &Hit) -> Result<Highlights> {
        let query = query.into();
        query.check()?;
        let ranges: Vec<Range<usize>> = sentences(&hit.text).collect();
        let texts: Vec<&str> = ranges.iter().map(|range| &hit.text[range.clone()]).collect();
        let question = self.meant_by(&query)?;
        let (vectors, _) = self.stage().run(Role::Passage, &texts)?;
        let shifted =
            |range: &Range<usize>| hit.range.start + range.start..hit.range.start + range.end;
        let sentence = |(range, vector)| Sentence {
            range: shifted(range),
            similarity: vector::similarity(&question, vector),
        };
        Ok(Highlights {
            sentences: ranges.iter().zip(vectors.rows()).map(sentence).collect(),
            words: words_in(hit, &query)?.iter().map(shifted).collect(),
        })
    }

    /// The vector that `query` gives, or that of its text; of length 1.
    fn meant_by(&self, query: &Query) -> Result<Vec<f32>> {
        if let Some(vector) = query.unit_vector(self.embedder().dim())? {
            return Ok(vector);
        }
        Ok(self.embedded(&query.text, Interrupt::none())?.row(0).to_vec())
    }
}
