//! The view of a local corpus: a search over all of its segments.

use std::{borrow::Cow, sync::Arc};

use super::segment::{LiveSegment, find_article};
use crate::{
    Error, Filter, IndexPlan, LexicalPlan, Result, RowSet, SearchParams,
    embed::PieceRows,
    lexical::{CorpusStats, QueryTerms, TermContribution, WeightedTerms, WordConditions},
    search::{
        filter::{Instant, ValueKind},
        language_totals::LanguageTotals,
        late::PieceList,
        match_count::MatchCount,
        value_counts::merge_counts,
        view::{
            ArmRequest, ArticleId, ArticlesByValue, Candidate, Candidates, Matching, PassageId,
            PassagePlace, Question, StoredArticle, StoredPassage, View, rank,
        },
    },
    vector::{self, FilterShare},
};

/// The segments of one generation; rows of all segments have the dimension `dim`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalView<'s> {
    pub(crate) segments: &'s [LiveSegment],
    pub(crate) dim: usize,
}

/// Rows of one segment that a filter allows; `None` allows all rows.
type AllowedRows = Option<Arc<RowSet>>;

/// A row with the position of its segment.
#[derive(Clone, Copy)]
struct SegmentRow {
    segment: u32,
    row: u32,
}

impl From<SegmentRow> for PassageId {
    fn from(SegmentRow { segment, row }: SegmentRow) -> Self {
        Self((u64::from(segment) << u32::BITS) | u64::from(row))
    }
}

impl From<PassageId> for SegmentRow {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the id")]
    fn from(PassageId(id): PassageId) -> Self {
        Self { segment: (id >> u32::BITS) as u32, row: id as u32 }
    }
}

impl<'s> LocalView<'s> {
    /// Returns the segment of a passage, and its row there.
    fn locate(&self, id: PassageId) -> (&'s LiveSegment, u32) {
        let SegmentRow { segment, row } = id.into();
        (&self.segments[segment as usize], row)
    }

    /// Returns the live article with this key as its segment and its number there.
    fn find(&self, key: &str) -> Result<Option<(&'s LiveSegment, u32)>> {
        let place = find_article(self.segments, key)?;
        Ok(place.map(|place| (&self.segments[place.segment], place.number)))
    }

    /// Returns the live articles that `filter` matches, by segment.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if it is invalid or has a closure, [`Error::FilterType`] if no article has
    /// values of the kind that it compares with, [`Error::Corrupt`] if a segment is damaged.
    pub(crate) fn matching_articles(&self, filter: &Filter) -> Result<Vec<RowSet>> {
        filter.check_for_articles()?;
        self.check_kinds(filter)?;
        self.segments.iter().map(|segment| segment.matching_articles(filter)).collect()
    }

    /// Returns an error if a name has stored values, but none of the kind that `filter` compares.
    fn check_kinds(&self, filter: &Filter) -> Result<()> {
        let checked = filter.expression().check_types(|name, kind| self.holds(name, kind));
        if let Err(Error::FilterType { .. }) = checked {
            // A damaged segment could hold the missing kind: report the damage instead.
            self.segments.iter().try_for_each(LiveSegment::check_heads)?;
        }
        checked
    }

