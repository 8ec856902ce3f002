//! Reads judged data sets: documents, questions and relevance grades.

use std::{
    collections::HashMap,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use anstream::eprintln;
use passim::{
    Article, Query,
    eval::{Grades, JudgedQuery},
    read_articles,
};
use serde::Deserialize;

use super::outcome::Failure;

const JUDGMENTS: &str = "qrels.tsv";

/// Returns the set `folder`, or the sets in it sorted by name.
pub fn sets(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if folder.join(JUDGMENTS).exists() {
        return Ok(vec![folder.to_owned()]);
    }
    let wrong = |error| format!("{}: {error}", folder.display());
    let mut sets = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.join(JUDGMENTS).exists() {
            sets.push(path);
        }
    }
    sets.sort();
    if sets.is_empty() {
        return Err(format!(
            "neither {} nor a folder in it holds a file {JUDGMENTS}",
            folder.display()
        )
        .into());
    }
    Ok(sets)
}

/// Reads the documents: lines of `corpus.jsonl`, or the files in `articles`.
pub fn corpus(set: &Path) -> Result<Vec<Article>, Failure> {
    let names = ["corpus.jsonl", "articles"];
    let Some(corpus) = names.map(|name| set.join(name)).into_iter().find(|path| path.exists())
    else {
        let wanted = "wanted is a file corpus.jsonl or a folder articles in it";
        return Err(format!("{} holds no documents: {wanted}", set.display()).into());
    };
    let articles = read_articles(&corpus).collect::<Result<Vec<_>, _>>()?;
    if articles.is_empty() {
        return Err(format!("{} holds no documents", corpus.display()).into());
    }
    Ok(articles)
}

/// A judged data set in memory.
#[allow(dead_code, reason = "not every example reads whole sets")]
pub struct Set {
    pub name: String,
    pub documents: Vec<Article>,
    pub questions: Vec<JudgedQuery>,
}

#[allow(dead_code, reason = "not every example reads whole sets")]
impl Set {
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let full = folder.canonicalize()?;
        let name = full.file_name().unwrap_or(full.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, documents: corpus(folder)?, questions: questions(folder)? })
    }

    /// Moves the documents of all `sets` into one corpus, where equal documents appear once.
    ///
    /// Keys get the set's name as prefix, and the judgments of `sets` are changed accordingly.
    pub fn join(sets: &mut [Self]) -> Vec<Article> {
        let mut joined: Vec<Article> = Vec::new();
        let mut places = HashMap::new();
        for Self { name, documents, questions } in sets {
            let mut renamed = HashMap::new();
            for mut document in documents.drain(..) {
                let key = format!("{name}/{}", document.key);
                let place = places.entry((document.title.clone(), document.text.clone()));
                let place = *place.or_insert(joined.len());
                let old = std::mem::replace(&mut document.key, key);
                if place == joined.len() {
                    joined.push(document);
                }
                renamed.insert(old, joined[place].key.clone());
            }
            for JudgedQuery { grades, .. } in questions {
                let new = |(key, grade)| (renamed.get(&key).cloned().unwrap_or(key), grade);
                *grades = grades.drain().map(new).collect();
            }
        }
        joined
    }
}

/// Reads the judged questions in the order of `queries.jsonl`.
pub fn questions(set: &Path) -> Result<Vec<JudgedQuery>, Failure> {
    let asked = asked(&queries(set), Some(&qrels(set)))?;
    Ok(asked.into_iter().map(|question| question.judged).collect())
}

/// Returns the path of the questions of a set.
pub fn queries(set: &Path) -> PathBuf {
    set.join("queries.jsonl")
}

/// Returns the path of the judgments of a set.
pub fn qrels(set: &Path) -> PathBuf {
    set.join(JUDGMENTS)
}

/// A question and its language.
pub struct Asked {
    pub judged: JudgedQuery,
    /// Language tag, if the file declares one.
    #[allow(dead_code, reason = "not every example shows it")]
    pub language: Option<String>,
}

/// Reads the questions of the file `path` that have judgments in `qrels`, in file order.
///
/// Without `qrels`, all questions are returned, without grades.
pub fn asked(path: &Path, qrels: Option<&Path>) -> Result<Vec<Asked>, Failure> {
    #[derive(Deserialize)]
    struct Question {
        id: String,
        text: String,
        lang: Option<String>,
    }
    let mut judgments = qrels.map(judgments).transpose()?;
    let mut questions = Vec::new();
    for line in lines(path)? {
        let Question { id, text, lang } = line.parse(|text| Ok(serde_json::from_str(text)?))?;
        let grades = match &mut judgments {
            Some(judgments) => judgments.remove(&id),
            None => Some(Grades::new()),
        };
        let Some(grades) = grades else { continue };
        if text.trim().is_empty() {
            return Err(line.error(format!("question `{id}` is blank")));
        }
        let judged = JudgedQuery { id, query: Query::new(text), grades };
        questions.push(Asked { judged, language: lang });
    }
    if questions.is_empty() {
        let judged = qrels.map(|path| format!(" with a judgment in {}", path.display()));
        let judged = judged.unwrap_or_default();
        return Err(format!("{} holds no question{judged}", path.display()).into());
    }
    let unasked: usize = judgments.iter().flat_map(HashMap::values).map(HashMap::len).sum();
    if unasked > 0 {
        let path = path.display();
        eprintln!("warning: the questions of {unasked} judgments are missing in {path}");
    }
    Ok(questions)
}

/// Reads the grades of each judged question, by question id.
fn judgments(path: &Path) -> Result<HashMap<String, Grades<String>>, Failure> {
    let mut judgments: HashMap<String, Grades<String>> = HashMap::new();
    for line in lines(path)? {
        let Judgment { query, document, grade } = line.parse(judgment)?;
        judgments.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    Ok(judgments)
}

/// The grade of a document for a query.
struct Judgment<'l> {
    query: &'l str,
    document: &'l str,
    grade: u8,
}

/// Parses query, document and grade from tab-separated values or TREC's four columns.
fn judgment(line: &str) -> Result<Judgment<'_>, Failure> {
    let tabs: Vec<&str> = line.split('\t').map(str::trim).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (query, document, grade) = match (&*tabs, &*words) {
        ([query, document, grade], _) | (_, [query, "0" | "Q0", document, grade]) => {
            (*query, *document, *grade)
        }
        _ => return Err("wanted is query, document and grade, with tabs between them".into()),
    };
    let wrong = || format!("grade `{grade}` is not a whole number up to 255");
    let number: i64 = grade.parse().map_err(|_| wrong())?;
    // Negative grades mark spam in TREC data sets: they count as not relevant.
    let grade = u8::try_from(number.max(0)).map_err(|_| wrong())?;
    Ok(Judgment { query, document, grade })
}

/// A line of a file, with path and line number for error messages.
struct Line<'p> {
    path: &'p Path,
    number: usize,
    text: String,
}

impl Line<'_> {
    fn parse<'l, T>(&'l self, parse: impl Fn(&'l str) -> Result<T, Failure>) -> Result<T, Failure> {
        parse(&self.text).map_err(|error| self.error(error))
    }

    fn error(&self, wrong: impl Display) -> Failure {
        format!("line {} of {}: {wrong}", self.number, self.path.display()).into()
    }
}

/// Reads the non-blank lines of a file.
fn lines(path: &Path) -> Result<Vec<Line<'_>>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let shown = lines.filter(|(line, _)| !line.trim().is_empty());
    Ok(shown.map(|(text, number)| Line { path, number, text: text.to_owned() }).collect())
}
