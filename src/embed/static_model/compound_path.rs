//! The cheapest path through a word by words of the bundled model, for the parts of compounds.

use std::ops::Range;

use super::{
    StaticEmbedder,
    compound_parts::{
        ENDINGS, FORMS, LINKS, NO_HEADS, NOUN_ENDINGS, NOUN_LINK, PARTICIPLES, PREFIXES,
        VERB_PREFIXES,
    },
    compound_splitter::{cosine, is_in, is_long_part, is_part},
};

/// Minimum length of any part in bytes.
const MIN_BYTES: usize = 3;
/// Minimum length in bytes of a word without the ending of one of its [`FORMS`].
const MIN_FORM: usize = 5;
/// Maximum length in bytes of an ending: `ungen`.
const MAX_ENDING: usize = 5;
/// Cost of letters between two parts, as of a piece.
const LINK_COST: u32 = 20;
/// Cost of a prefix.
const PREFIX_COST: u32 = 20;
/// Cost of an ending of the last part.
const ENDING_COST: u32 = 8;
/// Cost of an ending that makes a noun.
const NOUN_COST: u32 = 30;
/// Maximum cost by which the last part of a path may exceed the cheapest one, for similarity to decide
/// between them.
const TIE_COST: u32 = 48;
/// Cost of a cosine of 0 between the first and the last part, if that of 1 costs nothing:
/// `Stau` and `Becken` are closer than `Staub` and `Ecken`.
const COSINE_COST: f32 = 256.0;

/// Finds paths. Its buffers are reused by the next word.
#[derive(Default)]
pub(super) struct CompoundPath {
    /// The last part of the cheapest path to each byte offset.
    steps: Vec<CompoundStep>,
    /// Last parts of paths to the end of the word.
    last_parts: Vec<CompoundStep>,
    /// Whether the word has letters with which a prefix of a verb may stand.
    has_verb_ending: bool,
}

/// A part of a compound.
#[derive(Clone, Debug)]
pub(super) struct CompoundPart {
    /// Its byte range, with prefix, ending and link.
    pub(super) place: Range<usize>,
    /// The byte range of the word of the model that it starts with; empty if it starts with none.
    pub(super) base: Range<usize>,
    /// Row of its word.
    pub(super) row: u32,
}

/// The last part of a path.
#[derive(Clone, Copy)]
struct CompoundStep {
    /// Cost of the path; `u32::MAX` if there is none.
    cost: u32,
    /// Byte offset where the part starts.
    from: usize,
    /// Byte offset where the word of the part ends, if the part starts with it; otherwise `from`.
    base_end: usize,
    /// Row of the word.
    row: u32,
}

/// No path.
const UNREACHED: CompoundStep =
    CompoundStep { cost: u32::MAX, from: 0, base_end: 0, row: u32::MAX };

impl CompoundPath {
    /// Returns the parts of the cheapest path through `word`: one if it is a form of another word of the
    /// model, or has a prefix; none if there is no path. The word itself is no path.
    pub(super) fn cheapest(&mut self, word: &str, model: &StaticEmbedder) -> Vec<CompoundPart> {
        let Some(last) = word.len().checked_sub(MIN_BYTES).filter(|last| *last >= MIN_BYTES) else {
            return Vec::new();
        };
        self.last_parts.clear();
        self.steps.clear();
        self.steps.resize(word.len() + 1, UNREACHED);
        self.steps[0].cost = 0;
        self.has_verb_ending = word.contains("ung") || word.contains("ig");
        for from in 0..=last {
            if self.steps[from].cost < u32::MAX {
                self.extend(word, from, model);
            }
        }
        self.best_last_part(model).map_or_else(Vec::new, |step| self.parts(word, step))
    }

    /// Extends the path to offset `from` by each part that stands there.
    fn extend(&mut self, word: &str, from: usize, model: &StaticEmbedder) {
        self.extend_by_words(word, from, "", model);
        // Most words have no such ending, and need no second look behind a prefix.
        let verb_prefixes = if self.has_verb_ending { &VERB_PREFIXES[..] } else { &[] };
        let rest = &word[from..];
        for prefix in PREFIXES.iter().chain(verb_prefixes) {
            // The first byte decides for most of them, without a call.
            if prefix.as_bytes()[0] == rest.as_bytes()[0] && rest.starts_with(prefix) {
                self.extend_by_words(word, from, prefix, model);
            }
        }
        if from > 0 && !is_in(&NO_HEADS, &word[from..]) {
            self.end_by_form(word, from, model);
            self.end_by_umlaut(word, from, model);
        }
    }

