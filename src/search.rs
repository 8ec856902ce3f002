//! Search: the query pipeline, its filters, and the hits it returns.
//!
//! [`pipeline::retrieve`] shows how a query is answered. It reads the corpus through the trait
//! [`view::View`], which a store implements.

mod after_search;
mod best_sentences;
mod candidates;
mod citation_markers;
mod context;
mod context_options;
mod diversify;
mod excerpts;
mod explain;
mod explanation;
#[cfg(test)]
mod fake_view;
pub(crate) mod filter;
mod fusion;
mod highlight;
mod hit;
mod hit_groups;
mod identifier_matches;
pub(crate) mod language_totals;
pub(crate) mod late;
pub(crate) mod match_count;
mod numbered_excerpt;
pub(crate) mod pipeline;
mod plan;
mod post_filter;
mod query;
pub(crate) mod query_models;
mod recency;
mod related;
mod reranking;
mod text_conditions;
pub(crate) mod value_counts;
pub(crate) mod view;
#[cfg(test)]
pub(crate) mod view_laws;
mod weights;
mod word_match;

pub use citation_markers::CitationMarkers;
pub use context::{Citation, Context};
pub use context_options::ContextOptions;
pub use excerpts::Excerpt;
pub(crate) use excerpts::HitArticles;
pub use explanation::{Explanation, Reranked, WordContribution};
pub use filter::Filter;
pub use highlight::{Highlights, Sentence};
pub use hit::{Hit, Hits};
pub use hit_groups::HitGroup;
pub use match_count::MatchCount;
pub use plan::{QueryPlan, ShardPlan, Timings};
pub use query::{Mode, Query};
pub use recency::Recency;
pub use value_counts::{ValueCount, ValueCounts};
pub use weights::Weights;
pub use word_match::WordMatch;
