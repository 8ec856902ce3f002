//! Calls that a server did not complete are repeated, and count once.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use passim::{Article, Error, postgres::Corpus};

use super::{articles::articles, chunker, client, servers, unused_schema};

/// Creates a corpus, and opens it again with a name for its connections and without repetitions.
fn named(schema: &str, name: &str, url: &str) -> Corpus {
    let created = Corpus::builder().shards([url]).schema(schema).chunker(chunker()).create();
    created.unwrap().add(articles()).unwrap();
    let url = format!("{url}?application_name={name}");
    Corpus::builder().shards([url]).schema(schema).retries(0).open().unwrap()
}

#[test]
fn idle_connections_that_died_fail_no_call() {
    let Some(servers) = servers() else { return };
    let name = format!("idle{}", std::process::id());
    let corpus = named(&unused_schema(), &name, &servers[0]);
    let mut superuser = client(&servers[0]);
    let mut end_connections = || {
        let end = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE application_name = '{name}'"
        );
        let ended = superuser.query(&end, &[]).unwrap();
        assert!(!ended.is_empty() && ended.iter().all(|row| row.get::<_, bool>(0)));
    };
    let expected = corpus.search("Wer repariert die Turmuhr?").unwrap();
    // Several are idle.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| corpus.search("Wer repariert die Turmuhr?").unwrap());
        }
    });
    end_connections();
    assert_eq!(corpus.search("Wer repariert die Turmuhr?").unwrap(), expected);
    end_connections();
    assert_eq!(corpus.keys().unwrap().len(), articles().len());
    end_connections();
    assert!(corpus.remove("de/3").unwrap());
    end_connections();
    assert_eq!(corpus.upsert(articles()).unwrap().added, 1);
    end_connections();
    assert_eq!(corpus.add([articles()[0].clone()]).unwrap().replaced, 1);
    end_connections();
    corpus.verify().unwrap();
}

/// A session that holds the lock of article `b` and then waits for that of article `a`, against which
/// a call that writes both deadlocks. The server ends the call, which waits for less time.
fn in_a_deadlock(
    url: &str,
    schema: &str,
    call: impl FnOnce() -> passim::Result<()> + Send,
) -> passim::Result<()> {
    let mut other = client(url);
    other.batch_execute("SET deadlock_timeout = '1min'; BEGIN").unwrap();
    let lock =
        |key: &str| format!("SELECT FROM \"{schema}\".articles WHERE key = '{key}' FOR UPDATE");
    other.batch_execute(&lock("b")).unwrap();
    thread::scope(|scope| {
        let call = scope.spawn(call);
        let mut superuser = client(url);
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE wait_event_type = 'Lock' AND query LIKE '%\"{schema}\"%'"
        );
        while superuser.query_one(&waits, &[]).unwrap().get::<_, i64>(0) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        other.batch_execute(&lock("a")).unwrap();
        other.batch_execute("ROLLBACK").unwrap();
        call.join().unwrap()
    })
}

#[test]
fn a_deadlock_is_repeated_or_a_typed_error() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let builder = || Corpus::builder().shards([&servers[0]]).schema(&schema);
    let corpus = builder().create().unwrap();
    let articles = || ["a", "b"].map(|key| Article::new(key, "Der Deich hält."));
    corpus.add(articles()).unwrap();
    let report = in_a_deadlock(&servers[0], &schema, || {
        let report = corpus.add(articles())?;
        assert_eq!((report.articles, report.replaced), (2, 2));
        Ok(())
    });
    report.unwrap();
    let corpus = builder().retries(0).open().unwrap();
    let error = in_a_deadlock(&servers[0], &schema, || corpus.add(articles()).map(drop));
    let Err(Error::Shard { shard: 0, source }) = error else { panic!("{error:?}") };
    let source: &postgres::Error = source.downcast_ref().unwrap();
    assert_eq!(source.code(), Some(&postgres::error::SqlState::T_R_DEADLOCK_DETECTED));
    corpus.verify().unwrap();
    assert_eq!(corpus.stats().unwrap().articles, 2);
}

/// A proxy before a server that loses the answers to commits.
struct LossyProxy {
    port: u16,
    /// Whether the answer to the next commit is lost, and the connection with it.
    loses_next: Arc<AtomicBool>,
}

impl LossyProxy {
    /// Starts a proxy before the server at `address`. It ends with the process.
    fn start(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses_next = Arc::new(AtomicBool::new(false));
        let proxy = Self { port, loses_next: Arc::clone(&loses_next) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(&address).unwrap();
                let is_lost = Arc::new(AtomicBool::new(false));
                let requests = (client.unwrap(), server);
                let answers = (requests.1.try_clone().unwrap(), requests.0.try_clone().unwrap());
                let noted = Arc::clone(&is_lost);
                let loses_next = Arc::clone(&loses_next);
                thread::spawn(move || {
                    forward(requests, |bytes| {
                        let is_commit = bytes.windows(7).any(|window| window == b"COMMIT\0");
                        if is_commit && loses_next.swap(false, SeqCst) {
                            noted.store(true, SeqCst);
                        }
                        true
                    });
                });
                thread::spawn(move || forward(answers, |_| !is_lost.load(SeqCst)));
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("postgresql://passim@127.0.0.1:{}/postgres", self.port)
    }
}

/// Forwards bytes until one side ends or `passes` refuses some, then closes both.
fn forward((mut from, mut to): (TcpStream, TcpStream), passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !passes(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    _ = from.shutdown(Shutdown::Both);
    _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_write_whose_answer_is_lost_counts_once() {
    let Some(servers) = servers() else { return };
    let config: postgres::Config = servers[0].parse().unwrap();
    let proxy = LossyProxy::start(format!("127.0.0.1:{}", config.get_ports()[0]));
    let corpus = Corpus::builder().shards([proxy.url()]).schema(unused_schema()).create().unwrap();
    let articles = || ["a", "b"].map(|key| Article::new(key, "Der Deich hält."));
    let loses_answer = |write: &mut dyn FnMut()| {
        proxy.loses_next.store(true, SeqCst);
        write();
        assert!(!proxy.loses_next.load(SeqCst), "no commit was lost");
        corpus.verify().unwrap();
    };
    loses_answer(&mut || {
        // The repetition finds the articles that the first attempt has added.
        let report = corpus.add(articles()).unwrap();
        assert_eq!((report.articles, report.replaced), (2, 2));
    });
    loses_answer(&mut || assert!(corpus.remove("a").unwrap()));
    assert_eq!(corpus.keys().unwrap(), ["b"]);
    assert!(!corpus.remove("a").unwrap());
    loses_answer(&mut || {
        let report = corpus.upsert(articles()).unwrap();
        assert_eq!((report.added, report.changed, report.unchanged), (0, 0, 2));
    });
    assert_eq!(corpus.stats().unwrap().articles, 2);
}

#[test]
fn repetitions_end() {
    let builder = || Corpus::builder().shards(["postgresql://nobody@127.0.0.1:1/none"]);
    for (retries, most) in [(0, Duration::from_millis(40)), (3, Duration::from_secs(2))] {
        let start = Instant::now();
        let error = builder().retries(retries).open().unwrap_err();
        assert!(matches!(error, Error::Shard { shard: 0, .. }), "{error}");
        assert!(error.to_string().contains("repeat the call"), "{error}");
        // The waits are at least half as long as 50, 100 and 200 ms.
        let least = Duration::from_millis(if retries == 0 { 0 } else { 175 });
        assert!(start.elapsed() >= least && start.elapsed() < most, "{:?}", start.elapsed());
    }
}
