//! The lexical arm: BM25 over all segments, with the statistics of the whole corpus.

use std::{ops::Range, time::Instant};

use super::{
    candidates::{Candidate, Ranking, SegmentView},
    fusion::Scored,
};
use crate::{
    Hit, Query, QueryPlan, Result, SearchParams, WordShare,
    lexical::{Analyzer, QueryTerms, Statistics, TermContribution, shown},
    store::segment::LiveSegment,
};

/// The terms of a question with their statistics in the corpus.
pub(super) struct LexicalQuery {
    terms: QueryTerms,
    statistics: Statistics,
}

/// Returns the byte ranges in the text of `hit` of the words of `query`, without stop words.
pub(crate) fn words_in(hit: &Hit, query: &Query) -> Result<Vec<Range<usize>>> {
    let mut analyzer = Analyzer::new()?;
    let terms = QueryTerms::of(&query.text, &mut analyzer);
    let mut places: Vec<Range<usize>> = Vec::new();
    analyzer.terms(&hit.text, hit.language, |term, place, _| {
        if terms.contains_content_term(term) && places.last() != Some(&place) {
            places.push(place);
        }
    });
    Ok(places)
}

impl LexicalQuery {
    /// Analyzes `question` and gathers statistics over the live passages of `segments`.
    pub(super) fn new(segments: &[SegmentView], question: &str) -> Result<Self> {
        let terms = QueryTerms::of(question, &mut Analyzer::new()?);
        let indexes = segments.iter().map(|view| view.segment.live_lexical());
        let statistics = Statistics::gather(&terms, indexes.collect::<Result<Vec<_>>>()?);
        Ok(Self { terms, statistics })
    }

    /// Ranks the `params.k` passages with the highest BM25.
    pub(super) fn candidates(
        &self,
        segments: &[SegmentView],
        params: &SearchParams,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let Self { terms, statistics } = self;
        let start = Instant::now();
        let mut found = Vec::new();
        plan.lexical.clear();
        for (part, view) in (0..).zip(segments) {
            let lexical = view.segment.lexical()?;
            let allowed = view.allowed.as_deref();
            let best =
                lexical.best(terms, statistics, params.k, allowed, || params.is_interrupted());
            let scored = best.rows.into_iter().map(|best| Scored::lexical(best.row, best.score));
            found.extend(scored.map(|scored| Candidate { part, scored }));
            plan.lexical.push(best.plan);
        }
        plan.timings.lexical += start.elapsed();
        Ok(Ranking::of(found, params.k).assign_ranks(|ranks| &mut ranks.lexical))
    }

    /// Returns the BM25 of `rows` of `segment`; `rows` ascend.
    pub(super) fn scores(&self, segment: &LiveSegment, rows: &[u32]) -> Result<Vec<f32>> {
        Ok(segment.lexical()?.scores(&self.terms, &self.statistics, rows))
    }

    /// Returns the limit of BM25 for this question.
    pub(super) fn max_bm25(&self) -> f32 {
        self.statistics.max_bm25()
    }

    /// Returns the contribution of each word to the BM25 of `row` of `segment`.
    pub(super) fn explain(&self, segment: &LiveSegment, row: u32) -> Result<Vec<WordShare>> {
        let shares = segment.lexical()?.explain(&self.terms, &self.statistics, row);
        let share_of = |one: TermContribution| WordShare {
            place: one.place,
            terms: one.terms.iter().map(|term| shown(term).to_owned()).collect(),
            weight: one.weight,
            passages: one.doc_freq,
            idf: one.idf,
            times: one.tf,
            contribution: one.contribution,
        };
        Ok(shares.into_iter().map(share_of).collect())
    }
}
