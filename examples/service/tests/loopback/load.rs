//! Many clients beside writers: every answer is that of one commit.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::support::{Client, RunningService, slice};

const WRITERS: usize = 2;
const ARTICLES: usize = 30;
const ROUNDS: usize = 40;
const CLIENTS: usize = 16;
/// Maximum number of searches of a client.
const SEARCHES: usize = 150;

/// Articles by their keys.
type Corpus = BTreeMap<String, String>;

/// The changes of the writers, and the commits.
#[derive(Default)]
struct History {
    /// All acknowledged changes.
    current: Mutex<Corpus>,
    /// The articles of each commit.
    commits: Mutex<BTreeMap<u64, Corpus>>,
    /// Held to read by each change, and to write by a commit: no change is under way then.
    changes: RwLock<()>,
    is_over: AtomicBool,
}

fn key(writer: usize, article: usize) -> String {
    format!("w{writer}/{article}.txt")
}

fn text(key: &str, version: usize) -> String {
    let number = key.replace(|c: char| !c.is_ascii_digit(), "");
    format!(
        "Übersicht über den Vorgang {number}, Fassung {version}. The file says which bogs were \
         drained. Größere Moore speichern Wasser und Kohlenstoff."
    )
}

/// Adds, replaces and removes the articles of one writer, and sometimes commits.
fn write(writer: usize, client: &Client, history: &History) {
    for round in 0..ROUNDS {
        for article in 0..5 {
            let key = key(writer, (round * 7 + article * 11) % ARTICLES);
            let _change = history.changes.read().unwrap();
            if (round + article) % 3 == 0 {
                client.remove(&key);
                history.current.lock().unwrap().remove(&key);
            } else {
                let text = text(&key, round);
                client.add(&key, &text);
                history.current.lock().unwrap().insert(key, text);
            }
        }
        if round % 4 == writer {
            let _no_changes = history.changes.write().unwrap();
            let current = history.current.lock().unwrap().clone();
            let generation = client.commit();
            history.commits.lock().unwrap().insert(generation, current);
        }
    }
}

/// Asks for one article after another, and returns each with its answer.
fn ask(client_number: usize, client: &Client, history: &History) -> Vec<(String, Value)> {
    let mut answers = Vec::new();
    for search in 0..SEARCHES {
        if history.is_over.load(Ordering::Relaxed) {
            break;
        }
        let key = key(search % WRITERS, (client_number * 5 + search * 7) % ARTICLES);
        let question = format!("Was steht in Vorgang {search} über die Moore?");
        let filter = json!({ "any": [{ "key": key }, { "key": "none" }] });
        let body = json!({ "question": question, "filter": filter, "highlights": true });
        answers.push((key, client.post("/search", &body)));
    }
    answers
}

/// Checks that `answer` is that of its commit.
fn check(key: &str, answer: &Value, commits: &BTreeMap<u64, Corpus>) {
    let generation = answer["generation"].as_u64().unwrap();
    let article = commits[&generation].get(key);
    let hits = answer["hits"].as_array().unwrap();
    assert_eq!(hits.is_empty(), article.is_none(), "{key} in generation {generation}");
    for hit in hits {
        let text = article.unwrap();
        assert_eq!(hit["article"], key);
        assert_eq!(hit["text"], slice(text, &hit["range"]), "of generation {generation}");
        let sentences = hit["highlights"]["sentences"].as_array().unwrap();
        let joined: Vec<_> = sentences.iter().map(|found| slice(text, &found["range"])).collect();
        assert_eq!(joined.join(" "), *text);
    }
}

#[test]
fn every_answer_is_that_of_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let service = RunningService::start(folder.path(), &["--commit-millis", "3600000"]);
    let history = History::default();
    history.commits.lock().unwrap().insert(0, Corpus::new());
    let answers: Vec<(String, Value)> = thread::scope(|scope| {
        let client = &service.client;
        let history = &history;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(writer, client, history)))
            .collect();
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || ask(number, client, history))).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        history.is_over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let commits = history.commits.lock().unwrap();
    for (key, answer) in &answers {
        check(key, answer, &commits);
    }
    let found = answers.iter().filter(|(_, answer)| answer["hits"][0].is_object()).count();
    println!("{} commits, {} answers, {found} with a hit", commits.len(), answers.len());
    assert!(found > 50 && found < answers.len(), "{found} of {}", answers.len());
    let counted = format!(
        r#"passim_request_seconds_count{{route="/search",status="200"}} {}"#,
        answers.len()
    );
    assert!(service.client.get("/metrics").1.contains(&counted));
    service.stop();
}
