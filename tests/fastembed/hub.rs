//! Models by name: from the cache, from a hub (a small one of our own), and without either.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use passim::{Error, FastEmbedder, FastEmbedderBuilder};
use tempfile::TempDir;

use crate::child::child;
use crate::{REQUIRED, minilm};

const REPOSITORY: &str = "Qdrant/all-MiniLM-L6-v2-onnx";

/// Loads `AllMiniLML6V2` in a process of its own.
fn load(variables: &[(&str, &OsStr)]) -> String {
    let name = ("PASSIM_TEST_NAME", OsStr::new("allminilml6v2"));
    child("by_name", &[variables, &[name]].concat())
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = FastEmbedder::from_name("MultilingualE5Tiny").unwrap_err();
    let Error::UnknownModel { name, known } = error else { panic!("{error}") };
    assert_eq!(name, "MultilingualE5Tiny");
    assert_eq!(known.len(), FastEmbedder::models().len());
    assert_eq!(known[0], "MultilingualE5Small");
}

#[test]
fn without_network_the_error_says_what_to_do() {
    let Some(_) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let cached = ("FASTEMBED_CACHE_DIR", cache.path().as_os_str());
    // Nobody listens at port 1.
    let unreachable = ("HF_ENDPOINT", OsStr::new("http://127.0.0.1:1"));
    for forbidden in [unreachable, ("HF_HUB_OFFLINE", OsStr::new("1"))] {
        let said = load(&[cached, unreachable, forbidden]);
        assert!(said.starts_with("Model\n"), "{said}");
        for part in ["AllMiniLML6V2", "FASTEMBED_CACHE_DIR", "from_folder", "model.onnx"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(said.contains(cache.path().to_str().unwrap()), "{said}");
    }
}

/// The layout of the hub's cache, as Python's `huggingface_hub` writes it too.
#[test]
fn a_model_in_the_cache_needs_no_network() {
    let Some(model) = minilm() else { return };
    let home = TempDir::new().unwrap();
    let repository = home.path().join("hub/models--Qdrant--all-MiniLM-L6-v2-onnx");
    let snapshot = repository.join("snapshots/0123456789abcdef");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123456789abcdef").unwrap();
    for name in REQUIRED.into_iter().chain(["special_tokens_map.json"]) {
        fs::copy(model.join(name), snapshot.join(name)).unwrap();
    }
    let offline = ("HF_HUB_OFFLINE", OsStr::new("1"));
    let said = load(&[("HF_HOME", home.path().as_os_str()), offline]);
    assert_eq!(said, "384 dimensions\n");

    // The table's limit holds, not that of the files, and the setting goes before the variables.
    let builder = FastEmbedderBuilder::from_name("sentence-transformers/all-MiniLM-L6-v2");
    let named = builder.cache(home.path().join("hub")).build().unwrap();
    let folder = FastEmbedderBuilder::from_folder(model).max_length(256).build().unwrap();
    assert_eq!(passim::Embedder::identity(&named).hash, passim::Embedder::identity(&folder).hash);
}

#[test]
fn a_model_is_downloaded_once() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let endpoint = serve(model);
    let cached = ("FASTEMBED_CACHE_DIR", cache.path().as_os_str());
    assert_eq!(load(&[cached, ("HF_ENDPOINT", OsStr::new(&endpoint))]), "384 dimensions\n");
    assert_eq!(load(&[cached, ("HF_HUB_OFFLINE", OsStr::new("1"))]), "384 dimensions\n");
}

/// A hub with one repository, at the address returned, for as long as the test runs.
fn serve(model: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that hangs up has its own test to fail.
            let _ = stream.and_then(|stream| answer(stream, &model));
        }
    });
    format!("http://{address}")
}

/// Answers one request: one file, or its first byte if only that is asked for.
fn answer(mut stream: TcpStream, model: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    let prefix = format!("GET /{REPOSITORY}/resolve/main/");
    let name = request.strip_prefix(&prefix).and_then(|rest| rest.split(' ').next());
    let Some(Ok(file)) = name.map(|name| fs::read(model.join(name))) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let probe = headers.iter().any(|line| line.eq_ignore_ascii_case("range: bytes=0-0"));
    let end = if probe { 1 } else { file.len() };
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nETag: \"{}-{}\"\r\nX-Repo-Commit: 0123456789abcdef\r\n\
         Content-Range: bytes 0-{}/{}\r\nContent-Length: {end}\r\nConnection: close\r\n\r\n",
        name.unwrap_or_default().replace('/', "-"),
        file.len(),
        end - 1,
        file.len(),
    )?;
    stream.write_all(&file[..end])
}
