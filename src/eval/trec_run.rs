//! Rankings as run files in the form of TREC.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use super::{Evaluation, JudgedQuery, Outcome, numbered_lines::for_each_line};
use crate::{Cause, Error, Result};

/// Rankings of articles by question, which a file holds in the form of TREC: lines of question, `Q0`,
/// article, rank, score and tag, with white space between them.
///
/// `trec_eval` ignores the ranks of a file. It orders articles by descending score, and equal scores
/// by descending bytes of the key. [`read`](Self::read) does the same, with scores in `f32` as in
/// `trec_eval`. The hits of a search have another order: equal scores by ascending key, and with
/// [`Query::mmr`](crate::Query::mmr) or [`Query::rerank`](crate::Query::rerank) not by score at all.
/// [`insert`](Self::insert) therefore lowers a score that does not descend to the next `f32` below the
/// one before it. Every reader then sees the order of the search.
///
/// # Examples
///
/// ```
/// use passim::eval::{Grades, JudgedQuery, ScoredArticle, TrecRun};
/// use passim::Query;
///
/// let article = |key: &str, score| ScoredArticle { article: key.to_owned(), score };
/// let mut run = TrecRun::default();
/// run.insert("q1", [article("brot.txt", 0.75), article("moor.txt", 0.5)])?;
/// # let temp = tempfile::tempdir().unwrap();
/// # let path = temp.path().join("hybrid.run");
/// run.write(&path, "hybrid")?;
///
/// assert_eq!(TrecRun::read(&path)?, run);
/// let question = JudgedQuery {
///     id: "q1".to_owned(),
///     query: Query::new("Was speichern Moore?"),
///     grades: Grades::from([("moor.txt".to_owned(), 1)]),
/// };
/// assert_eq!(run.evaluate(&[question], 10)?.mrr(), Some(0.5));
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrecRun {
    rankings: BTreeMap<String, Vec<ScoredArticle>>,
}

/// An article of a ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredArticle {
    /// Key of the article.
    pub article: String,
    /// Score; higher is better.
    pub score: f32,
}

impl ScoredArticle {
    /// Orders articles as `trec_eval` does.
    fn trec_order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| other.article.cmp(&self.article))
    }
}

