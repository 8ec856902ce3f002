//! A model server on a local port that answers as a test wants, or fails.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Dimension of the vectors of [`embeddings`].
pub const DIM: usize = 16;

/// A request that the server has read.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    /// Request line and headers, in lower case except for values.
    pub head: String,
    pub body: Value,
}

/// How the server answers a request.
pub enum Answer {
    Json(Value),
    /// Status, further headers, each ending with a line break, and body.
    Status(u16, String, String),
    /// Bytes in place of an HTTP answer; the connection then ends.
    Bytes(Vec<u8>),
    /// A JSON body without an end.
    Endless,
    /// Nothing, as long as the server lives.
    Hang,
}

/// A running server, which ends when it is dropped.
pub struct Server {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    is_ended: Arc<AtomicBool>,
}

impl Received {
    /// The texts of the field `name`.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.body[name].as_array().unwrap().iter();
        texts.map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

impl Server {
    /// Starts a server that calls `answer` with the number of the request, from 0, and the request.
    pub fn start(answer: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let is_ended = Arc::new(AtomicBool::new(false));
        let server = Self { port, received: Arc::clone(&received), is_ended: is_ended.clone() };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_ended.load(Ordering::Relaxed) {
                    return;
                }
                let (received, is_ended, answer) =
                    (Arc::clone(&received), Arc::clone(&is_ended), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &received, &is_ended, &*answer));
            }
        });
        server
    }

    /// Starts a server that answers every request well.
    pub fn of_embeddings() -> Self {
        Self::start(|_, request| embeddings(request))
    }

    /// URL of the interface.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Reads one request, answers it and closes the connection.
fn serve(
    mut stream: TcpStream,
    received: &Mutex<Vec<Received>>,
    is_ended: &AtomicBool,
    answer: &dyn Fn(usize, &Received) -> Answer,
) {
    let Some(request) = read_request(&stream) else { return };
    let number = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        received.len() - 1
    };
    // A client that has given up closes its connection.
    _ = match answer(number, &request) {
        Answer::Json(json) => write_answer(&mut stream, 200, "", &json.to_string()),
        Answer::Status(status, headers, body) => write_answer(&mut stream, status, &headers, &body),
        Answer::Bytes(bytes) => stream.write_all(&bytes),
        Answer::Endless => write_endless(&mut stream),
        Answer::Hang => {
            while !is_ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
    };
}

/// Reads a request; `None` if the connection ends before.
pub fn read_request(stream: impl Read) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(' ').unwrap();
        head.extend([&name.to_lowercase(), " ", value]);
    }
    let length = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Received { path, head, body: serde_json::from_slice(&body).unwrap() })
}

/// Writes an answer after which the connection ends.
pub fn write_answer(
    stream: &mut impl Write,
    status: u16,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn write_endless(stream: &mut TcpStream) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = format!("1000\r\n{}\r\n", "[".repeat(0x1000));
    loop {
        stream.write_all(chunk.as_bytes())?;
    }
}

/// The vector of a text: texts that share words are similar.
pub fn vector(text: &str) -> Vec<f32> {
    let mut values = vec![0.01; DIM];
    for word in text.split_whitespace() {
        let hash = word.bytes().fold(7_usize, |hash, byte| hash * 31 % 10_007 + byte as usize);
        values[hash % DIM] += 1.0;
    }
    values
}

/// A good answer to a request for embeddings, with the vectors in reverse order.
pub fn embeddings(request: &Received) -> Answer {
    let texts = request.texts("input");
    let vectors = texts.iter().enumerate().rev();
    let data: Vec<Value> = vectors
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }))
        .collect();
    Answer::Json(json!({ "object": "list", "data": data, "usage": { "prompt_tokens": 7 } }))
}

/// A good answer to a request for scores: the length of each passage, the best first.
pub fn scores(request: &Received) -> Answer {
    let lengths = request.texts("documents").into_iter().map(|text| text.len());
    let mut results: Vec<(usize, usize)> = lengths.enumerate().collect();
    results.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    let result = |(index, length): &(usize, usize)| json!({ "index": index, "relevance_score": *length, "document": { "text": "…" } });
    Answer::Json(json!({ "results": results.iter().map(result).collect::<Vec<_>>() }))
}
