//! The files of one model: their contents, declared pooling and length, and hash.

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::{
    DeclaredPrompts, Engine, engine,
    model_folder::{contents, json, model_file_error, optional},
    onnx_graph::external_names,
    shards,
};
use crate::{Pooling, Result};

/// File names that exporters give the graph.
const GRAPHS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// Maximum input length if no file declares one: that of BERT.
const DEFAULT_MAX_LENGTH: usize = 512;

/// Model types whose positions begin after the number of the padding token.
const SHIFTED_POSITIONS: [&str; 4] = ["roberta", "xlm-roberta", "camembert", "mpnet"];

/// Number of the padding token of these models, unless they declare another.
const ROBERTA_PAD_TOKEN: usize = 1;

/// The contents of a model's files.
#[derive(Clone)]
pub(crate) struct ModelFiles {
    folder: PathBuf,
    pub(crate) engine: Engine,
    /// Path of the graph; empty if there is none.
    pub(crate) graph: PathBuf,
    /// Contents of the graph; empty if there is none.
    pub(crate) onnx: Vec<u8>,
    /// External weights of the graph, or all weights if there is no graph.
    pub(crate) external: Vec<WeightFile>,
    weight_bytes: usize,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) special_tokens_map: Vec<u8>,
    pub(crate) tokenizer_config: Vec<u8>,
    /// Name of the output to read; `None` for the first one.
    pub(crate) output: Option<&'static str>,
}

