//! The JSON bodies of requests and answers. An unknown field is an error.

use axum::{
    Json,
    extract::{FromRequest, Request},
};
use passim::{Article, Excerpt, Filter, Highlights, Hit, Language, Markup, Metadata, Query, Value};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::problem::Problem;

/// Maximum of `k` and of `offset`.
const MAX_HITS: usize = 1_000;

/// A JSON body of a request.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::from_request(request, state).await.map_err(Problem::Body)?;
        Ok(Self(body))
    }
}

/// Articles to add.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewArticles {
    pub(crate) articles: Vec<NewArticle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewArticle {
    key: String,
    text: String,
    title: Option<String>,
    language: Option<Language>,
    #[serde(default)]
    markup: Markup,
    #[serde(default)]
    metadata: Metadata,
}

impl From<NewArticle> for Article {
    fn from(new: NewArticle) -> Self {
        let NewArticle { key, text, title, language, markup, metadata } = new;
        Self { key, title, text, markup, language, metadata }
    }
}

/// A question, for `/search` and `/context`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    question: String,
    #[serde(default = "default_k")]
    k: usize,
    #[serde(default)]
    offset: usize,
    filter: Option<Condition>,
    /// Of `/search`: whether hits come with the sentences and words that match.
    #[serde(default)]
    pub(crate) highlights: bool,
    /// Of `/context`: maximum length of all excerpts together, in tokens of the model.
    #[serde(default = "default_budget")]
    pub(crate) budget: usize,
}

fn default_k() -> usize {
    10
}

fn default_budget() -> usize {
    2_000
}

impl QueryBody {
    pub(crate) fn query(&self) -> Result<Query, Problem> {
        if self.k > MAX_HITS || self.offset > MAX_HITS {
            return Err(Problem::Range("`k` and `offset` must be at most 1000"));
        }
        let query = Query::new(&self.question).k(self.k).offset(self.offset);
        Ok(match &self.filter {
            Some(condition) => query.filter(condition.filter()),
            None => query,
        })
    }
}

/// A condition on articles, such as `{"equals": {"name": "year", "value": 2024}}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Condition {
    Equals {
        name: String,
        value: Value,
    },
    Has {
        name: String,
        value: Value,
    },
    /// Both ends are included.
    Between {
        name: String,
        from: Value,
        to: Value,
    },
    Language(Language),
    Key(String),
    KeyPrefix(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    fn filter(&self) -> Filter {
        let filters =
            |conditions: &[Self]| -> Vec<Filter> { conditions.iter().map(Self::filter).collect() };
        match self {
            Self::Equals { name, value } => Filter::equals(name, value.clone()),
            Self::Has { name, value } => Filter::has(name, value.clone()),
            Self::Between { name, from, to } => Filter::range(name, from.clone()..=to.clone()),
            Self::Language(language) => Filter::language(*language),
            Self::Key(key) => Filter::key(key),
            Self::KeyPrefix(prefix) => Filter::key_prefix(prefix),
            Self::All(conditions) => Filter::all(filters(conditions)),
            Self::Any(conditions) => Filter::any(filters(conditions)),
            Self::Not(condition) => !condition.filter(),
        }
    }
}

/// Answer of `/search`.
#[derive(Serialize)]
pub(crate) struct Answer {
    /// Number of the commit that was searched.
    pub(crate) generation: u64,
    pub(crate) hits: Vec<HighlightedHit>,
}

#[derive(Serialize)]
pub(crate) struct HighlightedHit {
    #[serde(flatten)]
    pub(crate) hit: Hit,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) highlights: Option<Highlights>,
}

/// Answer of `/context`.
#[derive(Serialize)]
pub(crate) struct ContextAnswer {
    pub(crate) generation: u64,
    /// The numbered excerpts, as a language model reads them.
    pub(crate) text: String,
    pub(crate) tokens: usize,
    /// The excerpts that the text numbers from 1.
    pub(crate) excerpts: Vec<Excerpt>,
}

/// Answer of `DELETE /articles/KEY`.
#[derive(Serialize)]
pub(crate) struct Removed {
    /// Whether there was an article of this key.
    pub(crate) removed: bool,
}

/// Answer of `/commit`.
#[derive(Serialize)]
pub(crate) struct Committed {
    pub(crate) generation: u64,
}

/// Answer of `/health`.
#[derive(Serialize)]
pub(crate) struct Health {
    pub(crate) generation: u64,
    pub(crate) articles: usize,
    pub(crate) passages: usize,
}
