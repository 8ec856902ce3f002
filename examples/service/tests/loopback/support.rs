//! A running service, and a client of it.

use std::{
    net::SocketAddr,
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use clap::Parser;
use passim::Retriever;
use passim_service::{Failure, Settings, serve};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

/// A service on a thread of its own.
pub(crate) struct RunningService {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<u64, Failure>>,
}

impl RunningService {
    /// Starts a service of the index in `folder`, at a free port, with further `arguments`.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let index = folder.to_str().unwrap();
        let given = ["passim-service", "--listen", "127.0.0.1:0", "--index", index];
        let settings = Settings::parse_from(given.iter().chain(arguments));
        let retriever = Retriever::open_or_create(&settings.index).unwrap();
        let shared = retriever.into_shared(settings.commit_schedule()).unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(settings.listen)).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, on_stop) = oneshot::channel();
        let stopped = async { on_stop.await.unwrap() };
        let service = async move { serve(listener, shared, &settings, stopped).await };
        let thread = thread::spawn(move || runtime.block_on(service));
        Self { client: Client::new(address), address, stop, thread }
    }

    /// Stops the service as a signal does, and returns the number of its last commit.
    pub(crate) fn stop(self) -> u64 {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().unwrap()
    }
}

/// Sends JSON and reads JSON.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)));
        Self { agent: config.build().new_agent(), base: format!("http://{address}") }
    }

    /// Posts `body`, and returns the status and the JSON of the answer; `None` if the connection
    /// fails.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let sent = self.agent.post(format!("{}{path}", self.base)).send_json(body);
        let mut answer = sent.ok()?;
        let json = answer.body_mut().read_json().ok()?;
        Some((answer.status().as_u16(), json))
    }

    /// Posts `body`; the status must be 200.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_post(path, body).expect("the service answers");
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    /// Posts a text of any form, and returns the status and the error of the answer.
    pub(crate) fn post_text(&self, path: &str, content_type: &str, body: &str) -> (u16, String) {
        let request = self.agent.post(format!("{}{path}", self.base));
        let mut answer = request.content_type(content_type).send(body).unwrap();
        let error: Value = answer.body_mut().read_json().unwrap();
        (answer.status().as_u16(), error["error"].as_str().unwrap().to_owned())
    }

    pub(crate) fn add(&self, key: &str, text: &str) {
        self.post("/articles", &json!({ "articles": [{ "key": key, "text": text }] }));
    }

    pub(crate) fn remove(&self, key: &str) -> bool {
        let url = format!("{}/articles/{key}", self.base);
        let mut answer = self.agent.delete(url).call().unwrap();
        assert_eq!(answer.status(), 200);
        let removed: Value = answer.body_mut().read_json().unwrap();
        removed["removed"].as_bool().unwrap()
    }

    /// Commits, and returns the number of the commit.
    pub(crate) fn commit(&self) -> u64 {
        self.post("/commit", &json!({}))["generation"].as_u64().unwrap()
    }

    /// Returns the status and the text of an answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }
}

/// The bytes of `text` at a range of an answer.
pub(crate) fn slice<'t>(text: &'t str, range: &Value) -> &'t str {
    let end = |name: &str| usize::try_from(range[name].as_u64().unwrap()).unwrap();
    text.get(end("start")..end("end")).expect("a range is at characters of its article")
}
