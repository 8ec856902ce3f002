//! A test hub with one repository and configurable faults.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const REPOSITORY: &str = "Qdrant/all-MiniLM-L6-v2-onnx";

/// Fault of one response that sends the graph.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Closes the connection after this many bytes.
    HangUpAfter(usize),
    /// Sends nothing more after this many bytes.
    StallAfter(usize),
    /// Declares no length and closes the connection after this many bytes.
    EndUnannounced(usize),
    /// Sends the file evenly over this time.
    Slow(Duration),
}

/// A hub that runs until the test process ends.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<State>,
}

struct State {
    repository: String,
    model: PathBuf,
    /// Faults of the next responses, in reverse order.
    faults: Mutex<Vec<Fault>>,
    /// Byte offset at which each response with the graph started.
    starts: Mutex<Vec<u64>>,
}

impl Hub {
    /// Serves the files of `model`. Each response with the graph has the next of `faults`; later
    /// responses have none.
    pub(super) fn start(model: &Path, faults: Vec<Fault>) -> Self {
        Self::of(REPOSITORY, model, faults)
    }

    /// Serves the files of `model` under the name of another repository.
    pub(crate) fn of(repository: &str, model: &Path, mut faults: Vec<Fault>) -> Self {
        faults.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            repository: repository.to_owned(),
            model: model.to_owned(),
            faults: Mutex::new(faults),
            starts: Mutex::default(),
        });
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&served);
                // The test of a client that closes the connection fails by itself.
                thread::spawn(move || stream.and_then(|stream| state.answer(stream)));
            }
        });
        Self { endpoint, state }
    }

    /// Returns the byte offset at which each response with the graph started.
    pub(super) fn starts(&self) -> Vec<u64> {
        self.state.starts.lock().unwrap().clone()
    }
}

/// Returns the `ETag` of a file: letters and digits, as on the public hub.
pub(super) fn etag(name: &str, size: u64) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{letters}{size}")
}

impl State {
    /// Answers one request with the requested range of a file.
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
        let range = headers.filter_map(|line| {
            let line = line.to_lowercase();
            line.strip_prefix("range: bytes=").map(str::to_owned)
        });
        let range = range.last().unwrap_or_else(|| "0-".to_owned());
        let prefix = format!("GET /{}/resolve/main/", self.repository);
        let name = request.strip_prefix(&prefix).and_then(|rest| rest.split(' ').next());
        let Some((name, Ok(file))) = name.map(|name| (name, fs::read(self.model.join(name))))
        else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        let (start, end) = range.split_once('-').unwrap();
        let start: usize = start.parse().unwrap();
        let end = end.parse().map_or(file.len(), |last: usize| last + 1);
        if start >= file.len() {
            return stream
                .write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
        }
        let fault = if name == "model.onnx" && end == file.len() {
            self.starts.lock().unwrap().push(start as u64);
            self.faults.lock().unwrap().pop()
        } else {
            None
        };
        head(&mut stream, name, &(start..end), file.len(), fault)?;
        send(&mut stream, &file[start..end], fault)
    }
}

fn head(
    stream: &mut TcpStream,
    name: &str,
    range: &Range<usize>,
    size: usize,
    fault: Option<Fault>,
) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nETag: \"{}\"\r\nX-Repo-Commit: 0123456789abcdef\r\n\
         Content-Range: bytes {}-{}/{size}\r\nConnection: close\r\n",
        etag(name, size as u64),
        range.start,
        range.end - 1,
    )?;
    if !matches!(fault, Some(Fault::EndUnannounced(_))) {
        write!(stream, "Content-Length: {}\r\n", range.len())?;
    }
    stream.write_all(b"\r\n")
}

fn send(stream: &mut TcpStream, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
    match fault {
        None => stream.write_all(bytes),
        Some(Fault::HangUpAfter(len) | Fault::EndUnannounced(len)) => {
            stream.write_all(&bytes[..len.min(bytes.len())])
        }
        Some(Fault::StallAfter(len)) => {
            stream.write_all(&bytes[..len])?;
            stream.flush()?;
            thread::sleep(Duration::from_mins(2));
            Ok(())
        }
        Some(Fault::Slow(time)) => {
            for part in bytes.chunks(bytes.len().div_ceil(40)) {
                stream.write_all(part)?;
                thread::sleep(time / 40);
            }
            Ok(())
        }
    }
}
