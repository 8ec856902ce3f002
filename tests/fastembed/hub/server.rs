//! A hub with one repository and with faults.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const REPOSITORY: &str = "Qdrant/all-MiniLM-L6-v2-onnx";

/// What goes wrong with one answer that sends the graph.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes.
    HangUpAfter(usize),
    /// Nothing more comes after so many bytes.
    StallAfter(usize),
    /// The answer does not say how long it is, and ends after so many bytes.
    EndUnannounced(usize),
    /// The answer takes so long, evenly.
    Slow(Duration),
}

/// A hub for as long as the test runs.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<State>,
}

struct State {
    repository: String,
    model: PathBuf,
    /// What is to go wrong, the next one last.
    faults: Mutex<Vec<Fault>>,
    /// Where each answer that sent the graph began.
    starts: Mutex<Vec<u64>>,
}

impl Hub {
    /// Serves the files of `model`; the answers that send its graph have one of `faults` each,
    /// in order, and then none.
    pub(super) fn start(model: &Path, faults: Vec<Fault>) -> Self {
        Self::of(REPOSITORY, model, faults)
    }

    /// The same under the name of another repository.
    pub(crate) fn of(repository: &str, model: &Path, mut faults: Vec<Fault>) -> Self {
        faults.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (faults, starts) = (Mutex::new(faults), Mutex::default());
        let (repository, model) = (repository.to_owned(), model.to_owned());
        let state = Arc::new(State { repository, model, faults, starts });
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&served);
                // A client that hangs up has its own test to fail.
                thread::spawn(move || stream.and_then(|stream| state.answer(stream)));
            }
        });
        Self { endpoint, state }
    }

    /// Where in the graph each answer began, in order.
    pub(super) fn starts(&self) -> Vec<u64> {
        self.state.starts.lock().unwrap().clone()
    }
}

/// What tells the contents of a file apart: letters and digits, as on the real hub.
pub(super) fn etag(name: &str, size: u64) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{letters}{size}")
}

impl State {
    /// Answers one request: a file from where it is asked for, or one byte of it.
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
        head(&mut stream, name, (start, end, file.len()), fault)?;
        send(&mut stream, &file[start..end], fault)
    }
}

fn head(
    stream: &mut TcpStream,
    name: &str,
    (start, end, size): (usize, usize, usize),
    fault: Option<Fault>,
) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nETag: \"{}\"\r\nX-Repo-Commit: 0123456789abcdef\r\n\
         Content-Range: bytes {start}-{}/{size}\r\nConnection: close\r\n",
        etag(name, size as u64),
        end - 1,
    )?;
    if !matches!(fault, Some(Fault::EndUnannounced(_))) {
        write!(stream, "Content-Length: {}\r\n", end - start)?;
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
