//! Property tests of sentences and passages over arbitrary texts.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use passim::{
    Article, Chunker, Embedder, Interrupt, Markup, ModelIdentity, Passage, Result, Role,
    StaticEmbedder, Vectors, markdown_sentences, sentences,
};
use passim_testkit::{FakeEmbedder, Seeded};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};
use unicode_segmentation::UnicodeSegmentation;

/// Fragments of generated texts: words, punctuation, white space, scripts, graphemes, markup.
const FRAGMENTS: &[&str] = &[
    "Haus",
    "ging",
    "Er",
    "die",
    "z. B.",
    "Dr.",
    "3.",
    "2023.",
    "usw.",
    "U.S.",
    "e.g.",
    "XIV.",
    "J.",
    "Nr.",
    "§ 5",
    "config.toml",
    "https://a.de/?b=c.",
    "1,5",
    "3.500",
    "…",
    "...",
    "„",
    "“",
    "»",
    "«",
    "\"",
    "'",
    "’",
    "(",
    ")",
    "[",
    "]",
    "[12]",
    "!",
    "?",
    ".",
    ",",
    ";",
    ":",
    "–",
    "—",
    "-",
    " ",
    " ",
    " ",
    " ",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "\u{A0}",
    "\u{202F}",
    "\u{FEFF}",
    "\u{2028}",
    "# ",
    "## Titel\n",
    "- ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    "```",
    "```\n",
    "|",
    "---",
    "===",
    "**",
    "e\u{301}",
    "\u{301}",
    "\u{200D}",
    "👩\u{200D}👩\u{200D}👧",
    "🇩🇪",
    "🇩",
    "😀",
    "中文。",
    "文",
    "नमस्ते।",
    "กำ",
    "\u{600}",
    "한국어",
    "\0",
    "ß",
    "Ä",
    "ﬁ",
    "iPhone",
    "sagte",
    "said",
    "\n# ",
    "\n    ",
    "\n> ",
    "\n- ",
    "\n1. ",
    "\n|a|b|\n|-|-|\n|c|d|\n",
    "\n```\n",
    "\n---\n",
    "<!--",
    "-->",
    "<div>",
    "</div>\n",
    "<br>",
    "&amp;",
    "&nLt;",
    "[^1]",
    "\n[^1]: ",
    "[a](b)",
    "[a]: /b\n",
    "- [ ] ",
    "\\",
    "title: x\n",
];

const CASES: u32 = if cfg!(debug_assertions) { 2_000 } else { 40_000 };

fn text() -> impl Strategy<Value = String> {
    let fragments = || prop::collection::vec(prop::sample::select(FRAGMENTS), 0..80);
    let joined = fragments().prop_map(|fragments| fragments.concat());
    let spaced = fragments().prop_map(|fragments| fragments.join(" "));
    prop_oneof![joined, spaced, any::<String>()]
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{FEFF}'
}

/// Checks that `ranges` are ordered, disjoint, non-empty and trimmed, end at grapheme boundaries,
/// and cover all text but white space.
fn check_tiling(text: &str, ranges: &[Range<usize>]) {
    let bounds: Vec<usize> =
        text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let mut end = 0;
    for range in ranges {
        assert!(range.start >= end && range.end > range.start, "{range:?} in {text:?}");
        assert!(text[end..range.start].chars().all(is_space), "gap before {range:?} in {text:?}");
        check_ends(text, range, &bounds);
        end = range.end;
    }
    assert!(text[end..].chars().all(is_space), "gap at the end of {text:?}");
}

fn check_ends(text: &str, range: &Range<usize>, bounds: &[usize]) {
    for at in [range.start, range.end] {
        assert!(bounds.binary_search(&at).is_ok(), "{at} cuts a grapheme of {text:?}");
    }
    let graphemes: Vec<&str> = text[range.clone()].graphemes(true).collect();
    for grapheme in [graphemes[0], graphemes[graphemes.len() - 1]] {
        assert!(!grapheme.chars().all(is_space), "{range:?} of {text:?} is not trimmed");
    }
}

/// Checks that `ranges` are ordered, disjoint, non-empty and trimmed, end at grapheme boundaries,
/// and cover the words of the Markdown text `text`, as the parser reports them.
pub(crate) fn check_markdown(text: &str, ranges: &[Range<usize>]) {
    let bounds: Vec<usize> =
        text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let mut end = 0;
    for range in ranges {
        assert!(range.start >= end && range.end > range.start, "{range:?} in {text:?}");
        check_ends(text, range, &bounds);
        end = range.end;
    }
    if text.trim_start_matches('\u{FEFF}').starts_with(['-', '+']) {
        // It may begin with front matter, which has no words.
        return;
    }
    let start = text.len() - text.trim_start_matches('\u{FEFF}').len();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_FOOTNOTES;
    for (event, word) in Parser::new_ext(&text[start..], options).into_offset_iter() {
        let (Event::Text(_) | Event::Code(_)) = event else { continue };
        let chars = text[start + word.start..start + word.end].char_indices();
        for (at, _) in chars.filter(|(_, c)| c.is_alphanumeric()) {
            let at = start + word.start + at;
            assert!(ranges.iter().any(|range| range.contains(&at)), "{at} is lost in {text:?}");
        }
    }
}

