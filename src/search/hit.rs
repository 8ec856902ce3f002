//! Hits: passages with their byte ranges and scores.

use std::ops::{Deref, Range};

use serde::{Deserialize, Serialize};

use super::hit_groups::{HitGroup, by_article};
use crate::{
    Explanation, Language, Markup, Metadata, QueryPlan,
    article::{self, ShownContext},
};

/// A passage that answers a query.
///
/// Serde writes and reads hits, so that another process can cite them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// Score by which hits are ranked; higher is better. It is the score of the
    /// [reranker](crate::Query::rerank) if the hit was reranked. Otherwise the
    /// [mode](crate::Mode) determines it: similarity, BM25, or how much better than the mean passage
    /// it answers, in units of cosine (about 0 to 1; below 0 for passages that do not answer);
    /// [recency](crate::Query::recency) adds its part.
    ///
    /// Hits after the first fifty or more may have higher scores than hits before them: what only a
    /// wider search finds comes after all that a narrower one found.
    pub score: f32,
    /// Cosine of the vectors of query and passage, in `-1.0..=1.0`; higher is closer. `None` in the
    /// mode [`Mode::Lexical`](crate::Mode::Lexical).
    pub similarity: Option<f32>,
    /// BM25 of the passage for the words of the query, `>= 0.0`; higher is better. `None` in the mode
    /// [`Mode::Dense`](crate::Mode::Dense).
    pub bm25: Option<f32>,
    /// Key of the article.
    pub article: String,
    /// Title of the article.
    pub title: Option<String>,
    /// Declared or detected language of the article; `None` if it is not a supported one.
    pub language: Option<Language>,
    /// Byte range of the passage in the article's text.
    pub range: Range<usize>,
    /// Text of the passage: the article's text at `range`.
    pub text: String,
    /// Nearest heading above the passage.
    pub heading: Option<String>,
    /// Header row and delimiter row of the Markdown table that the passage continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_header: Option<String>,
    /// Markup of `text`.
    #[serde(default)]
    pub markup: Markup,
    /// Metadata of the article.
    pub metadata: Metadata,
    /// Explanation of the score, if the query [requested](crate::Query::explain) one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Box<Explanation>>,
    /// Whether the title is embedded with the passage.
    pub titled: bool,
}

impl Hit {
    /// Returns the text that is embedded: title, heading and table header, if they are embedded with
    /// the passage, then the text without markup, each on its own line.
    #[must_use]
    pub fn text_in_context(&self) -> String {
        self.embedded_parts().join("\n")
    }

    /// Returns the title, the heading and the text as they are embedded.
    pub(super) fn embedded_parts(&self) -> Vec<String> {
        let context = ShownContext {
            title: article::shown_title(self.title.as_deref()).filter(|_| self.titled),
            heading: self.heading.as_deref(),
            table_header: self.table_header.as_deref(),
            markup: self.markup,
        };
        context.embedded_parts(&self.text)
    }
}

/// The hits of one query, highest [score](Hit::score) first. Hits with equal scores are ordered by
/// the bytes of the article's key, then by their position in the article. With
/// [`mmr`](crate::Query::mmr), hits are in the order of choice; with
/// [`group_by_article`](crate::Query::group_by_article), the hits of an article follow its best one.
///
/// A search without hits returns an empty list. Comparing two lists compares their hits, not their
/// plans.
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
    /// Returns how the query was answered, and the time of each step.
    #[must_use]
    pub fn plan(&self) -> &QueryPlan {
        &self.plan
    }

    /// Returns the hits grouped by article, in the order of the best hit of each. With
    /// [`Query::group_by_article`](crate::Query::group_by_article), there are `k` groups whenever `k`
    /// articles have a hit.
    #[must_use]
    pub fn by_article(&self) -> Vec<HitGroup<'_>> {
        by_article(&self.found)
    }

    /// Returns whether the search was completed. If not, better passages may be missing, or the hits
    /// were not reranked: [a time limit or a cancel handle](QueryPlan::interrupted) ended the search,
    /// or [shards](QueryPlan::missing_shards) were left out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.plan.interrupted.is_none() && self.plan.missing_shards.is_empty()
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
