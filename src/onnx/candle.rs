//! Weights, tokenizer and configuration of a model that runs in candle; the only file that knows
//! `candle_core`, `candle_nn` and `tokenizers`.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, safetensors::SliceSafetensors};
use candle_nn::VarBuilder;
use serde_json::Value;
pub(super) use tokenizers::Tokenizer;
use tokenizers::TruncationParams;

use crate::{Cause, Error, Result};

/// What the names of weights begin with where a whole language model was exported.
const PREFIX: &str = "model";

/// Tables of a number for each pair of tokens and each head that a run holds at once, at most: with
/// 16 heads a run took 650 MiB at 2,048 tokens, and 2,370 at 4,096, in which such a table has 256
/// and 1,024.
const TABLES: usize = 3;

/// The weights in `files`, safetensors by name, in 32 bits: a processor computes with those.
pub(super) fn weights(files: Vec<(String, Vec<u8>)>) -> Result<VarBuilder<'static>, Cause> {
    let mut weights: HashMap<String, Tensor> = HashMap::new();
    for (file, bytes) in files {
        let read = || -> candle_core::Result<Vec<(String, Tensor)>> {
            let tensors = SliceSafetensors::new(&bytes)?;
            let tensor = |name: String| {
                let tensor = tensors.load(&name, &Device::Cpu)?.to_dtype(DType::F32)?;
                Ok((name, tensor))
            };
            tensors.tensors().into_iter().map(|(name, _)| tensor(name)).collect()
        };
        weights.extend(read().map_err(|error| format!("{file}: {error}"))?);
    }
    let builder = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let is_whole = builder.contains_tensor(&format!("{PREFIX}.embed_tokens.weight"));
    Ok(if is_whole { builder.pp(PREFIX) } else { builder })
}

/// The tokenizer, which cuts texts so that they have no more than `max_length` tokens, with
/// special ones.
pub(super) fn tokenizer(json: &[u8], max_length: usize) -> Result<Tokenizer, Cause> {
    let mut tokenizer = Tokenizer::from_bytes(json)?;
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_padding(None).with_truncation(Some(truncation))?;
    Ok(tokenizer)
}

/// About how many bytes a run of `tokens` tokens takes at most, beside the weights.
pub(super) fn run_bytes(config: &Value, tokens: usize) -> usize {
    let heads = config["num_attention_heads"].as_u64().unwrap_or(1);
    let heads = usize::try_from(heads).unwrap_or(usize::MAX);
    let table = heads.saturating_mul(tokens).saturating_mul(tokens);
    table.saturating_mul(TABLES * size_of::<f32>())
}

/// The configuration of the model `name`, as fastembed reads it.
///
/// # Errors
///
/// [`Error::Model`] if fastembed would not run it as it is meant, or not survive.
pub(super) fn config(name: &str, bytes: &[u8]) -> Result<Value> {
    let damaged = |source| super::unrunnable(name, source);
    let read = serde_json::from_slice(bytes).map_err(|error| damaged(error.into()));
    let mut config: Value = read?;
    check_sizes(&config).map_err(damaged)?;
    plain_positions(&mut config).map_err(|source| {
        let remedy = "candle does not run it as it is configured: export it to ONNX";
        Error::Model { name: name.to_owned(), remedy, source }
    })?;
    Ok(config)
}

/// Refuses sizes that fastembed would panic on, or never be done with.
fn check_sizes(config: &Value) -> Result<(), Cause> {
    let size = |name: &str| match config[name].as_u64() {
        Some(size @ 1..=0x1_0000) => Ok(size),
        _ => Err(format!("its `{name}` is {}, not a number from 1 to 65,536", config[name])),
    };
    let heads = size("num_attention_heads")?;
    let groups = size("num_key_value_heads")?;
    let hidden = size("hidden_size")?;
    for name in ["num_hidden_layers", "intermediate_size"] {
        size(name)?;
    }
    let head = if config["head_dim"].is_null() { hidden / heads } else { size("head_dim")? };
    if head == 0 || !head.is_multiple_of(2) || !heads.is_multiple_of(groups) {
        return Err(format!("it has {heads} heads in {groups} groups, of size {head}").into());
    }
    Ok(())
}

/// Refuses stretched positions and windows, which fastembed takes no notice of, and puts the base
/// of plain positions where fastembed looks for it.
fn plain_positions(config: &mut Value) -> Result<(), Cause> {
    for name in ["rope_scaling", "use_sliding_window"] {
        if !matches!(config[name], Value::Null | Value::Bool(false)) {
            return Err(format!("its `{name}` is {}, which is not run", config[name]).into());
        }
    }
    // Since version 5, `transformers` writes the base and the scaling into one object.
    match plain_base(&config["rope_parameters"]).cloned() {
        _ if config["rope_parameters"].is_null() => {}
        Some(base) => config["rope_theta"] = base,
        None => {
            let other = &config["rope_parameters"];
            return Err(format!("its `rope_parameters` are {other}, which are not run").into());
        }
    }
    Ok(())
}

/// The base of positions that are neither scaled nor differ from layer to layer.
fn plain_base(parameters: &Value) -> Option<&Value> {
    let is_plain = |(name, value): (&String, &Value)| match name.as_str() {
        "rope_type" => value == "default",
        name => name == "rope_theta",
    };
    parameters.as_object()?.iter().all(is_plain).then(|| parameters.get("rope_theta"))?
}
