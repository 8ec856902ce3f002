//! Reads judged data sets: documents, questions and relevance grades.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use passim::{
    Article, Language, Query,
    eval::{AskedQuestion, Grades, JudgedQuery, Judgments, read_questions},
    read_articles,
};

use super::outcome::Failure;

/// The judgments in the folder of a set; the second is that of BEIR.
const JUDGMENTS: [&str; 2] = ["qrels.tsv", "qrels/test.tsv"];

/// Returns the set `folder`, or the sets in it sorted by name.
pub fn sets(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if qrels(folder).is_some() {
        return Ok(vec![folder.to_owned()]);
    }
    let wrong = |error| format!("{}: {error}", folder.display());
    let mut sets = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if qrels(&path).is_some() {
            sets.push(path);
        }
    }
    sets.sort();
    if sets.is_empty() {
        return Err(format!(
            "neither {} nor a folder in it holds a file {}",
            folder.display(),
            JUDGMENTS.join(" or ")
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
        let questions = Questions::read(&queries(folder), qrels(folder).as_deref())?;
        let documents = corpus(folder)?;
        let keys: HashSet<&str> = documents.iter().map(|document| &*document.key).collect();
        questions.check_articles(|key| Ok(keys.contains(key)))?;
        let questions = questions.asked.into_iter().map(|asked| asked.judged).collect();
        Ok(Self { name, documents, questions })
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

/// Returns the path of the questions of a set.
pub fn queries(set: &Path) -> PathBuf {
    set.join("queries.jsonl")
}

/// Returns the path of the judgments of a set; `None` if it has none.
pub fn qrels(set: &Path) -> Option<PathBuf> {
    JUDGMENTS.map(|name| set.join(name)).into_iter().find(|path| path.exists())
}

/// A question with its grades and its language.
pub struct Asked {
    pub judged: JudgedQuery,
    /// Language, if the file declares one.
    #[allow(dead_code, reason = "not every example shows it")]
    pub language: Option<Language>,
}

/// Questions, and the judgments that their grades come from.
pub struct Questions {
    pub asked: Vec<Asked>,
    judgments: Option<Judgments>,
}

impl Questions {
    /// Reads the questions of the file `path` that have judgments in `qrels`, in file order.
    ///
    /// Without `qrels`, all questions are returned, without grades.
    pub fn read(path: &Path, qrels: Option<&Path>) -> Result<Self, Failure> {
        let questions = read_questions(path)?;
        let language = |question: &AskedQuestion| Some((question.id.clone(), question.language?));
        let languages: HashMap<String, Language> = questions.iter().filter_map(language).collect();
        let judgments = qrels.map(Judgments::read).transpose()?;
        let judged = match &judgments {
            Some(judgments) => judgments.judge(questions)?,
            None => questions.into_iter().map(ungraded).collect(),
        };
        if judged.is_empty() {
            let in_qrels = qrels.map(|path| format!(" with a judgment in {}", path.display()));
            let in_qrels = in_qrels.unwrap_or_default();
            return Err(format!("{} holds no question{in_qrels}", path.display()).into());
        }
        let asked =
            |judged: JudgedQuery| Asked { language: languages.get(&judged.id).copied(), judged };
        Ok(Self { asked: judged.into_iter().map(asked).collect(), judgments })
    }

    /// Checks that `has` is true for the keys of all judged articles.
    pub fn check_articles(&self, has: impl Fn(&str) -> passim::Result<bool>) -> passim::Result<()> {
        self.judgments.as_ref().map_or(Ok(()), |judgments| judgments.check_articles(has))
    }
}

fn ungraded(AskedQuestion { id, text, .. }: AskedQuestion) -> JudgedQuery {
    JudgedQuery { id, query: Query::new(text), grades: Grades::new() }
}
