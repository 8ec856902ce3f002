//! Weights, tokenizer and configuration of a model that runs in candle; the only file that knows
//! `candle_core`, `candle_nn` and `tokenizers`.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, safetensors::SliceSafetensors};
use candle_nn::VarBuilder;
use serde_json::Value;
pub(super) use tokenizers::Tokenizer;
use tokenizers::TruncationParams;

use crate::Cause;

/// What the names of weights begin with where a whole language model was exported.
const PREFIX: &str = "model";

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

/// Refuses a configuration that fastembed would not run as it is meant, or not survive.
pub(super) fn check_config(config: &[u8]) -> Result<(), Cause> {
    let config: Value = serde_json::from_slice(config)?;
    for name in ["rope_scaling", "use_sliding_window"] {
        if !matches!(config[name], Value::Null | Value::Bool(false)) {
            return Err(format!("its `{name}` is {}, which is not run", config[name]).into());
        }
    }
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
