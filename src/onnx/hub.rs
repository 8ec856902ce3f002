//! Models by name: the cache on this machine, and the download into it; the only file that knows
//! `hf_hub`.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hf_hub::Cache;
use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder};

use super::download::{Meter, OnDownload};
use super::{ModelFiles, SessionOptions, shards};
use crate::{Cause, Error, Result};

const REMEDY: &str = "connect to the network, or set FASTEMBED_CACHE_DIR to a folder that holds \
                      the model, or give a folder with its files to `from_folder`";

/// How often it is looked whether another process is done.
const POLL: Duration = Duration::from_millis(100);

/// How long another process may hold its lock without getting on.
const PATIENCE: Duration = Duration::from_mins(1);

/// Files that every model has beside its graph.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// Files that a model without a graph has beside its weights.
const CANDLE_FILES: [&str; 3] = ["tokenizer.json", "tokenizer_config.json", "config.json"];

/// Where a model is on the hub.
pub(crate) struct HubModel {
    pub(crate) repository: String,
    pub(crate) graph: String,
    /// Files that hold weights beside the graph.
    pub(crate) external: Vec<String>,
    /// The output to read, where the model has several.
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

/// Reads the model `name` from the cache, downloading what is not there.
pub(crate) fn fetch(
    name: &str,
    hub: Option<HubModel>,
    options: &SessionOptions,
) -> Result<ModelFiles> {
    let unloaded = |source| Error::Model { name: name.to_owned(), remedy: REMEDY, source };
    let hub = hub.ok_or("fastembed's list has it no more").map_err(|e| unloaded(e.into()))?;
    let repository = Repository::open(hub.repository, options).map_err(unloaded)?;
    let get = |file: &str| repository.get(file).map_err(|error| unloaded(error.into()));
    let graph = get(&hub.graph)?;
    let external: Vec<_> = hub.external.iter().map(|file| get(file)).collect::<Result<_>>()?;
    let tokenizer: Vec<_> = TOKENIZER_FILES.into_iter().map(get).collect::<Result<_>>()?;
    let folder = tokenizer[0].parent().unwrap_or(Path::new(""));
    let mut files = ModelFiles::read_parts(folder, &graph, &external)?;
    files.output = hub.output;
    Ok(files)
}

/// Reads the model `name`, which has no graph, and its weights in several files if it is
/// `sharded`, from the cache, downloading what is not there.
pub(crate) fn fetch_shards(
    name: &str,
    repository: &str,
    sharded: bool,
    options: &SessionOptions,
) -> Result<ModelFiles> {
    let unloaded = |source| Error::Model { name: name.to_owned(), remedy: REMEDY, source };
    let repository = Repository::open(repository.to_owned(), options).map_err(unloaded)?;
    let get = |file: &str| repository.get(file).map_err(|error| unloaded(error.into()));
    let beside: Vec<_> = CANDLE_FILES.into_iter().map(get).collect::<Result<_>>()?;
    let shards = if sharded {
        let index = get(shards::INDEX)?;
        shards::shard_names(&index)?.iter().map(|name| get(name)).collect::<Result<_>>()?
    } else {
        vec![get(shards::WHOLE)?]
    };
    let folder = beside[0].parent().unwrap_or(Path::new(""));
    ModelFiles::read_shards(folder, &shards)
}

/// One repository of the hub, as far as it is in the cache.
struct Repository<'o> {
    name: String,
    cache: Cache,
    /// `None` if the user forbids the network.
    remote: Option<Api>,
    on_download: Option<&'o OnDownload>,
}

impl<'o> Repository<'o> {
    fn open(name: String, options: &'o SessionOptions) -> Result<Self, Cause> {
        let cache = Cache::new(cache_folder(options.cache.clone())?);
        let remote = if is_offline() { None } else { Some(hub(&cache)?) };
        Ok(Self { name, cache, remote, on_download: options.on_download.as_ref() })
    }

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

    /// Downloads a file, again and again from where it broke off, as long as it grows.
    fn download(&self, remote: &Api, file: &str) -> Result<PathBuf, Cause> {
        let repository = remote.model(self.name.clone());
        loop {
            let metadata = remote.metadata(&repository.url(file))?;
            let size = metadata.size() as u64;
            let mut parts = Path::new(metadata.etag()).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                return Err("the hub's ETag cannot be the name of a file".into());
            }
            let blob = self.cache.model(self.name.clone()).blob_path(metadata.etag());
            let part = blob.with_extension("part");
            if wait_for_others(&part, size)?
                && let Some(path) = self.cached_soon(file)
            {
                return Ok(path);
            }
            let before = length(&part);
            match repository.download_with_progress(file, Meter::new(file, self.on_download)) {
                Ok(path) => return checked(path, &blob, size),
                Err(error) if length(&part) > before => {
                    tracing::info!(file, %error, "the download broke off, going on with it");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A file that another process has just downloaded: it gives its lock back before the file
    /// is in its place.
    fn cached_soon(&self, file: &str) -> Option<PathBuf> {
        (0..10).find_map(|_| {
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
        self.tell();
    }
}

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

/// Waits while another process downloads the file of which `part` is there, and says whether
/// there was one; `hf_hub` would wait for five seconds, and then download all of it again.
///
/// A part that is as long as the whole, since its process ended before it got its name, or
/// longer, is removed: the hub has nothing to add to it, which `hf_hub` takes for an error.
fn wait_for_others(part: &Path, size: u64) -> io::Result<bool> {
    fs::create_dir_all(part.parent().unwrap_or(Path::new("")))?;
    // The lock that `hf_hub` takes.
    let lock = File::create(part.with_extension("lock"))?;
    let (mut waited, mut seen, mut since) = (false, length(part), Instant::now());
    while let Err(TryLockError::WouldBlock) = lock.try_lock() {
        let now = length(part);
        if now > seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Ok(waited);
        }
        waited = true;
        thread::sleep(POLL);
    }
    if length(part) >= size && part.exists() {
        fs::remove_file(part)?;
    }
    Ok(waited)
}

/// `path` if it has `size` bytes; else it is removed, with the `blob` that it leads to.
///
/// `hf_hub` takes the end of a connection for the end of a file, where the hub does not say how
/// much it sends.
fn checked(path: PathBuf, blob: &Path, size: u64) -> Result<PathBuf, Cause> {
    let got = length(&path);
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

/// Length of a file in bytes, 0 if there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The absolute folder that downloads are kept in, shared with Python's `huggingface_hub`.
fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf, Cause> {
    let at = |variable| setting(variable).map(PathBuf::from);
    let folder = given
        .or_else(|| at("FASTEMBED_CACHE_DIR"))
        .or_else(|| at("HF_HUB_CACHE"))
        .or_else(|| Some(at("HF_HOME")?.join("hub")))
        .or_else(|| Some(at("XDG_CACHE_HOME")?.join("huggingface/hub")))
        .or_else(|| Some(env::home_dir()?.join(".cache/huggingface/hub")))
        .ok_or("there is no home folder to keep models in")?;
    Ok(std::path::absolute(folder)?)
}

/// Whether the user forbids the network, as for `huggingface_hub`.
fn is_offline() -> bool {
    setting("HF_HUB_OFFLINE")
        .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()))
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
