//! The view of a corpus in PostgreSQL: one snapshot of each shard.
//!
//! Each shard is read in a transaction of its own, which sees one state. There is no snapshot across
//! shards: of articles that are written meanwhile, a search can see some and not others.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    CorpusParts,
    candidate_row::{CandidateRows, damaged, row_of, shard_of},
    connection::{Connection, Params, ResultRow},
    corpus_change::doc_freqs,
    corpus_settings::CorpusRules,
    dense_arm::most_compared,
    filter_condition::{AllowedPassages, some_article_has},
    schema::Schema,
    shard_set::ShardSet,
    shard_snapshots::{ShardSnapshots, locked},
    shard_state::ShardState,
    shared_statistics::Statistics,
};
use crate::{
    Filter, IndexPlan, LexicalPlan, Result,
    embed::PieceRows,
    lexical::{
        CorpusStats, HashedGroups, QueryTerms, TermContribution, WeightedTerms, WordConditions,
        term_hash,
    },
    search::{
        filter::{Instant, ValueKind},
        language_totals::LanguageTotals,
        late::PieceList,
        match_count::MatchCount,
        query_models::ViewRequest,
        view::{
            ArmRequest, ArticleId, ArticlesByValue, Candidate, Candidates, Matching, PassageId,
            PassagePlace, Question, StoredArticle, StoredPassage, View,
        },
    },
    vector,
};

/// One state of each shard.
pub(super) struct SqlView<'c> {
    pub(super) schema: &'c Schema,
    pub(super) snapshots: ShardSnapshots<'c>,
    placement: &'c ShardSet,
    pub(super) statistics: Arc<Statistics>,
    dim: usize,
    rows: Mutex<CandidateRows>,
}

impl<'c> SqlView<'c> {
    /// Takes a connection to each shard and starts its transaction.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusSettings`](crate::Error::CorpusSettings) if the words of a shard were analyzed by
    /// other rules.
    pub(super) fn open(corpus: &'c CorpusParts, request: ViewRequest<'c>) -> Result<Self> {
        let CorpusParts { schema, shards, embedder, rules, statistics, .. } = corpus;
        let dim = embedder.dim();
        // Those of all shards are no statistics of a part.
        let current = if request.is_partial { None } else { statistics.current() };
        let writes = statistics.writes();
        let (snapshots, states) = ShardSnapshots::open(shards, request, |connection| {
            if current.is_some() {
                rules.check(CorpusRules::stored(connection, schema)?)?;
                return Ok(None);
            }
            let state = ShardState::read(connection, schema, dim)?;
            rules.check(state.rules).map(|()| Some(state))
        })?;
        let statistics = if let Some(current) = current {
            current
        } else {
            let states: Vec<Option<ShardState>> = states.into_iter().map(Option::flatten).collect();
            let read = Arc::new(Statistics::new(&states, dim)?);
            if snapshots.missing().is_empty() {
                statistics.keep(&read, writes);
            }
            read
        };
        Ok(Self { schema, snapshots, placement: shards, statistics, dim, rows: Mutex::default() })
    }

