//! Relevance judgments from files in the forms of BEIR and TREC.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{AskedQuestion, Grades, JudgedQuery, numbered_lines::for_each_line};
use crate::{Cause, Error, Query, Result};

/// First line of a file of judgments in the form of BEIR.
const BEIR_HEADER: [&str; 3] = ["query-id", "corpus-id", "score"];

/// Grades of articles by question, from a file.
///
/// # Examples
///
/// ```
/// use passim::{Retriever, eval, read_articles};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add(read_articles("examples/articles").collect::<passim::Result<Vec<_>>>()?)?;
/// let judgments = eval::Judgments::read("examples/qrels.tsv")?;
/// judgments.check_articles(|key| Ok(retriever.article(key)?.is_some()))?;
/// let questions = judgments.judge(eval::read_questions("examples/queries.jsonl")?)?;
///
/// let evaluation = eval::run(&questions, 10, |query| retriever.search(query))?;
/// assert!(evaluation.success() > Some(0.9) && evaluation.map() > Some(0.8));
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgments {
    path: PathBuf,
    by_question: BTreeMap<String, Grades<String>>,
}

impl Judgments {
    /// Reads a file in one of these forms, which its first line shows:
    ///
    /// - BEIR, such as `qrels/test.tsv`: question, article and grade with tabs between them, below the
    ///   header `query-id`, `corpus-id`, `score`, which may be missing;
    /// - TREC: question, a column without meaning such as `0`, article and grade, with white space
    ///   between them.
    ///
    /// A grade is a whole number up to 255. A negative one, which marks spam in TREC sets, is read as
    /// 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLine`] for the first line that has another form, or that judges an article
    /// again. [`Error::Read`], [`Error::NotUtf8`] or [`Error::NotText`] for the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut by_question = BTreeMap::<String, Grades<String>>::new();
        let mut form = None;
        for_each_line(path, "a judgment", |_, line| {
            if form.is_none() && tab_columns(line) == BEIR_HEADER {
                form = Some(JudgmentForm::Tabs);
                return Ok(());
            }
            let form = *form.get_or_insert(JudgmentForm::of(line));
            let Judgment { question, article, grade } = form.parse(line)?;
            let grades = by_question.entry(question.to_owned()).or_default();
            match grades.insert(article.to_owned(), grade) {
                None => Ok(()),
                Some(_) => Err(format!(
                    "article `{article}` is judged twice for question `{question}`: keep one line"
                )
                .into()),
            }
        })?;
        Ok(Self { path: path.to_owned(), by_question })
    }

    /// Returns the identifiers of the judged questions, in the order of their bytes.
    pub fn questions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.by_question.keys().map(String::as_str)
    }

    /// Returns the grades of a question by article key; `None` if it is not judged.
    #[must_use]
    pub fn grades(&self, question: &str) -> Option<&Grades<String>> {
        self.by_question.get(question)
    }

    /// Keeps the judgments of the questions for which `keep` returns true, to evaluate a part of a
    /// set.
    pub fn retain_questions(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.by_question.retain(|question, _| keep(question));
    }

    /// Returns the judged ones of `questions` with their grades, in the order given.
    ///
    /// Each is a [`Query`] with default settings. Questions without a judgment are left out.
    ///
    /// # Errors
    ///
    /// [`Error::MissingJudged`] if a judged question is not among `questions`.
    pub fn judge(
        &self,
        questions: impl IntoIterator<Item = AskedQuestion>,
    ) -> Result<Vec<JudgedQuery>> {
        let mut missing: BTreeSet<&str> = self.questions().collect();
        let mut judged = Vec::new();
        for AskedQuestion { id, text, .. } in questions {
            if let Some(grades) = self.grades(&id) {
                missing.remove(&*id);
                let grades = grades.clone();
                judged.push(JudgedQuery { id, query: Query::new(text), grades });
            }
        }
        self.refuse_missing("questions", self.by_question.len(), &missing)?;
        Ok(judged)
    }

    /// Checks that the corpus has every judged article, whatever its grade; `has` tells whether it
    /// has a key.
    ///
    /// A corpus that lacks relevant articles, or that has other keys than the judgments, has lower
    /// measures than the search deserves.
    ///
    /// # Errors
    ///
    /// [`Error::MissingJudged`] if articles are missing, and the first error of `has`.
    pub fn check_articles(&self, mut has: impl FnMut(&str) -> Result<bool>) -> Result<()> {
        let grades = self.by_question.values();
        let judged: BTreeSet<&str> = grades.flat_map(Grades::keys).map(String::as_str).collect();
        let mut missing = BTreeSet::new();
        for key in &judged {
            if !has(key)? {
                missing.insert(*key);
            }
        }
        self.refuse_missing("articles", judged.len(), &missing)
    }

    fn refuse_missing(
        &self,
        what: &'static str,
        judged: usize,
        missing: &BTreeSet<&str>,
    ) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        Err(Error::MissingJudged { path: self.path.clone(), what, judged, missing })
    }
}

