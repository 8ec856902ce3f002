//! Prints measures as a table or as JSON.

use passim::eval::{self, Estimate, Evaluation, Outcome};
use serde_json::{Value, json};

use super::method::Method;

/// Measures of one data set with one model and one way to rank.
pub struct Row {
    pub embedder: String,
    pub set: String,
    pub method: Method,
    pub documents: usize,
    pub passages: usize,
    pub evaluation: Evaluation,
    /// nDCG gain of the first method over this one.
    pub gain: Option<Estimate>,
    pub ann_recall: Option<f64>,
    pub index_seconds: f64,
    /// Mean time to embed a question, in milliseconds.
    pub embed_ms: Option<f64>,
}

/// The mean of one measure over the questions.
type Measure = fn(&Evaluation) -> Option<f64>;

/// The optional columns of the table.
#[derive(Clone, Copy)]
pub struct Columns {
    /// Precision, success and MAP.
    pub all_measures: bool,
    /// The gain of the first method.
    pub gain: bool,
}

/// Returns the heading line.
pub fn heading(k: usize, columns: Columns) -> String {
    let at = |name| format!("{name}@{k}");
    let more = format!(" {:>10} {:>10} {:>8}", at("prec."), at("success"), "MAP");
    let line = format!(
        "{:22} {:14} {:13} {:>9} {:>8} {:>8} {:>13} {:>9} {:>8}{} {:>9} {:>8} {:>9} {:>8} {:>8}",
        "embedder",
        "set",
        "mode",
        "passages",
        "queries",
        at("nDCG"),
        "95 %",
        at("recall"),
        at("MRR"),
        if columns.all_measures { &*more } else { "" },
        at("ANN rec."),
        "index s",
        "embed ms",
        "p50 ms",
        "p95 ms",
    );
    if columns.gain { line + "  first mode gains (95 %)" } else { line }
}

impl Columns {
    /// Formats precision, success and MAP, whose mean `mean` returns, if the table shows them.
    fn more(self, mean: impl Fn(Measure) -> Option<f64>) -> String {
        if !self.all_measures {
            return String::new();
        }
        let precision = cell(mean(Evaluation::precision), 10);
        let success = cell(mean(Evaluation::success), 10);
        format!(" {precision} {success} {}", cell(mean(Evaluation::map), 8))
    }
}

impl Row {
    /// Formats the row as a table line.
    pub fn line(&self, columns: Columns) -> String {
        let Self { embedder, set, method, passages, evaluation, index_seconds, .. } = self;
        let ndcg = eval::estimate(evaluation.each(|outcome| outcome.ndcg));
        let interval = ndcg.map(|ndcg| format!("{:.3} to {:.3}", ndcg.low, ndcg.high));
        let line = format!(
            "{embedder:22} {set:14} {method:13} {passages:>9} {:>8} {} {:>13} {} {}{} {} {index_seconds:>8.2} {} {:>8.2} {:>8.2}",
            evaluation.outcomes.len(),
            cell(evaluation.ndcg(), 8),
            interval.unwrap_or_default(),
            cell(evaluation.recall(), 9),
            cell(evaluation.mrr(), 8),
            columns.more(|measure| measure(evaluation)),
            cell(self.ann_recall, 9),
            cell(self.embed_ms, 9),
            percentile_ms(evaluation, 50),
            percentile_ms(evaluation, 95),
        );
        line + &self.gained()
    }

    fn gained(&self) -> String {
        match self.gain.filter(|gain| (gain.low, gain.high) != (0.0, 0.0)) {
            Some(Estimate { mean, low, high, .. }) => {
                format!("  {mean:+.3} ({low:+.3} to {high:+.3})")
            }
            None => String::new(),
        }
    }

    /// Formats the row as a JSON object.
    pub fn json(&self) -> Value {
        let Self { embedder, set, evaluation, .. } = self;
        json!({
            "embedder": embedder,
            "set": set,
            "mode": self.method.to_string(),
            "documents": self.documents,
            "passages": self.passages,
            "queries": evaluation.outcomes.len(),
            "k": evaluation.k,
            "ndcg": eval::estimate(evaluation.each(|outcome| outcome.ndcg)),
            "recall": evaluation.recall(),
            "mrr": evaluation.mrr(),
            "precision": evaluation.precision(),
            "success": evaluation.success(),
            "map": evaluation.map(),
            "gain_of_first": self.gain,
            "ann_recall": self.ann_recall,
            "index_seconds": self.index_seconds,
            "embed_ms": self.embed_ms,
            "query_p50_ms": percentile_ms(evaluation, 50),
            "query_p95_ms": percentile_ms(evaluation, 95),
        })
    }

    /// Formats each question's outcome as a JSON object.
    pub fn outcomes(&self) -> impl Iterator<Item = Value> {
        let Self { embedder, set, .. } = self;
        let mode = self.method.to_string();
        let object = move |outcome: &Outcome| json!({ "embedder": embedder, "set": set, "mode": mode, "outcome": outcome });
        self.evaluation.outcomes.iter().map(object)
    }
}

/// Formats the means of each method with `embedder` over cross-lingual sets, monolingual sets, and
/// all sets.
pub fn means(rows: &[Row], embedder: &str, methods: &[Method], columns: Columns) -> Vec<String> {
    let across = |row: &&Row| row.set.contains('2');
    let rows: Vec<&Row> = rows.iter().filter(|row| row.embedder == embedder).collect();
    let mut lines = Vec::new();
    for method in methods {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.method == *method).copied().collect();
        let (crossing, within): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| across(row));
        let kinds = [("mean, across", crossing), ("mean, within", within), ("mean, all", rows)];
        for (kind, rows) in kinds.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            let mean =
                |measure: Measure| eval::mean(rows.iter().map(|row| measure(&row.evaluation)));
            let ndcg = mean(Evaluation::ndcg);
            let ndcg = ndcg.map_or_else(String::new, |ndcg| format!("{ndcg:.4}"));
            let recall = cell(mean(Evaluation::recall), 9);
            let mrr = cell(mean(Evaluation::mrr), 8);
            let more = columns.more(mean);
            let none = "";
            lines.push(format!(
                "{embedder:22} {kind:14} {method:13} {none:>9} {none:>8} {ndcg:>8} {none:>13} {recall} {mrr}{more}"
            ));
        }
    }
    lines
}

fn cell(value: Option<f64>, width: usize) -> String {
    match value {
        Some(value) => format!("{value:>width$.3}"),
        None => format!("{:>width$}", "-"),
    }
}

/// Returns the nearest-rank percentile of the search times, in milliseconds; 0 without questions.
fn percentile_ms(evaluation: &Evaluation, percentile: usize) -> f64 {
    let mut seconds: Vec<f64> = evaluation.outcomes.iter().map(|outcome| outcome.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let rank = (seconds.len() * percentile).div_ceil(100).max(1) - 1;
    seconds.get(rank).map_or(0.0, |seconds| seconds * 1e3)
}
