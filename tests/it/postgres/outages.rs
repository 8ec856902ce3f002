//! Servers and clients that are killed lose nothing that was acknowledged, and a search can leave out
//! a shard that is down.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{Article, Chunker, Error, Query, postgres::Corpus};
use passim_testkit::child;

use super::{articles::articles, chunker, control, servers, setting, unused_schema};

/// Number of kills in each test.
const ROUNDS: usize = 3;

/// A server that one test at a time kills and starts.
struct KilledServer {
    number: String,
    url: String,
    _turn: MutexGuard<'static, ()>,
}

impl KilledServer {
    /// Waits for the server; `None` without one.
    fn wait() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let [number, url] = setting("PASSIM_TEST_POSTGRES_KILLED")?.try_into().unwrap();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self { number, url, _turn: turn })
    }

    fn kill(&self) {
        control("kill", &self.number);
    }

    fn start(&self) {
        control("start", &self.number);
    }
}

/// The article of a key, in one of two forms.
fn numbered(key: &str, form: usize) -> Article {
    let text =
        ["Der Deich hält das Wasser.", "Torf speichert Wasser. Moore speichern Kohlenstoff."];
    Article::new(key, format!("{key}. {}", text[form % 2]))
}

/// Keys that a writer added and removed, each after its call returned.
#[derive(Default)]
struct Acknowledged {
    added: Vec<String>,
    removed: Vec<String>,
}

impl Acknowledged {
    fn merge(mut self, other: Self) -> Self {
        self.added.extend(other.added);
        self.removed.extend(other.removed);
        self
    }

    /// Asserts that `corpus` has all that was added, nothing that was removed, and true statistics.
    fn assert_stored(&self, corpus: &Corpus) {
        corpus.verify().unwrap();
        let keys = corpus.keys().unwrap();
        for key in &self.removed {
            assert!(!keys.contains(key), "{key} is back");
        }
        for key in self.added.iter().filter(|key| !self.removed.contains(key)) {
            assert!(keys.contains(key), "{key} is lost");
        }
        assert_eq!(corpus.stats().unwrap().articles, keys.len() as u64);
    }
}

/// Writes until `is_over`. A call that fails is run again, as a user would.
fn write(corpus: &Corpus, writer: usize, is_over: &AtomicBool) -> Acknowledged {
    fn healed<T>(mut call: impl FnMut() -> passim::Result<T>) -> T {
        loop {
            match call() {
                Ok(done) => return done,
                Err(Error::Shard { .. }) => thread::sleep(Duration::from_millis(100)),
                Err(error) => panic!("{error}"),
            }
        }
    }
    let mut acknowledged = Acknowledged::default();
    for step in 0.. {
        if is_over.load(Relaxed) {
            break;
        }
        let keys = [0, 1, 2].map(|at| format!("{writer}/{step}/{at}"));
        let batch = || keys.iter().map(|key| numbered(key, step)).collect::<Vec<_>>();
        if step % 2 == 0 {
            healed(|| corpus.add(batch()));
        } else {
            healed(|| corpus.upsert(batch()));
        }
        acknowledged.added.extend(keys.clone());
        healed(|| corpus.remove(&keys[0]));
        acknowledged.removed.push(keys[0].clone());
        assert!(!healed(|| corpus.search("Wasser")).is_empty());
    }
    acknowledged
}

/// Kills the server while writers write with `retries`; returns how often a server was killed.
fn writers_survive_kills(retries: usize) {
    let (Some(servers), Some(server)) = (servers(), KilledServer::wait()) else { return };
    let shards = [servers[0].clone(), server.url.clone()];
    let builder = Corpus::builder().shards(shards).schema(unused_schema()).retries(retries);
    let corpus = builder.create().unwrap();
    corpus.add([numbered("first", 0)]).unwrap();
    let is_over = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| {
        let writers = [0, 1, 2].map(|writer| {
            let corpus = &corpus;
            let is_over = &is_over;
            scope.spawn(move || write(corpus, writer, is_over))
        });
        for _ in 0..ROUNDS {
            thread::sleep(Duration::from_millis(700));
            server.kill();
            server.start();
        }
        thread::sleep(Duration::from_millis(300));
        is_over.store(true, Relaxed);
        let acknowledged = writers.map(|writer| writer.join().unwrap());
        acknowledged.into_iter().fold(Acknowledged::default(), Acknowledged::merge)
    });
    assert!(acknowledged.added.len() > 100, "{} articles", acknowledged.added.len());
    acknowledged.assert_stored(&corpus);
}