/// A file of weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WeightFile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl ModelFiles {
    /// Reads a folder that holds an ONNX model or a Qwen3 model. `check` runs before the weights
    /// are read.
    pub(crate) fn read_embedder(
        folder: &Path,
        check: impl FnOnce(Engine) -> Result<()>,
    ) -> Result<Self> {
        if graph_in(folder).is_some() || !shards::is_qwen3(folder)? {
            return Self::read_checked(folder, check);
        }
        if cfg!(not(feature = "qwen3")) {
            return Err(engine::without_candle(folder_name(folder)));
        }
        check(Engine::Candle)?;
        Self::read_shards(folder, &shards::shards(folder)?)
    }

    /// Reads a folder that holds one model with a graph.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        Self::read_checked(folder, |_| Ok(()))
    }

    fn read_checked(folder: &Path, check: impl FnOnce(Engine) -> Result<()>) -> Result<Self> {
        let graph = graph_in(folder).unwrap_or_else(|| folder.join(GRAPHS[0]));
        // A missing file is reported before an unavailable ONNX Runtime.
        fs::metadata(&graph).map_err(|error| model_file_error(&graph, error))?;
        let files = Self::without_weights(folder, Engine::OnnxRuntime)?;
        check(files.engine)?;
        let onnx = contents(&graph)?;
        let named = external_names(&onnx).map_err(|source| model_file_error(&graph, source))?;
        let external: Vec<_> = named.iter().map(|name| graph.with_file_name(name)).collect();
        files.with_weights(graph, onnx, &external)
    }

    /// Reads the graph, its external weights and the tokenizer's files in `folder`.
    #[cfg(feature = "hub")]
    pub(super) fn read_parts(folder: &Path, graph: &Path, external: &[PathBuf]) -> Result<Self> {
        let files = Self::without_weights(folder, Engine::OnnxRuntime)?;
        files.with_weights(graph.to_owned(), contents(graph)?, external)
    }

    /// Reads the weights in `shards` and the other files of a model without a graph in `folder`.
    pub(super) fn read_shards(folder: &Path, shards: &[PathBuf]) -> Result<Self> {
        let files = Self::without_weights(folder, Engine::Candle)?;
        files.with_weights(PathBuf::new(), Vec::new(), shards)
    }

    /// Reads the files in `folder` that `engine` needs, except the weights.
    fn without_weights(folder: &Path, engine: Engine) -> Result<Self> {
        let get = |name| contents(&folder.join(name));
        let or_empty = |name| Ok(optional(&folder.join(name))?.unwrap_or_else(|| b"{}".to_vec()));
        let special_tokens_map = match engine {
            // It repeats parts of tokenizer.json; newer exporters do not write it.
            Engine::OnnxRuntime => or_empty("special_tokens_map.json")?,
            Engine::Candle => Vec::new(),
        };
        let tokenizer_config = match engine {
            Engine::OnnxRuntime => get("tokenizer_config.json")?,
            // Only the declared length is used.
            Engine::Candle => or_empty("tokenizer_config.json")?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            engine,
            graph: PathBuf::new(),
            onnx: Vec::new(),
            external: Vec::new(),
            weight_bytes: 0,
            tokenizer: get("tokenizer.json")?,
            config: get("config.json")?,
            special_tokens_map,
            tokenizer_config,
            output: None,
        })
    }

    /// Adds the graph, if there is one, and reads the weights in `external`.
    fn with_weights(self, graph: PathBuf, onnx: Vec<u8>, external: &[PathBuf]) -> Result<Self> {
        let read =
            |path: &PathBuf| Ok(WeightFile { name: file_name(path), bytes: contents(path)? });
        let external: Vec<WeightFile> = external.iter().map(read).collect::<Result<_>>()?;
        let external_bytes: usize = external.iter().map(|file| file.bytes.len()).sum();
        Ok(Self { graph, weight_bytes: onnx.len() + external_bytes, onnx, external, ..self })
    }

    /// Returns the declared number of classes; `None` if none is declared.
    pub(crate) fn labels(&self) -> Result<Option<usize>> {
        let config = json(&self.folder.join("config.json"), &self.config)?;
        let named = config["id2label"].as_object().map(serde_json::Map::len);
        Ok(length(&config["num_labels"]).or(named))
    }

    /// Returns the name of the folder.
    pub(crate) fn name(&self) -> String {
        folder_name(&self.folder)
    }

    /// Returns the size of the weight files in bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// Frees the weights, for sessions that read them from the files.
    pub(crate) fn drop_weights(&mut self) {
        self.onnx = Vec::new();
        self.external = Vec::new();
    }

    /// Returns whether the graph quantizes activations by the range of the whole run, so that a
    /// vector depends on the other texts of the run.
    pub(crate) fn is_dynamically_quantized(&self) -> bool {
        // The file contains operator names as plain bytes.
        memmem::find(&self.onnx, b"DynamicQuantize").is_some()
    }

    /// Returns the pooling declared in `1_Pooling/config.json`, else the default of the engine.
    pub(crate) fn pooling(&self) -> Result<Pooling> {
        let path = self.folder.join("1_Pooling/config.json");
        let default = match self.engine {
            Engine::OnnxRuntime => Pooling::Mean,
            Engine::Candle => Pooling::LastToken,
        };
        let Some(bytes) = optional(&path)? else { return Ok(default) };
        let config = json(&path, &bytes)?;
        let modes = pooling_modes(&config);
        match (self.engine, &modes[..]) {
            (Engine::OnnxRuntime, ["mean" | "pooling_mode_mean_tokens"]) => Ok(Pooling::Mean),
            (Engine::OnnxRuntime, ["cls" | "pooling_mode_cls_token"]) => Ok(Pooling::Cls),
            (Engine::Candle, ["lasttoken" | "pooling_mode_lasttoken"]) => Ok(Pooling::LastToken),
            (engine, _) => {
                let supported = match engine {
                    Engine::OnnxRuntime => "`mean` and `cls`",
                    Engine::Candle => "`lasttoken`",
                };
                let fault = format!("pooling {modes:?} is unsupported, supported: {supported}");
                Err(model_file_error(&path, fault))
            }
        }
    }

    /// Returns the prompts that the folder declares.
    pub(crate) fn prompts(&self) -> Result<DeclaredPrompts> {
        DeclaredPrompts::read(&self.folder)
    }

    /// Returns the number of positions in tokens; `None` if none is declared.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] if the configuration is not JSON or has fewer positions than the model
    /// skips.
    pub(crate) fn positions(&self) -> Result<Option<usize>> {
        let path = self.folder.join("config.json");
        let config = json(&path, &self.config)?;
        let skipped = match config["model_type"].as_str() {
            Some(kind) if SHIFTED_POSITIONS.contains(&kind) => {
                length(&config["pad_token_id"]).unwrap_or(ROBERTA_PAD_TOKEN) + 1
            }
            _ => 0,
        };
        let declared = ["max_position_embeddings", "n_positions"].map(|key| length(&config[key]));
        let Some(positions) = declared.into_iter().flatten().min() else { return Ok(None) };
        let usable = positions.checked_sub(skipped).ok_or_else(|| {
            let fault = format!("it has {positions} positions, of which the model skips {skipped}");
            model_file_error(&path, fault)
        })?;
        Ok(Some(usable))
    }

    /// Returns the declared maximum input length: the minimum of positions, the tokenizer's limit
    /// and the limit of sentence-transformers.
    pub(crate) fn max_length(&self) -> Result<usize> {
        let tokenizer = json(&self.folder.join("tokenizer_config.json"), &self.tokenizer_config)?;
        let path = self.folder.join("sentence_bert_config.json");
        let sentence = match optional(&path)? {
            Some(bytes) => length(&json(&path, &bytes)?["max_seq_length"]),
            None => None,
        };
        let declared = [self.positions()?, length(&tokenizer["model_max_length"]), sentence];
        Ok(declared.into_iter().flatten().min().unwrap_or(DEFAULT_MAX_LENGTH))
    }

    /// Sets `model_max_length` in `tokenizer_config.json`, since fastembed applies the smaller of it
    /// and its own setting; also sets a padding token, which fastembed requires and this crate never
    /// uses.
    pub(crate) fn override_max_length(&mut self, max_length: usize) -> Result<()> {
        let path = self.folder.join("tokenizer_config.json");
        let mut config = json(&path, &self.tokenizer_config)?;
        let Some(fields) = config.as_object_mut() else {
            return Err(model_file_error(&path, "it is not a JSON object"));
        };
        fields.insert("model_max_length".to_owned(), max_length.into());
        if fields.get("pad_token").is_none_or(Value::is_null) {
            fields.insert("pad_token".to_owned(), "[PAD]".into());
        }
        self.tokenizer_config = config.to_string().into_bytes();
        Ok(())
    }

    /// Hashes everything that vectors depend on: the files and `settings`.
    pub(crate) fn hash(&self, settings: &[String]) -> u128 {
        let mut hasher = Xxh3::new();
        let mut add = |part: &[u8]| {
            // The length prefix makes part boundaries unambiguous.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        add(&self.onnx);
        for file in &self.external {
            add(file.name.as_bytes());
            add(&file.bytes);
        }
        add(&self.tokenizer);
        add(&self.special_tokens_map);
        add(self.output.unwrap_or("").as_bytes());
        // An ONNX graph defines the computation by itself.
        if self.engine == Engine::Candle {
            add(&self.config);
        }
        for setting in settings {
            add(setting.as_bytes());
        }
        hasher.digest128()
    }
}

