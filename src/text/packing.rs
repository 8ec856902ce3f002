//! Packs units into passages at minimum cost by dynamic programming.

use std::ops::Range;

use super::breakpoint::Breakpoint;
use super::unit::TextUnit;

/// Maximum units of one passage: keeps the time linear if units have almost no tokens.
const MAX_UNITS: usize = 512;

/// Divides `units` into runs of at most `capacity(first)` tokens, where `first` is the run's first unit.
///
/// Only a run of one unit may be longer. The cost of a run is the square of its unused share of
/// the capacity plus the cost of the breakpoint after it. Minimum total cost gives few runs of
/// even length that end at good breakpoints. Each run but the first starts with the `overlap`
/// units before it, as far as they belong to the same section; the returned ranges exclude this
/// overlap. Time and memory are linear.
///
/// # Source
///
/// Knuth & Plass (1981), "Breaking paragraphs into lines": total fit, with squares for cubes.
pub(super) fn pack(
    units: &[TextUnit],
    capacity: impl Fn(usize) -> usize,
    overlap: usize,
) -> Vec<Range<usize>> {
    let ends = prefix_sums(units);
    let break_costs = break_costs(units);
    let mut best = vec![BestRun { cost: f64::INFINITY, start: 0 }; units.len() + 1];
    best[0].cost = 0.0;
    for start in 0..units.len() {
        let first = overlap_start(units, start, overlap);
        let capacity = capacity(first);
        let least = best[start].cost;
        // A run of one unit may be over the capacity.
        let window = start + 1..units.len().min(start + MAX_UNITS) + 1;
        let fits = |end: &usize| *end - ends[first] <= capacity;
        let len = ends[window.clone()].partition_point(fits).max(1);
        let window = window.start..window.start + len;
        let candidates = ends[window.clone()].iter().zip(&break_costs[window.clone()]);
        for (best, (end, break_cost)) in best[window].iter_mut().zip(candidates) {
            let cost = least + slack_cost(end - ends[first], capacity) + break_cost;
            if cost < best.cost {
                *best = BestRun { cost, start };
            }
        }
    }
    runs(&best)
}

/// The last run of the cheapest division of a prefix.
#[derive(Clone, Copy, Debug)]
struct BestRun {
    /// Cost of the whole division.
    cost: f64,
    /// First unit of the run.
    start: usize,
}

/// Follows the best runs from the end and returns them in order.
fn runs(best: &[BestRun]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut end = best.len() - 1;
    while end > 0 {
        let start = best[end].start;
        runs.push(start..end);
        end = start;
    }
    runs.reverse();
    runs
}

/// Returns the first unit of a run that starts at `start` and repeats up to `overlap` earlier units.
pub(super) fn overlap_start(units: &[TextUnit], start: usize, overlap: usize) -> usize {
    let mut first = start;
    while first > 0
        && start - first < overlap
        && !matches!(units[first].breakpoint, Breakpoint::BeforeHeading | Breakpoint::AfterHeading)
    {
        first -= 1;
    }
    first
}

/// Returns the tokens before each unit, and the total as last entry.
fn prefix_sums(units: &[TextUnit]) -> Vec<usize> {
    let sums = units.iter().scan(0, |sum, unit| {
        *sum += unit.tokens;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}

/// Returns the cost of the break after each number of units; there is none after all of them.
fn break_costs(units: &[TextUnit]) -> Vec<f64> {
    let costs = units.iter().map(|next| next.breakpoint.cost());
    costs.chain(std::iter::once(0.0)).collect()
}

/// Returns the squared unused share of `capacity`, in `0.0..=1.0`.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn slack_cost(tokens: usize, capacity: usize) -> f64 {
    let slack = 1.0 - (tokens as f64 / capacity.max(1) as f64).min(1.0);
    slack * slack
}