#[test]
fn killed_servers_lose_nothing_acknowledged() {
    writers_survive_kills(12);
}

#[test]
fn failed_calls_are_healed_by_running_them_again() {
    writers_survive_kills(0);
}

/// The work of a child process: writes, and prints each key once it is acknowledged.
pub(crate) fn write_until_killed() {
    let Some(task) = child::task() else { return };
    let shards = servers().unwrap()[..2].to_vec();
    let corpus = Corpus::builder().shards(shards).schema(task.name).open().unwrap();
    let round = task.folder.display();
    for step in 0.. {
        let key = format!("{round}/{step}");
        corpus.add([numbered(&key, step), numbered("shared", step)]).unwrap();
        println!("acknowledged {key}");
    }
}

#[test]
fn killed_clients_lose_nothing_acknowledged() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = Corpus::builder().shards(servers[..2].to_vec()).schema(&schema);
    let corpus = builder.create().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let mut command = child::command(&[], &schema, Path::new(&round.to_string()));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut killed = 0;
        for line in lines {
            let Some(key) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged.added.push(key.to_owned());
            killed += 1;
            // Lines that were printed before the end are read after it.
            if killed == 40 + 7 * round {
                thread::sleep(Duration::from_millis(3 * round as u64 + 1));
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success() && killed >= 40, "{killed}");
        acknowledged.assert_stored(&corpus);
        // The call that was interrupted can be in one shard, in both or in none; it is run again.
        let key = format!("{round}/{killed}");
        corpus.add([numbered(&key, killed), numbered("shared", killed)]).unwrap();
        acknowledged.added.push(key);
    }
    acknowledged.assert_stored(&corpus);
}

#[test]
fn a_shard_that_is_down_is_an_error_or_left_out() {
    let (Some(servers), Some(server)) = (servers(), KilledServer::wait()) else { return };
    let shards = [server.url.clone(), servers[0].clone()];
    let builder = Corpus::builder().shards(shards).schema(unused_schema()).retries(1);
    let corpus = builder.chunker(chunker()).create().unwrap();
    corpus.add(articles()).unwrap();
    let query = || Query::new("Wer repariert die Turmuhr am Deich?").k(1_000);
    let whole = corpus.search(query().partial()).unwrap();
    assert!(whole.is_complete() && whole.plan().missing_shards.is_empty());
    server.kill();
    let error = corpus.search(query()).unwrap_err();
    assert!(matches!(error, Error::Shard { shard: 0, .. }), "{error}");
    let hits = corpus.search(query().partial()).unwrap();
    assert_eq!(hits.plan().missing_shards, [0]);
    assert!(!hits.is_complete() && hits.plan().interrupted.is_none());
    assert!(!hits.is_empty() && hits.len() < whole.len());
    assert!(hits.plan().to_string().contains("without the shards [0]"), "{}", hits.plan());
    let many = corpus.search_many(&[query().partial(), query().partial()]).unwrap();
    assert!(many.iter().all(|found| *found == hits && !found.is_complete()));
    // A search of no shard is an error.
    let alone = Corpus::builder().shards([server.url.clone()]).retries(0).open();
    assert!(matches!(alone, Err(Error::Shard { .. })));
    // Writes to the other shard go on.
    let keys = (0..).map(|number| format!("new {number}"));
    let written = keys.take(40).filter(|key| corpus.add([Article::new(key, "Neu.")]).is_ok());
    assert!((1..40).contains(&written.count()));
    server.start();
    let hits = corpus.search(query()).unwrap();
    assert!(hits.is_complete() && hits.len() >= whole.len());
    corpus.verify().unwrap();
}

#[test]
fn a_time_limit_ends_the_repetitions_of_a_search() {
    let Some(server) = KilledServer::wait() else { return };
    let builder = Corpus::builder().shards([server.url.clone()]).schema(unused_schema());
    let corpus = builder.chunker(Chunker::default()).retries(100).create().unwrap();
    corpus.add(articles()).unwrap();
    server.kill();
    let start = Instant::now();
    let hits = corpus.search(Query::new("Deich").time_limit(Duration::from_millis(400))).unwrap();
    assert!(!hits.is_complete() && hits.is_empty());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.start();
    assert!(corpus.search("Deich").unwrap().is_complete());
}
