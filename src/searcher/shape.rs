//! From rankings to hits: as many as are wanted of what a query lets through.

use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::{
    Error, Filter, Hits, Mode, Query, Result, SearchParams, Searcher,
    filter::Kind,
    searcher::arms::{self, Part, Placed, Ranking},
    segment::LiveSegment,
};

/// How many times more passages are looked at when too many of one article were among them.
const MORE: usize = 4;

impl Searcher {
    /// The best passages of all segments, as many as are wanted, or to be reranked; `vector` is
    /// that of the question, if vectors are compared.
    pub(super) fn found(
        &self,
        vector: Option<&[f32]>,
        query: &Query,
        deadline: Option<Instant>,
    ) -> Result<Hits> {
        let wanted = query.k.max(query.rerank.unwrap_or_default());
        let filter = query.filter.as_ref();
        filter.map_or(Ok(()), |filter| self.check_types(filter))?;
        let segments = self.snapshot.segments.iter();
        let parts = segments.map(|one| Ok((one, one.allowed_by(filter)?)));
        let parts: Vec<Part> = parts.collect::<Result<_>>()?;
        let vector = vector.unwrap_or_default();
        let (effort, cancel) = (query.effort, query.cancel.as_ref());
        let mut params =
            SearchParams { k: wanted, effort, deadline, cancel, ..SearchParams::default() };
        loop {
            let Ranking { mut found, all, plans } = ranked(&parts, vector, query, &params)?;
            if let Some(most) = query.per_article {
                keep_of_each_article(&mut found, most, &parts);
            }
            found.truncate(wanted);
            if found.len() < wanted && !all && !params.ended() {
                params.k = params.k.saturating_mul(MORE);
                continue;
            }
            let hits = found.into_iter().map(|one| parts[one.part as usize].0.hit(one.scored));
            // Vectors and their plans tell themselves whether all were looked at.
            let ended = query.mode != Mode::Dense && params.ended();
            return Ok(Hits { found: hits.collect::<Result<_>>()?, plans, ended });
        }
    }

    /// Refuses a filter that asks for values of a kind that none of the corpus has, where it has
    /// others of that name.
    fn check_types(&self, filter: &Filter) -> Result<()> {
        let holds = |name: &str, kind| {
            let mut segments = self.snapshot.segments.iter();
            segments.try_fold(false, |held, segment| Ok(held || segment.holds(name, kind)?))
        };
        filter.expression().asked(&mut |name, asked| {
            if holds(name, asked)? {
                return Ok(());
            }
            let mut stored = Vec::new();
            for kind in Kind::ALL {
                if holds(name, kind)? {
                    stored.push(kind.plural());
                }
            }
            if stored.is_empty() {
                return Ok(());
            }
            // What is damaged may be what was asked for.
            self.snapshot.segments.iter().try_for_each(LiveSegment::check_heads)?;
            let (name, asked) = (name.to_owned(), asked.plural());
            Err(Error::FilterType { name, asked, stored })
        })
    }
}

/// The `params.k` best passages, by the mode of `query`.
fn ranked(parts: &[Part], vector: &[f32], query: &Query, params: &SearchParams) -> Result<Ranking> {
    let least = query.min_similarity.unwrap_or(f32::NEG_INFINITY);
    match query.mode {
        Mode::Dense => arms::closest(parts, vector, params, least),
        #[cfg(feature = "lexical")]
        Mode::Lexical => arms::by_words(parts, &query.text, params),
        #[cfg(feature = "lexical")]
        Mode::Hybrid => arms::by_both(parts, vector, &query.text, params, least),
    }
}

/// Keeps the `most` best passages of each article.
fn keep_of_each_article(found: &mut Vec<Placed>, most: usize, parts: &[Part]) {
    let mut kept: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    found.retain(|one| {
        let article = parts[one.part as usize].0.article_of(one.scored.row);
        let kept = kept.entry((one.part, article)).or_default();
        *kept += 1;
        *kept <= most
    });
}