    /// Runs `work` on the shard with the article of `key`.
    pub(super) fn on_shard_of<T>(
        &self,
        key: &str,
        work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.snapshots.on(self.placement.shard_of(key), work)
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, CandidateRows> {
        locked(&self.rows)
    }

    /// Adds rows of candidates of `shard`, and returns their ids.
    pub(super) fn remember(&self, shard: usize, rows: &[ResultRow]) -> Result<Vec<PassageId>> {
        let mut known = self.rows();
        rows.iter().map(|row| known.insert(shard, row)).collect()
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

    /// Checks that the values that `filter` compares are of the stored kinds, by one statement a shard
    /// if they are.
    pub(super) fn check_kinds(&self, filter: &Filter) -> Result<()> {
        let mut asked = BTreeSet::new();
        filter.expression().asked(&mut |name, kind| {
            asked.insert((name.to_owned(), kind));
            Ok(())
        })?;
        let held = self.held(&asked)?;
        filter.expression().check_types(|name, kind| {
            let value = (name.to_owned(), kind);
            let is_held = held.contains(&value);
            Ok(is_held || !asked.contains(&value) && !self.held(&[value].into())?.is_empty())
        })
    }

    /// Returns those names and kinds of which some article has a value.
    fn held(
        &self,
        values: &BTreeSet<(String, ValueKind)>,
    ) -> Result<BTreeSet<(String, ValueKind)>> {
        if values.is_empty() {
            return Ok(BTreeSet::new());
        }
        let by_shard = self.snapshots.count_each(|_, connection| {
            let mut params = Params::default();
            let conditions =
                values.iter().map(|(name, kind)| some_article_has(name, *kind, &mut params));
            let conditions = conditions.collect::<Vec<_>>().join(", ");
            let statement = format!("SELECT ARRAY[{conditions}]");
            let held: Option<Vec<bool>> =
                connection.query_value(&self.schema.sql(&statement), &params)?;
            Ok(held.unwrap_or_default())
        })?;
        let held = by_shard.into_iter().flat_map(|held| values.iter().zip(held));
        Ok(held.filter(|(_, is_held)| *is_held).map(|(value, _)| value.clone()).collect())
    }

    /// Counts the passages of each shard that `allowed` allows. Where there is a graph, the count ends
    /// at the first number that selects the graph.
    fn count(&self, allowed: &AllowedPassages) -> Result<Vec<usize>> {
        if allowed.is_trivial() {
            return Ok(self.statistics.shard_passages.clone());
        }
        self.snapshots.count_each(|shard, connection| {
            let mut params = Params::default();
            let condition = allowed.condition(&mut params);
            let Statistics { shard_passages, has_graph, .. } = &*self.statistics;
            let passages = shard_passages[shard];
            let most = if has_graph[shard] { most_compared(passages) + 1 } else { passages };
            let most = params.int8(i64::try_from(most).unwrap_or(i64::MAX));
            let statement = format!(
                "SELECT count(*) FROM (SELECT FROM {{s}}.passages WHERE {condition} LIMIT {most}) c"
            );
            let count = connection.query_value(&self.schema.sql(&statement), &params)?;
            to_count(count.unwrap_or_default())
        })
    }
}

impl View for SqlView<'_> {
    type Allowed = AllowedPassages;

    fn passages(&self) -> usize {
        self.statistics.shard_passages.iter().sum()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn allowed(&self, filter: Option<&Filter>, words: &WordConditions) -> Result<Self::Allowed> {
        let mut allowed = AllowedPassages::new(filter, words)?;
        if let Some(filter) = filter {
            self.check_kinds(filter)?;
        }
        allowed.by_shard = self.count(&allowed)?;
        Ok(allowed)
    }

    fn check_types(&self, filter: &Filter) -> Result<()> {
        self.check_kinds(filter)
    }

    fn allowed_passages(&self, allowed: &Self::Allowed) -> usize {
        allowed.by_shard.iter().sum()
    }

    fn corpus_stats(&self, terms: &QueryTerms) -> Result<CorpusStats> {
        let groups = terms.groups().iter();
        let groups = groups.map(|group| group.terms.iter().map(|term| term_hash(term)));
        let groups: Vec<Vec<i64>> = groups.map(Iterator::collect).collect();
        let doc_freqs = self.statistics.doc_freqs(&groups, |unread| {
            let read =
                |connection: &mut Connection| doc_freqs(connection, self.schema, unread.to_vec());
            self.snapshots.count_each(|_, connection| read(connection))
        })?;
        Ok(CorpusStats {
            passages: self.passages() as u64,
            terms: self.statistics.words,
            doc_freqs: doc_freqs.into_iter().map(i64::unsigned_abs).collect(),
        })
    }

    fn language_totals(&self) -> Result<LanguageTotals> {
        Ok(self.statistics.by_language.clone())
    }

    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, Self::Allowed>,
    ) -> Result<Candidates<IndexPlan>> {
        self.closest(vector, request)
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
            candidate.bm25.get_or_insert_with(|| row.words.bm25(&groups));
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

    fn latest_times(&self, name: &str, ids: &[PassageId]) -> Result<Vec<Option<Instant>>> {
        self.latest_times_of(name, ids)
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
        Ok(ids.iter().map(|id| rows.get(*id).words.contributions(&groups)).collect())
    }

    fn count(&self, matching: &Matching<'_, Self::Allowed>) -> Result<MatchCount> {
        self.count_matching(matching)
    }

    fn count_values(
        &self,
        name: &str,
        matching: &Matching<'_, Self::Allowed>,
    ) -> Result<ArticlesByValue<'_>> {
        self.count_by_value(name, matching)
    }

    fn article(&self, key: &str) -> Result<Option<StoredArticle>> {
        self.read_article(key)
    }

    fn article_vectors(&self, key: &str) -> Result<Option<Vec<Cow<'_, [f32]>>>> {
        self.read_vectors(key)
    }
}

/// Returns a count that a shard stores.
pub(super) fn to_count(count: i64) -> Result<usize> {
    usize::try_from(count).map_err(|_| damaged("a count is negative"))
}
