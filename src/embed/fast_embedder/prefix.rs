//! Prefixes of a model's inputs, and who has set them.

/// Text before each input of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prefix {
    /// The text, with its trailing space; often empty.
    pub text: String,
    /// Who has set it.
    pub source: PrefixSource,
}

/// Who has set a [`Prefix`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrefixSource {
    /// Nobody: the prefix is empty. A model that was trained with prefixes loses quality.
    #[default]
    Unset,
    /// The builder, for example [`query_prefix`](crate::FastEmbedderBuilder::query_prefix).
    Builder,
    /// The file `config_sentence_transformers.json` in the folder of the model.
    ModelFile,
    /// The list of models that can be loaded by name.
    ModelList,
}

impl Prefix {
    pub(super) fn new(text: &str, source: PrefixSource) -> Self {
        Self { text: text.to_owned(), source }
    }

    /// Makes the prefix of the prompt that the folder of a model declares.
    pub(super) fn of_file(prompt: Option<String>) -> Self {
        prompt.map_or_else(Self::default, |text| Self { text, source: PrefixSource::ModelFile })
    }
}
