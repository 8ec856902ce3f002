//! Laws of the lexical index: a score has the same bits however it is computed, for any segments.

#![allow(clippy::float_cmp, reason = "the same bits")]

mod damage;

use std::collections::BTreeMap;

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::{builder::LexicalBuilder, max_score::Steps, merge::MergedRow, postings::Posting, *};
use crate::{RowSet, vector::RankedRow};

/// Passages of a few words, some of them frequent, some in both languages.
fn passages(most: usize) -> impl Strategy<Value = Vec<(String, Option<AnalyzedLanguage>)>> {
    let language =
        prop_oneof![Just(Some(AnalyzedLanguage::German)), Just(Some(AnalyzedLanguage::English)), Just(None)];
    let passage = prop::collection::vec(word(), 0..12).prop_map(|words| words.join(" "));
    prop::collection::vec((passage, language), 0..most)
}

fn word() -> impl Strategy<Value = &'static str> {
    let common = prop_oneof![Just("der"), Just("the"), Just("Haus"), Just("houses")];
    let rare = prop_oneof![
        Just("Wohnungsbaugenossenschaft"),
        Just("Baugenossenschaften"),
        Just("Bundesverfassungsgericht"),
        Just("Gerichte"),
        Just("information"),
        Just("Texas"),
        Just("COVID-19"),
        Just("3,5"),
        Just("Ärzte"),
    ];
    prop_oneof![3 => common, 1 => rare]
}

fn question() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 0..8).prop_map(|words| words.join(" "))
}

fn build(passages: &[(String, Option<AnalyzedLanguage>)]) -> LexicalIndex {
    let mut builder = LexicalBuilder::new().unwrap();
    for (text, language) in passages {
        builder.push(text, *language);
    }
    builder.seal()
}

fn terms(question: &str) -> QueryTerms {
    QueryTerms::of(question, &mut Analyzer::new().unwrap())
}

fn gather<'a>(
    question: &str,
    indexes: impl IntoIterator<Item = &'a LexicalIndex>,
) -> WeightedTerms {
    let live = |index: &'a LexicalIndex| LiveIndex {
        index,
        removed: &[],
        terms: index.terms_without(&[]),
    };
    weigh(question, indexes.into_iter().map(live))
}

/// Weighs the terms of `question` in a corpus of `indexes`.
fn weigh<'a>(question: &str, indexes: impl IntoIterator<Item = LiveIndex<'a>>) -> WeightedTerms {
    let terms = terms(question);
    let stats = CorpusStats::gather(&terms, indexes);
    WeightedTerms::new(terms, &stats)
}

/// Steps so small that small corpora take several.
const SMALL: Steps = Steps { window: 64, lookups: 16, min_sparsity: 2 };

fn never() -> bool {
    false
}

