//! Laws of language detection on paragraphs of real texts.
//!
//! `PASSIM_PARAGRAPHS` names a folder of files `de.txt`, `en.txt`, `fr.txt` and so on, one paragraph
//! per line. `docs/LANGUAGES.md` says where to get them. Without it, the test says so and passes.

use std::{collections::BTreeMap, env, fs, path::Path};

use passim::{Article, Filter, IndexChoice, Language, Mode, Query, Retriever};
use passim_testkit::FakeEmbedder;

/// The number of paragraphs of a file, by the language detected.
fn detected(file: &Path) -> BTreeMap<Option<Language>, usize> {
    let builder = Retriever::builder().embedder(FakeEmbedder::new(4));
    let mut retriever = builder.index(IndexChoice::Exact).in_memory().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let articles =
        text.lines().zip(0..).map(|(line, number)| Article::new(format!("{number}"), line));
    retriever.add(articles).unwrap();
    let all = Query::new("x").mode(Mode::Dense).exact().k(100_000).per_article(1);
    let count = |filter: Filter| retriever.search(all.clone().filter(filter)).unwrap().len();
    let german = count(Filter::language(Language::German));
    let english = count(Filter::language(Language::English));
    let none = retriever.articles() - german - english;
    [(Some(Language::German), german), (Some(Language::English), english), (None, none)].into()
}

#[test]
fn paragraphs_are_in_their_language_or_in_none() {
    let Some(folder) = env::var_os("PASSIM_PARAGRAPHS") else {
        eprintln!("skipped: PASSIM_PARAGRAPHS names no folder of paragraphs");
        return;
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let counts = detected(&path);
        println!("{}: {counts:?}", path.display());
        let all: usize = counts.values().sum();
        let language = match path.file_stem().unwrap().to_str().unwrap() {
            "de" => Some(Language::German),
            "en" => Some(Language::English),
            _ => None,
        };
        let least = if language.is_some() { all } else { (all * 98).div_ceil(100) };
        assert!(counts[&language] >= least, "{}: {counts:?}", path.display());
    }
}