/// How the columns of a file of judgments are separated.
#[derive(Clone, Copy)]
enum JudgmentForm {
    Tabs,
    Trec,
}

/// The grade of an article for a question.
struct Judgment<'l> {
    question: &'l str,
    article: &'l str,
    grade: u8,
}

impl JudgmentForm {
    /// Returns the form of a file whose first line is `line`.
    fn of(line: &str) -> Self {
        if line.split_whitespace().count() == 4 && tab_columns(line).len() != 3 {
            Self::Trec
        } else {
            Self::Tabs
        }
    }

    fn parse(self, line: &str) -> Result<Judgment<'_>, Cause> {
        let columns = match self {
            Self::Tabs => tab_columns(line),
            Self::Trec => line.split_whitespace().collect(),
        };
        let (question, article, grade) = match (self, &*columns) {
            (Self::Tabs, [question, article, grade])
            | (Self::Trec, [question, _, article, grade]) => (*question, *article, *grade),
            (Self::Tabs, _) => {
                return Err("it holds question, article and grade, with tabs between them".into());
            }
            (Self::Trec, _) => {
                return Err(
                    "it holds question, 0, article and grade, as the first line does".into()
                );
            }
        };
        if question.is_empty() || article.is_empty() {
            return Err("the question or the article is empty".into());
        }
        Ok(Judgment { question, article, grade: parse_grade(grade)? })
    }
}

fn tab_columns(line: &str) -> Vec<&str> {
    line.split('\t').map(str::trim).collect()
}