/// BM25 by its definition, from the texts alone.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
fn scores_by_definition(passages: &[(String, Option<AnalyzedLanguage>)], question: &str) -> Vec<f32> {
    let terms = terms(question);
    let mut analyzer = Analyzer::new().unwrap();
    let mut counts = Vec::new();
    let mut lengths = Vec::new();
    for (text, language) in passages {
        let mut count = BTreeMap::<String, u32>::new();
        let mut length = 0;
        analyzer.terms(text, *language, |term, _, _| {
            *count.entry(term.to_owned()).or_default() += 1;
            length += 1;
        });
        counts.push(count);
        lengths.push(length);
    }
    let n = passages.len() as f64;
    let mean = f64::from(lengths.iter().sum::<u32>().max(1)) / n;
    let scores = counts.iter().zip(&lengths).map(|(count, length)| {
        let shares = terms.groups().iter().map(|group| {
            let of = |term: &String, count: &BTreeMap<String, u32>| count.get(term).copied();
            let with = group
                .terms
                .iter()
                .map(|term| counts.iter().filter(|count| of(term, count).is_some()).count() as f64);
            let with = with.sum::<f64>().min(n);
            let idf = (1.0 + (n - with + 0.5) / (with + 0.5)).ln();
            let times: u32 = group.terms.iter().filter_map(|term| of(term, count)).sum();
            let times = f64::from(times);
            let norm = 1.2 * (0.25 + 0.75 * f64::from(*length) / mean);
            f64::from(group.weight) * idf * 2.2 * times / (times + norm)
        });
        shares.sum::<f64>() as f32
    });
    scores.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn best_rows_equal_a_full_comparison(
        passages in passages(300), question in question(), n in prop_oneof![0_usize..8, 0_usize..400],
        removed in prop::option::of(prop::collection::vec(0_u32..300, 0..200)),
    ) {
        let index = build(&passages);
        let terms = gather(&question, [&index]);
        let rows: Vec<u32> = (0..index.len()).collect();
        let scores = index.scores(&terms, &rows);
        let allowed = removed.map(|removed| {
            let mut allowed = RowSet::all(index.len());
            for row in removed {
                allowed.remove(row);
            }
            allowed
        });
        let is_allowed = |row: u32| allowed.as_ref().is_none_or(|allowed| allowed.contains(row));
        let ranked = rows.iter().zip(&scores).map(|(row, score)| RankedRow { row: *row, score: *score });
        let mut expected: Vec<RankedRow> = ranked.collect();
        expected.retain(|ranked| ranked.score > 0.0 && is_allowed(ranked.row));
        expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        expected.truncate(n);
        let best = index.best_in_steps(&terms, n, allowed.as_ref(), SMALL, never);
        let in_default_steps = index.best(&terms, n, allowed.as_ref(), never);
        prop_assert_eq!(&in_default_steps.rows, &best.rows);
        prop_assert!(best.plan.complete && best.plan.scored <= rows.len());
        prop_assert_eq!(best.rows, expected);
        prop_assert!(scores.iter().all(|score| *score <= terms.max_bm25()));
        for (row, score) in rows.iter().zip(&scores) {
            let shares = index.explain(&terms, *row);
            let sum = shares.iter().fold(0.0, |sum: f32, share| sum + share.contribution);
            prop_assert_eq!(sum.to_bits(), score.to_bits());
        }
    }

    #[test]
    fn scores_follow_the_definition(passages in passages(40), question in question()) {
        let index = build(&passages);
        let terms = gather(&question, [&index]);
        let rows: Vec<u32> = (0..index.len()).collect();
        let scores = index.scores(&terms, &rows);
        for (score, wanted) in scores.iter().zip(scores_by_definition(&passages, &question)) {
            prop_assert!((score - wanted).abs() <= 1e-4 * wanted.max(1.0), "{} {}", score, wanted);
        }
    }

    #[test]
    fn segments_do_not_change_scores(
        passages in passages(100), question in question(), cut in 0_usize..100,
    ) {
        let whole = build(&passages);
        let cut = cut.min(passages.len());
        let parts = [build(&passages[..cut]), build(&passages[cut..])];
        let terms = gather(&question, &parts);
        let rows = |index: &LexicalIndex| (0..index.len()).collect::<Vec<_>>();
        let scores = parts.iter().flat_map(|part| {
            part.scores(&terms, &rows(part))
        });
        let of_whole = gather(&question, [&whole]);
        let expected = whole.scores(&of_whole, &rows(&whole));
        prop_assert_eq!(scores.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn removed_rows_do_not_count(
        passages in passages(300), question in question(),
        removed in prop::collection::btree_set(0_u32..300, 0..300),
    ) {
        let whole = build(&passages);
        let removed: Vec<u32> = removed.into_iter().filter(|row| *row < whole.len()).collect();
        let (kept, live): (Vec<_>, Vec<u32>) = passages.into_iter().zip(0..)
            .filter(|(_, row)| !removed.contains(row)).unzip();
        let rest = build(&kept);
        let words = whole.terms_without(&removed);
        prop_assert_eq!(words, rest.terms_without(&[]));
        let of_rest = gather(&question, [&rest]);
        let of_live = [LiveIndex { index: &whole, removed: &removed, terms: words }];
        let of_live = weigh(&question, of_live);
        prop_assert_eq!(of_live.max_bm25(), of_rest.max_bm25());
        let all: Vec<u32> = (0..rest.len()).collect();
        prop_assert_eq!(
            whole.scores(&of_live, &live),
            rest.scores(&of_rest, &all)
        );
    }

    #[test]
    fn merging_equals_building_anew(
        parts in prop::collection::vec(passages(60), 0..4),
        removed in prop::collection::btree_set((0_usize..4, 0_u32..60), 0..60),
        is_shuffled in any::<bool>(),
    ) {
        let indexes: Vec<_> = parts.iter().map(|passages| build(passages)).collect();
        let live: Vec<Vec<u32>> = indexes.iter().enumerate().map(|(at, index)| {
            (0..index.len()).filter(|row| !removed.contains(&(at, *row))).collect()
        }).collect();
        let live = (0..).zip(&live).flat_map(|(part, rows)| rows.iter().map(move |row| MergedRow { part, row: *row }));
        let mut live: Vec<MergedRow> = live.collect();
        if is_shuffled {
            live.sort_by_key(|from| xxh3_64(&[from.part.to_le_bytes(), from.row.to_le_bytes()].concat()));
        }
        let merged = LexicalIndex::merge(&indexes.iter().collect::<Vec<_>>(), &live);
        let passages: Vec<_> =
            live.iter().map(|from| parts[from.part as usize][from.row as usize].clone()).collect();
        let anew = build(&passages);
        prop_assert_eq!(merged.bytes(), anew.bytes());
    }

    #[test]
    fn any_text_can_be_indexed_and_searched(
        texts in prop::collection::vec(any::<String>(), 0..8), question in any::<String>(),
    ) {
        for language in AnalyzedLanguage::ALL {
            let passages: Vec<_> = texts.iter().map(|text| (text.clone(), Some(language))).collect();
            let index = build(&passages);
            let terms = gather(&question, [&index]);
            index.best(&terms, 3, None, never);
        }
    }

    #[test]
    fn an_opened_index_equals_the_built_one(passages in passages(30)) {
        let index = build(&passages);
        let opened = LexicalIndex::open(index.bytes().to_vec().into()).unwrap();
        prop_assert_eq!(opened.len() as usize, passages.len());
        prop_assert_eq!(opened.terms_without(&[]), index.terms_without(&[]));
    }

}

#[test]
fn long_passages_are_indexed() {
    let text = "Wort Haus 17 ".repeat(350_000);
    let index = build(&[(text, Some(AnalyzedLanguage::German)), ("x".repeat(1 << 20), None)]);
    assert!(index.terms_without(&[]) > 3 * 350_000);
    let terms = gather("haus", [&index]);
    assert_eq!(index.best(&terms, 5, None, never).rows.len(), 1);
}

#[test]
fn an_interrupted_search_returns_what_it_found() {
    let passages: Vec<_> =
        (0..9_000).map(|_| ("Haus".to_owned(), Some(AnalyzedLanguage::German))).collect();
    let index = build(&passages);
    let terms = gather("Haus", [&index]);
    let stopped = index.best(&terms, 10_000, None, || true);
    assert!((1..9_000).contains(&stopped.rows.len()), "{}", stopped.rows.len());
    assert!(!stopped.plan.complete && stopped.plan.scored == stopped.rows.len());

    let mut few = RowSet::none(index.len());
    few.insert_range(5_000..5_100);
    let stopped = index.best_in_steps(&terms, 10_000, Some(&few), SMALL, || true);
    assert!((1..100).contains(&stopped.rows.len()) && !stopped.plan.complete);
    let whole = index.best(&terms, 10_000, Some(&few), never);
    assert!(whole.rows.len() == 100 && whole.plan.complete);
}

#[test]
fn postings_hold_the_terms_of_the_texts() {
    let passages = ["Haus Hof Haus", "Hof", "Haus"];
    let index = build(&passages.map(|text| (text.to_owned(), Some(AnalyzedLanguage::German))));
    let entry = index.dictionary().find(b"haus").unwrap();
    let mut found = Vec::new();
    let list = &index.postings()[entry.list];
    postings::PostingCursor::new(entry.doc_freq, list).read_to(9, |posting| found.push(posting));
    assert_eq!(found, [Posting { row: 0, tf: 2 }, Posting { row: 2, tf: 1 }]);
}

/// Lists that end within a block, at its end and after it, with few rows removed or scored.
#[test]
fn lists_of_whole_blocks_can_be_searched() {
    for len in [127_u32, 128, 129, 256, 257, 1_000] {
        let text = |row: u32| if row.is_multiple_of(3) { "Haus und Hof" } else { "ein Hof" };
        let passages: Vec<_> =
            (0..3 * len).map(|row| (text(row).to_owned(), Some(AnalyzedLanguage::German))).collect();
        let index = build(&passages);
        for removed in [vec![], vec![0], vec![3 * len - 3], vec![3 * 126, 3 * 126 + 1], vec![1, 2]]
        {
            let houses = removed.iter().filter(|row| *row % 3 == 0).count();
            let rows = index.doc_freq("haus", &removed);
            assert_eq!(rows as usize, len as usize - houses, "{len} {removed:?}");
        }
        let terms = gather("Haus", [&index]);
        let sparse: Vec<u32> = (0..3 * len).step_by(125).chain([3 * len - 3]).collect();
        let scores = index.scores(&terms, &sparse);
        for (row, score) in sparse.iter().zip(scores) {
            assert_eq!(score > 0.0, row % 3 == 0, "{len} {row}");
        }
    }
}
