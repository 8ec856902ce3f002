//! The files of one model: their contents, declared pooling and length, and hash.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::{
    DeclaredPrompts, Engine, ExecutionProvider, GraphFile, GraphSource, engine,
    model_folder::{contents, file_name, json, model_file_error, optional},
    shards,
};
use crate::{Pooling, Result};

/// File names that exporters give the graph.
const GRAPHS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// Maximum input length if no file declares one: that of BERT.
const DEFAULT_MAX_LENGTH: usize = 512;

/// Model types whose positions begin after the number of the padding token.
const SHIFTED_POSITIONS: [&str; 4] = ["roberta", "xlm-roberta", "camembert", "mpnet"];

/// Bytes of a file that are hashed at once.
const HASHED_AT_ONCE: usize = 1 << 20;

/// Number of the padding token of these models, unless they declare another.
const ROBERTA_PAD_TOKEN: usize = 1;

/// The files of a model: paths of weights, contents of the others.
pub(crate) struct ModelFiles {
    folder: PathBuf,
    pub(crate) engine: Engine,
    /// `None` for a model in candle.
    graph: Option<GraphFile>,
    /// External weights of the graph, or all weights if there is no graph.
    pub(crate) weights: Vec<PathBuf>,
    weight_bytes: u64,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) special_tokens_map: Vec<u8>,
    tokenizer_config: Vec<u8>,
    /// Name of the output to read; `None` for the first one.
    pub(crate) output: Option<&'static str>,
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
        Self::read_shards(folder, shards::shards(folder)?)
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
        let graph = GraphFile::read(&graph)?;
        let external = graph.external();
        files.with_weights(Some(graph), external)
    }

    /// Reads the graph, its external weights and the tokenizer's files in `folder`.
    #[cfg(feature = "hub")]
    pub(super) fn read_parts(folder: &Path, graph: &Path, external: Vec<PathBuf>) -> Result<Self> {
        let files = Self::without_weights(folder, Engine::OnnxRuntime)?;
        files.with_weights(Some(GraphFile::read(graph)?), external)
    }

    /// Reads the weights in `shards` and the other files of a model without a graph in `folder`.
    pub(super) fn read_shards(folder: &Path, shards: Vec<PathBuf>) -> Result<Self> {
        let files = Self::without_weights(folder, Engine::Candle)?;
        files.with_weights(None, shards)
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
            graph: None,
            weights: Vec::new(),
            weight_bytes: 0,
            tokenizer: get("tokenizer.json")?,
            config: get("config.json")?,
            special_tokens_map,
            tokenizer_config,
            output: None,
        })
    }

    /// Adds the graph, if there is one, and the other files of weights.
    fn with_weights(self, graph: Option<GraphFile>, weights: Vec<PathBuf>) -> Result<Self> {
        let size = |path: &Path| match fs::metadata(path) {
            Ok(file) => Ok(file.len()),
            Err(error) => Err(model_file_error(path, error)),
        };
        let graph_bytes = graph.as_ref().map_or(Ok(0), |graph| size(graph.path()))?;
        let other_bytes: u64 = weights.iter().map(|path| size(path)).sum::<Result<_>>()?;
        Ok(Self { graph, weights, weight_bytes: graph_bytes + other_bytes, ..self })
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
        usize::try_from(self.weight_bytes).unwrap_or(usize::MAX)
    }

    /// Returns whether the graph quantizes activations by the range of the whole run, so that a
    /// vector depends on the other texts of the run.
    pub(crate) fn is_dynamically_quantized(&self) -> bool {
        self.graph.as_ref().is_some_and(GraphFile::is_dynamically_quantized)
    }

    /// Returns the shape of an output that the graph declares, as [`GraphFile::output_shape`] does.
    pub(crate) fn output_shape(&self, name: &str) -> Option<Vec<Option<u64>>> {
        self.graph.as_ref()?.output_shape(name)
    }

    /// Returns the source of a session on `providers`.
    ///
    /// # Panics
    ///
    /// If the model has no graph.
    pub(super) fn graph_source(&self, providers: &[ExecutionProvider]) -> GraphSource<'_> {
        self.graph.as_ref().expect("a model in ONNX Runtime has a graph").source(providers)
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
        let path = self.folder.join("tokenizer_config.json");
        let tokenizer = json(&path, &self.tokenizer_config)?;
        if !tokenizer.is_object() {
            return Err(model_file_error(&path, "it is not a JSON object"));
        }
        let path = self.folder.join("sentence_bert_config.json");
        let sentence = match optional(&path)? {
            Some(bytes) => length(&json(&path, &bytes)?["max_seq_length"]),
            None => None,
        };
        let declared = [self.positions()?, length(&tokenizer["model_max_length"]), sentence];
        Ok(declared.into_iter().flatten().min().unwrap_or(DEFAULT_MAX_LENGTH))
    }

    /// Hashes everything that vectors depend on: the files and `settings`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`](crate::Error::ModelFile) if a file of weights cannot be read.
    pub(crate) fn hash(&self, settings: &[String]) -> Result<u128> {
        let mut hasher = PartHasher(Xxh3::new());
        match &self.graph {
            Some(graph) => hasher.add_file(graph.path())?,
            None => hasher.add(b""),
        }
        for path in &self.weights {
            hasher.add(file_name(path).as_bytes());
            hasher.add_file(path)?;
        }
        hasher.add(&self.tokenizer);
        hasher.add(&self.special_tokens_map);
        hasher.add(self.output.unwrap_or("").as_bytes());
        // An ONNX graph defines the computation by itself.
        if self.engine == Engine::Candle {
            hasher.add(&self.config);
        }
        for setting in settings {
            hasher.add(setting.as_bytes());
        }
        Ok(hasher.0.digest128())
    }
}

