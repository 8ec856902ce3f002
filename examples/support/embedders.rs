//! Opens the model named by the flag `--embedder` of the examples.

use passim::{Embedder, StaticEmbedder};
#[cfg(feature = "fastembed")]
use passim::{FastEmbedder, FastEmbedderBuilder, PrefixSource, Role};

use crate::outcome::Failure;

/// Values that `--embedder` accepts.
pub const CHOICES: &str = "bundled | fastembed:MODEL | onnx:DIR";

/// Values of `--query-prefix` and `--passage-prefix`; `None` keeps the prefix of the model.
#[derive(Default)]
pub struct Prefixes {
    pub query: Option<String>,
    pub passage: Option<String>,
}

/// Opens the model named by `choice`.
pub fn embedder(choice: &str, prefixes: &Prefixes) -> Result<Box<dyn Embedder>, Failure> {
    match choice.split_once(':') {
        None if choice == "bundled" => bundled(prefixes),
        #[cfg(feature = "hub")]
        Some(("fastembed", name)) => transformer(FastEmbedderBuilder::from_name(name), prefixes),
        #[cfg(feature = "fastembed")]
        Some(("onnx", folder)) => transformer(FastEmbedderBuilder::from_folder(folder), prefixes),
        _ => Err(format!("--embedder is `{choice}`, give {CHOICES} (compiled in: {})", compiled())
            .into()),
    }
}

fn bundled(prefixes: &Prefixes) -> Result<Box<dyn Embedder>, Failure> {
    if prefixes.query.is_some() || prefixes.passage.is_some() {
        return Err("--query-prefix and --passage-prefix need a transformer model".into());
    }
    Ok(Box::new(StaticEmbedder::bundled()?))
}

#[cfg(feature = "fastembed")]
fn transformer(
    mut builder: FastEmbedderBuilder,
    prefixes: &Prefixes,
) -> Result<Box<dyn Embedder>, Failure> {
    if let Some(prefix) = &prefixes.query {
        builder = builder.query_prefix(prefix);
    }
    if let Some(prefix) = &prefixes.passage {
        builder = builder.passage_prefix(prefix);
    }
    let embedder = builder.build()?;
    warn_of_unset_prefixes(&embedder);
    Ok(Box::new(embedder))
}

/// A model without its prefixes works, but finds less.
#[cfg(feature = "fastembed")]
fn warn_of_unset_prefixes(embedder: &FastEmbedder) {
    let roles = [(Role::Query, "--query-prefix"), (Role::Passage, "--passage-prefix")];
    for (role, flag) in roles {
        if embedder.prefix(role).source == PrefixSource::Unset {
            eprintln!("note: the model's folder declares no prompt: if it needs one, give {flag}");
        }
    }
}

fn compiled() -> &'static str {
    match (cfg!(feature = "fastembed"), cfg!(feature = "hub")) {
        (_, true) => "all of them",
        (true, false) => "bundled, onnx",
        (false, false) => "bundled",
    }
}