    /// Extends the path to offset `from` by `prefix` and each word that follows it.
    fn extend_by_words(&mut self, word: &str, from: usize, prefix: &str, model: &StaticEmbedder) {
        let start = from + prefix.len();
        let rest = &word[start..];
        if rest.is_empty() {
            return;
        }
        for (piece, cost) in model.0.pieces.words_at(rest.as_bytes()) {
            let (base, after) = rest.split_at(piece.len);
            let fits = if prefix.is_empty() { is_part(base) } else { is_long_part(base) };
            if !fits || (VERB_PREFIXES.contains(&prefix) && !follows_verb_prefix(base, after)) {
                continue;
            }
            let prefix_cost = if prefix.is_empty() { 0 } else { PREFIX_COST };
            let cost = self.steps[from].cost + u32::from(cost) + prefix_cost;
            let base_end = if prefix.is_empty() { start + piece.len } else { from };
            let step = CompoundStep { cost, from, base_end, row: piece.row };
            self.end(word, after, step, model);
            self.link(after, start + piece.len, step);
            self.link_noun(word, after, start + piece.len, step, model);
        }
    }

    /// Offers `step`, whose verb ends at `end`, as the part before the letters that follow the ending
    /// of a noun. A noun that is a word itself is found by that.
    fn link_noun(
        &mut self,
        word: &str,
        after: &str,
        end: usize,
        step: CompoundStep,
        model: &StaticEmbedder,
    ) {
        let is_noun = after.len() > NOUN_LINK.len() && after.starts_with(NOUN_LINK);
        if !is_noun || !is_long_part(&word[step.from..end]) {
            return;
        }
        if model.0.pieces.whole(&word[step.from..end + "ung".len()]).is_none() {
            let cost = step.cost + NOUN_COST;
            offer(&mut self.steps[end + NOUN_LINK.len()], CompoundStep { cost, ..step });
        }
    }

    /// Adds `step` as last part of `word` if `after`, the letters after its word, are an ending.
    fn end(&mut self, word: &str, after: &str, step: CompoundStep, model: &StaticEmbedder) {
        let CompoundStep { cost, from, base_end, .. } = step;
        let text = &word[from..];
        let starts_word = from == 0 && base_end > 0;
        let is_whole_or_short = || {
            let base = &text[..text.len() - after.len()];
            starts_word || !is_long_part(base) || model.0.pieces.whole(text).is_some()
        };
        let ending = match after {
            "" if starts_word => return,
            "" => 0,
            _ if after.len() > MAX_ENDING => return,
            _ if ENDINGS.contains(&after) => ENDING_COST,
            _ if NOUN_ENDINGS.contains(&after) && !is_whole_or_short() => NOUN_COST,
            _ => return,
        };
        if !is_in(&NO_HEADS, text) {
            self.last_parts.push(CompoundStep { cost: cost + ending, ..step });
        }
    }

    /// Offers `step`, whose word ends at `end`, as the part before the letters that follow a link.
    fn link(&mut self, after: &str, end: usize, step: CompoundStep) {
        for link in LINKS {
            if after.len() > link.len() && after.starts_with(link) {
                let cost = step.cost + if link.is_empty() { 0 } else { LINK_COST };
                offer(&mut self.steps[end + link.len()], CompoundStep { cost, ..step });
            }
        }
    }

    /// Adds the last part of `word` at `from` if another form of it is a word: a participle or an
    /// adjective as a noun.
    fn end_by_form(&mut self, word: &str, from: usize, model: &StaticEmbedder) {
        let text = &word[from..];
        if text.len() < MIN_FORM || !text.ends_with(['e', 'm', 'n', 'r', 's']) {
            return;
        }
        let mut form = String::new();
        let mut add = |base: &str, ending: &str| {
            form.clear();
            form.push_str(base);
            form.push_str(ending);
            let known = model.0.pieces.whole_with_cost(&form).filter(|_| is_long_part(&form));
            self.last_parts.extend(known.map(|(row, cost)| {
                let cost = self.steps[from].cost + u32::from(cost) + ENDING_COST;
                CompoundStep { cost, from, base_end: from, row }
            }));
        };
        for (ending, others) in FORMS {
            let base = text.strip_suffix(ending).filter(|base| base.len() >= MIN_FORM);
            if let Some(base) = base {
                for other in others {
                    add(base, other);
                }
            }
        }
        for ending in PARTICIPLES {
            let base = text.strip_suffix(ending).filter(|base| base.len() >= MIN_BYTES);
            if let Some(base) = base {
                add(base, "en");
            }
        }
    }

