//! Damaged folders are errors that name the fault; nothing panics.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use passim::{Error, FastEmbedder};
use serde_json::{Value, json};

use super::{FILES, copy_of, qwen3};
use crate::child::child;

/// Opens a folder in a child process, because damage might end it; returns its report.
fn said_of(folder: &Path) -> String {
    let nowhere = ("ORT_DYLIB_PATH", OsStr::new("/nowhere"));
    child("open", &[("PASSIM_TEST_FOLDER", folder.as_os_str()), nowhere])
}

#[test]
fn the_error_for_a_missing_file_names_it() {
    let Some(model) = qwen3() else { return };
    for missing in &FILES[..2] {
        let copy = copy_of(&model);
        fs::remove_file(copy.path().join(missing)).unwrap();
        let error = FastEmbedder::from_folder(copy.path()).unwrap_err();
        assert!(
            matches!(&error, Error::ModelFile { path, .. } if path.ends_with(missing)),
            "{error}"
        );
    }
}

#[test]
fn damaged_files_are_errors() {
    let Some(model) = qwen3() else { return };
    let weights = fs::read(model.join("model.safetensors")).unwrap();
    let header = usize::try_from(u64::from_le_bytes(weights[..8].try_into().unwrap())).unwrap();
    let renamed = |from: &str, to: &str| {
        let text = String::from_utf8(weights[8..8 + header].to_vec()).unwrap();
        assert!(text.contains(from) && from.len() == to.len());
        [&weights[..8], text.replacen(from, to, 1).as_bytes(), &weights[8 + header..]].concat()
    };
    for (name, bytes) in [
        ("model.safetensors", vec![]),
        ("model.safetensors", b"these are no weights".to_vec()),
        ("model.safetensors", weights[..4].to_vec()),
        ("model.safetensors", weights[..8 + header / 2].to_vec()),
        ("model.safetensors", weights[..weights.len() / 2].to_vec()),
        ("model.safetensors", weights[..weights.len() - 1].to_vec()),
        ("model.safetensors", [&[0xff; 8], &weights[8..]].concat()),
        ("model.safetensors", renamed("layers.1.mlp.up_proj", "layers.1.mlp.xx_proj")),
        ("model.safetensors", renamed("norm.weight", "morn.weight")),
        ("model.safetensors", renamed("[32]", "[31]")),
        ("model.safetensors", renamed("[160, 64]", "[64, 160]")),
        ("model.safetensors", renamed("BF16", "QQ16")),
        ("tokenizer.json", b"{}".to_vec()),
        ("tokenizer.json", b"\xff\xfe".to_vec()),
        ("config.json", b"{".to_vec()),
        ("config.json", br#"{"model_type": "qwen3"}"#.to_vec()),
        ("tokenizer_config.json", b"!".to_vec()),
    ] {
        let copy = copy_of(&model);
        fs::write(copy.path().join(name), &bytes).unwrap();
        let said = said_of(copy.path());
        let kind = said.lines().next().unwrap();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(["Model", "ModelFile"].contains(&kind), "{name} {shown}: {said}");
        assert!(said.contains(copy.path().file_name().unwrap().to_str().unwrap()), "{said}");
    }
}

/// Flips one bit in every eleventh byte of the header; most flips are an error.
#[test]
fn no_flipped_bit_of_the_header_ends_the_process() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    let weights = fs::read(model.join("model.safetensors")).unwrap();
    let header = usize::try_from(u64::from_le_bytes(weights[..8].try_into().unwrap())).unwrap();
    let mut opened = 0;
    let mut refused = 0;
    for at in (0..8 + header).step_by(11) {
        let mut damaged = weights.clone();
        damaged[at] ^= 1 << (at % 7);
        fs::write(copy.path().join("model.safetensors"), damaged).unwrap();
        match FastEmbedder::from_folder(copy.path()) {
            Ok(_) => opened += 1,
            Err(Error::Model { .. }) => refused += 1,
            Err(error) => panic!("{at}: {error:?}"),
        }
    }
    println!("{refused} flips were refused, {opened} were not detected");
    assert!(refused > 9 * opened, "{refused} {opened}");
}

