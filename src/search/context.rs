//! Excerpts around hits, and contexts of excerpts for language models.

use std::{cell::RefCell, fmt, ops::Range};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

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

/// Excerpts within a token budget, as context of a language model.
///
/// `Display` writes the text: each excerpt with its number for citations, its title and the key of
/// its article.
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
    /// Tokens of all of them, with their numbers, titles, keys and the lines between them.
    pub tokens: usize,
    /// Number of items that did not fit or repeated an earlier text: excerpts of [`pack`](Self::pack),
    /// hits of [`Searcher::context`].
    pub left_out: usize,
}

impl Context {
    /// As many of `excerpts` as fit into `budget` tokens, which `count` counts: each in its turn,
    /// unless it is too long for what is left, or says word by word what another one says. An
    /// excerpt is taken whole or not at all, even that of the best hit: [`Searcher::context`]
    /// goes hit by hit.
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
            let words = words_of(&excerpt.text);
            let shown = Numbered(context.excerpts.len(), &excerpt).to_string();
            let tokens = if seen.contains(&words) { None } else { Some(count(&shown)?) };
            let tokens = tokens.and_then(|tokens| context.tokens.checked_add(tokens));
            if let Some(tokens) = tokens.filter(|tokens| *tokens <= budget) {
                context.tokens = tokens;
                context.excerpts.push(excerpt);
                seen.insert(words);
            } else {
                context.left_out += 1;
            }
        }
        Ok(context)
    }

    /// Whether `hit` is in one of the excerpts.
    fn shows(&self, hit: &Hit) -> bool {
        let mut there = self.excerpts.iter().filter(|excerpt| excerpt.article == hit.article);
        there.any(|excerpt| excerpt.hits.contains(&hit.range))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut excerpts = self.excerpts.iter().enumerate();
        excerpts.try_for_each(|(at, excerpt)| write!(f, "{}", Numbered(at, excerpt)))
    }
}

/// Collapses whitespace, so that texts compare by their words.
fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes an excerpt with its number; the field counts the excerpts before it.
struct Numbered<'e>(usize, &'e Excerpt);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(before, Excerpt { article, title, text, .. }) = self;
        f.write_str(if *before == 0 { "" } else { "\n" })?;
        let number = before + 1;
        match title {
            Some(title) => writeln!(f, "[{number}] {} ({article})", title.trim())?,
            None => writeln!(f, "[{number}] {article}")?,
        }
        writeln!(f, "{}", text.trim_end())
    }
}

/// Hits with the articles that they are in.
struct Gathered<'h> {
    hits: &'h [Hit],
    wanted: Vec<Wanted>,
}