fn check_budget(article: &Article, passages: &[Passage], embedder: &dyn Embedder, budget: usize) {
    for passage in passages {
        let text = &article.text[passage.range.clone()];
        let tokens = embedder.count_tokens(text).unwrap();
        let single = text.graphemes(true).count() == 1;
        assert!(tokens <= budget || single, "{tokens} tokens: {text:?}");
        let spaces = text.chars().filter(|c| is_space(*c)).count();
        assert!(passage.tokens.abs_diff(tokens) <= spaces, "{tokens} tokens: {text:?}");
        if let Some(limit) = embedder.max_tokens() {
            let whole = embedder.count_tokens(&passage.text_in_context(article)).unwrap();
            assert!(whole <= limit || single, "{whole} tokens with context: {text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sentences_tile_the_text(text in text()) {
        let found: Vec<_> = sentences(&text).collect();
        check_tiling(&text, &found);
        prop_assert_eq!(found, sentences(&text).collect::<Vec<_>>());
    }

    #[test]
    fn markdown_sentences_cover_all_words(text in text()) {
        let found: Vec<_> = markdown_sentences(&text).collect();
        check_markdown(&text, &found);
        prop_assert_eq!(found, markdown_sentences(&text).collect::<Vec<_>>());
    }

    #[test]
    fn passages_cover_all_words_of_markdown(text in text(), budget in 1_usize..40, limit in prop::option::of(2_usize..60)) {
        let words = FakeEmbedder::new(4);
        // Without marks a text has fewer characters, but it can have more words: `a<br>b`.
        let chars = words.clone().limit(limit.unwrap_or(99)).counting(|text| text.chars().count());
        let article = Article::new("a", text).title("Der Titel des Artikels").markup(Markup::Markdown);
        let chunker = Chunker::default().max_tokens(budget);
        for embedder in [&words as &dyn Embedder, &chars, &StaticEmbedder::bundled().unwrap()] {
            let passages = chunker.passages(&article, embedder).unwrap();
            let ranges: Vec<_> = passages.iter().map(|passage| passage.range.clone()).collect();
            check_markdown(&article.text, &ranges);
            check_budget(&article, &passages, embedder, budget);
            for passage in &passages {
                prop_assert!(!passage.text_in_context(&article).trim().is_empty());
            }
            prop_assert_eq!(passages, chunker.passages(&article, embedder).unwrap());
        }
    }

    #[test]
    fn passages_tile_the_text(text in text(), budget in 1_usize..40, limit in prop::option::of(2_usize..60)) {
        let words = match limit {
            Some(limit) => FakeEmbedder::new(4).limit(limit),
            None => FakeEmbedder::new(4),
        };
        let article = Article::new("a", text).title("Der Titel des Artikels");
        let chunker = Chunker::default().max_tokens(budget);
        // Counts of parts do not add up: the white space between them counts as well.
        let chars = FakeEmbedder::new(4).limit(limit.unwrap_or(99)).counting(|text| text.chars().count());
        for embedder in [&words as &dyn Embedder, &chars, &StaticEmbedder::bundled().unwrap()] {
            let passages = chunker.passages(&article, embedder).unwrap();
            let ranges: Vec<_> = passages.iter().map(|passage| passage.range.clone()).collect();
            check_tiling(&article.text, &ranges);
            check_budget(&article, &passages, embedder, budget);
            prop_assert_eq!(passages, chunker.passages(&article, embedder).unwrap());
        }
    }

    #[test]
    fn overlapping_passages_keep_the_budget(text in text(), budget in 1_usize..40, overlap in 1_usize..4) {
        let article = Article::new("a", text);
        let embedder = FakeEmbedder::new(4);
        let chunker = Chunker::default().max_tokens(budget).overlap_sentences(overlap);
        let passages = chunker.passages(&article, &embedder).unwrap();
        check_budget(&article, &passages, &embedder, budget);
        let mut covered = 0;
        for passage in &passages {
            prop_assert!(passage.range.end > covered);
            if passage.range.start > covered {
                prop_assert!(article.text[covered..passage.range.start].chars().all(is_space));
            }
            covered = passage.range.end;
        }
        prop_assert!(article.text[covered..].chars().all(is_space));
    }
}

/// Half a megabyte of one repeated fragment reveals quadratic time.
#[test]
fn repetitive_texts_take_linear_time() {
    let embedder = FakeEmbedder::new(1).limit(512);
    for fragment in [
        "a. ",
        "a ",
        "a",
        ".",
        ". ",
        "\"",
        "\n",
        " ",
        "(",
        "(a. ",
        "„",
        "„A. ",
        "1. ",
        "1.",
        "- \n",
        "<!--",
        "<a ",
        "</",
        "<x>",
        "[a](",
        "[a",
        "|a|\n|-|\n",
        "&amp;",
        "\n    ",
        "[^1]: ",
        "- - ",
        "`",
        "*a_ ",
        "![",
        "<div>\n",
        "<script>\n",
        "\\",
        "a\n===\n",
        "|a|b|c|d|e|f|\n",
        "```\n",
        "# a\n",
        "|\n",
        "A\n\n",
        "z. B. ",
        "a\u{301}",
        "\u{301}",
        "🇩🇪",
        "😀",
        "! 😀 ",
        "\u{200D}",
        "文",
        "。",
        "\u{FEFF}",
        "…",
        "a.\u{A0}",
        "> ",
        ">\n",
        "**",
        "=\n",
        "---\n",
        "A. B. ",
        "» ",
        "\" ",
        "A: ",
        ", ",
        "und ",
        "\r",
        "[1]",
        "a.[1] ",
    ] {
        let text = fragment.repeat(500_000 / fragment.len());
        let start = Instant::now();
        let count = sentences(&text).count();
        let mut article = Article::new("a", text);
        let passages = Chunker::default().passages(&article, &embedder).unwrap().len();
        article.markup = Markup::Markdown;
        Chunker::default().passages(&article, &embedder).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("{fragment:?}: {count} sentences, {passages} passages in {seconds:.2} s");
        assert!(seconds < 20.0, "{fragment:?} took {seconds} s");
    }
}

/// A model with the number of texts whose tokens were counted, and that of their bytes.
struct CountedBytes<E> {
    model: E,
    texts: AtomicUsize,
    bytes: AtomicUsize,
}

impl<E> CountedBytes<E> {
    fn new(model: E) -> Self {
        Self { model, texts: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }
}

impl<E: Embedder> Embedder for CountedBytes<E> {
    fn identity(&self) -> &ModelIdentity {
        self.model.identity()
    }

    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn max_tokens(&self) -> Option<usize> {
        self.model.max_tokens()
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.texts.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(text.len(), Ordering::Relaxed);
        self.model.count_tokens(text)
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        self.model.embed(role, texts, interrupt)
    }
}

/// The bytes that the model reads are a measure of time that does not depend on the machine.
#[test]
fn each_byte_of_a_long_line_is_counted_a_few_times() {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = Seeded(19);
    for len in [20_000, 200_000] {
        let base64 = (0..len).map(|_| char::from(DIGITS[random.below(DIGITS.len())])).collect();
        let digits = (0..len).map(|_| char::from(b"0123456789"[random.below(10)])).collect();
        let lines: [String; 5] = [
            base64,
            digits,
            "QUJD".repeat(len / 4),
            "1,2,".repeat(len / 4),
            "Moor ".repeat(len / 5),
        ];
        for line in &lines {
            counts_each_byte_a_few_times(line, StaticEmbedder::bundled().unwrap());
            // A tokenizer that knows no data, with an input limit.
            let model = FakeEmbedder::new(1).limit(256).counting(|text| text.len().div_ceil(3));
            counts_each_byte_a_few_times(line, model);
        }
    }
}

/// Checks that `model` counts each byte of `line` as part of its sentence, as part of its passage, and
/// rarely again.
fn counts_each_byte_a_few_times(line: &str, model: impl Embedder) {
    let embedder = CountedBytes::new(model);
    Chunker::default().passages(&Article::new("a", line), &embedder).unwrap();
    let counted = embedder.bytes.into_inner();
    let start = &line[..8];
    println!("{} bytes of {start}: {counted} bytes counted", line.len());
    assert!(counted < 3 * line.len(), "{} bytes of {start}: {counted} counted", line.len());
}

/// Clauses of a few tokens are counted together, and passages keep their length.
#[test]
fn short_clauses_of_a_long_line_are_counted_together() {
    for clause in ["a, ", "Moor,\n", "a\n", "und x "] {
        let text = clause.repeat(60_000 / clause.len());
        let embedder = CountedBytes::new(FakeEmbedder::new(1).limit(512));
        let passages = Chunker::default().passages(&Article::new("a", &*text), &embedder).unwrap();
        let (last, others) = passages.split_last().unwrap();
        assert!(others.iter().all(|passage| (120..=200).contains(&passage.tokens)), "{clause:?}");
        assert!(last.tokens <= 200 && last.range.end == text.trim_end().len(), "{clause:?}");
        let texts = embedder.texts.into_inner();
        assert!(texts <= 8 * passages.len(), "{texts} texts for {} passages", passages.len());
    }
}

/// A blob in one line has no spaces, and letters in random order.
#[test]
fn a_long_base64_line_takes_linear_time() {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = Seeded(11);
    let blob: String =
        (0..4_000_000).map(|_| char::from(DIGITS[random.below(DIGITS.len())])).collect();
    let embedder = FakeEmbedder::new(1).limit(512).counting(|text| text.len().div_ceil(4));
    for markup in [Markup::Plain, Markup::Markdown] {
        let article = Article::new("a", format!("Anhang:\n\n{blob}\n")).markup(markup);
        let start = Instant::now();
        let passages = Chunker::default().passages(&article, &embedder).unwrap().len();
        let seconds = start.elapsed().as_secs_f64();
        println!("{passages} passages in {seconds:.2} s");
        assert!(passages > 4_000 && seconds < 20.0, "{passages} passages took {seconds} s");
    }
}
