//! The end of the service keeps what it has acknowledged.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use passim::Searcher;
use serde_json::json;

use crate::support::{Client, RunningService};

const WRITERS: usize = 4;

/// Adds articles until the service is gone, and returns those that it acknowledged.
fn write(writer: usize, client: &Client) -> BTreeMap<String, String> {
    let mut acknowledged = BTreeMap::new();
    for number in 0.. {
        let key = format!("w{writer}/{number}");
        let text = format!("Bericht {number} über Moore von Stelle {writer}.");
        let body = json!({ "articles": [{ "key": key, "text": text }] });
        match client.try_post("/articles", &body) {
            Some((200, _)) => acknowledged.insert(key, text),
            Some((503, _)) | None => break,
            Some((status, answer)) => panic!("{status}: {answer}"),
        };
        if number % 10 == writer {
            client.try_post("/commit", &json!({}));
        }
    }
    acknowledged
}

#[test]
fn a_stop_under_load_keeps_all_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let service = RunningService::start(folder.path(), &["--commit-millis", "50"]);
    let client = &service.client.clone();
    let (acknowledged, generation) = thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(writer, client))).collect();
        thread::sleep(Duration::from_secs(2));
        let generation = service.stop();
        let acknowledged = writers.into_iter().flat_map(|writer| writer.join().unwrap());
        (acknowledged.collect::<BTreeMap<_, _>>(), generation)
    });
    assert!(acknowledged.len() > 20, "{} articles", acknowledged.len());
    let searcher = Searcher::open(folder.path()).unwrap();
    assert_eq!(searcher.generation(), generation);
    for (key, text) in &acknowledged {
        let article = searcher.article(key).unwrap();
        assert_eq!(article.map(|article| article.text).as_ref(), Some(text), "{key}");
    }
    // A write whose answer was lost can be there, at most one of each writer.
    assert!(searcher.articles() <= acknowledged.len() + WRITERS);
    println!("{} articles, generation {generation}", acknowledged.len());
}

#[cfg(unix)]
#[test]
fn the_program_commits_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_passim-service"))
        .args(["--listen", "127.0.0.1:0", "--commit-millis", "3600000"])
        .env("PASSIM_INDEX", folder.path())
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let listening = lines.next().unwrap();
    let (_, address) = listening.split_once("address=").unwrap();
    Client::new(address.parse().unwrap()).add("moor.txt", "Moore speichern Wasser.");
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let log: Vec<_> = lines.collect();
    assert!(process.wait().unwrap().success(), "{log:?}");
    assert!(log.iter().any(|line| line.contains("closed generation=1")), "{log:?}");
    assert_eq!(Searcher::open(folder.path()).unwrap().articles(), 1);
}