impl Gathered<'_> {
    /// Those of the hits that fit into `budget`, each in its turn; see [`Searcher::context`].
    fn pack(&self, budget: usize, count: impl Fn(&str) -> Result<usize>) -> Result<Context> {
        let words: Vec<String> = self.hits.iter().map(|hit| words_of(&hit.text)).collect();
        if words.iter().collect::<FxHashSet<_>>().len() == words.len() {
            let all = Context::pack(self.excerpts(0, |_| true), budget, &count)?;
            if all.left_out == 0 {
                return Ok(all);
            }
        }
        let (mut context, mut said) = (Context::default(), FxHashSet::default());
        let mut taken = vec![false; self.hits.len()];
        for (rank, hit) in self.hits.iter().enumerate() {
            if said.contains(&words[rank]) {
                continue;
            }
            taken[rank] = true;
            let with_it = Context::pack(self.excerpts(0, |rank| taken[rank]), usize::MAX, &count)?;
            taken[rank] = with_it.tokens <= budget && with_it.shows(hit);
            if taken[rank] {
                context = with_it;
                said.insert(&words[rank]);
            }
        }
        context.left_out = self.hits.iter().filter(|hit| !context.shows(hit)).count();
        Ok(context)
    }

    /// Those with a hit of a rank that `is_taken`, in the order of the first such hit in each.
    fn excerpts(&self, around: usize, is_taken: impl Fn(usize) -> bool) -> Vec<Excerpt> {
        let of_article = |wanted: &Wanted| wanted.excerpts(self.hits, around, &is_taken);
        let mut excerpts: Vec<(usize, Excerpt)> = self.wanted.iter().flat_map(of_article).collect();
        excerpts.sort_by_key(|(rank, _)| *rank);
        excerpts.into_iter().map(|(_, excerpt)| excerpt).collect()
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
    /// that touch are one. They are in the order of the first hit in each.
    ///
    /// # Errors
    ///
    /// [`Error::StaleHit`] if a hit is of another state of the corpus and its passage is not in this
    /// one, [`Error::Corrupt`] if a file of the index is damaged.
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        Ok(self.gathered(hits)?.excerpts(around, |_| true))
    }

    /// As many of `hits` as fit into `budget` tokens of the corpus' model, those that touch as
    /// one: each in its turn, unless the text would be too long with it, or it says word by word
    /// what is there. For another count of tokens, or more of what surrounds them, see
    /// [`Context::pack`] and [`excerpts`](Self::excerpts).
    ///
    /// # Errors
    ///
    /// As [`excerpts`](Self::excerpts), and what the embedder returns.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        // Each hit changes one excerpt, so the counts of the others are cached.
        let counted: RefCell<FxHashMap<u128, usize>> = RefCell::default();
        let count = |text: &str| {
            let key = xxh3_128(text.as_bytes());
            if let Some(tokens) = counted.borrow().get(&key) {
                return Ok(*tokens);
            }
            let tokens = self.embedder().call_count_tokens(text)?;
            counted.borrow_mut().insert(key, tokens);
            Ok(tokens)
        };
        self.gathered(hits)?.pack(budget, count)
    }

    fn gathered<'h>(&self, hits: &'h [Hit]) -> Result<Gathered<'h>> {
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        for (rank, hit) in hits.iter().enumerate() {
            if !places.contains_key(hit.article.as_str()) {
                places.insert(&hit.article, wanted.len());
                wanted.push(self.wanted(hit)?);
            }
            let Wanted { article, passages, hits } = &mut wanted[places[hit.article.as_str()]];
            let is_here = |passage: &Passage| {
                passage.range == hit.range && article.text[passage.range.clone()] == hit.text
            };
            let passage = passages.iter().position(is_here);
            hits.entry(passage.ok_or_else(|| stale_hit(hit))?).or_insert(rank);
        }
        Ok(Gathered { hits, wanted })
    }

    /// The article of `hit`, nothing of which is wanted yet.
    fn wanted(&self, hit: &Hit) -> Result<Wanted> {
        let (live, at) = self.place_of(&hit.article)?.ok_or_else(|| stale_hit(hit))?;
        let article = live.segment().article(at)?;
        let passages = live.segment().passages_of(at, &article)?;
        Ok(Wanted { article, passages, hits: FxHashMap::default() })
    }
}

fn stale_hit(hit: &Hit) -> Error {
    Error::StaleHit { article: hit.article.clone(), range: hit.range.clone() }
}

impl Wanted {
    /// Runs of passages that are hits of a rank that `is_taken`, or `around` some, with the rank
    /// of the best hit in each.
    fn excerpts(
        &self,
        hits: &[Hit],
        around: usize,
        is_taken: impl Fn(usize) -> bool,
    ) -> Vec<(usize, Excerpt)> {
        let taken = self.hits.iter().filter(|(_, rank)| is_taken(**rank));
        let taken: FxHashMap<usize, usize> = taken.map(|(at, rank)| (*at, *rank)).collect();
        let last = self.passages.len().saturating_sub(1);
        let near = |at: &usize| at.saturating_sub(around)..=at.saturating_add(around).min(last);
        let mut shown: Vec<usize> = taken.keys().flat_map(near).collect();
        shown.sort_unstable();
        shown.dedup();
        let runs = shown.chunk_by(|before, after| before + 1 == *after);
        runs.map(|run| self.excerpt(run, &taken, hits)).collect()
    }

    fn excerpt(
        &self,
        run: &[usize],
        taken: &FxHashMap<usize, usize>,
        hits: &[Hit],
    ) -> (usize, Excerpt) {
        let Self { article, passages, .. } = self;
        let ranges = || run.iter().map(|at| passages[*at].range.clone());
        let start = ranges().map(|range| range.start).min().expect("a run has a passage");
        let end = ranges().map(|range| range.end).max().expect("a run has a passage");
        let found: Vec<usize> = run.iter().filter_map(|at| taken.get(at).copied()).collect();
        let rank = found.iter().copied().min().unwrap_or(usize::MAX);
        let excerpt = Excerpt {
            article: article.key.clone(),
            title: article.title.clone(),
            text: article.text[start..end].to_owned(),
            range: start..end,
            score: found.iter().map(|hit| hits[*hit].score).fold(f32::NEG_INFINITY, f32::max),
            hits: found.into_iter().map(|hit| hits[hit].range.clone()).collect(),
        };
        (rank, excerpt)
    }
}
