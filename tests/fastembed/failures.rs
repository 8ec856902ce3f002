//! Missing and damaged files and libraries are typed errors that name the remedy.

#[cfg(feature = "load-dynamic")]
use std::env;
use std::error::Error as _;
use std::fs;

use passim::{Error, FastEmbedder};
use tempfile::TempDir;

use crate::child::child;
use crate::{REQUIRED, copy_of, minilm};

/// Creates a folder with every required file; each is an empty JSON object.
fn dummy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in REQUIRED {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    folder
}

#[test]
fn the_error_for_a_missing_file_names_it() {
    for missing in REQUIRED {
        let folder = dummy();
        fs::remove_file(folder.path().join(missing)).unwrap();
        let error = FastEmbedder::from_folder(folder.path()).unwrap_err();
        let Error::ModelFile { path, .. } = &error else { panic!("{error}") };
        assert!(path.ends_with(missing), "{}", path.display());
        assert!(error.source().is_some());
    }
    let error = FastEmbedder::from_folder("there/is/no/such/folder").unwrap_err();
    assert!(matches!(error, Error::ModelFile { .. }), "{error}");
}

#[test]
#[cfg(not(feature = "qwen3"))]
fn the_error_for_a_qwen3_folder_names_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), r#"{"model_type": "qwen3"}"#).unwrap();
    let error = FastEmbedder::from_folder(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Model { .. }), "{error}");
    assert!(error.to_string().contains("enable the feature `qwen3`"), "{error}");
}

#[test]
#[cfg(all(feature = "hub", not(feature = "qwen3")))]
fn the_error_for_a_qwen3_name_names_its_feature() {
    for name in ["Qwen3Embedding06B", "Qwen/Qwen3-Embedding-8B"] {
        let error = FastEmbedder::from_name(name).unwrap_err();
        assert!(matches!(error, Error::Model { .. }), "{error}");
        assert!(error.to_string().contains("enable the feature `qwen3`"), "{error}");
    }
}

#[test]
fn damaged_files_are_errors() {
    let Some(model) = minilm() else { return };
    let graph = fs::read(model.join("model.onnx")).unwrap();
    let mut flipped = graph.clone();
    for at in (0..flipped.len()).step_by(997) {
        flipped[at] ^= 0x5a;
    }
    for (name, bytes) in [
        ("model.onnx", &b""[..]),
        ("model.onnx", b"this is not a graph"),
        ("model.onnx", &graph[..graph.len() / 2]),
        ("model.onnx", &flipped),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"\xff\xfe"),
        ("config.json", b"{"),
        ("tokenizer_config.json", b"[]"),
        ("special_tokens_map.json", b"!"),
    ] {
        let copy = copy_of(&model);
        // The weights are hard links: a write must not change the original.
        fs::remove_file(copy.path().join(name)).unwrap();
        fs::write(copy.path().join(name), bytes).unwrap();
        // In a child process, because damage might end it.
        let said = child("open", &[("PASSIM_TEST_FOLDER", copy.path().as_os_str())]);
        let kind = said.lines().next().unwrap();
        assert!(["Model", "ModelFile"].contains(&kind), "{name}: {said}");
        assert!(said.contains(copy.path().file_name().unwrap().to_str().unwrap()), "{said}");
    }
}

#[test]
#[cfg(feature = "load-dynamic")]
fn the_error_for_a_broken_library_names_what_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text.so"), "this is a text".repeat(100)).unwrap();
    fs::write(at("empty.so"), "").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let mut places = vec![at("missing.so"), at("text.so"), at("empty.so"), at("folder")];
    if cfg!(target_os = "linux") {
        // Another library, and a truncated one.
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut mapped = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        let c = mapped.find(|path| path.contains("/libc.so") || path.contains("/libc-")).unwrap();
        let whole = fs::read(c).unwrap();
        fs::write(at("cut.so"), &whole[..whole.len() / 2]).unwrap();
        places.extend([c.into(), at("cut.so")]);
    }
    let model = dummy();
    for place in places {
        let said = child(
            "open",
            &[
                ("ORT_DYLIB_PATH", place.as_os_str()),
                ("PASSIM_TEST_FOLDER", model.path().as_os_str()),
            ],
        );
        assert!(said.starts_with("OnnxRuntime\n"), "{said}");
        assert!(said.contains("1.24") && said.contains("pip install onnxruntime"), "{said}");
        assert!(said.contains(place.to_str().unwrap()), "{said}");
    }
}

/// The library of `pip install onnxruntime` for Linux supports only the CPU.
#[test]
#[cfg(target_os = "linux")]
fn the_error_for_a_missing_provider_names_the_remedy() {
    let Some(model) = minilm() else { return };
    let said = child("providers", &[("PASSIM_TEST_FOLDER", model.as_os_str())]);
    let [cuda, coreml, directml, cpu] = said.split("\n\n").collect::<Vec<_>>()[..] else {
        panic!("{said}")
    };
    for (said, name, built, remedy) in [
        (cuda, "cuda", cfg!(feature = "cuda"), "onnxruntime-gpu"),
        (coreml, "coreml", cfg!(feature = "coreml"), "for macOS"),
        (directml, "directml", cfg!(feature = "directml"), "onnxruntime-directml"),
    ] {
        assert!(said.starts_with("Provider\n") && said.contains(&format!("`{name}`")), "{said}");
        assert_eq!(said.contains("ORT_DYLIB_PATH") && said.contains(remedy), built, "{said}");
        assert_eq!(said.contains("enable its feature"), !built, "{said}");
    }
    assert_eq!(cpu, "384 dimensions\n");
}

#[test]
#[cfg(all(unix, feature = "load-dynamic"))]
fn a_library_installed_later_is_found_by_the_next_call() {
    let Some(model) = minilm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let said = child(
        "wait_for_library",
        &[
            ("ORT_DYLIB_PATH", folder.path().as_os_str()),
            ("PASSIM_TEST_LIBRARY", &env::var_os("ORT_DYLIB_PATH").unwrap()),
            ("PASSIM_TEST_FOLDER", model.as_os_str()),
        ],
    );
    assert_eq!(said, "OnnxRuntime, then 384 dimensions\n");
}