fn parse_grade(text: &str) -> Result<u8, Cause> {
    let invalid = || format!("the grade `{text}` is no whole number up to 255");
    let number: i64 = text.parse().map_err(|_| invalid())?;
    Ok(u8::try_from(number.max(0)).map_err(|_| invalid())?)
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::*;

    fn read(text: &str) -> Result<Judgments> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qrels");
        fs::write(&path, text).unwrap();
        Judgments::read(path)
    }

    fn grades<const N: usize>(grades: [(&str, u8); N]) -> Grades<String> {
        grades.map(|(key, grade)| (key.to_owned(), grade)).into()
    }

    #[test]
    fn three_forms_of_one_file_are_equal() {
        for text in [
            "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0\nq2\ta\t1\n",
            "\u{feff}q1\ta\t2\r\n\r\nq1\tb\t0\r\nq2\ta\t1",
            "q1 0 a 2\nq1 0\tb  -2\nq2 Q0 a 1\n",
            "q1\t0\ta\t2\nq1\t0\tb\t0\nq2\t0\ta\t1\n",
        ] {
            let judgments = read(text).unwrap();
            assert_eq!(judgments.grades("q1"), Some(&grades([("a", 2), ("b", 0)])), "{text}");
            assert_eq!(judgments.grades("q2"), Some(&grades([("a", 1)])), "{text}");
            assert_eq!(judgments.questions().collect::<Vec<_>>(), ["q1", "q2"], "{text}");
        }
    }

    #[test]
    fn keys_in_tab_columns_may_have_spaces() {
        let judgments = read("q 1\tSeite 1.md\t1\n").unwrap();
        assert_eq!(judgments.grades("q 1"), Some(&grades([("Seite 1.md", 1)])));
    }

    #[test]
    fn an_invalid_line_is_an_error_with_its_number() {
        let tabs = "it holds question, article and grade, with tabs";
        let trec = "it holds question, 0, article and grade, as the first line";
        for (text, number, fault) in [
            ("q a 1", 1, tabs),
            ("q\ta\t1\nq 0 b 1", 2, tabs),
            ("q\ta\t1\nq\tb", 2, tabs),
            ("query-id\tcorpus-id\tscore\nq 0 b 1", 2, tabs),
            ("q 0 a 1\n\nq\tb\t1", 3, trec),
            ("q 0 a 1\nq Q0 b 1 0.5 tag", 2, trec),
            ("q Q0 b 1 0.5 tag", 1, tabs),
            ("q\t\t1", 1, "the question or the article is empty"),
            ("\ta\t1", 1, "the question or the article is empty"),
            ("q\ta\t1.0", 1, "the grade `1.0` is no whole number up to 255"),
            ("q 0 a 256", 1, "the grade `256` is no whole number up to 255"),
            ("q 0 a yes", 1, "the grade `yes` is no whole number up to 255"),
            ("q\ta\t1\nquery-id\tcorpus-id\tscore", 2, "the grade `score` is no whole number"),
            ("q\ta\t1\nq\tb\t1\nq\ta\t1", 3, "article `a` is judged twice for question `q`"),
        ] {
            let error = read(text).unwrap_err();
            let Error::InvalidLine { line, ref path, what, .. } = error else {
                panic!("{text}: {error:?}")
            };
            assert_eq!((line, what), (number, "a judgment"), "{text}");
            assert!(path.ends_with("qrels"));
            let got = error.source().unwrap().to_string();
            assert!(got.starts_with(fault), "{text}: {got}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_no_text_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qrels");
        assert!(matches!(Judgments::read(&path), Err(Error::Read { .. })));
        fs::write(&path, b"q\ta\xff\t1\n").unwrap();
        assert!(matches!(Judgments::read(path), Err(Error::NotUtf8 { at: 3, .. })));
    }

    #[test]
    fn judged_questions_keep_their_order_and_need_their_text() {
        let mut judgments = read("q1\ta\t1\nq2\ta\t1\nq3\ta\t0\n").unwrap();
        let asked =
            |ids: &[&str]| ids.iter().map(|id| AskedQuestion::new(*id, "Was?")).collect::<Vec<_>>();
        let judged = judgments.judge(asked(&["q3", "q2", "other", "q1"])).unwrap();
        let ids: Vec<&str> = judged.iter().map(|question| &*question.id).collect();
        assert_eq!(ids, ["q3", "q2", "q1"]);

        let error = judgments.judge(asked(&["q2"])).unwrap_err();
        let Error::MissingJudged { what, judged, ref missing, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!((what, judged), ("questions", 3));
        assert_eq!(*missing, ["q1", "q3"]);
        assert!(error.to_string().contains("2 of the 3 questions"), "{error}");
        assert!(error.to_string().contains("`q1`, `q3`"), "{error}");

        judgments.retain_questions(|question| question == "q2");
        assert_eq!(judgments.judge(asked(&["q2"])).unwrap().len(), 1);
    }

    #[test]
    fn judged_articles_must_be_in_the_corpus() {
        let judgments = read("q1\ta\t1\nq1\tb\t0\nq2\ta\t1\nq2\tc\t1\n").unwrap();
        judgments.check_articles(|_| Ok(true)).unwrap();
        let error = judgments.check_articles(|key| Ok(key == "a")).unwrap_err();
        let Error::MissingJudged { what, judged, missing, .. } = error else { panic!("{error:?}") };
        assert_eq!((what, judged), ("articles", 3));
        assert_eq!(missing, ["b", "c"]);
        let failed = judgments.check_articles(|_| Err(Error::Cancelled));
        assert!(matches!(failed, Err(Error::Cancelled)));
    }
}
