//! Contexts for language models: excerpts within a token budget.

use std::fmt;

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::{
    excerpts::{Excerpt, HitArticles},
    numbered_excerpt::NumberedExcerpt,
};
use crate::{Hit, Result};

/// Excerpts within a token budget, as context of a language model.
///
/// `Display` writes each excerpt as a source line with its number, title and key, then its text. No
/// article can forge a source line: white space in titles and keys becomes one space, and a
/// backslash precedes a number in brackets that starts a line of a text.
///
/// # Examples
///
/// ```
/// use passim::{Article, Query, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.").title("Moore")])?;
/// retriever.commit()?;
/// let searcher = retriever.searcher();
/// let hits = searcher.search("What do peat bogs store?")?;
/// let context = searcher.context(&hits, 500)?;
/// assert_eq!(context.to_string(), "[1] Moore (moor.txt)\nMoore speichern viel Kohlenstoff.\n");
/// assert_eq!(context.excerpts[0].range, 0..33);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Context {
    /// The excerpts; number 1 is the first.
    pub excerpts: Vec<Excerpt>,
    /// Tokens of the text that `Display` writes.
    pub tokens: usize,
    /// Number of items that did not fit or repeated an earlier text: excerpts of
    /// [`pack`](Self::pack), hits of [`Searcher::context`](crate::Searcher::context).
    pub left_out: usize,
}

impl Context {
    /// Packs `excerpts` into `budget` tokens, in their order. `count` returns the tokens of a text.
    ///
    /// An excerpt is left out if it exceeds the rest of the budget, or if its words repeat an
    /// earlier excerpt. It is never shortened; [`Searcher::context`](crate::Searcher::context)
    /// decides hit by hit instead.
    ///
    /// # Errors
    ///
    /// The errors of `count`.
    pub fn pack(
        excerpts: impl IntoIterator<Item = Excerpt>,
        budget: usize,
        count: impl Fn(&str) -> Result<usize>,
    ) -> Result<Self> {
        let mut context = Self::default();
        let mut packed_texts = FxHashSet::default();
        for excerpt in excerpts {
            let text = collapse_whitespace(&excerpt.text);
            let numbered =
                NumberedExcerpt { number: context.excerpts.len() + 1, excerpt: &excerpt };
            let is_new = !packed_texts.contains(&text);
            let tokens = if is_new { Some(count(&numbered.to_string())?) } else { None };
            let total = tokens.and_then(|tokens| context.tokens.checked_add(tokens));
            if let Some(total) = total.filter(|total| *total <= budget) {
                context.tokens = total;
                context.excerpts.push(excerpt);
                packed_texts.insert(text);
            } else {
                context.left_out += 1;
            }
        }
        Ok(context)
    }

    /// Packs hits into `budget` tokens, best first, and skips those that do not fit.
    pub(crate) fn pack_hits(
        articles: &HitArticles,
        budget: usize,
        count: impl Fn(&str) -> Result<usize>,
    ) -> Result<Self> {
        let texts = articles.hits.iter().map(|hit| collapse_whitespace(&hit.text));
        let texts: Vec<String> = texts.collect();
        if texts.iter().collect::<FxHashSet<_>>().len() == texts.len() {
            let all = Self::pack(articles.excerpts(0), budget, &count)?;
            if all.left_out == 0 {
                return Ok(all);
            }
        }
        Self::pack_one_by_one(articles, &texts, budget, count)
    }

    /// Adds one hit after the other, since a hit may extend an excerpt that is already there.
    fn pack_one_by_one(
        articles: &HitArticles,
        texts: &[String],
        budget: usize,
        count: impl Fn(&str) -> Result<usize>,
    ) -> Result<Self> {
        let mut context = Self::default();
        let mut packed_texts = FxHashSet::default();
        let mut is_packed = vec![false; articles.hits.len()];
        for (rank, hit) in articles.hits.iter().enumerate() {
            if packed_texts.contains(&texts[rank]) {
                continue;
            }
            is_packed[rank] = true;
            let excerpts = articles.excerpts_of(|rank| is_packed[rank], 0);
            let extended = Self::pack(excerpts, usize::MAX, &count)?;
            is_packed[rank] = extended.tokens <= budget && extended.shows(hit);
            if is_packed[rank] {
                context = extended;
                packed_texts.insert(&texts[rank]);
            }
        }
        context.left_out = articles.hits.iter().filter(|hit| !context.shows(hit)).count();
        Ok(context)
    }

    /// Returns whether an excerpt contains `hit`.
    fn shows(&self, hit: &Hit) -> bool {
        let mut of_article = self.excerpts.iter().filter(|excerpt| excerpt.article == hit.article);
        of_article.any(|excerpt| excerpt.hits.contains(&hit.range))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbered = (1..).zip(&self.excerpts);
        numbered
            .try_for_each(|(number, excerpt)| write!(f, "{}", NumberedExcerpt { number, excerpt }))
    }
}

/// Collapses whitespace, so that texts compare by their words.
pub(super) fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
