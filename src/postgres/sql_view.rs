//! The view of a corpus in PostgreSQL: one snapshot of each shard.
//!
//! Each shard is read in a transaction of its own, which sees one state. There is no snapshot across
//! shards: of articles that are written meanwhile, a search can see some and not others.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard},
};

use super::{
    candidate_row::{CANDIDATE_COLUMNS, CandidateRows, damaged, row_of, shard_of},
    connection::{Connection, Params, ResultRow},
    corpus_change::{CorpusTotals, doc_freqs},
    filter_condition::{AllowedPassages, has_kind},
    schema::Schema,
    shard_set::ShardSet,
    shard_snapshots::{ShardSnapshots, locked},
};
use crate::{
    Filter, IndexPlan, LexicalPlan, Result, Route, ScanReason, SearchEffort,
    embed::PieceRows,
    lexical::{
        CorpusStats, HashedGroups, QueryTerms, TermContribution, WeightedTerms, WordConditions,
        term_hash,
    },
    search::{
        filter::ValueKind,
        language_totals::LanguageTotals,
        late::PieceList,
        query_models::ViewRequest,
        view::{
            ArmRequest, ArticleId, Candidate, Candidates, PassageId, PassagePlace, Question,
            StoredArticle, StoredPassage, View, rank,
        },
    },
    vector,
};

/// Number of passages that are read beyond the `k` closest. The server's distances differ from the
/// similarities of this crate in the last bits, so the passages around the `k`-th place are compared
/// again.
const MARGIN: usize = 8;

/// One state of each shard.
pub(super) struct SqlView<'c> {
    pub(super) schema: &'c Schema,
    pub(super) snapshots: ShardSnapshots<'c>,
    placement: &'c ShardSet,
    totals: CorpusTotals,
    /// Number of passages of each shard.
    pub(super) shard_passages: Vec<usize>,
    by_language: LanguageTotals,
    dim: usize,
    rows: Mutex<CandidateRows>,
}

impl<'c> SqlView<'c> {
    /// Takes a connection to each shard and starts its transaction.
    pub(super) fn open(
        schema: &'c Schema,
        placement: &'c ShardSet,
        dim: usize,
        request: ViewRequest<'c>,
    ) -> Result<Self> {
        let (snapshots, by_shard) = ShardSnapshots::open(placement, request, |connection| {
            CorpusTotals::read(connection, schema, dim)
        })?;
        let none = CorpusTotals::none(dim);
        let mut totals = none.clone();
        by_shard.iter().flatten().try_for_each(|shard| totals.merge(shard))?;
        let by_shard = by_shard.iter().map(|shard| shard.as_ref().unwrap_or(&none));
        let shard_passages = by_shard.map(|shard| to_count(shard.passages));
        Ok(Self {
            schema,
            snapshots,
            placement,
            shard_passages: shard_passages.collect::<Result<_>>()?,
            by_language: totals.by_language()?,
            totals,
            dim,
            rows: Mutex::default(),
        })
    }

    /// Runs `work` on the shard with the article of `key`.
    pub(super) fn on_shard_of<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.snapshots.on(self.placement.shard_of(key), work)
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, CandidateRows> {
        locked(&self.rows)
    }

    /// Adds rows of candidates, and returns their ids by shard.
    pub(super) fn remember(&self, by_shard: &[Vec<ResultRow>]) -> Result<Vec<Vec<PassageId>>> {
        let mut known = self.rows();
        let shards = by_shard.iter().enumerate().map(|(shard, rows)| {
            rows.iter().map(|row| known.insert(shard, row)).collect::<Result<Vec<_>>>()
        });
        shards.collect()
    }

    /// Runs `statement`, in which `{ids}` stands for ids, for those of `ids` that each shard has;
    /// returns the rows by shard.
    pub(super) fn query_by_ids(
        &self,
        statement: &str,
        ids: impl Iterator<Item = PassageId>,
    ) -> Result<Vec<Vec<ResultRow>>> {
        let mut by_shard = vec![Vec::new(); self.snapshots.len()];
        ids.for_each(|id| by_shard[shard_of(id)].push(row_of(id)));
        self.snapshots.on_each(|shard, connection| {
            if by_shard[shard].is_empty() {
                return Ok(Vec::new());
            }
            let mut params = Params::default();
            let ids = params.int8s(by_shard[shard].clone());
            connection.query(&self.schema.sql(&statement.replace("{ids}", &ids)), &params)
        })
    }

