//! Which pieces go into one passage: the cheapest way to cut, found by dynamic programming.

use std::ops::Range;

use super::unit::{Breakpoint, TextUnit};

/// The most pieces of one passage: what keeps the time linear if pieces have next to no tokens.
const MAX_ATOMS: usize = 512;

/// Cuts `atoms` into runs of at most `room(first)` tokens, where `first` is the
/// number of the first piece; only a run of one piece may be longer.
///
/// Every run costs the square of the share of its room that stays empty, and
/// every cut what it parts. The sum is least, so there are few runs of even
/// lengths, cut where the text is. Each run but the first begins with the
/// `overlap` pieces before it, as far as they are of the same section; the
/// ranges returned are those without the overlap. Time and memory are linear.
///
/// # Source
///
/// Knuth & Plass (1981), "Breaking paragraphs into lines": total fit, with
/// squares for cubes.
pub(super) fn pack(
    atoms: &[TextUnit],
    room: impl Fn(usize) -> usize,
    overlap: usize,
) -> Vec<Range<usize>> {
    let ends = prefix_sums(atoms);
    let mut best = vec![Best { cost: f64::INFINITY, from: 0 }; atoms.len() + 1];
    best[0].cost = 0.0;
    for from in 0..atoms.len() {
        let first = overlap_start(atoms, from, overlap);
        let room = room(first);
        for to in from + 1..=atoms.len().min(from + MAX_ATOMS) {
            let tokens = ends[to] - ends[first];
            if tokens > room && to > from + 1 {
                break;
            }
            let cut = atoms.get(to).map_or(0.0, |next| cost_of(next.cut));
            let cost = best[from].cost + cost_of_slack(tokens, room) + cut;
            if cost < best[to].cost {
                best[to] = Best { cost, from };
            }
        }
    }
    runs(&best)
}

/// The cheapest way to cut what comes before a piece.
#[derive(Clone, Copy, Debug)]
struct Best {
    cost: f64,
    /// First piece of the last run.
    from: usize,
}

/// The runs that lead to the end, in order.
fn runs(best: &[Best]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut to = best.len() - 1;
    while to > 0 {
        let from = best[to].from;
        runs.push(from..to);
        to = from;
    }
    runs.reverse();
    runs
}

/// NumberShape of the first piece of a run that begins at `from` and repeats `overlap` pieces.
pub(super) fn overlap_start(atoms: &[TextUnit], from: usize, overlap: usize) -> usize {
    let mut first = from;
    while first > 0
        && from - first < overlap
        && !matches!(atoms[first].cut, Breakpoint::BeforeHeading | Breakpoint::AfterHeading)
    {
        first -= 1;
    }
    first
}

/// Tokens before each piece, and of all at the end.
fn prefix_sums(atoms: &[TextUnit]) -> Vec<usize> {
    let sums = atoms.iter().scan(0, |sum, atom| {
        *sum += atom.tokens;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn cost_of_slack(tokens: usize, room: usize) -> f64 {
    let slack = 1.0 - (tokens as f64 / room.max(1) as f64).min(1.0);
    slack * slack
}

/// Cost of a cut, where an empty passage costs 1.
fn cost_of(cut: Breakpoint) -> f64 {
    match cut {
        Breakpoint::BeforeHeading => -0.3,
        Breakpoint::Paragraph => -0.1,
        Breakpoint::BetweenItems => 0.1,
        Breakpoint::Sentence => 0.3,
        Breakpoint::AfterColon => 0.7,
        Breakpoint::Clause => 1.0,
        Breakpoint::Word => 1.5,
        Breakpoint::Grapheme => 2.0,
        Breakpoint::AfterHeading => 8.0,
    }
}
