//! Qwen3 models by name, from the test hub. They have the dimension of the public models and are
//! small otherwise.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use passim::{Embedder, Engine, FastEmbedder, FastEmbedderBuilder, Interrupt, Pooling, Role};
use tempfile::TempDir;

use super::qwen3;
use crate::child::child;
use crate::hub::server::Hub;

const PREFIX: &str = "Instruct: Given a web search query, retrieve relevant passages that answer \
                      the query\nQuery:";

/// Loads the model `name` in a child process without ONNX Runtime.
fn load(name: &str, variables: &[(&str, &OsStr)]) -> String {
    let nowhere = ("ORT_DYLIB_PATH", OsStr::new("/nowhere"));
    let name = ("PASSIM_TEST_NAME", OsStr::new(name));
    child("by_name", &[variables, &[name, nowhere]].concat())
}

/// Returns the names of the files in the cache of the one repository.
fn cached(cache: &Path) -> Vec<String> {
    let repository = fs::read_dir(cache).unwrap().next().unwrap().unwrap().path();
    let snapshot = fs::read_dir(repository.join("snapshots")).unwrap().next().unwrap().unwrap();
    let files = fs::read_dir(snapshot.path()).unwrap();
    let mut names: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_downloaded_by_its_name() {
    let Some(model) = qwen3() else { return };
    let beside = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    let whole = ["model.safetensors"];
    let shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ];
    for (name, repository, dim, weights) in [
        ("Qwen3Embedding06B", "Qwen/Qwen3-Embedding-0.6B", "1024", &whole[..]),
        ("qwen/qwen3-embedding-4b", "Qwen/Qwen3-Embedding-4B", "2560", &shards),
    ] {
        let cache = TempDir::new().unwrap();
        let hub = Hub::of(repository, &model.join(dim), vec![]);
        let kept = ("FASTEMBED_CACHE_DIR", cache.path().as_os_str());
        let endpoint = ("HF_ENDPOINT", OsStr::new(&hub.endpoint));
        assert_eq!(load(name, &[kept, endpoint]), format!("{dim} dimensions\n"));
        let mut expected = [&beside[..], weights].concat();
        expected.sort_unstable();
        assert_eq!(cached(cache.path()), expected);
        let offline = ("HF_HUB_OFFLINE", OsStr::new("1"));
        assert_eq!(load(name, &[kept, offline]), format!("{dim} dimensions\n"));
    }
}

#[test]
fn queries_have_the_prefix_of_the_model_card() {
    let Some(model) = qwen3() else { return };
    let cache = TempDir::new().unwrap();
    let model = model.join("1024");
    let hub = Hub::of("Qwen/Qwen3-Embedding-0.6B", &model, vec![]);
    let kept = ("FASTEMBED_CACHE_DIR", cache.path().as_os_str());
    load("Qwen3Embedding06B", &[kept, ("HF_ENDPOINT", OsStr::new(&hub.endpoint))]);
    let builder = FastEmbedderBuilder::from_name("Qwen3Embedding06B").cache(cache.path());
    let named = builder.build().unwrap();
    let builder = FastEmbedderBuilder::from_folder(&model).query_prefix(PREFIX);
    assert_eq!(named.identity().hash, builder.build().unwrap().identity().hash);
    assert_eq!(named.identity().name, "Qwen3Embedding06B");

    let plain = FastEmbedder::from_folder(&model).unwrap();
    let text = "Wann fährt der Nachtzug?";
    let asked =
        plain.embed(Role::Passage, &[&format!("{PREFIX}{text}")], Interrupt::none()).unwrap();
    assert_eq!(named.embed(Role::Query, &[text], Interrupt::none()).unwrap(), asked);
    let passage = plain.embed(Role::Passage, &[text], Interrupt::none()).unwrap();
    assert_eq!(named.embed(Role::Passage, &[text], Interrupt::none()).unwrap(), passage);
}

#[test]
fn a_model_of_another_size_is_refused() {
    let Some(model) = qwen3() else { return };
    let cache = TempDir::new().unwrap();
    let hub = Hub::of("Qwen/Qwen3-Embedding-0.6B", &model, vec![]);
    let kept = ("FASTEMBED_CACHE_DIR", cache.path().as_os_str());
    let said = load("Qwen3Embedding06B", &[kept, ("HF_ENDPOINT", OsStr::new(&hub.endpoint))]);
    assert!(said.starts_with("Model\n") && said.contains("64") && said.contains("1024"), "{said}");
}

#[test]
fn the_table_lists_the_models_of_candle() {
    let models = FastEmbedder::models();
    let candle: Vec<_> = models.iter().filter(|model| model.engine == Engine::Candle).collect();
    let names: Vec<_> = candle.iter().map(|model| (model.name, model.dim)).collect();
    let expected =
        [("Qwen3Embedding06B", 1024), ("Qwen3Embedding4B", 2560), ("Qwen3Embedding8B", 4096)];
    assert_eq!(names, expected);
    for model in candle {
        assert_eq!((model.pooling, model.max_length), (Pooling::LastToken, 32_768));
        assert_eq!((model.query_prefix, model.passage_prefix), (PREFIX, ""));
        assert_eq!(model.license, "Apache-2.0");
    }
}
