//! The search by words: reads the rows that hold a rare word of the question, and scores them as the
//! local store does.

use super::{
    candidate_row::{CANDIDATE_COLUMNS, passage_id},
    connection::{Connection, Params, ResultRow},
    filter_condition::AllowedPassages,
    row_words::RowWords,
    sql_view::SqlView,
};
use crate::{
    LexicalPlan, Result,
    lexical::{HashedGroups, ReadRows},
    search::view::{ArmRequest, Candidate, Candidates, PassageId, PassagePlace, rank},
};

/// A row with its BM25 and its place.
struct ScoredRow {
    id: PassageId,
    score: f32,
    place: PassagePlace<'static>,
}

/// The rows that one statement reads: those with a term of the first groups, but none of groups that
/// were read before.
struct RowSelection<'g> {
    groups: &'g HashedGroups<'g>,
    /// Number of groups whose rows are known.
    read: usize,
    /// Number of groups whose rows are read.
    end: usize,
}

impl SqlView<'_> {
    /// Finds the passages with the highest BM25.
    ///
    /// Rows with terms of the rarest groups are read first. Common words are read only if rows with
    /// these alone can be among the best.
    pub(super) fn best_by_words(
        &self,
        groups: &HashedGroups,
        request: &ArmRequest<'_, AllowedPassages>,
    ) -> Result<Candidates<LexicalPlan>> {
        let mut best: Vec<ScoredRow> = Vec::new();
        let mut scored = vec![0; self.snapshots.len()];
        let mut read = 0;
        let is_complete = loop {
            let kth_score = request.k.checked_sub(1).and_then(|last| best.get(last));
            let rows = ReadRows { scored: best.len(), kth_score: kth_score.map(|row| row.score) };
            let end = groups.essential(read, rows, request.k);
            if end == read {
                break true;
            }
            let selection = RowSelection { groups, read, end };
            let by_shard = self.snapshots.search_each(request.interrupt, |shard, connection| {
                self.scored_rows(connection, shard, &selection, request.allowed)
            })?;
            let is_interrupted = by_shard.iter().any(Option::is_none);
            for (scored, rows) in scored.iter_mut().zip(&by_shard) {
                *scored += rows.as_ref().map_or(0, Vec::len);
            }
            best.extend(by_shard.into_iter().flatten().flatten());
            best.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.place.cmp(&b.place)));
            if is_interrupted {
                break false;
            }
            read = end;
        };
        let is_exhausted = best.len() < request.k;
        best.truncate(request.k);
        self.read_candidates(&best)?;
        let found = best.iter().map(|row| Candidate::lexical(row.id, row.score)).collect();
        let plans = self.statistics.shard_passages.iter().zip(scored).map(|(passages, scored)| {
            LexicalPlan { passages: *passages, words: groups.len(), scored, complete: is_complete }
        });
        Ok(Candidates {
            found: rank(self, found, request.k)?,
            is_exhausted,
            plans: plans.collect(),
        })
    }

    /// Reads and scores the rows of a shard.
    fn scored_rows(
        &self,
        connection: &mut Connection,
        shard: usize,
        selection: &RowSelection,
        allowed: &AllowedPassages,
    ) -> Result<Vec<ScoredRow>> {
        let mut params = Params::default();
        let statement = selection.statement(allowed, &mut params);
        let mut rows = Vec::new();
        connection.for_each(&self.schema.sql(&statement), &params, |row| {
            let scored = selection.score(shard, &row)?;
            // Rounding can make the score of a common word 0.
            rows.extend((scored.score > 0.0).then_some(scored));
            Ok(())
        })?;
        Ok(rows)
    }

    /// Reads the rows of `best` that are not known.
    fn read_candidates(&self, best: &[ScoredRow]) -> Result<()> {
        let statement =
            format!("SELECT {CANDIDATE_COLUMNS} FROM {{s}}.passages WHERE id = ANY({{ids}})");
        let ids = best.iter().map(|row| row.id);
        let missing = ids.filter(|id| !self.rows().contains(*id));
        let by_shard = self.query_by_ids(&statement, missing)?;
        let mut shards = by_shard.iter().enumerate();
        shards.try_for_each(|(shard, rows)| self.remember(shard, rows).map(drop))
    }
}

impl RowSelection<'_> {
    /// Returns the statement that reads the rows that `allowed` allows. Finding the terms of the
    /// question in a row costs the server more than sending all of them.
    fn statement<'p>(&self, allowed: &'p AllowedPassages, params: &mut Params<'p>) -> String {
        let new = params.int8s(self.groups.hashes(self.read..self.end));
        let known = params.int8s(self.groups.hashes(0..self.read));
        let condition = allowed.condition(params);
        format!(
            "SELECT id, article, no, {} FROM {{s}}.passages WHERE terms && {new} AND NOT terms && {known} AND {condition}",
            RowWords::COLUMNS
        )
    }

    fn score(&self, shard: usize, row: &ResultRow) -> Result<ScoredRow> {
        let number: i32 = row.get(2)?;
        let key: String = row.get(1)?;
        Ok(ScoredRow {
            id: passage_id(shard, row.get(0)?)?,
            score: RowWords::decode(row, 3)?.bm25(self.groups),
            place: PassagePlace { key: key.into(), number: number.unsigned_abs() },
        })
    }
}
