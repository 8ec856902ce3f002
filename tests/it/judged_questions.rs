//! Laws of judged questions: a set in the form of BEIR is read, searched, written as a run file and
//! measured again.

use std::fs;

use passim::{
    Article, Error, Query, Retriever,
    eval::{self, Evaluation, Judgments, Outcome, TrecRun},
    read_articles,
};
use tempfile::TempDir;

const CORPUS: &str = r#"{"_id": "d1", "title": "", "text": "Moore speichern mehr Kohlenstoff als alle Wälder der Erde.", "metadata": {}}
{"_id": "d2", "title": "Brot", "text": "Ein Sauerteig braucht Mehl, Wasser und Geduld.", "metadata": {"url": "https://example.org"}}
{"_id": "d3", "title": "", "text": "Der Nachtzug nach Wien fährt um 21 Uhr ab.", "metadata": {}}
"#;
const QUERIES: &str = r#"{"_id": "1", "text": "Was speichern Moore?", "metadata": {}}
{"_id": "2", "text": "Was braucht ein Sauerteig?", "metadata": {}}
{"_id": "3", "text": "Was steht nur in einem anderen Teil?", "metadata": {}}
"#;
const QRELS: &str = "query-id\tcorpus-id\tscore\n1\td1\t2\n1\td3\t1\n2\td2\t1\n";

/// Writes a set in the form of BEIR.
fn beir_set() -> TempDir {
    let set = tempfile::tempdir().unwrap();
    fs::create_dir(set.path().join("qrels")).unwrap();
    for (name, text) in
        [("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), ("qrels/test.tsv", QRELS)]
    {
        fs::write(set.path().join(name), text).unwrap();
    }
    set
}

fn retriever_of(set: &TempDir) -> Retriever {
    let articles = read_articles(set.path().join("corpus.jsonl"));
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(articles.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
    retriever
}

/// The outcomes without times, and without scores, which a run file may lower.
fn rankings_and_measures(evaluation: Evaluation) -> Vec<Outcome> {
    let mut outcomes = evaluation.outcomes;
    for outcome in &mut outcomes {
        outcome.seconds = 0.0;
        outcome.scores.clear();
    }
    outcomes
}

#[test]
fn a_run_file_has_the_measures_of_its_search() {
    let set = beir_set();
    let retriever = retriever_of(&set);
    let judgments = Judgments::read(set.path().join("qrels/test.tsv")).unwrap();
    judgments.check_articles(|key| Ok(retriever.article(key)?.is_some())).unwrap();
    let asked = eval::read_questions(set.path().join("queries.jsonl")).unwrap();
    let questions = judgments.judge(asked).unwrap();
    // Varied hits are not in the order of their scores.
    let varied = |query: Query| retriever.search(query.mmr(0.5));
    let searched = eval::run(&questions, 3, varied).unwrap();
    assert_eq!(searched.outcomes.len(), 2);
    assert_eq!(searched.mrr(), Some(1.0));
    assert_eq!(searched.success(), Some(1.0));
    assert_eq!(searched.precision(), Some(0.5));

    let path = set.path().join("varied.run");
    searched.trec_run().unwrap().write(&path, "varied").unwrap();
    let read = TrecRun::read(&path).unwrap().evaluate(&questions, 3).unwrap();
    assert_eq!(rankings_and_measures(read), rankings_and_measures(searched));
}

#[test]
fn a_corpus_without_a_judged_article_is_noticed() {
    let set = beir_set();
    let mut retriever = retriever_of(&set);
    retriever.remove("d3").unwrap();
    retriever.add([Article::new("d4", "Ein anderer Artikel.")]).unwrap();
    let judgments = Judgments::read(set.path().join("qrels/test.tsv")).unwrap();
    let error = judgments.check_articles(|key| Ok(retriever.article(key)?.is_some())).unwrap_err();
    let Error::MissingJudged { what, judged, missing, .. } = error else { panic!("{error:?}") };
    assert_eq!((what, judged), ("articles", 3));
    assert_eq!(missing, ["d3"]);
}
