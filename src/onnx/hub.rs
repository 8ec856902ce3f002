//! Models by name: the local cache, and downloads into it. No other file uses `hf_hub`.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hf_hub::Cache;
use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder};

use super::download::{Meter, OnDownload};
use super::{ModelFiles, SessionOptions, model_folder::is_file_name, shards};
use crate::{Cause, Error, Result};

const REMEDY: &str = "connect to the network, set FASTEMBED_CACHE_DIR to a folder that holds the \
                      model, or open its folder with `from_folder`";

/// Time between two checks of another process's download.
const POLL: Duration = Duration::from_millis(100);

/// Number of checks for the file that another process has downloaded.
const CACHED_POLLS: usize = 10;

/// Maximum time that another process may hold the lock without progress.
const MAX_STALL: Duration = Duration::from_mins(1);

/// Files of every model with a graph, in addition to the graph.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// Files of a model without a graph, in addition to its weights.
const CANDLE_FILES: [&str; 3] = ["tokenizer.json", "tokenizer_config.json", "config.json"];

/// Location of an ONNX model on the hub.
pub(crate) struct HubModel {
    pub(crate) repository: String,
    pub(crate) graph: String,
    /// External weight files of the graph.
    pub(crate) external: Vec<String>,
    /// Name of the output to read; `None` for the first one.
    pub(crate) output: Option<&'static str>,
}

#[derive(Debug, thiserror::Error)]
#[error("`{file}` of {repository} is not in {} and could not be downloaded", cache.display())]
struct NotFetched {
    file: String,
    repository: String,
    cache: PathBuf,
    source: Cause,
}

/// Reads the model `name` from the cache; downloads missing files.
///
/// # Errors
///
/// [`Error::Model`] if a file is neither cached nor downloaded, [`Error::ModelFile`] if a cached
/// file cannot be read.
pub(crate) fn fetch(
    name: &str,
    hub: Option<HubModel>,
    options: &SessionOptions,
) -> Result<ModelFiles> {
    let hub = hub.ok_or("fastembed does not list it");
    let hub = hub.map_err(|fault| not_loaded(name, fault))?;
    let repository =
        Repository::open(hub.repository, options).map_err(|cause| not_loaded(name, cause))?;
    let get = |file: &str| repository.get(file).map_err(|error| not_loaded(name, error));
    let graph = get(&hub.graph)?;
    let external: Vec<_> = hub.external.iter().map(|file| get(file)).collect::<Result<_>>()?;
    let tokenizer: Vec<_> = TOKENIZER_FILES.into_iter().map(get).collect::<Result<_>>()?;
    let folder = parent(&tokenizer[0]);
    let mut files = ModelFiles::read_parts(folder, &graph, external)?;
    files.output = hub.output;
    Ok(files)
}

/// Reads the model `name` without a graph from the cache; downloads missing files. `is_sharded` is
/// whether its weights are in several files.
///
/// # Errors
///
/// As [`fetch`].
pub(crate) fn fetch_shards(
    name: &str,
    repository: &str,
    is_sharded: bool,
    options: &SessionOptions,
) -> Result<ModelFiles> {
    let repository = Repository::open(repository.to_owned(), options);
    let repository = repository.map_err(|cause| not_loaded(name, cause))?;
    let get = |file: &str| repository.get(file).map_err(|error| not_loaded(name, error));
    let other_files: Vec<_> = CANDLE_FILES.into_iter().map(get).collect::<Result<_>>()?;
    let shards = if is_sharded {
        let index = get(shards::INDEX)?;
        shards::shard_names(&index)?.iter().map(|name| get(name)).collect::<Result<_>>()?
    } else {
        vec![get(shards::WHOLE)?]
    };
    ModelFiles::read_shards(parent(&other_files[0]), shards)
}

/// Returns the error for the model `name`, some file of which is neither cached nor downloaded.
fn not_loaded(name: &str, source: impl Into<Cause>) -> Error {
    Error::Model { name: name.to_owned(), remedy: REMEDY, source: source.into() }
}

/// Returns the folder of a cached file.
fn parent(file: &Path) -> &Path {
    file.parent().expect("the cache folder is an absolute path")
}

/// A repository of the hub with its local cache.
struct Repository<'o> {
    name: String,
    cache: Cache,
    /// `None` if the user disabled the network.
    remote: Option<Api>,
    on_download: Option<&'o OnDownload>,
}

impl<'o> Repository<'o> {
    fn open(name: String, options: &'o SessionOptions) -> Result<Self, Cause> {
        let cache = Cache::new(cache_folder(options.cache.clone())?);
        let remote = if is_offline() { None } else { Some(hub(&cache)?) };
        Ok(Self { name, cache, remote, on_download: options.on_download.as_ref() })
    }