    /// Returns whether an article has a value of this name and kind.
    fn holds(&self, name: &str, kind: ValueKind) -> Result<bool> {
        let by_shard = self.snapshots.count_each(|_, connection| {
            let mut params = Params::default();
            let condition = has_kind(name, kind, &mut params);
            let statement = format!("SELECT EXISTS (SELECT FROM {{s}}.articles WHERE {condition})");
            connection.query_value(&self.schema.sql(&statement), &params)
        })?;
        Ok(by_shard.contains(&Some(true)))
    }

    /// Counts the passages of each shard that `allowed` allows.
    fn count(&self, allowed: &AllowedPassages) -> Result<Vec<usize>> {
        if allowed.is_trivial() {
            return Ok(self.shard_passages.clone());
        }
        self.snapshots.count_each(|_, connection| {
            let mut params = Params::default();
            let condition = allowed.condition(&mut params);
            let statement = format!("SELECT count(*) FROM {{s}}.passages WHERE {condition}");
            let count = connection.query_value(&self.schema.sql(&statement), &params)?;
            to_count(count.unwrap_or_default())
        })
    }

    /// Returns the rows of a shard that are closest to `vector`.
    fn closest(
        &self,
        connection: &mut Connection,
        vector: &[f32],
        request: &ArmRequest<'_, AllowedPassages>,
    ) -> Result<Vec<ResultRow>> {
        let mut params = Params::default();
        let question = params.float4s(vector);
        let limit = request.k.saturating_add(MARGIN);
        let limit = params.int8(i64::try_from(limit).unwrap_or(i64::MAX));
        let condition = request.allowed.condition(&mut params);
        let statement = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM {{s}}.passages WHERE {condition} \
             ORDER BY embedding <=> {question}::vector, article, no LIMIT {limit}"
        );
        connection.query(&self.schema.sql(&statement), &params)
    }
}