/// Returns the pooling modes that are on, in either spelling of sentence-transformers.
fn pooling_modes(config: &Value) -> Vec<&str> {
    if let Value::String(mode) = &config["pooling_mode"] {
        return vec![mode];
    }
    let fields = config.as_object().into_iter().flatten();
    let is_on = |name: &str, value: &Value| {
        name.starts_with("pooling_mode_") && value.as_bool() == Some(true)
    };
    fields.filter(|(name, value)| is_on(name, value)).map(|(name, _)| name.as_str()).collect()
}

/// Returns a JSON number as a length; `None` above 2^20: tokenizers without a limit declare 1e30.
fn length(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|length| usize::try_from(length).ok()).filter(|n| *n <= 1 << 20)
}

/// Returns the path of the graph in a folder, if there is one.
fn graph_in(folder: &Path) -> Option<PathBuf> {
    GRAPHS.map(|name| folder.join(name)).into_iter().find(|path| path.exists())
}

fn folder_name(folder: &Path) -> String {
    file_name(&folder.canonicalize().unwrap_or_else(|_| folder.to_owned()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::Error;

    /// Creates a folder with the files in `texts`, and minimal other files.
    fn folder(texts: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        let plain = ["model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json"];
        for (name, text) in plain.map(|name| (name, "{}")).iter().chain(texts) {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_shortest_declared_length_applies() {
        let bert = r#"{"model_type": "bert", "max_position_embeddings": 512}"#;
        let roberta =
            r#"{"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}"#;
        let endless = r#"{"model_max_length": 1000000000000000019884624838656}"#;
        for (config, tokenizer, sentence, expected) in [
            ("{}", "{}", "{}", 512),
            (bert, endless, "{}", 512),
            (roberta, endless, "{}", 512),
            (bert, r#"{"model_max_length": 384}"#, "{}", 384),
            (bert, r#"{"model_max_length": 512}"#, r#"{"max_seq_length": 128}"#, 128),
            (r#"{"n_positions": 2048}"#, r#"{"model_max_length": 8192}"#, "{}", 2048),
        ] {
            let folder = folder(&[
                ("config.json", config),
                ("tokenizer_config.json", tokenizer),
                ("sentence_bert_config.json", sentence),
            ]);
            let files = ModelFiles::read(folder.path()).unwrap();
            assert_eq!(files.max_length().unwrap(), expected, "{config} {tokenizer} {sentence}");
        }
    }

    #[test]
    fn fewer_positions_than_the_model_skips_are_an_error() {
        let config = r#"{"model_type": "roberta", "n_positions": 3, "pad_token_id": 9}"#;
        let folder = folder(&[("config.json", config)]);
        let error = ModelFiles::read(folder.path()).unwrap().positions().unwrap_err();
        assert!(matches!(error, Error::ModelFile { .. }), "{error}");
    }

    #[test]
    fn pooling_is_read_in_both_spellings() {
        let name = "1_Pooling/config.json";
        for (config, expected) in [
            (
                r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#,
                Pooling::Cls,
            ),
            (
                r#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#,
                Pooling::Mean,
            ),
            (r#"{"pooling_mode": "cls"}"#, Pooling::Cls),
        ] {
            let folder = folder(&[(name, config)]);
            assert_eq!(ModelFiles::read(folder.path()).unwrap().pooling().unwrap(), expected);
        }
        assert_eq!(ModelFiles::read(folder(&[]).path()).unwrap().pooling().unwrap(), Pooling::Mean);
    }

    #[test]
    fn a_pooling_that_cannot_be_run_is_refused() {
        for config in [r#"{"pooling_mode_lasttoken": true}"#, "{}", "[]"] {
            let folder = folder(&[("1_Pooling/config.json", config)]);
            let error = ModelFiles::read(folder.path()).unwrap().pooling().unwrap_err();
            assert!(
                matches!(&error, Error::ModelFile { path, .. } if path.ends_with("config.json"))
            );
            assert!(error.source().is_some());
        }
    }

    #[test]
    fn weights_beside_the_graph_are_read_and_hashed() {
        let graph = "\x0a\x08location\x12\x09any.bytes and more";
        let folder = folder(&[("model.onnx", graph), ("any.bytes", "weights")]);
        let files = ModelFiles::read(folder.path()).unwrap();
        let expected = WeightFile { name: "any.bytes".to_owned(), bytes: b"weights".to_vec() };
        assert_eq!(files.external, [expected]);
        assert_eq!(files.weight_bytes(), graph.len() + 7);
        fs::write(folder.path().join("any.bytes"), "Weights").unwrap();
        assert_ne!(files.hash(&[]), ModelFiles::read(folder.path()).unwrap().hash(&[]));
    }

    #[test]
    fn weights_outside_the_folder_are_refused() {
        for name in ["../secrets", "/etc/passwd", "a/b", "..", ""] {
            let length = char::from(u8::try_from(name.len()).unwrap());
            let graph = format!("\x0a\x08location\x12{length}{name}");
            let folder = folder(&[("model.onnx", &graph)]);
            assert!(
                matches!(ModelFiles::read(folder.path()), Err(Error::ModelFile { .. })),
                "{name}"
            );
        }
        let cut = folder(&[("model.onnx", "\x0a\x08location\x12\x7fshort")]);
        assert!(ModelFiles::read(cut.path()).is_err());
    }

    #[test]
    fn the_hash_depends_on_the_settings() {
        let files = ModelFiles::read(folder(&[]).path()).unwrap();
        let hash = |settings: [&str; 2]| files.hash(&settings.map(str::to_owned));
        assert_eq!(hash(["a", "b"]), hash(["a", "b"]));
        assert_ne!(hash(["a", "b"]), hash(["ab", ""]));
    }
}