    /// Returns the path of `file` in the cache; downloads a missing file.
    fn get(&self, file: &str) -> Result<PathBuf, NotFetched> {
        if let Some(path) = self.cached(file) {
            return Ok(path);
        }
        let downloaded = match &self.remote {
            Some(remote) => self.download(remote, file),
            None => Err("HF_HUB_OFFLINE is set".into()),
        };
        downloaded.map_err(|source| NotFetched {
            file: file.to_owned(),
            repository: self.name.clone(),
            cache: self.cache.path().clone(),
            source,
        })
    }

    fn cached(&self, file: &str) -> Option<PathBuf> {
        self.cache.model(self.name.clone()).get(file)
    }

    /// Downloads a file. An interrupted download resumes as long as each attempt adds bytes.
    fn download(&self, remote: &Api, file: &str) -> Result<PathBuf, Cause> {
        let repository = remote.model(self.name.clone());
        loop {
            let metadata = remote.metadata(&repository.url(file))?;
            let size = metadata.size() as u64;
            if !is_file_name(metadata.etag()) {
                return Err("the hub's ETag is not a file name".into());
            }
            let blob = self.cache.model(self.name.clone()).blob_path(metadata.etag());
            let part = blob.with_extension("part");
            if wait_for_others(&part, size)?
                && let Some(path) = self.cached_soon(file)
            {
                return Ok(path);
            }
            let before = length(&part)?;
            match repository.download_with_progress(file, Meter::new(file, self.on_download)) {
                Ok(path) => return checked(path, &blob, size),
                Err(error) if length(&part)? > before => {
                    tracing::info!(file, %error, "resuming an interrupted download");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a file that another process has just downloaded. That process releases its lock
    /// before it moves the file to its place.
    fn cached_soon(&self, file: &str) -> Option<PathBuf> {
        (0..CACHED_POLLS).find_map(|_| {
            thread::sleep(POLL);
            self.cached(file)
        })
    }
}

impl Progress for Meter<'_> {
    fn init(&mut self, size: usize, _file: &str) {
        self.start(size);
    }

    fn update(&mut self, bytes: usize) {
        self.add(bytes);
    }

    fn finish(&mut self) {
        self.report();
    }
}

/// Returns a client of the hub that the environment selects.
fn hub(cache: &Cache) -> Result<Api, Cause> {
    let mut builder = ApiBuilder::from_cache(cache.clone()).with_progress(false);
    if let Some(endpoint) = setting("HF_ENDPOINT") {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    if let Some(token) = setting("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    Ok(builder.build()?)
}

/// Waits while another process downloads the file `part`, which will have `size` bytes. Returns
/// whether there was such a process.
///
/// `hf_hub` itself would wait for five seconds and then download the whole file again.
///
/// A part of `size` bytes or more is removed. Its process ended before it renamed the part, and
/// `hf_hub` reports an error when there is nothing left to download.
fn wait_for_others(part: &Path, size: u64) -> io::Result<bool> {
    fs::create_dir_all(parent(part))?;
    // The lock file of `hf_hub`.
    let lock = File::create(part.with_extension("lock"))?;
    let mut waited = false;
    let mut last_length = length(part)?;
    let mut last_growth = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        let length = length(part)?;
        if length > last_length {
            last_length = length;
            last_growth = Instant::now();
        } else if last_growth.elapsed() > MAX_STALL {
            return Ok(waited);
        }
        waited = true;
        thread::sleep(POLL);
    }
    if length(part)? >= size && part.exists() {
        fs::remove_file(part)?;
    }
    Ok(waited)
}

/// Returns `path` if the file has `size` bytes; else removes it with the `blob` that it links to.
///
/// If the hub sends no length, `hf_hub` cannot tell a closed connection from the end of the file.
fn checked(path: PathBuf, blob: &Path, size: u64) -> Result<PathBuf, Cause> {
    let got = length(&path)?;
    if got == size {
        return Ok(path);
    }
    for damaged in [&path, blob] {
        if let Err(error) = fs::remove_file(damaged)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
    }
    Err(format!("the hub sent {got} of {size} bytes").into())
}

/// Returns the length of a file in bytes; 0 if there is none.
fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Returns the absolute path of the cache folder, which Python's `huggingface_hub` shares.
fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf, Cause> {
    let at = |variable| setting(variable).map(PathBuf::from);
    let folder = given
        .or_else(|| at("FASTEMBED_CACHE_DIR"))
        .or_else(|| at("HF_HUB_CACHE"))
        .or_else(|| Some(at("HF_HOME")?.join("hub")))
        .or_else(|| Some(at("XDG_CACHE_HOME")?.join("huggingface/hub")))
        .or_else(|| Some(env::home_dir()?.join(".cache/huggingface/hub")))
        .ok_or("there is no home folder for the model cache")?;
    Ok(std::path::absolute(folder)?)
}

/// Returns whether the user disabled the network, by the variable of `huggingface_hub`.
fn is_offline() -> bool {
    setting("HF_HUB_OFFLINE")
        .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()))
}

/// Returns the trimmed value of an environment variable; `None` if it is empty.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
