//! Contexts for language models: excerpts within a token budget.

use std::{fmt, ops::Range};

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::{
    citation_markers::CitationMarkers,
    context_options::TokenCounter,
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
    /// The form of their numbers.
    pub markers: CitationMarkers,
    /// Tokens of the text that `Display` writes.
    pub tokens: usize,
    /// Number of items that did not fit or repeated an earlier text: excerpts of
    /// [`pack`](Self::pack), hits of [`Searcher::context`](crate::Searcher::context).
    pub left_out: usize,
}

/// A number of a context in an answer, and the excerpt that it names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Citation<'c> {
    /// Byte range of the marker in the answer. The numbers of one marker share it.
    pub marker: Range<usize>,
    /// The number, from 1.
    pub number: usize,
    /// The excerpt with its article and byte range; `None` if the context has no such number.
    pub excerpt: Option<&'c Excerpt>,
}

/// How excerpts are packed into a context.
pub(super) struct ContextPacking<'p> {
    pub(super) budget: usize,
    pub(super) markers: &'p CitationMarkers,
    pub(super) count: &'p TokenCounter<'p>,
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
        ContextPacking { budget, markers: &CitationMarkers::default(), count: &count }
            .pack(excerpts)
    }

    /// Returns the citations in `answer`, a text of a language model that has read this context, in
    /// their order.
    ///
    /// A marker can have several numbers: `[1, 3]` and `[1-3]`. Other text in brackets is no
    /// citation.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
    /// let context = retriever.context(&retriever.search("What do peat bogs store?")?, 100)?;
    /// let answer = "They store carbon [1], and are old [2].";
    /// let citations = context.citations(answer);
    /// let source = citations[0].excerpt.expect("the context has one excerpt");
    /// assert_eq!((source.article.as_str(), source.range.clone()), ("moor.txt", 0..33));
    /// assert_eq!(&answer[citations[1].marker.clone()], "[2]");
    /// assert!(citations[1].excerpt.is_none(), "the model has made it up");
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn citations(&self, answer: &str) -> Vec<Citation<'_>> {
        let cited = self.markers.in_answer(answer).into_iter().flat_map(|marker| {
            let citation = move |number: usize| Citation {
                marker: marker.range.clone(),
                number,
                excerpt: number.checked_sub(1).and_then(|position| self.excerpts.get(position)),
            };
            marker.numbers.into_iter().map(citation)
        });
        cited.collect()
    }

    /// Returns the number of `hits` of which no excerpt has a part.
    pub(super) fn count_left_out(&self, hits: &[Hit]) -> usize {
        hits.iter().filter(|hit| !self.shows(hit)).count()
    }

    /// Returns whether an excerpt has `hit`, or sentences of it.
    fn shows(&self, hit: &Hit) -> bool {
        let mut of_article = self.excerpts.iter().filter(|excerpt| excerpt.article == hit.article);
        of_article.any(|excerpt| excerpt.hits.contains(&hit.range))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let markers = &self.markers;
        (1..).zip(&self.excerpts).try_for_each(|(number, excerpt)| {
            write!(f, "{}", NumberedExcerpt { markers, number, excerpt })
        })
    }
}

impl ContextPacking<'_> {
    /// Packs `excerpts` as [`Context::pack`] does.
    pub(super) fn pack(&self, excerpts: impl IntoIterator<Item = Excerpt>) -> Result<Context> {
        let markers = self.markers;
        let mut context = Context { markers: markers.clone(), ..Context::default() };
        let mut packed_texts = FxHashSet::default();
        for excerpt in excerpts {
            let text = collapse_whitespace(&excerpt.text);
            let number = context.excerpts.len() + 1;
            let numbered = NumberedExcerpt { markers, number, excerpt: &excerpt };
            let is_new = !packed_texts.contains(&text);
            let tokens = if is_new { Some((self.count)(&numbered.to_string())?) } else { None };
            let total = tokens.and_then(|tokens| context.tokens.checked_add(tokens));
            if let Some(total) = total.filter(|total| *total <= self.budget) {
                context.tokens = total;
                context.excerpts.push(excerpt);
                packed_texts.insert(text);
            } else {
                context.left_out += 1;
            }
        }
        Ok(context)
    }

    /// Packs hits, best first, and skips those that do not fit.
    pub(super) fn pack_hits(&self, articles: &HitArticles) -> Result<Context> {
        let texts = articles.hits.iter().map(|hit| collapse_whitespace(&hit.text));
        let texts: Vec<String> = texts.collect();
        if texts.iter().collect::<FxHashSet<_>>().len() == texts.len() {
            let all = self.pack(articles.excerpts(0))?;
            if all.left_out == 0 {
                return Ok(all);
            }
        }
        self.pack_one_by_one(articles, &texts)
    }

    /// Adds one hit after the other, since a hit may extend an excerpt that is already there.
    fn pack_one_by_one(&self, articles: &HitArticles, texts: &[String]) -> Result<Context> {
        let mut context = Context { markers: self.markers.clone(), ..Context::default() };
        let mut packed_texts = FxHashSet::default();
        let mut is_packed = vec![false; articles.hits.len()];
        for (rank, hit) in articles.hits.iter().enumerate() {
            if packed_texts.contains(&texts[rank]) {
                continue;
            }
            is_packed[rank] = true;
            let excerpts = articles.excerpts_of(|rank| is_packed[rank], 0);
            let extended = self.without_budget().pack(excerpts)?;
            is_packed[rank] = extended.tokens <= self.budget && extended.shows(hit);
            if is_packed[rank] {
                context = extended;
                packed_texts.insert(&texts[rank]);
            }
        }
        context.left_out = context.count_left_out(articles.hits);
        Ok(context)
    }

    /// The same, with a budget that everything fits into.
    pub(super) fn without_budget(&self) -> Self {
        Self { budget: usize::MAX, ..*self }
    }
}

/// Collapses whitespace, so that texts compare by their words.
pub(super) fn collapse_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
