//! Opens the model that `--model` names.

use passim::{Embedder, StaticEmbedder};

use crate::{command_line::ModelOptions, failure::CommandFailure};

/// Opens the model of `options`.
pub(crate) fn embedder(options: &ModelOptions) -> Result<Box<dyn Embedder>, CommandFailure> {
    let ModelOptions { model, url, dim, .. } = options;
    let is_http = model.starts_with("http:");
    if !is_http && (url.is_some() || dim.is_some()) {
        return Err(CommandFailure::Usage(
            "--url and --dim belong to the model http:NAME".to_owned(),
        ));
    }
    match model.split_once(':') {
        None if model == "bundled" => bundled(options),
        #[cfg(feature = "fastembed")]
        Some(("onnx", folder)) => {
            transformer(passim::FastEmbedderBuilder::from_folder(folder), options)
        }
        #[cfg(feature = "hub")]
        Some(("hub", name)) => transformer(passim::FastEmbedderBuilder::from_name(name), options),
        #[cfg(feature = "http")]
        Some(("http", name)) => served(name, options),
        _ => Err(CommandFailure::Usage(format!(
            "--model is `{model}`; give bundled, onnx:FOLDER (needs the feature `fastembed` of \
             passim), hub:NAME (`hub`) or http:NAME (`http`)"
        ))),
    }
}

fn bundled(options: &ModelOptions) -> Result<Box<dyn Embedder>, CommandFailure> {
    if options.query_prefix.is_some() || options.passage_prefix.is_some() {
        let message = "--query-prefix and --passage-prefix belong to another model than `bundled`";
        return Err(CommandFailure::Usage(message.to_owned()));
    }
    Ok(Box::new(StaticEmbedder::bundled()?))
}

#[cfg(feature = "fastembed")]
fn transformer(
    mut builder: passim::FastEmbedderBuilder,
    options: &ModelOptions,
) -> Result<Box<dyn Embedder>, CommandFailure> {
    if let Some(prefix) = &options.query_prefix {
        builder = builder.query_prefix(prefix);
    }
    if let Some(prefix) = &options.passage_prefix {
        builder = builder.passage_prefix(prefix);
    }
    Ok(Box::new(builder.build()?))
}

#[cfg(feature = "http")]
fn served(name: &str, options: &ModelOptions) -> Result<Box<dyn Embedder>, CommandFailure> {
    let (Some(url), Some(dim)) = (&options.url, options.dim) else {
        return Err(CommandFailure::Usage("--model http:NAME needs --url and --dim".to_owned()));
    };
    let mut builder = passim::HttpEmbedder::builder(url, name, dim);
    // An argument would be visible to all users of the machine.
    if let Ok(key) = std::env::var("PASSIM_API_KEY") {
        builder = builder.api_key(key);
    }
    if let Some(prefix) = &options.query_prefix {
        builder = builder.query_prefix(prefix);
    }
    if let Some(prefix) = &options.passage_prefix {
        builder = builder.passage_prefix(prefix);
    }
    Ok(Box::new(builder.build()?))
}
