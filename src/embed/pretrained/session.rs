//! One loaded model that turns a text into a vector; the only file that knows `fastembed`.

#[cfg(feature = "hub")]
use fastembed::EmbeddingModel;
use fastembed::{
    InitOptionsUserDefined, OutputKey, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};

use super::folder::ModelFiles;
use super::{Pooling, runtime};
use crate::{Cause, Result};

/// Counts the tokens of a text, without special tokens and without cutting.
pub(super) type Counter = Box<dyn Fn(&str) -> Result<usize, Cause> + Send + Sync>;

/// What a session is opened with, beside the files.
#[derive(Clone, Copy)]
pub(super) struct SessionSettings {
    pub(super) pooling: Pooling,
    /// In tokens, with the special ones.
    pub(super) max_length: usize,
    pub(super) threads: usize,
}

pub(super) struct Session(TextEmbedding);

impl Session {
    /// Loads the model. The files must state `max_length` themselves, since the
    /// shorter of both limits holds.
    pub(super) fn open(files: &ModelFiles, settings: SessionSettings) -> Result<Self, Cause> {
        let tokenizer_files = TokenizerFiles {
            tokenizer_file: files.tokenizer.clone(),
            config_file: files.config.clone(),
            special_tokens_map_file: files.special_tokens_map.clone(),
            tokenizer_config_file: files.tokenizer_config.clone(),
        };
        let mut model = UserDefinedEmbeddingModel::new(files.onnx.clone(), tokenizer_files)
            .with_pooling(settings.pooling.into());
        model.output_key = files.output.map(OutputKey::ByName);
        for (name, bytes) in &files.external {
            model = model.with_external_initializer(name.clone(), bytes.clone());
        }
        let options = InitOptionsUserDefined::new()
            .with_environment(runtime::environment()?)
            .with_max_length(settings.max_length)
            .with_intra_threads(settings.threads);
        Ok(Self(TextEmbedding::try_new_from_user_defined(model, options)?))
    }

    /// The vector of one text, `f32`, of the model's dimension.
    ///
    /// One text per run: nothing is padded, and a text's vector cannot depend on others,
    /// as it does in a batch of a dynamically quantised model.
    pub(super) fn embed(&mut self, text: &str) -> Result<Vec<f32>, Cause> {
        let mut vectors = self.0.embed([text], Some(1))?;
        vectors.pop().ok_or_else(|| "the model returned no vector".into())
    }

    /// Number of special tokens that the tokenizer adds to every text.
    pub(super) fn special_tokens(&self) -> Result<usize, Cause> {
        Ok(self.0.tokenizer.encode_fast("", true)?.len())
    }

    pub(super) fn counter(&self) -> Result<Counter, Cause> {
        let mut tokenizer = self.0.tokenizer.clone();
        tokenizer.with_padding(None).with_truncation(None)?;
        Ok(Box::new(move |text| Ok(tokenizer.encode_fast(text, false)?.len())))
    }
}

impl From<Pooling> for fastembed::Pooling {
    fn from(pooling: Pooling) -> Self {
        match pooling {
            Pooling::Cls => Self::Cls,
            Pooling::Mean => Self::Mean,
        }
    }
}

/// Where a model of fastembed's list is on the hub.
#[cfg(feature = "hub")]
pub(super) struct HubModel {
    pub(super) repository: String,
    pub(super) onnx: String,
    /// Files that hold weights beside `onnx`.
    pub(super) external: Vec<String>,
    /// The output to read, where the model has several.
    pub(super) output: Option<&'static str>,
}

/// Looks up a model by fastembed's own name for it.
#[cfg(feature = "hub")]
pub(super) fn hub_model(name: &str) -> Option<HubModel> {
    use fastembed::ModelTrait;

    let info = EmbeddingModel::get_model_info(&name.parse().ok()?)?.clone();
    let output = match info.output_key {
        Some(OutputKey::ByName(name)) => Some(name),
        _ => None,
    };
    let (repository, onnx) = (info.model_code, info.model_file);
    Some(HubModel { repository, onnx, external: info.additional_files, output })
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    use std::collections::BTreeSet;

    use super::super::models::MODELS;
    use super::*;

    /// A new version of fastembed must not add, drop or change a model unseen.
    #[test]
    fn the_table_of_models_is_fastembeds_list() {
        let theirs = TextEmbedding::list_supported_models();
        let ours = MODELS.iter().map(|model| model.name).chain(["ClipVitB32"]);
        let ours: BTreeSet<String> = ours.map(str::to_owned).collect();
        let names: BTreeSet<String> = theirs.iter().map(|info| info.model.to_string()).collect();
        assert_eq!(ours, names);
        for info in theirs {
            let name = info.model.to_string();
            let Some(model) = MODELS.iter().find(|model| model.name == name) else { continue };
            assert_eq!(model.dim, info.dim, "{name}");
            let pooling = TextEmbedding::get_default_pooling_method(&info.model);
            assert_eq!(Some(fastembed::Pooling::from(model.pooling)), pooling, "{name}");
            assert!(!matches!(info.output_key, Some(OutputKey::ByOrder(_))), "{name}");
            assert_eq!(hub_model(model.name).unwrap().repository, info.model_code, "{name}");
        }
    }
}
