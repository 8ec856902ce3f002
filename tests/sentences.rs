//! Sentence ends of labelled German and English texts.

use passim::sentences;

/// Stands where a sentence begins.
const MARK: char = '⏐';
/// Stands for a line break.
const BREAK: char = '⏎';

/// The labelled texts of a file: blank lines and headings left out.
fn cases(file: &str) -> Vec<String> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let cases = lines.lines().filter(|line| !line.is_empty() && !line.starts_with("%%"));
    cases.map(|line| line.replace(BREAK, "\n")).collect()
}

/// Compares what is found with what is marked and lists the differences.
fn check(file: &str, at_least: usize) {
    let cases = cases(file);
    let mut wrong = 0;
    for case in &cases {
        let expected: Vec<&str> = case.split(MARK).map(str::trim).collect();
        let text = case.replace(MARK, "");
        let found: Vec<&str> = sentences(&text).map(|range| &text[range]).collect();
        if found != expected {
            wrong += 1;
            println!("expected {expected:#?}\nfound    {found:#?}\n");
        }
    }
    assert!(cases.len() >= at_least, "{file} holds {} cases", cases.len());
    assert_eq!(wrong, 0, "of {} cases in {file} are wrong", cases.len());
}

#[test]
fn german_sentences_end_where_they_should() {
    check("sentences-de.txt", 150);
}

#[test]
fn english_sentences_end_where_they_should() {
    check("sentences-en.txt", 80);
}