/// Hashes parts with their lengths, which make the boundaries unambiguous.
struct PartHasher(Xxh3);

impl PartHasher {
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        self.read_file(path).map_err(|error| model_file_error(path, error))
    }

    /// Adds a file, piece by piece: files of weights may not fit in memory.
    fn read_file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        self.0.update(&file.metadata()?.len().to_le_bytes());
        let mut buffer = vec![0; HASHED_AT_ONCE];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.0.update(&buffer[..read]),
            }
        }
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
        assert_eq!(files.weights, [folder.path().join("any.bytes")]);
        assert_eq!(files.weight_bytes(), graph.len() + 7);
        let hash = files.hash(&[]).unwrap();
        fs::write(folder.path().join("any.bytes"), "Weights").unwrap();
        assert_ne!(hash, ModelFiles::read(folder.path()).unwrap().hash(&[]).unwrap());
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

    /// An index stores this hash: another one makes it unreadable.
    #[test]
    fn the_hash_is_that_of_all_parts_with_their_lengths() {
        let graph = "\x0a\x08location\x12\x09any.bytes and more";
        let folder = folder(&[("model.onnx", graph), ("any.bytes", "weights")]);
        let parts = [graph, "any.bytes", "weights", "{}", "{}", "", "query: "];
        let mut expected = Vec::new();
        for part in parts {
            expected.extend((part.len() as u64).to_le_bytes());
            expected.extend(part.as_bytes());
        }
        let hash = ModelFiles::read(folder.path()).unwrap().hash(&["query: ".to_owned()]).unwrap();
        assert_eq!(hash, xxhash_rust::xxh3::xxh3_128(&expected));
    }

    #[test]
    fn the_hash_depends_on_the_settings() {
        let folder = folder(&[]);
        let files = ModelFiles::read(folder.path()).unwrap();
        let hash = |settings: [&str; 2]| files.hash(&settings.map(str::to_owned)).unwrap();
        assert_eq!(hash(["a", "b"]), hash(["a", "b"]));
        assert_ne!(hash(["a", "b"]), hash(["ab", ""]));
    }
}