impl TrecRun {
    /// Reads a run file. The second column, the ranks and the tags are not used.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLine`] for the first line that does not have the six columns, a whole number as
    /// rank and a finite number as score, or that ranks an article again. [`Error::Read`],
    /// [`Error::NotUtf8`] or [`Error::NotText`] for the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let mut scores = BTreeMap::<String, HashMap<String, f32>>::new();
        for_each_line(path.as_ref(), "a line of a run", |_, line| {
            let (question, ScoredArticle { article, score }) = parse(line)?;
            let ranking = scores.entry(question.to_owned()).or_default();
            if ranking.contains_key(&article) {
                let twice =
                    format!("article `{article}` is ranked twice for question `{question}`");
                return Err(twice.into());
            }
            ranking.insert(article, score);
            Ok(())
        })?;
        let rankings = scores.into_iter().map(|(question, scores)| (question, ranking(scores)));
        Ok(Self { rankings: rankings.collect() })
    }

    /// Sets the ranking of a question, best article first, and replaces an earlier one.
    ///
    /// # Errors
    ///
    /// [`Error::RunColumn`] if the question or an article is empty or has white space, if an article
    /// is there twice, or if a score is not finite.
    pub fn insert(
        &mut self,
        question: impl Into<String>,
        articles: impl IntoIterator<Item = ScoredArticle>,
    ) -> Result<()> {
        let question = question.into();
        check_column("question", &question)?;
        let mut ranking: Vec<ScoredArticle> = Vec::new();
        let mut seen = HashSet::new();
        for ScoredArticle { article, score } in articles {
            check_column("article", &article)?;
            let lowered = ranking.last().map_or(score, |last| score.min(last.score.next_down()));
            let reason = if !score.is_finite() || !lowered.is_finite() {
                Some("its score is not finite")
            } else if !seen.insert(article.clone()) {
                Some("it is there twice for one question")
            } else {
                None
            };
            if let Some(reason) = reason {
                return Err(Error::RunColumn { column: "article", text: article, reason });
            }
            ranking.push(ScoredArticle { article, score: lowered });
        }
        self.rankings.insert(question, ranking);
        Ok(())
    }

    /// Writes a run file, questions in the order of their bytes. `tag` names the way of ranking.
    ///
    /// A question without articles has no line.
    ///
    /// # Errors
    ///
    /// [`Error::RunColumn`] if `tag` is empty or has white space, [`Error::Write`] if the file cannot
    /// be written.
    pub fn write(&self, path: impl AsRef<Path>, tag: &str) -> Result<()> {
        check_column("tag", tag)?;
        let path = path.as_ref();
        self.write_lines(path, tag).map_err(Error::write(path))
    }

    fn write_lines(&self, path: &Path, tag: &str) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for (question, ranking) in &self.rankings {
            for (ScoredArticle { article, score }, rank) in ranking.iter().zip(1_u64..) {
                writeln!(file, "{question} Q0 {article} {rank} {score} {tag}")?;
            }
        }
        file.flush()
    }

    /// Returns the ranking of a question, best article first; `None` if the run lacks the question.
    #[must_use]
    pub fn ranking(&self, question: &str) -> Option<&[ScoredArticle]> {
        self.rankings.get(question).map(Vec::as_slice)
    }

    /// Measures the rankings of `questions` at `k`; MAP covers the whole rankings.
    ///
    /// A question that the run lacks has no hits, so its measures are 0. Questions of the run that are
    /// not among `questions` are not measured.
    ///
    /// # Errors
    ///
    /// [`Error::UnjudgedRun`] if the run has questions, but none of `questions`.
    pub fn evaluate(&self, questions: &[JudgedQuery], k: usize) -> Result<Evaluation> {
        let is_ranked = |question: &JudgedQuery| self.rankings.contains_key(&question.id);
        if !self.rankings.is_empty() && !questions.iter().any(is_ranked) {
            return Err(Error::UnjudgedRun { questions: self.rankings.len() });
        }
        let measure = |question: &JudgedQuery| {
            let ranking = self.ranking(&question.id).unwrap_or_default();
            Outcome::of(question, ranking.iter().cloned(), k)
        };
        Ok(Evaluation { k, outcomes: questions.iter().map(measure).collect() })
    }
}

/// Orders the articles of a question.
fn ranking(scores: HashMap<String, f32>) -> Vec<ScoredArticle> {
    let articles = scores.into_iter().map(|(article, score)| ScoredArticle { article, score });
    let mut ranking: Vec<_> = articles.collect();
    ranking.sort_unstable_by(ScoredArticle::trec_order);
    ranking
}

/// Parses a line to its question and the article that it ranks.
fn parse(line: &str) -> Result<(&str, ScoredArticle), Cause> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [question, _, article, rank, score, _] = *columns else {
        let columns = columns.len();
        let wanted = "it holds question, Q0, article, rank, score and tag";
        return Err(format!("{wanted}, but has {columns} columns").into());
    };
    rank.parse::<u64>().map_err(|_| format!("the rank `{rank}` is no whole number"))?;
    // `trec_eval` reads an `f64` and rounds it.
    #[expect(clippy::cast_possible_truncation, reason = "infinity is refused below")]
    let parsed = score.parse::<f64>().map(|score| score as f32);
    let score = parsed
        .ok()
        .filter(|score| score.is_finite())
        .ok_or_else(|| format!("the score `{score}` is no finite number"))?;
    Ok((question, ScoredArticle { article: article.to_owned(), score }))
}

