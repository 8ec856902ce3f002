//! Models by name: from the cache, from a local test hub, and from neither.

pub(crate) mod server;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use passim::{Error, FastEmbedder, FastEmbedderBuilder};
use tempfile::TempDir;

use crate::child::{child, command};
use crate::{REQUIRED, minilm};
use server::{Fault, Hub, etag};

/// Folder of the model in the cache.
const FOLDER: &str = "models--Qdrant--all-MiniLM-L6-v2-onnx";

/// Loads `AllMiniLML6V2` in a child process.
fn load(variables: &[(&str, &OsStr)]) -> String {
    let name = ("PASSIM_TEST_NAME", OsStr::new("allminilml6v2"));
    child("by_name", &[variables, &[name]].concat())
}

#[test]
fn the_error_for_an_unknown_name_lists_the_known_names() {
    let error = FastEmbedder::from_name("MultilingualE5Tiny").unwrap_err();
    let Error::UnknownModel { name, known } = error else { panic!("{error}") };
    assert_eq!(name, "MultilingualE5Tiny");
    assert_eq!(known.len(), FastEmbedder::models().len());
    assert_eq!(known[0], "MultilingualE5Small");
}

#[test]
fn the_error_without_network_names_the_remedy() {
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

/// The cache has the layout of Python's `huggingface_hub`.
#[test]
fn a_model_in_the_cache_needs_no_network() {
    let Some(model) = minilm() else { return };
    let home = TempDir::new().unwrap();
    let repository = home.path().join("hub").join(FOLDER);
    let snapshot = repository.join("snapshots/0123456789abcdef");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123456789abcdef").unwrap();
    for name in REQUIRED.into_iter().chain(["special_tokens_map.json"]) {
        fs::copy(model.join(name), snapshot.join(name)).unwrap();
    }
    let offline = ("HF_HUB_OFFLINE", OsStr::new("1"));
    let path = home.path().as_os_str();
    assert_eq!(load(&[("HF_HOME", path), offline]), "384 dimensions\n");
    // The first variable that is set applies.
    let other = ("XDG_CACHE_HOME", OsStr::new("/nowhere"));
    assert_eq!(load(&[("HF_HOME", path), other, offline]), "384 dimensions\n");
    let said = load(&[("HF_HOME", path), ("HF_HUB_CACHE", OsStr::new("/nowhere")), offline]);
    assert!(said.starts_with("Model\n") && said.contains("/nowhere"), "{said}");
    let said = load(&[("XDG_CACHE_HOME", path), offline]);
    let folder = home.path().join("huggingface/hub");
    assert!(said.contains(folder.to_str().unwrap()), "{said}");

    // The limit of the table applies, not that of the files; the setting overrides the variables.
    let builder = FastEmbedderBuilder::from_name("sentence-transformers/all-MiniLM-L6-v2");
    let named = builder.cache(home.path().join("hub")).build().unwrap();
    let folder = FastEmbedderBuilder::from_folder(model).max_length(256).build().unwrap();
    assert_eq!(passim::Embedder::identity(&named).hash, passim::Embedder::identity(&folder).hash);
}

/// Loads the model from `hub` into `cache`.
fn load_from(hub: &Hub, cache: &Path) -> String {
    let endpoint = OsStr::new(&hub.endpoint);
    load(&[("FASTEMBED_CACHE_DIR", cache.as_os_str()), ("HF_ENDPOINT", endpoint)])
}

/// Loads the model from `cache` without network.
fn load_offline(cache: &Path) -> String {
    load(&[("FASTEMBED_CACHE_DIR", cache.as_os_str()), ("HF_HUB_OFFLINE", OsStr::new("1"))])
}

/// The partial download of the graph.
struct GraphPart {
    path: PathBuf,
    /// Length of the complete graph in bytes.
    size: u64,
}

fn graph_part(cache: &Path, model: &Path) -> GraphPart {
    let size = fs::metadata(model.join("model.onnx")).unwrap().len();
    let blobs = cache.join(FOLDER).join("blobs");
    GraphPart { path: blobs.join(etag("model.onnx", size)).with_extension("part"), size }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn a_model_is_downloaded_once_and_reports_progress() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let hub = Hub::start(&model, vec![]);
    let steps = cache.path().join("steps");
    let said = load(&[
        ("FASTEMBED_CACHE_DIR", cache.path().as_os_str()),
        ("HF_ENDPOINT", OsStr::new(&format!("{}/", hub.endpoint))),
        ("PASSIM_TEST_DOWNLOADS", steps.as_os_str()),
    ]);
    assert_eq!(said, "384 dimensions\n");
    assert_eq!(load_offline(cache.path()), "384 dimensions\n");

    let mut files: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for line in fs::read_to_string(steps).unwrap().lines() {
        let [file, done, total] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let at = (done.parse().unwrap(), total.parse().unwrap());
        files.entry(file.to_owned()).or_default().push(at);
    }
    assert_eq!(files.len(), 5, "{files:?}");
    for (file, steps) in files {
        let size = length(&model.join(&file));
        assert!(steps.iter().all(|(_, total)| *total == size), "{file}: {steps:?}");
        assert!(steps.is_sorted() && steps[0].0 == 0, "{file}: {steps:?}");
        assert_eq!(steps.last(), Some(&(size, size)), "{file}");
        assert!(steps.len() as u64 <= 2 + (size >> 20), "{file}: {steps:?}");
        assert_eq!(steps.len() > 50, file == "model.onnx", "{file}: {steps:?}");
    }
}

/// The hub closes the connection twice; the download resumes where it stopped.
#[test]
fn an_interrupted_download_resumes() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let faults = vec![Fault::HangUpAfter(30_000_000), Fault::HangUpAfter(30_000_000)];
    let hub = Hub::start(&model, faults);
    assert_eq!(load_from(&hub, cache.path()), "384 dimensions\n");
    let starts = hub.starts();
    assert!(starts.len() == 3 && starts[0] == 0, "{starts:?}");
    assert!(starts.is_sorted() && starts[1] > 20_000_000, "{starts:?}");
}

