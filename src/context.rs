//! Hits as a text for people and for language models: with what surrounds them, numbered, each
//! with its place.

use std::{fmt, ops::Range};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::{Article, Error, Hit, Passage, Result, Searcher};

/// A part of an article with one hit in it or several.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Excerpt {
    /// Key of the article.
    pub article: String,
    /// Title of the article.
    pub title: Option<String>,
    /// Where it is in the article's text, in bytes.
    pub range: Range<usize>,
    /// The article's text at `range`.
    pub text: String,
    /// The highest score of the hits in it.
    pub score: f32,
    /// Where the hits in it are in the article's text, in bytes, in that order.
    pub hits: Vec<Range<usize>>,
}

/// Excerpts that fit into a number of tokens, to be put before a language model.
///
/// Its `Display` is that text: each excerpt with its number, by which an answer can cite it, its
/// title and the key of its article.
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
    /// The excerpts, best first; number 1 is the first.
    pub excerpts: Vec<Excerpt>,
    /// Tokens of all of them, with their numbers, titles and keys.
    pub tokens: usize,
    /// Excerpts that did not fit, or said what one before them says.
    pub left_out: usize,
}

impl Context {
    /// As many of `excerpts` as fit into `budget` tokens, which `count` counts: each in its turn,
    /// unless it is too long for what is left, or says word by word what another one says.
    ///
    /// # Errors
    ///
    /// What `count` returns.
    pub fn pack(
        excerpts: impl IntoIterator<Item = Excerpt>,
        budget: usize,
        count: impl Fn(&str) -> Result<usize>,
    ) -> Result<Self> {
        let (mut context, mut seen) = (Self::default(), FxHashSet::default());
        for excerpt in excerpts {
            let words: Vec<&str> = excerpt.text.split_whitespace().collect();
            let is_new = seen.insert(words.join(" "));
            let numbered = Numbered(context.excerpts.len() + 1, &excerpt).to_string();
            let tokens = if is_new { count(&numbered)? } else { 0 };
            if is_new && context.tokens + tokens <= budget {
                context.tokens += tokens;
                context.excerpts.push(excerpt);
            } else {
                context.left_out += 1;
            }
        }
        Ok(context)
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, excerpt) in self.excerpts.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            write!(f, "{gap}{}", Numbered(at + 1, excerpt))?;
        }
        Ok(())
    }
}

/// An excerpt as it is shown.
struct Numbered<'e>(usize, &'e Excerpt);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, Excerpt { article, title, text, .. }) = self;
        match title {
            Some(title) => writeln!(f, "[{number}] {} ({article})", title.trim())?,
            None => writeln!(f, "[{number}] {article}")?,
        }
        writeln!(f, "{}", text.trim_end())
    }
}

/// An article with its passages, and which of them are wanted.
struct Wanted {
    article: Article,
    passages: Vec<Passage>,
    /// The hit at each passage, by its place among the hits.
    hits: FxHashMap<usize, usize>,
}

impl Searcher {
    /// Each of `hits` with the `around` passages before it and after it in its article; those
    /// that touch are one. Best first.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if a hit is of another state of the corpus and its passage is not in this
    /// one, [`Error::Corrupt`] if a file of the index is damaged.
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        for (rank, hit) in hits.iter().enumerate() {
            if !places.contains_key(hit.article.as_str()) {
                places.insert(&hit.article, wanted.len());
                wanted.push(self.wanted(hit)?);
            }
            let Wanted { passages, hits, .. } = &mut wanted[places[hit.article.as_str()]];
            let passage = passages.iter().position(|passage| passage.range == hit.range);
            hits.entry(passage.ok_or_else(|| gone(hit))?).or_insert(rank);
        }
        let mut excerpts: Vec<(usize, Excerpt)> =
            wanted.iter().flat_map(|wanted| wanted.excerpts(hits, around)).collect();
        excerpts.sort_by_key(|(rank, _)| *rank);
        Ok(excerpts.into_iter().map(|(_, excerpt)| excerpt).collect())
    }

    /// As many of `hits` as fit into `budget` tokens of the corpus' model, those that touch as
    /// one. For another count of tokens, or more of what surrounds them, see [`Context::pack`] and
    /// [`excerpts`](Self::excerpts).
    ///
    /// # Errors
    ///
    /// As [`excerpts`](Self::excerpts), and what the embedder returns.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        Context::pack(self.excerpts(hits, 0)?, budget, |text| self.embedder().count_tokens(text))
    }

    /// The article of `hit`, nothing of which is wanted yet.
    fn wanted(&self, hit: &Hit) -> Result<Wanted> {
        let (live, at) = self.place_of(&hit.article)?.ok_or_else(|| gone(hit))?;
        let article = live.segment().article(at)?;
        let passages = live.segment().passages_of(at, &article)?;
        Ok(Wanted { article, passages, hits: FxHashMap::default() })
    }
}

fn gone(hit: &Hit) -> Error {
    Error::Gone { article: hit.article.clone(), range: hit.range.clone() }
}

impl Wanted {
    /// Runs of passages that are hits or `around` some, with the rank of the best hit in each.
    fn excerpts(&self, hits: &[Hit], around: usize) -> Vec<(usize, Excerpt)> {
        let last = self.passages.len().saturating_sub(1);
        let near = |at: &usize| at.saturating_sub(around)..=at.saturating_add(around).min(last);
        let mut shown: Vec<usize> = self.hits.keys().flat_map(near).collect();
        shown.sort_unstable();
        shown.dedup();
        let runs = shown.chunk_by(|before, after| before + 1 == *after);
        runs.map(|run| self.excerpt(run, hits)).collect()
    }

    fn excerpt(&self, run: &[usize], hits: &[Hit]) -> (usize, Excerpt) {
        let Self { article, passages, .. } = self;
        let ranges = || run.iter().map(|at| passages[*at].range.clone());
        let start = ranges().map(|range| range.start).min().unwrap_or(0);
        let end = ranges().map(|range| range.end).max().unwrap_or(0);
        let found: Vec<usize> = run.iter().filter_map(|at| self.hits.get(at).copied()).collect();
        let rank = found.iter().copied().min().unwrap_or(usize::MAX);
        let excerpt = Excerpt {
            article: article.key.clone(),
            title: article.title.clone(),
            text: article.text[start..end].to_owned(),
            range: start..end,
            score: hits[rank].score,
            hits: found.into_iter().map(|hit| hits[hit].range.clone()).collect(),
        };
        (rank, excerpt)
    }
}