/// Checks that `text` can be a column.
fn check_column(column: &'static str, text: &str) -> Result<()> {
    if !text.is_empty() && !text.contains(char::is_whitespace) {
        return Ok(());
    }
    let reason = "it is empty or has white space, which separates columns";
    Err(Error::RunColumn { column, text: text.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::*;
    use crate::{Query, eval::Grades};

    fn read(text: &str) -> Result<TrecRun> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        fs::write(&path, text).unwrap();
        TrecRun::read(path)
    }

    fn articles<const N: usize>(articles: [(&str, f32); N]) -> [ScoredArticle; N] {
        articles.map(|(key, score)| ScoredArticle { article: key.to_owned(), score })
    }

    fn keys(run: &TrecRun, question: &str) -> Vec<String> {
        run.ranking(question).unwrap().iter().map(|ranked| ranked.article.clone()).collect()
    }

    fn written(run: &TrecRun) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        run.write(&path, "t").unwrap();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn articles_are_read_in_the_order_of_trec_eval() {
        let run = read(
            "q Q0 low 1 -1e-1 t\nq Q0 b10 2 0.5 t\nq Q0 b9 3 0.5 t\nq Q0 high 4 7 t\n\
             q Q0 b9a 5 0.50000000001 t\np 0 x 0 0 t\n",
        )
        .unwrap();
        // In `f32`, the scores of all three that begin with b are equal.
        assert_eq!(keys(&run, "q"), ["high", "b9a", "b9", "b10", "low"]);
        assert_eq!(keys(&run, "p"), ["x"]);
        assert_eq!(run.ranking("other"), None);
    }

    #[test]
    fn the_order_of_a_search_survives_a_file() {
        let mut run = TrecRun::default();
        let hits = articles([("a", 0.5), ("b", 0.5), ("c", 0.75), ("d", 0.0), ("e", 0.0)]);
        run.insert("q", hits).unwrap();
        run.insert("none", []).unwrap();
        let text = written(&run);
        let below = 0.5_f32.next_down();
        let lines = format!(
            "q Q0 a 1 0.5 t\nq Q0 b 2 {below} t\nq Q0 c 3 {} t\nq Q0 d 4 0 t\n",
            below.next_down()
        );
        assert!(text.starts_with(&lines) && text.lines().count() == 5, "{text}");
        let again = read(&text).unwrap();
        assert_eq!(again.ranking("q"), run.ranking("q"));
        assert_eq!(keys(&again, "q"), ["a", "b", "c", "d", "e"]);
        assert_eq!(written(&again), text);
    }

    #[test]
    fn an_invalid_line_is_an_error_with_its_number() {
        for (second, fault) in [
            ("q Q0 b 2 0.5", "it holds question, Q0, article, rank, score and tag, but has 5"),
            (
                "q Q0 b 2 0.5 my tag",
                "it holds question, Q0, article, rank, score and tag, but has 7",
            ),
            ("q Q0 b 0.5 2 t", "the rank `0.5` is no whole number"),
            ("q Q0 b 2 high t", "the score `high` is no finite number"),
            ("q Q0 b 2 NaN t", "the score `NaN` is no finite number"),
            ("q Q0 b 2 1e39 t", "the score `1e39` is no finite number"),
            ("q Q0 a 2 0.25 t", "article `a` is ranked twice for question `q`"),
        ] {
            let error = read(&format!("q Q0 a 1 0.5 t\n{second}\n")).unwrap_err();
            let Error::InvalidLine { line, ref path, what, .. } = error else {
                panic!("{second}: {error:?}")
            };
            assert_eq!((line, what), (2, "a line of a run"));
            assert!(path.ends_with("run"));
            let got = error.source().unwrap().to_string();
            assert!(got.starts_with(fault), "{second}: {got}");
        }
    }

    #[test]
    fn a_ranking_that_no_file_can_hold_is_an_error() {
        let blank = "it is empty or has white space, which separates columns";
        for (question, ranked, wanted) in [
            ("my q", articles([("a", 1.0)]), ("question", "my q", blank)),
            ("q", articles([("", 1.0)]), ("article", "", blank)),
            ("q", articles([("Seite 1.md", 1.0)]), ("article", "Seite 1.md", blank)),
            ("q", articles([("a", f32::NAN)]), ("article", "a", "its score is not finite")),
            ("q", articles([("a", f32::INFINITY)]), ("article", "a", "its score is not finite")),
        ] {
            let error = TrecRun::default().insert(question, ranked).unwrap_err();
            let Error::RunColumn { column, text, reason } = error else { panic!("{error:?}") };
            assert_eq!((column, &*text, reason), wanted);
        }
        let mut run = TrecRun::default();
        for ranked in [[("a", 2.0), ("a", 1.0)], [("a", f32::MIN), ("b", f32::MIN)]] {
            let error = run.insert("q", articles(ranked)).unwrap_err();
            assert!(matches!(error, Error::RunColumn { column: "article", .. }), "{error:?}");
        }
        assert_eq!(run, TrecRun::default());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/run");
        let error = run.write(&path, "my tag").unwrap_err();
        assert!(matches!(error, Error::RunColumn { column: "tag", .. }), "{error:?}");
        assert!(matches!(run.write(path, "t"), Err(Error::Write { .. })));
    }

    /// The measures are those of `trec_eval` for these files, by `pytrec_eval` 0.5.11.
    #[test]
    fn equal_scores_have_the_measures_of_trec_eval() {
        let run =
            read("q Q0 c 1 0.5 t\nq Q0 a 2 0.5 t\nq Q0 b 3 0.5 t\nq Q0 x 4 0.50000000001 t\n");
        let grades = [("a", 2), ("b", 1), ("c", 0)].map(|(key, grade)| (key.to_owned(), grade));
        let question =
            JudgedQuery { id: "q".to_owned(), query: Query::new("Was?"), grades: grades.into() };
        let measured = run.unwrap().evaluate(&[question], 10).unwrap();
        for (measure, got, wanted) in [
            ("ndcg_cut_10", measured.ndcg(), 0.517_441_833_746_706_7),
            ("recall_10", measured.recall(), 1.0),
            ("P_10", measured.precision(), 0.2),
            ("success_10", measured.success(), 1.0),
            ("recip_rank", measured.mrr(), 1.0 / 3.0),
            ("map", measured.map(), 0.416_666_666_666_666_6),
        ] {
            let got = got.unwrap();
            assert!((got - wanted).abs() < 1e-12, "{measure}: {got} is not {wanted}");
        }
    }

    #[test]
    fn a_run_is_measured_at_k_and_as_a_whole() {
        let question = |id: &str, relevant: &str| JudgedQuery {
            id: id.to_owned(),
            query: Query::new("Was?"),
            grades: Grades::from([(relevant.to_owned(), 1)]),
        };
        let run = read("q Q0 a 1 3 t\nq Q0 b 2 2 t\nq Q0 c 3 1 t\nextra Q0 a 1 1 t\n").unwrap();
        let measured = run.evaluate(&[question("q", "c"), question("lost", "a")], 2).unwrap();
        assert_eq!(measured.outcomes[0].ranked, ["a", "b", "c"]);
        assert_eq!(measured.outcomes[0].average_precision, Some(1.0 / 3.0));
        assert_eq!(measured.outcomes[0].recall, Some(0.0));
        assert_eq!(measured.outcomes[1].success, Some(0.0));
        assert_eq!(measured.map(), Some(1.0 / 6.0));
        let error = run.evaluate(&[question("q1", "c")], 2).unwrap_err();
        assert!(matches!(error, Error::UnjudgedRun { questions: 2 }), "{error:?}");
        assert_eq!(TrecRun::default().evaluate(&[question("q", "c")], 2).unwrap().mrr(), Some(0.0));
    }
}