impl View for SqlView<'_> {
    type Allowed = AllowedPassages;

    fn passages(&self) -> usize {
        self.shard_passages.iter().sum()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn allowed(&self, filter: Option<&Filter>, words: &WordConditions) -> Result<Self::Allowed> {
        let mut allowed = AllowedPassages::new(filter, words)?;
        if let Some(filter) = filter {
            filter.expression().check_types(|name, kind| self.holds(name, kind))?;
        }
        allowed.by_shard = self.count(&allowed)?;
        Ok(allowed)
    }

    fn allowed_passages(&self, allowed: &Self::Allowed) -> usize {
        allowed.by_shard.iter().sum()
    }

    fn corpus_stats(&self, terms: &QueryTerms) -> Result<CorpusStats> {
        let groups = terms.groups().iter();
        let groups = groups.map(|group| group.terms.iter().map(|term| term_hash(term)));
        let groups: Vec<Vec<i64>> = groups.map(Iterator::collect).collect();
        let by_shard = self
            .snapshots
            .count_each(|_, connection| doc_freqs(connection, self.schema, groups.concat()))?;
        let of_term = |term: &i64| by_shard.iter().filter_map(|shard| shard.get(term)).sum::<i64>();
        let of_group = |group: &Vec<i64>| group.iter().map(of_term).sum::<i64>();
        Ok(CorpusStats {
            passages: self.passages() as u64,
            terms: self.totals.words.unsigned_abs(),
            doc_freqs: groups.iter().map(|group| of_group(group).unsigned_abs()).collect(),
        })
    }

    fn language_totals(&self) -> Result<LanguageTotals> {
        Ok(self.by_language.clone())
    }

    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<IndexPlan>> {
        let by_shard = self.snapshots.search_each(request.interrupt, |shard, connection| {
            if request.allowed.by_shard[shard] == 0 {
                return Ok(Vec::new());
            }
            self.closest(connection, vector, request)
        })?;
        let is_complete: Vec<bool> = by_shard.iter().map(Option::is_some).collect();
        let by_shard: Vec<Vec<ResultRow>> =
            by_shard.into_iter().map(Option::unwrap_or_default).collect();
        let by_shard = self.remember(&by_shard)?;
        let found = by_shard.iter().flatten().map(|id| {
            Candidate::dense(*id, vector::similarity(vector, &self.rows().get(*id).vector))
        });
        let found: Vec<Candidate> = found.collect();
        let plans = by_shard.iter().enumerate().map(|(shard, rows)| IndexPlan {
            route: Route::Scan(reason(request.effort)),
            rows: self.shard_passages[shard],
            allowed: request.allowed.by_shard[shard],
            compared: if is_complete[shard] { request.allowed.by_shard[shard] } else { 0 },
            rescored: rows.len(),
            complete: is_complete[shard],
        });
        let plans = plans.collect();
        Ok(Candidates {
            is_exhausted: found.len() < request.k,
            found: rank(self, found, request.k)?,
            plans,
        })
    }

    fn matching(
        &self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<LexicalPlan>> {
        self.best_by_words(&HashedGroups::new(terms), request)
    }

    fn complete(&self, question: &Question<'_>, candidates: &mut [Candidate]) -> Result<()> {
        let groups = HashedGroups::new(question.terms);
        let rows = self.rows();
        for candidate in candidates {
            let row = rows.get(candidate.id);
            let similarity = || vector::similarity(question.vector, &row.vector);
            candidate.similarity.get_or_insert_with(similarity);
            candidate.bm25.get_or_insert_with(|| row.bm25(&groups));
            candidate.language = row.language;
            candidate.is_noise = row.is_noise;
        }
        Ok(())
    }

    fn pieces(&self, ids: &[PassageId]) -> Result<Vec<PieceList>> {
        let model_rows = PieceRows::bundled()?.len();
        let rows = self.rows();
        let pieces = |id: &PassageId| {
            let list = PieceList::from_bytes(&rows.get(*id).pieces, model_rows);
            list.ok_or_else(|| damaged("the pieces of a passage are invalid"))
        };
        ids.iter().map(pieces).collect()
    }

    fn places(&self, ids: &[PassageId]) -> Result<Vec<PassagePlace<'_>>> {
        let rows = self.rows();
        let place = |id: &PassageId| {
            let row = rows.get(*id);
            PassagePlace { key: Cow::Owned(row.key.clone()), number: row.number }
        };
        Ok(ids.iter().map(place).collect())
    }

    fn articles(&self, ids: &[PassageId]) -> Result<Vec<ArticleId>> {
        let rows = self.rows();
        Ok(ids.iter().map(|id| rows.article(*id)).collect())
    }

    fn vectors(&self, ids: &[PassageId]) -> Result<Vec<Cow<'_, [f32]>>> {
        let rows = self.rows();
        Ok(ids.iter().map(|id| Cow::Owned(rows.get(*id).vector.clone())).collect())
    }

    fn read(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        self.read_passages(ids)
    }

    fn contributions(
        &self,
        terms: &WeightedTerms,
        ids: &[PassageId],
    ) -> Result<Vec<Vec<TermContribution>>> {
        let groups = HashedGroups::new(terms);
        let rows = self.rows();
        Ok(ids.iter().map(|id| rows.get(*id).contributions(&groups)).collect())
    }

    fn article(&self, key: &str) -> Result<Option<StoredArticle>> {
        self.read_article(key)
    }

    fn article_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'_, [f32]>>>> {
        self.read_vectors(key)
    }
}

/// Returns the reason for an exact search.
fn reason(effort: SearchEffort) -> ScanReason {
    if effort == SearchEffort::Exact { ScanReason::Requested } else { ScanReason::NoGraph }
}

/// Returns a count that a shard stores.
fn to_count(count: i64) -> Result<usize> {
    usize::try_from(count).map_err(|_| damaged("a count is negative"))
}