    /// Returns whether a live article has a value of this name and kind.
    fn holds(&self, name: &str, kind: ValueKind) -> Result<bool> {
        for segment in self.segments {
            if segment.holds(name, kind)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ranks the `k` best of what all segments found.
    fn ranked<P>(&self, found: Vec<Candidate>, plans: Vec<P>, k: usize) -> Result<Candidates<P>> {
        let is_exhausted = found.len() < k;
        Ok(Candidates { found: rank(self, found, k)?, is_exhausted, plans })
    }
}

impl View for LocalView<'_> {
    /// By segment.
    type Allowed = Vec<AllowedRows>;

    fn passages(&self) -> usize {
        self.segments.iter().map(LiveSegment::passages).sum()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn allowed(&self, filter: Option<&Filter>, words: &WordConditions) -> Result<Self::Allowed> {
        if let Some(filter) = filter {
            self.check_kinds(filter)?;
        }
        let allowed = |segment: &LiveSegment| {
            let allowed = segment.allowed_by(filter)?;
            if words.is_empty() { Ok(allowed) } else { segment.meeting(words, allowed).map(Some) }
        };
        self.segments.iter().map(allowed).collect()
    }

    fn check_types(&self, filter: &Filter) -> Result<()> {
        self.check_kinds(filter)
    }

    fn allowed_passages(&self, allowed: &Self::Allowed) -> usize {
        let by_segment = self.segments.iter().zip(allowed);
        let passages = by_segment.map(|(segment, allowed)| {
            allowed.as_ref().map_or_else(|| segment.passages(), |rows| rows.len())
        });
        passages.sum()
    }

    fn corpus_stats(&self, terms: &QueryTerms) -> Result<CorpusStats> {
        let indexes = self.segments.iter().map(LiveSegment::live_lexical);
        Ok(CorpusStats::gather(terms, indexes.collect::<Result<Vec<_>>>()?))
    }

    fn language_totals(&self) -> Result<LanguageTotals> {
        let mut totals = LanguageTotals::empty(self.dim);
        for segment in self.segments {
            totals.merge(segment.language_totals()?);
        }
        Ok(totals)
    }

    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<IndexPlan>> {
        let params = SearchParams {
            k: request.k,
            effort: request.effort,
            deadline: request.interrupt.deadline(),
            cancel: request.interrupt.cancel(),
            ..SearchParams::default()
        };
        let share = FilterShare::of(self.allowed_passages(request.allowed), self.passages());
        let mut found = Vec::new();
        let mut plans = Vec::with_capacity(self.segments.len());
        for ((position, segment), allowed) in (0..).zip(self.segments).zip(request.allowed) {
            let closest = segment.closest(vector, &params, allowed.as_deref(), share)?;
            let neighbors = closest.neighbors.into_iter();
            found.extend(neighbors.map(|neighbor| {
                let id = SegmentRow { segment: position, row: neighbor.row }.into();
                Candidate::dense(id, neighbor.similarity)
            }));
            plans.push(closest.plan);
        }
        self.ranked(found, plans, request.k)
    }

    fn matching(
        &self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<LexicalPlan>> {
        let mut found = Vec::new();
        let mut plans = Vec::with_capacity(self.segments.len());
        for ((position, segment), allowed) in (0..).zip(self.segments).zip(request.allowed) {
            let lexical = segment.lexical()?;
            let stop = || request.interrupt.is_due();
            let best = lexical.best(terms, request.k, allowed.as_deref(), stop);
            found.extend(best.rows.into_iter().map(|ranked| {
                Candidate::lexical(
                    SegmentRow { segment: position, row: ranked.row }.into(),
                    ranked.score,
                )
            }));
            plans.push(best.plan);
        }
        self.ranked(found, plans, request.k)
    }

    fn complete(&self, question: &Question<'_>, candidates: &mut [Candidate]) -> Result<()> {
        let position = |candidate: &Candidate| SegmentRow::from(candidate.id).segment;
        for of_segment in candidates.chunk_by_mut(|a, b| position(a) == position(b)) {
            let segment = &self.segments[position(&of_segment[0]) as usize];
            complete_in(segment, question, of_segment)?;
        }
        Ok(())
    }

    fn pieces(&self, ids: &[PassageId]) -> Result<Vec<PieceList>> {
        let rows = PieceRows::bundled()?;
        let pieces = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            segment.sealed().pieces(row, &rows)
        };
        ids.iter().map(pieces).collect()
    }

    fn places(&self, ids: &[PassageId]) -> Result<Vec<PassagePlace<'_>>> {
        let place = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            segment.sealed().place(row)
        };
        ids.iter().map(place).collect()
    }

