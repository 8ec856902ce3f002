//! Hits: passages with their byte ranges and scores.

use std::ops::{Deref, Range};

use serde::{Deserialize, Serialize};

use crate::{Explanation, Language, Metadata, QueryPlan, article, passage};

/// A passage that answers a query.
///
/// It can be written and read by serde, to be cited by another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// What hits are ranked by, higher is better: what the reranker made of it, if it was
    /// [asked](crate::Query::rerank), else by the [mode](crate::Mode) the similarity, BM25, or
    /// both together.
    pub score: f32,
    /// Cosine between the query's vector and the passage's, -1 to 1; higher is closer. `None`
    /// if passages were found by words alone.
    pub similarity: Option<f32>,
    /// How well the passage's words fit those of the query, from 0 on; higher is better. `None`
    /// if passages were found by meaning alone.
    pub bm25: Option<f32>,
    /// Key of the article.
    pub article: String,
    /// Title of the article.
    pub title: Option<String>,
    /// Language of the article's words, if it is a known one.
    pub language: Option<Language>,
    /// Where the passage is in the article's text, in bytes.
    pub range: Range<usize>,
    /// The passage: the article's text at `range`.
    pub text: String,
    /// The nearest heading above the passage.
    pub heading: Option<String>,
    /// The article's metadata.
    pub metadata: Metadata,
    /// What the score is made of, if the query [asked](crate::Query::explain) for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Box<Explanation>>,
    /// Whether the title is embedded with the passage.
    pub titled: bool,
}

impl Hit {
    /// Returns the text of the passage in context, as it is embedded.
    pub(crate) fn in_context(&self) -> String {
        let title = article::shown_title(self.title.as_deref()).filter(|_| self.titled);
        passage::in_context(title, self.heading.as_deref(), &self.text)
    }
}

/// The hits of one query, best [score](Hit::score) first, equal ones in the order they were
/// added; with [diversity](crate::Query::mmr) in the order in which they were chosen.
///
/// A search that finds nothing gives no hits, not an error.
/// Two are equal if their hits are, however they were found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Hits {
    pub(crate) found: Vec<Hit>,
    #[serde(skip)]
    pub(crate) plan: Box<QueryPlan>,
}

impl PartialEq for Hits {
    fn eq(&self, other: &Self) -> bool {
        self.found == other.found
    }
}

impl Hits {
    /// How the query was answered, and how long each step took.
    #[must_use]
    pub fn plan(&self) -> &QueryPlan {
        &self.plan
    }

    /// Whether the search ran to its end; if not, a time limit or a cancel handle ended it,
    /// and there may be closer passages than these, or they were not reranked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.plan.interrupted
    }
}

impl Deref for Hits {
    type Target = [Hit];

    fn deref(&self) -> &[Hit] {
        &self.found
    }
}

impl IntoIterator for Hits {
    type Item = Hit;
    type IntoIter = std::vec::IntoIter<Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

impl<'a> IntoIterator for &'a Hits {
    type Item = &'a Hit;
    type IntoIter = std::slice::Iter<'a, Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.iter()
    }
}
