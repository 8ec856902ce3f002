//! Measures of retrieval quality, computed from rankings and relevance judgments.
//!
//! [`read_questions`] and [`Judgments::read`] read the files of judged sets, in the forms of BEIR and
//! TREC. [`run`] evaluates judged questions, and [`TrecRun`] writes and reads the rankings as a run
//! file. [`estimate`] and [`paired_difference`] give confidence intervals. [`propose_min_score`]
//! finds the score below which an answer is not good.
//!
//! # Definitions
//!
//! The measures are those of `trec_eval`:
//!
//! | here | `trec_eval` | value for one question |
//! |---|---|---|
//! | nDCG@k | `ndcg_cut_k` | gain: the grade; discount: `1 / log2(rank + 1)`; divided by that of the ideal ranking |
//! | recall@k | `recall_k` | share of the relevant articles that are among the first `k` |
//! | precision@k | `P_k` | relevant articles among the first `k`, divided by `k` |
//! | success@k | `success_k` | 1 if a relevant article is among the first `k`, else 0 |
//! | MRR@k | `recip_rank` | `1 / rank` of the first relevant article, 0 if its rank is over `k` |
//! | MAP | `map` | sum of the precision at the rank of each relevant article, divided by their number |
//!
//! An article is relevant if its grade is at least 1. Grades of 0 or less and missing ones count
//! alike. MAP measures the whole ranking, which has `k` articles if [`run`] made it: it then equals
//! `map_cut_k`.
//!
//! Two rules differ from `trec_eval`. A measure is `None` for a question without a relevant article,
//! and [`mean`] skips such questions; `trec_eval` counts them as 0. A judged question without hits
//! counts as 0, as with the option `-c` of `trec_eval`.

mod asked_question;
mod bootstrap;
mod judgments;
mod measures;
mod min_score;
mod numbered_lines;
mod run;
mod trec_run;

pub use asked_question::{AskedQuestion, read_questions};
pub use bootstrap::{Estimate, estimate, paired_difference};
pub use judgments::Judgments;
pub use measures::{
    Grades, ann_recall_at_k, average_precision, mean, mrr_at_k, ndcg_at_k, precision_at_k,
    recall_at_k, success_at_k,
};
use measures::{is_relevant, share};
pub use min_score::{MinScore, propose_min_score};
pub use run::{Evaluation, JudgedQuery, Outcome, run};
pub use trec_run::{ScoredArticle, TrecRun};
