//! Search: the query pipeline, its filters, and the hits it returns.

mod allowed;
mod candidates;
mod context;
mod diversify;
mod explain;
pub(crate) mod filter;
pub(crate) mod fusion;
mod highlight;
pub(crate) mod hit;
pub(crate) mod lexical_candidates;
pub(crate) mod pipeline;
mod plan;
mod query;
mod related;

pub use context::{Context, Excerpt};
pub use explain::{Explanation, Reranked, WordShare};
pub use filter::Filter;
pub use highlight::{Highlights, Sentence};
pub use hit::{Hit, Hits};
pub use plan::{QueryPlan, Timings};
pub use query::{Mode, Query};
