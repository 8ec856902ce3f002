//! Chunking: breakpoints, even lengths, overlap and context of passages.

use passim::{Article, Chunker, Error, Markup, Passage, StaticEmbedder};
use passim_testkit::FakeEmbedder;

/// Returns a sentence of `words` words.
fn sentence(words: usize) -> String {
    let rest = vec!["wort"; words - 1].join(" ");
    format!("Satz {rest}.")
}

/// Returns a paragraph of sentences with the given word counts.
fn paragraph(words: &[usize]) -> String {
    words.iter().map(|words| sentence(*words)).collect::<Vec<_>>().join(" ")
}

fn passages(article: &Article, chunker: &Chunker) -> Vec<Passage> {
    chunker.passages(article, &FakeEmbedder::new(1)).unwrap()
}

fn texts<'a>(article: &'a Article, passages: &[Passage]) -> Vec<&'a str> {
    passages.iter().map(|passage| &article.text[passage.range.clone()]).collect()
}

fn tokens(passages: &[Passage]) -> Vec<usize> {
    passages.iter().map(|passage| passage.tokens).collect()
}

#[test]
fn white_space_gives_no_passages() {
    for text in ["", " \r\n\t ", "\u{FEFF}", "\u{FEFF}\n\n"] {
        assert_eq!(passages(&Article::new("a", text), &Chunker::default()), []);
    }
}

#[test]
fn passages_have_even_lengths() {
    let article = Article::new("a", paragraph(&[10; 11]));
    let found = passages(&article, &Chunker::default().max_tokens(50));
    assert_eq!(tokens(&found), [40, 40, 30]);
}

#[test]
fn paragraph_breaks_win_over_sentence_breaks() {
    let blocks = [paragraph(&[8, 8, 8]), paragraph(&[8, 8]), paragraph(&[8, 8, 8, 8])];
    let article = Article::new("a", blocks.join("\n\n"));
    let found = passages(&article, &Chunker::default().max_tokens(40));
    assert_eq!(tokens(&found), [40, 32]);
    assert_eq!(texts(&article, &found), [blocks[..2].join("\n\n"), blocks[2].clone()]);
}

#[test]
fn a_heading_stays_with_the_text_below_it() {
    for (heading, markup) in [
        ("## Nutzen", Markup::Markdown),
        ("Nutzen\n------", Markup::Markdown),
        ("**Nutzen**", Markup::Markdown),
        ("Nutzen\n------", Markup::Plain),
        ("Nutzen", Markup::Plain),
    ] {
        let text = format!("{}\n\n{heading}\n\n{}", paragraph(&[10, 10, 10]), paragraph(&[10, 10]));
        let article = Article::new("a", text).markup(markup);
        let found = passages(&article, &Chunker::default().max_tokens(33));
        assert_eq!(found.len(), 2, "{heading}");
        assert!(article.text[found[1].range.clone()].starts_with(heading));
        assert_eq!(found[1].heading, None);
    }
}

#[test]
fn a_passage_carries_its_nearest_heading() {
    for (heading, markup) in [
        ("# Moore #", Markup::Markdown),
        ("Moore\n=====", Markup::Markdown),
        ("**Moore**", Markup::Markdown),
        ("Moore\n=====", Markup::Plain),
        ("Moore", Markup::Plain),
    ] {
        let text = format!("{heading}\n\n{}\n\n{}", paragraph(&[20]), paragraph(&[20]));
        let article = Article::new("a", text).title("Landschaften").markup(markup);
        let found = passages(&article, &Chunker::default().max_tokens(24));
        assert_eq!(found.len(), 2, "{heading}");
        let range = found[1].heading.clone().unwrap();
        assert_eq!(&article.text[range], "Moore");
        let shown = format!("Landschaften\nMoore\n{}", sentence(20));
        assert_eq!(found[1].text_in_context(&article), shown);
        let bare = passages(&article, &Chunker::default().max_tokens(24).context(false));
        assert_eq!(bare[1].text_in_context(&article), sentence(20));
    }
}

#[test]
fn a_title_in_the_text_is_not_repeated() {
    let article = Article::new("a", format!("Moore\n\n{}", sentence(20))).title("Moore");
    let found = passages(&article, &Chunker::default());
    assert_eq!(found[0].text_in_context(&article), article.text);
    let found = passages(&article, &Chunker::default().max_tokens(12));
    assert_eq!(found[1].text_in_context(&article).matches("Moore").count(), 1);
}

#[test]
fn context_takes_at_most_half_of_the_input_limit() {
    let article = Article::new("a", paragraph(&[10, 10, 10])).title(vec!["lang"; 30].join(" "));
    let narrow = FakeEmbedder::new(1).limit(40);
    let found = Chunker::default().passages(&article, &narrow).unwrap();
    assert!(found.iter().all(|passage| !passage.titled));
    let wide = FakeEmbedder::new(1).limit(70);
    let found = Chunker::default().passages(&article, &wide).unwrap();
    assert!(found.iter().all(|passage| passage.titled));
}

#[test]
fn a_long_sentence_is_split_at_clauses_then_words() {
    let article = Article::new(
        "a",
        "Der Fluss stieg die ganze Nacht, am Morgen standen Keller und Gärten unter Wasser.",
    );
    let found = passages(&article, &Chunker::default().max_tokens(9));
    let expected =
        ["Der Fluss stieg die ganze Nacht,", "am Morgen standen Keller und Gärten unter Wasser."];
    assert_eq!(texts(&article, &found), expected);
    let article = Article::new("a", vec!["wort"; 40].join(" "));
    let found = passages(&article, &Chunker::default().max_tokens(10));
    assert!(found.len() <= 5, "{:?}", tokens(&found));
}

#[test]
fn overlap_repeats_sentences_within_the_budget() {
    let article = Article::new("a", paragraph(&[10; 8]));
    let found = passages(&article, &Chunker::default().max_tokens(40).overlap_sentences(1));
    for pair in found.windows(2) {
        let repeated = &article.text[pair[1].range.start..pair[0].range.end];
        assert_eq!(repeated, sentence(10));
    }
    let found = passages(&article, &Chunker::default().max_tokens(10).overlap_sentences(2));
    assert_eq!(tokens(&found), [10; 8]);
}

#[test]
fn scripts_outside_the_vocabulary_get_full_passages() {
    let chinese = "河水在春天上涨，淹没了低处的田地。村民们把粮食搬到山上，等待水退去。";
    let russian = "Весной река выходит из берегов и заливает луга. Жители переносят зерно на холм.";
    let unmarked = ["河水在春天上涨淹没了低处的田地", "рекавыходитизберегов"];
    let embedder = StaticEmbedder::bundled().unwrap();
    for text in [chinese, &format!("{russian} "), unmarked[0], unmarked[1]] {
        let article = Article::new("a", text.repeat(100));
        let found = Chunker::default().passages(&article, &embedder).unwrap();
        for text in texts(&article, &found) {
            let len = text.chars().count();
            assert!((100..=300).contains(&len), "{len} characters");
        }
    }
}

#[test]
fn invalid_settings_are_errors_and_valid_ones_survive_json() {
    let article = Article::new("a", "Text.");
    for chunker in [Chunker::default().max_tokens(0), Chunker::default().overlap_sentences(17)] {
        let error = chunker.passages(&article, &FakeEmbedder::new(1)).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    let chunker = Chunker::default().max_tokens(77).overlap_sentences(1).context(false);
    let json = serde_json::to_string(&chunker).unwrap();
    assert_eq!(serde_json::from_str::<Chunker>(&json).unwrap(), chunker);
}