/// Sizes that do not fit the weights, and settings that fastembed would ignore.
#[test]
fn an_unsupported_configuration_is_refused() {
    let Some(model) = qwen3() else { return };
    let config = fs::read(model.join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let copy = copy_of(&model);
    let said_with = |name: &str, value: &Value| {
        let mut config = config.clone();
        config[name] = value.clone();
        fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
        said_of(copy.path())
    };
    let huge = json!(1_u64 << 40);
    for (name, value) in [
        ("num_hidden_layers", json!(0)),
        ("num_hidden_layers", json!(3)),
        ("num_hidden_layers", huge.clone()),
        ("num_attention_heads", json!(0)),
        ("num_attention_heads", json!(3)),
        ("num_attention_heads", huge.clone()),
        ("num_key_value_heads", json!(0)),
        ("num_key_value_heads", json!(8)),
        ("head_dim", json!(0)),
        ("head_dim", json!(31)),
        ("head_dim", json!(-32)),
        ("head_dim", Value::Null),
        ("hidden_size", json!(0)),
        ("hidden_size", json!(63)),
        ("hidden_size", huge.clone()),
        ("intermediate_size", json!(0)),
        ("intermediate_size", json!("many")),
        ("vocab_size", json!(0)),
        ("vocab_size", json!(100)),
        ("vocab_size", huge),
        ("hidden_act", json!("quick")),
        ("rope_theta", json!("fast")),
    ] {
        let said = said_with(name, &value);
        assert!(said.starts_with("Model\n"), "{name} {value}: {said}");
        assert!(!said.contains("export it to ONNX"), "{name} {value}: {said}");
    }
    for (name, value) in [
        ("rope_scaling", json!({"type": "yarn", "factor": 4.0})),
        ("use_sliding_window", json!(true)),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e6})),
        ("rope_parameters", json!({"rope_type": "default", "factor": 4.0, "rope_theta": 1e6})),
        ("rope_parameters", json!({"full_attention": {"rope_theta": 1e6}})),
        ("rope_parameters", json!({"rope_type": "default"})),
        ("rope_parameters", json!("default")),
    ] {
        let said = said_with(name, &value);
        assert!(said.starts_with("Model\n") && said.contains("export it to ONNX"), "{said}");
        assert!(said.contains(name) && !said.contains("damaged"), "{said}");
    }
    for name in ["rope_theta", "rms_norm_eps", "attention_bias", "vocab_size", "hidden_size"] {
        let mut config = config.clone();
        config.as_object_mut().unwrap().remove(name);
        fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
        let said = said_of(copy.path());
        assert!(said.starts_with("Model\n") && said.contains(name), "{name}: {said}");
    }
}

#[test]
fn an_unsupported_pooling_is_refused() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    for pooling in [r#"{"pooling_mode_mean_tokens": true}"#, r#"{"pooling_mode": "cls"}"#, "{}"] {
        fs::write(copy.path().join("1_Pooling/config.json"), pooling).unwrap();
        let error = FastEmbedder::from_folder(copy.path()).unwrap_err();
        assert!(matches!(error, Error::ModelFile { .. }), "{error}");
    }
}

#[test]
fn an_index_of_missing_shards_is_an_error() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    fs::remove_file(copy.path().join("model.safetensors")).unwrap();
    for index in [
        "{",
        "{}",
        r#"{"weight_map": {}}"#,
        r#"{"weight_map": {"norm.weight": 7}}"#,
        r#"{"weight_map": {"norm.weight": "missing.safetensors"}}"#,
        r#"{"weight_map": {"norm.weight": "../model.safetensors"}}"#,
        r#"{"weight_map": {"norm.weight": "/etc/passwd"}}"#,
    ] {
        fs::write(copy.path().join("model.safetensors.index.json"), index).unwrap();
        let error = FastEmbedder::from_folder(copy.path()).unwrap_err();
        assert!(matches!(error, Error::ModelFile { .. }), "{index}: {error}");
    }
    // One of two shards is missing.
    let index = r#"{"weight_map": {"norm.weight": "model-00001-of-00002.safetensors"}}"#;
    fs::write(copy.path().join("model.safetensors.index.json"), index).unwrap();
    let shard = "model-00001-of-00002.safetensors";
    fs::copy(model.join("sharded").join(shard), copy.path().join(shard)).unwrap();
    let error = FastEmbedder::from_folder(copy.path()).unwrap_err();
    assert!(matches!(error, Error::Model { .. }), "{error}");
}
