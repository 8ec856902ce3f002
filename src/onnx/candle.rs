//! Weights and configuration of a model that runs in candle. No other file uses `candle_core` and
//! `candle_nn`.

use std::{collections::HashMap, path::PathBuf};

use candle_core::{DType, Device, Tensor, safetensors::SliceSafetensors};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::model_folder::file_name;
use crate::{Cause, Error, Result, format::mapped_file::MappedFile};

/// Prefix of the weights' names in an export of a whole language model.
const PREFIX: &str = "model";

/// Maximum number of attention tables that a run holds at once. A table has one `f32` per head and
/// pair of tokens.
///
/// Measured with 16 heads: a run took 650 MiB at 2,048 tokens, where a table has 256 MiB, and
/// 2,370 MiB at 4,096 tokens, where it has 1,024 MiB.
const TABLES: usize = 3;

/// Reads the weights in the files at `paths`, in the format safetensors, as `f32`.
pub(super) fn weights(paths: &[PathBuf]) -> Result<VarBuilder<'static>, Cause> {
    let mut weights: HashMap<String, Tensor> = HashMap::new();
    for path in paths {
        let read = || -> candle_core::Result<Vec<(String, Tensor)>> {
            let file = MappedFile::open(path)?;
            let tensors = SliceSafetensors::new(&file)?;
            let tensor = |name: String| {
                let tensor = tensors.load(&name, &Device::Cpu)?.to_dtype(DType::F32)?;
                Ok((name, tensor))
            };
            tensors.tensors().into_iter().map(|(name, _)| tensor(name)).collect()
        };
        weights.extend(read().map_err(|error| format!("{}: {error}", file_name(path)))?);
    }
    let builder = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let is_whole = builder.contains_tensor(&format!("{PREFIX}.embed_tokens.weight"));
    Ok(if is_whole { builder.pp(PREFIX) } else { builder })
}

/// The checked configuration of a model, in the form that fastembed reads.
pub(super) struct CandleConfig {
    pub(super) json: Value,
    /// Number of attention heads.
    pub(super) heads: usize,
}

impl CandleConfig {
    /// Reads the configuration of the model `name` from `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the file is damaged, or if fastembed would ignore a part of it.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let damaged = |source| super::unrunnable(name, source);
        let read = serde_json::from_slice(bytes).map_err(|error| damaged(error.into()));
        let mut json: Value = read?;
        let heads = check_sizes(&json).map_err(damaged)?;
        set_plain_positions(&mut json).map_err(|source| {
            let remedy = "candle does not support its configuration: export it to ONNX";
            Error::Model { name: name.to_owned(), remedy, source }
        })?;
        Ok(Self { json, heads })
    }

    /// Returns the approximate maximum memory of a run of `tokens` tokens in bytes, without the
    /// weights. `usize::MAX` stands for more than the address space.
    pub(super) fn run_bytes(&self, tokens: usize) -> usize {
        let table = self.heads.saturating_mul(tokens).saturating_mul(tokens);
        table.saturating_mul(TABLES * size_of::<f32>())
    }
}

/// Checks the sizes of a model and returns its number of heads. fastembed panics or does not
/// terminate on other sizes.
fn check_sizes(config: &Value) -> Result<usize, Cause> {
    let size = |name: &str| match config[name].as_u64() {
        Some(size @ 1..=0x1_0000) => Ok(size),
        _ => Err(format!("its `{name}` is {}, allowed is 1 to 65,536", config[name])),
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
    Ok(usize::try_from(heads).expect("at most 65,536 heads"))
}

/// Refuses scaled positions and sliding windows, which fastembed ignores. Moves the base of plain
/// positions to the field that fastembed reads.
fn set_plain_positions(config: &mut Value) -> Result<(), Cause> {
    for name in ["rope_scaling", "use_sliding_window"] {
        if !matches!(config[name], Value::Null | Value::Bool(false)) {
            return Err(format!("its `{name}` is {}, which is unsupported", config[name]).into());
        }
    }
    // Since version 5, `transformers` writes the base and the scaling into one object.
    match plain_base(&config["rope_parameters"]).cloned() {
        _ if config["rope_parameters"].is_null() => {}
        Some(base) => config["rope_theta"] = base,
        None => {
            let other = &config["rope_parameters"];
            return Err(format!("its `rope_parameters` are {other}: unsupported").into());
        }
    }
    Ok(())
}

/// Returns the base of positions that are not scaled and equal in all layers; else `None`.
fn plain_base(parameters: &Value) -> Option<&Value> {
    let is_plain = |(name, value): (&String, &Value)| match name.as_str() {
        "rope_type" => value == "default",
        name => name == "rope_theta",
    };
    parameters.as_object()?.iter().all(is_plain).then(|| parameters.get("rope_theta"))?
}