    fn articles(&self, ids: &[PassageId]) -> Result<Vec<ArticleId>> {
        let article = |id: &PassageId| {
            let SegmentRow { segment, row } = (*id).into();
            // An article has no row of its own, but its number identifies it in the same way.
            let row = self.segments[segment as usize].sealed().article_of(row)?;
            let PassageId(article) = SegmentRow { segment, row }.into();
            Ok(ArticleId(article))
        };
        ids.iter().map(article).collect()
    }

    fn latest_times(&self, name: &str, ids: &[PassageId]) -> Result<Vec<Option<Instant>>> {
        let latest = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            segment.sealed().latest_time(name, row)
        };
        ids.iter().map(latest).collect()
    }

    fn vectors(&self, ids: &[PassageId]) -> Result<Vec<Cow<'_, [f32]>>> {
        let vector = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            segment.vector(row).map(Cow::Borrowed)
        };
        ids.iter().map(vector).collect()
    }

    fn read(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        let read = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            segment.sealed().read(row)
        };
        ids.iter().map(read).collect()
    }

    fn contributions(
        &self,
        terms: &WeightedTerms,
        ids: &[PassageId],
    ) -> Result<Vec<Vec<TermContribution>>> {
        let of_passage = |id: &PassageId| {
            let (segment, row) = self.locate(*id);
            Ok(segment.lexical()?.explain(terms, row))
        };
        ids.iter().map(of_passage).collect()
    }

    fn count(&self, matching: &Matching<'_, Self::Allowed>) -> Result<MatchCount> {
        let mut count = MatchCount::default();
        for (segment, allowed) in self.segments.iter().zip(matching.allowed) {
            matching.interrupt.check()?;
            let rows = segment.matching_rows(allowed.as_deref(), matching.question)?;
            count.passages += rows.len();
            count.articles += segment.articles_of(&rows)?.len();
        }
        Ok(count)
    }

    fn count_values(
        &self,
        name: &str,
        matching: &Matching<'_, Self::Allowed>,
    ) -> Result<ArticlesByValue<'_>> {
        let mut counted = ArticlesByValue::default();
        for (segment, allowed) in self.segments.iter().zip(matching.allowed) {
            matching.interrupt.check()?;
            let rows = segment.matching_rows(allowed.as_deref(), matching.question)?;
            segment.add_values(name, &segment.articles_of(&rows)?, &mut counted)?;
        }
        counted.values = merge_counts(counted.values);
        Ok(counted)
    }

    fn article(&self, key: &str) -> Result<Option<StoredArticle>> {
        let Some((segment, number)) = self.find(key)? else { return Ok(None) };
        let article = segment.sealed().article(number)?;
        let passages = segment.sealed().passages_of(number, &article)?;
        Ok(Some(StoredArticle { article, passages }))
    }

    fn article_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'_, [f32]>>>> {
        let Some((segment, number)) = self.find(key)? else { return Ok(None) };
        let rows = segment.sealed().rows_of(number)?;
        rows.map(|row| segment.vector(row).map(Cow::Borrowed)).collect::<Result<_>>().map(Some)
    }
}

/// Completes `candidates`, which are in `segment` and ascend.
fn complete_in(
    segment: &LiveSegment,
    question: &Question,
    candidates: &mut [Candidate],
) -> Result<()> {
    let row = |candidate: &Candidate| SegmentRow::from(candidate.id).row;
    let lexical = segment.lexical()?;
    let unscored = candidates.iter().filter(|candidate| candidate.bm25.is_none());
    let rows: Vec<u32> = unscored.map(row).collect();
    let mut bm25s = lexical.scores(question.terms, &rows).into_iter();
    for candidate in candidates {
        let row = row(candidate);
        if candidate.similarity.is_none() {
            let vector = segment.vector(row)?;
            candidate.similarity = Some(vector::similarity(question.vector, vector));
        }
        if candidate.bm25.is_none() {
            candidate.bm25 = Some(bm25s.next().expect("each unscored candidate has a score"));
        }
        candidate.language = lexical.language(row);
        candidate.is_noise = lexical.is_noise(row);
    }
    Ok(())
}
