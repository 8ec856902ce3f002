//! The JSON form of a query.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::{Mode, Query};
use crate::{
    Error, Recency, Result, SearchEffort, Weights,
    format::settings_text::{milliseconds, read_settings, write_settings},
    search::filter::FilterForm,
};

/// A query as JSON. Fields with their default value are not written.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct QueryForm {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "is_default_k")]
    k: usize,
    #[serde(skip_serializing_if = "is_default")]
    offset: usize,
    #[serde(skip_serializing_if = "is_default")]
    mode: Mode,
    #[serde(skip_serializing_if = "is_default")]
    weights: Weights,
    #[serde(skip_serializing_if = "Option::is_none")]
    ef_search: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<f32>,
    #[serde(skip_serializing_if = "is_default")]
    exact: bool,
    #[serde(skip_serializing_if = "Option::is_none", with = "milliseconds")]
    time_limit_ms: Option<Duration>,
    #[serde(skip_serializing_if = "is_default")]
    partial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_similarity: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_article: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_by_article: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedup: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mmr: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recency: Option<Recency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank: Option<usize>,
    #[serde(skip_serializing_if = "is_default")]
    explain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    require: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    require_phrase: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_phrase: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_default_k(k: &usize) -> bool {
    *k == QueryForm::default().k
}

impl Default for QueryForm {
    fn default() -> Self {
        Self {
            text: String::new(),
            vector: None,
            k: Query::new("").k,
            offset: 0,
            mode: Mode::default(),
            weights: Weights::default(),
            ef_search: None,
            recall: None,
            exact: false,
            time_limit_ms: None,
            partial: false,
            min_similarity: None,
            min_score: None,
            per_article: None,
            group_by_article: None,
            dedup: None,
            mmr: None,
            recency: None,
            rerank: None,
            explain: false,
            filter: None,
            require: Vec::new(),
            require_phrase: Vec::new(),
            exclude: Vec::new(),
            exclude_phrase: Vec::new(),
        }
    }
}

impl QueryForm {
    /// Returns the form of `query`, without its cancel handle.
    ///
    /// # Errors
    ///
    /// Why the query has no form: a closure, or a number that JSON does not have.
    fn of(query: Query) -> Result<Self, String> {
        let default = SearchEffort::default();
        let (ef_search, recall, exact) = match query.effort {
            effort if effort == default => (None, None, false),
            SearchEffort::Ef(ef) => (Some(ef), None, false),
            SearchEffort::Recall(recall) => (None, Some(recall), false),
            SearchEffort::Exact => (None, None, true),
        };
        let form = Self {
            text: query.text,
            vector: query.vector,
            k: query.k,
            offset: query.offset,
            mode: query.mode,
            weights: query.weights,
            ef_search,
            recall,
            exact,
            time_limit_ms: query.time_limit,
            partial: query.partial,
            min_similarity: query.min_similarity,
            min_score: query.min_score,
            per_article: query.per_article,
            group_by_article: query.group_by_article,
            dedup: query.dedup,
            mmr: query.mmr,
            recency: query.recency,
            rerank: query.rerank,
            explain: query.explain,
            filter: query.filter.as_ref().map(FilterForm::of).transpose()?,
            require: query.required,
            require_phrase: query.required_phrases,
            exclude: query.excluded,
            exclude_phrase: query.excluded_phrases,
        };
        let infinite = form.numbers().find(|(_, number)| !number.is_finite());
        if let Some((name, number)) = infinite {
            return Err(format!("`{name}` is {number}, which JSON does not have"));
        }
        Ok(form)
    }

    /// Returns all fractional numbers, each with the name of its field.
    fn numbers(&self) -> impl Iterator<Item = (&'static str, f32)> {
        let Weights { lexical, late, identifier } = self.weights;
        let weights = [lexical, late, identifier].map(|weight| ("weights", weight));
        let fractions = [
            ("recall", self.recall),
            ("min_similarity", self.min_similarity),
            ("min_score", self.min_score),
            ("dedup", self.dedup),
            ("mmr", self.mmr),
        ];
        let fractions = fractions.into_iter().filter_map(|(name, number)| Some((name, number?)));
        let vector = self.vector.iter().flatten().map(|value| ("vector", *value));
        fractions.chain(weights).chain(vector)
    }

    fn effort(&self) -> Result<SearchEffort> {
        match (self.ef_search, self.recall, self.exact) {
            (None, None, false) => Ok(SearchEffort::default()),
            (Some(ef), None, false) => Ok(SearchEffort::Ef(ef)),
            (None, Some(recall), false) => Ok(SearchEffort::Recall(recall)),
            (None, None, true) => Ok(SearchEffort::Exact),
            _ => {
                let got = "several of `ef_search`, `recall` and `exact`";
                Err(Error::Choice { name: "effort", got, allowed: "one of them" })
            }
        }
    }

    /// Returns the query of this form, whose ranges are not checked yet.
    ///
    /// # Errors
    ///
    /// [`Error::Choice`] for several efforts, [`Error::Filter`] for a filter of no or several
    /// conditions.
    fn query(self) -> Result<Query> {
        let effort = self.effort()?;
        Ok(Query {
            text: self.text,
            vector: self.vector,
            k: self.k,
            offset: self.offset,
            mode: self.mode,
            weights: self.weights,
            effort,
            time_limit: self.time_limit_ms,
            cancel: None,
            partial: self.partial,
            min_similarity: self.min_similarity,
            min_score: self.min_score,
            per_article: self.per_article,
            group_by_article: self.group_by_article,
            dedup: self.dedup,
            mmr: self.mmr,
            recency: self.recency,
            rerank: self.rerank,
            explain: self.explain,
            filter: self.filter.map(FilterForm::filter).transpose()?,
            required: self.require,
            required_phrases: self.require_phrase,
            excluded: self.exclude,
            excluded_phrases: self.exclude_phrase,
        })
    }
}

/// Writes the JSON form. A [closure](crate::Filter::custom), a number that is not finite, and a time
/// limit that is not in whole milliseconds are errors. The [cancel handle](Query::cancel) belongs to
/// a process and is left out.
impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        QueryForm::of(self.clone()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// Reads the JSON form. Like the setters, it leaves ranges to the search, which checks them.
impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        QueryForm::deserialize(deserializer)?.query().map_err(de::Error::custom)
    }
}

/// Reads the JSON form and checks it. A question alone is no JSON: [`Query::new`] takes it.
impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let query = read_settings::<QueryForm>("query", text)?.query()?;
        query.check()?;
        Ok(query)
    }
}

/// Writes the JSON form on one line, or why there is none.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_settings(f, self)
    }
}