    /// Adds the last part of `word` at `from` if it is a noun from a verb with a prefix, whose umlaut the
    /// word it comes from lacks: `Entwässerung` comes from `Wasser`.
    fn end_by_umlaut(&mut self, word: &str, from: usize, model: &StaticEmbedder) {
        let text = &word[from..];
        let Some(verb) = text.strip_suffix("ung").or_else(|| text.strip_suffix("ungen")) else {
            return;
        };
        for prefix in VERB_PREFIXES {
            let base = verb.strip_prefix(prefix).and_then(without_umlauts);
            let known = base.filter(|base| is_long_part(base));
            let known = known.and_then(|base| model.0.pieces.whole_with_cost(&base));
            self.last_parts.extend(known.map(|(row, cost)| {
                let cost = self.steps[from].cost + u32::from(cost) + PREFIX_COST + NOUN_COST;
                CompoundStep { cost, from, base_end: from, row }
            }));
        }
    }

    /// Returns the last part of the best path. Where paths of similar cost differ in the start of
    /// their last part, the similarity of their first and last parts decides.
    fn best_last_part(&mut self, model: &StaticEmbedder) -> Option<CompoundStep> {
        self.last_parts.sort_by_key(|step| step.cost);
        let cheapest = *self.last_parts.first()?;
        self.last_parts.retain(|step| step.cost <= cheapest.cost + TIE_COST);
        if self.last_parts.iter().all(|step| step.from == cheapest.from) {
            return Some(cheapest);
        }
        #[expect(clippy::cast_precision_loss, reason = "a cost is far below 2^24")]
        let score = |step: &CompoundStep| {
            let first = self.first_row(*step);
            let similarity = if step.from == 0 { 0.0 } else { cosine(model, first, step.row) };
            step.cost as f32 - COSINE_COST * similarity
        };
        let scored = self.last_parts.iter().map(|step| (score(step), *step));
        scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, step)| step)
    }

    /// Returns the row of the first part of the path that ends with `step`.
    fn first_row(&self, step: CompoundStep) -> u32 {
        let mut step = step;
        while step.from > 0 {
            step = self.steps[step.from];
        }
        step.row
    }

    /// Returns the parts of the path through `word` that ends with `last`.
    fn parts(&self, word: &str, last: CompoundStep) -> Vec<CompoundPart> {
        let mut parts = vec![part(last, word.len())];
        let mut to = last.from;
        while to > 0 {
            let step = self.steps[to];
            parts.push(part(step, to));
            to = step.from;
        }
        parts.reverse();
        parts
    }
}

/// Returns the part that ends at byte `to`.
fn part(step: CompoundStep, to: usize) -> CompoundPart {
    CompoundPart { place: step.from..to, base: step.from..step.base_end, row: step.row }
}

/// Replaces `step` by `other` if that is cheaper.
fn offer(step: &mut CompoundStep, other: CompoundStep) {
    if other.cost < step.cost {
        *step = other;
    }
}

/// Whether `base` with the letters `after` it may follow a prefix of a verb: as a noun of the verb, or
/// as an adjective.
fn follows_verb_prefix(base: &str, after: &str) -> bool {
    matches!(after, "ung" | "ungen") || after.starts_with(NOUN_LINK) || base.ends_with("ig")
}

/// Returns `verb` without its umlauts; `None` if it has none.
fn without_umlauts(verb: &str) -> Option<String> {
    let umlauts = [('ä', "a"), ('ö', "o"), ('ü', "u")];
    let plain = umlauts.iter().fold(verb.to_owned(), |verb, (from, to)| verb.replace(*from, to));
    (plain != verb).then_some(plain)
}