#[test]
fn a_stalled_download_is_an_error_and_resumes_later() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let faults = vec![Fault::HangUpAfter(30_000_000), Fault::HangUpAfter(0)];
    let hub = Hub::start(&model, faults);
    let said = load_from(&hub, cache.path());
    assert!(said.starts_with("Model\n") && said.contains("model.onnx"), "{said}");
    assert!(said.contains(cache.path().to_str().unwrap()), "{said}");
    let part = graph_part(cache.path(), &model).path;
    let kept = length(&part);
    assert!(kept > 20_000_000, "{kept}");
    assert!(load_offline(cache.path()).starts_with("Model\n"));
    assert_eq!(load_from(&hub, cache.path()), "384 dimensions\n");
    assert_eq!(hub.starts().last(), Some(&kept));
}

#[test]
fn a_download_resumes_after_its_process_was_killed() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let hub = Hub::start(&model, vec![Fault::StallAfter(40_000_000)]);
    let report = tempfile::NamedTempFile::new().unwrap();
    let variables = [
        ("FASTEMBED_CACHE_DIR", cache.path().as_os_str()),
        ("HF_ENDPOINT", OsStr::new(&hub.endpoint)),
        ("PASSIM_TEST_NAME", OsStr::new("AllMiniLML6V2")),
    ];
    let mut process = command("by_name", &variables, report.path());
    let mut process = process.stdout(Stdio::null()).spawn().unwrap();
    let part = graph_part(cache.path(), &model).path;
    while length(&part) < 30_000_000 {
        assert!(process.try_wait().unwrap().is_none(), "the process ended by itself");
        thread::sleep(Duration::from_millis(20));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(part.with_extension("lock").exists());
    assert_eq!(load_from(&hub, cache.path()), "384 dimensions\n");
    let starts = hub.starts();
    assert!(starts.len() == 2 && starts[1] >= 30_000_000, "{starts:?}");
}

/// The hub sends no length and closes the connection early.
#[test]
fn a_file_of_the_wrong_length_is_not_kept() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    let hub = Hub::start(&model, vec![Fault::EndUnannounced(40_000_000)]);
    let said = load_from(&hub, cache.path());
    assert!(said.starts_with("Model\n") && said.contains("40000000 of"), "{said}");
    let part = graph_part(cache.path(), &model).path;
    assert!(!part.exists() && !part.with_extension("").exists());
    assert!(load_offline(cache.path()).contains("HF_HUB_OFFLINE"));
    assert_eq!(load_from(&hub, cache.path()), "384 dimensions\n");
}

/// A process that ends before it renames its download leaves a complete or too long part and its
/// lock.
#[test]
fn leftovers_of_ended_processes_do_not_block() {
    let Some(model) = minilm() else { return };
    for extra in [0, 1_000] {
        let cache = TempDir::new().unwrap();
        let hub = Hub::start(&model, vec![]);
        let GraphPart { path: part, size } = graph_part(cache.path(), &model);
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::File::create(&part).unwrap().set_len(size + extra).unwrap();
        fs::write(part.with_extension("lock"), "").unwrap();
        assert_eq!(load_from(&hub, cache.path()), "384 dimensions\n");
        assert_eq!(hub.starts(), [0]);
    }
}

#[test]
fn a_second_process_waits_for_the_download() {
    let Some(model) = minilm() else { return };
    let cache = TempDir::new().unwrap();
    // Longer than `hf_hub` waits for the lock.
    let hub = Hub::start(&model, vec![Fault::Slow(Duration::from_secs(8))]);
    let loads = thread::scope(|scope| {
        let loads = [(); 2].map(|()| scope.spawn(|| load_from(&hub, cache.path())));
        loads.map(|load| load.join().unwrap())
    });
    assert_eq!(loads, ["384 dimensions\n", "384 dimensions\n"]);
    assert_eq!(hub.starts(), [0]);
}

/// The first byte of a TLS handshake is 22.
#[test]
fn an_https_endpoint_gets_a_tls_handshake() {
    let Some(_) = minilm() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let first = thread::spawn(move || {
        let mut first = [0];
        listener.accept().unwrap().0.read_exact(&mut first).unwrap();
        first
    });
    let cache = TempDir::new().unwrap();
    let said = load(&[
        ("FASTEMBED_CACHE_DIR", cache.path().as_os_str()),
        ("HF_ENDPOINT", OsStr::new(&endpoint)),
    ]);
    assert!(said.starts_with("Model\n"), "{said}");
    assert_eq!(first.join().unwrap(), [22]);
}
