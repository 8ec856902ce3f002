//! The weight files of a model without an ONNX graph.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::model_folder::{contents, is_file_name, json, model_file_error, optional};
use crate::Result;

/// The file of all weights.
pub(super) const WHOLE: &str = "model.safetensors";
/// The index that names the weight files of a sharded model.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Returns whether `config.json` declares a Qwen3 model; `false` without that file.
pub(super) fn is_qwen3(folder: &Path) -> Result<bool> {
    let path = folder.join("config.json");
    let Some(bytes) = optional(&path)? else { return Ok(false) };
    Ok(json(&path, &bytes)?["model_type"] == "qwen3")
}

/// Returns the weight files in `folder`.
pub(super) fn shards(folder: &Path) -> Result<Vec<PathBuf>> {
    let whole = folder.join(WHOLE);
    let index = folder.join(INDEX);
    if whole.exists() || !index.exists() {
        return Ok(vec![whole]);
    }
    let names = shard_names(&index)?;
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Returns the names of the weight files in the index at `path`.
pub(super) fn shard_names(path: &Path) -> Result<BTreeSet<String>> {
    let index = json(path, &contents(path)?)?;
    let places = index["weight_map"].as_object().filter(|places| !places.is_empty());
    let Some(places) = places else { return Err(model_file_error(path, "it names no weights")) };
    let mut names = BTreeSet::new();
    for place in places.values() {
        let Some(name) = place.as_str().filter(|name| is_file_name(name)) else {
            let fault = format!("it names weights outside its folder: {place}");
            return Err(model_file_error(path, fault));
        };
        names.insert(name.to_owned());
    }
    Ok(names)
}
