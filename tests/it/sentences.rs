//! Sentence boundaries of labeled German and English texts.

use passim::{Article, Chunker, Sentences, StaticEmbedder, markdown_sentences, sentences};

/// Marks a sentence boundary in the labeled texts.
const BOUNDARY: char = '⏐';
/// Marks a line break in the labeled texts.
const LINE_BREAK: char = '⏎';

/// Reads the labeled texts of a file, without blank lines and headings.
fn cases(file: &str) -> Vec<String> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let cases = lines.lines().filter(|line| !line.is_empty() && !line.starts_with("%%"));
    cases.map(|line| line.replace(LINE_BREAK, "\n")).collect()
}

/// Compares found with labeled sentences and prints the differences.
fn check(file: &str, min_cases: usize, sentences: fn(&str) -> Sentences<'_>) {
    let cases = cases(file);
    let mut wrong = 0;
    for case in &cases {
        let expected: Vec<&str> = case.split(BOUNDARY).map(str::trim).collect();
        let text = case.replace(BOUNDARY, "");
        let found: Vec<&str> = sentences(&text).map(|range| &text[range]).collect();
        if found != expected {
            wrong += 1;
            println!("expected {expected:#?}\nfound    {found:#?}\n");
        }
    }
    assert!(cases.len() >= min_cases, "{file} holds {} cases", cases.len());
    assert_eq!(wrong, 0, "wrong of {} cases in {file}", cases.len());
}

#[test]
fn german_sentences_match_their_labels() {
    check("sentences-de.txt", 150, sentences);
}

#[test]
fn english_sentences_match_their_labels() {
    check("sentences-en.txt", 80, sentences);
}

#[test]
fn markdown_sentences_match_their_labels() {
    check("sentences-markdown.txt", 15, markdown_sentences);
}

#[test]
fn rare_line_ends_end_paragraphs_within_a_passage() {
    let embedder = StaticEmbedder::bundled().unwrap();
    for end in ['\u{c}', '\u{85}', '\u{2028}', '\u{2029}'] {
        let text = format!("der erste Absatz ohne Punkt{end}der zweite Absatz");
        let found: Vec<&str> = sentences(&text).map(|range| &text[range]).collect();
        assert_eq!(found, ["der erste Absatz ohne Punkt", "der zweite Absatz"], "{end:?}");
        let whole = 0..text.len();
        let passages = Chunker::default().passages(&Article::new("a", text), &embedder).unwrap();
        assert_eq!(passages.len(), 1, "{end:?}");
        assert_eq!(passages[0].range, whole, "{end:?}");
    }
}
