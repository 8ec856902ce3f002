//! Models by name: the cache on this machine, and the download into it; the only file that knows
//! `hf_hub`.

use std::env;
use std::path::{Path, PathBuf};

use hf_hub::Cache;
use hf_hub::api::sync::{ApiBuilder, ApiRepo};

use super::ModelFiles;
use crate::{Cause, Error, Result};

const REMEDY: &str = "connect to the network, or set FASTEMBED_CACHE_DIR to a folder that holds \
                      the model, or give a folder with its files to `FastEmbedder::from_folder`";

/// Files that every model has beside its graph.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

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
    cache: Option<PathBuf>,
) -> Result<ModelFiles> {
    let unloaded = |source| Error::Model { name: name.to_owned(), remedy: REMEDY, source };
    let hub = hub.ok_or("fastembed's list has it no more").map_err(|e| unloaded(e.into()))?;
    let repository = Repository::open(hub.repository, cache).map_err(unloaded)?;
    let get = |file: &str| repository.get(file).map_err(|error| unloaded(error.into()));
    let graph = get(&hub.graph)?;
    let external: Vec<_> = hub.external.iter().map(|file| get(file)).collect::<Result<_>>()?;
    let tokenizer: Vec<_> = TOKENIZER_FILES.into_iter().map(get).collect::<Result<_>>()?;
    let folder = tokenizer[0].parent().unwrap_or(Path::new(""));
    let mut files = ModelFiles::read_parts(folder, &graph, &external)?;
    files.output = hub.output;
    Ok(files)
}

/// One repository of the hub, as far as it is in the cache.
struct Repository {
    name: String,
    cache: Cache,
    /// `None` if the user forbids the network.
    remote: Option<ApiRepo>,
}

impl Repository {
    fn open(name: String, cache: Option<PathBuf>) -> Result<Self, Cause> {
        let cache = Cache::new(cache_folder(cache)?);
        if is_offline() {
            return Ok(Self { name, cache, remote: None });
        }
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_progress(false);
        if let Some(endpoint) = setting("HF_ENDPOINT") {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(token) = setting("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let remote = builder.build()?.model(name.clone());
        Ok(Self { name, cache, remote: Some(remote) })
    }

    fn get(&self, file: &str) -> Result<PathBuf, NotFetched> {
        if let Some(path) = self.cache.model(self.name.clone()).get(file) {
            return Ok(path);
        }
        let downloaded = match &self.remote {
            Some(remote) => remote.download(file).map_err(Cause::from),
            None => Err("HF_HUB_OFFLINE is set".into()),
        };
        downloaded.map_err(|source| NotFetched {
            file: file.to_owned(),
            repository: self.name.clone(),
            cache: self.cache.path().clone(),
            source,
        })
    }
}

/// The absolute folder that downloads are kept in, shared with Python's `huggingface_hub`.
fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf, Cause> {
    let folder = given
        .or_else(|| setting("FASTEMBED_CACHE_DIR").map(PathBuf::from))
        .or_else(|| setting("HF_HUB_CACHE").map(PathBuf::from))
        .or_else(|| Some(Path::new(&setting("HF_HOME")?).join("hub")))
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
