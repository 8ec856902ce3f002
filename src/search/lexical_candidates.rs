//! The arm of words: BM25 over all segments, with the statistics of the whole corpus.

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

/// The words of a question, and what they are worth in a corpus.
pub(super) struct Words {
    terms: QueryTerms,
    statistics: Statistics,
}

/// Where in the text of `hit` the words of `query` are, stop words apart.
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

impl Words {
    /// Those of `question` in the corpus that `parts` are; what removed passages say does not
    /// count.
    pub(super) fn of(parts: &[SegmentView], question: &str) -> Result<Self> {
        let terms = QueryTerms::of(question, &mut Analyzer::new()?);
        let indexes = parts.iter().map(|(segment, _)| segment.live_lexical());
        let statistics = Statistics::gather(&terms, indexes.collect::<Result<Vec<_>>>()?);
        Ok(Self { terms, statistics })
    }

    /// The `params.k` passages whose words fit best.
    pub(super) fn best(
        &self,
        parts: &[SegmentView],
        params: &SearchParams,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let Self { terms, statistics } = self;
        let (start, mut found) = (Instant::now(), Vec::new());
        plan.lexical.clear();
        for (part, (segment, allowed)) in (0..).zip(parts) {
            let (lexical, allowed) = (segment.lexical()?, allowed.as_deref());
            let best =
                lexical.best(terms, statistics, params.k, allowed, || params.is_interrupted());
            let scored = best.rows.into_iter().map(|(row, bm25)| Scored::lexical(row, bm25));
            found.extend(scored.map(|scored| Candidate { part, scored }));
            plan.lexical.push(best.plan);
        }
        plan.timings.lexical += start.elapsed();
        Ok(Ranking::of(found, params.k).numbered(|ranks| &mut ranks.lexical))
    }

    /// BM25 of `rows` of `segment`, which are in ascending order.
    pub(super) fn scores(&self, segment: &LiveSegment, rows: &[u32]) -> Result<Vec<f32>> {
        Ok(segment.lexical()?.scores(&self.terms, &self.statistics, rows))
    }

    /// The highest BM25 that the question allows.
    pub(super) fn most(&self) -> f32 {
        self.statistics.max_bm25()
    }

    /// What each word adds to the BM25 of `row` of `segment`.
    pub(super) fn explain(&self, segment: &LiveSegment, row: u32) -> Result<Vec<WordShare>> {
        let shares = segment.lexical()?.explain(&self.terms, &self.statistics, row);
        let share_of = |one: TermContribution| WordShare {
            place: one.place,
            terms: one.terms.iter().map(|term| shown(term).to_owned()).collect(),
            weight: one.weight,
            passages: one.doc_freq,
            idf: one.idf,
            times: one.tf,
            share: one.contribution,
        };
        Ok(shares.into_iter().map(share_of).collect())
    }
}
