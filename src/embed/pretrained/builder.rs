//! How a transformer model is opened: where it is, what is put before texts, and how many
//! sessions of how many threads run it.

use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use super::folder::ModelFiles;
use super::pool::Pool;
use super::recipe::Recipe;
use super::session::{Counter, Session, SessionSettings};
use super::{FastEmbedder, Pooling, runtime};
#[cfg(feature = "hub")]
use super::{hub, models};
use crate::{Cause, Error, ModelIdentity, Result};

/// All sessions together hold no more weights than this, in bytes, unless the user sets
/// their number.
const WEIGHT_BUDGET: usize = 4 << 30;

const DAMAGED: &str = "its files are damaged, or of a kind that fastembed does not run: get or \
                       export them again";

/// Settings of a [`FastEmbedder`]; [`build`](Self::build) checks them and loads the model.
///
/// # Examples
///
/// ```no_run
/// use passim::{FastEmbedderBuilder, Pooling};
///
/// let embedder = FastEmbedderBuilder::from_folder("models/my-model")
///     .query_prefix("query: ")
///     .passage_prefix("passage: ")
///     .pooling(Pooling::Mean)
///     .workers(2)
///     .build()?;
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FastEmbedderBuilder {
    source: Source,
    workers: Option<usize>,
    threads: Option<usize>,
    pooling: Option<Pooling>,
    query_prefix: Option<String>,
    passage_prefix: Option<String>,
    max_length: Option<usize>,
    #[cfg(feature = "hub")]
    cache: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Source {
    Folder(PathBuf),
    #[cfg(feature = "hub")]
    Name(String),
}

/// A model's files, and what it wants where the user says nothing.
struct Loaded {
    name: String,
    files: ModelFiles,
    /// `None` if its files say it.
    pooling: Option<Pooling>,
    query_prefix: &'static str,
    passage_prefix: &'static str,
    max_length: usize,
    /// The dimension it must have, where that is known.
    dim: Option<usize>,
}

impl FastEmbedderBuilder {
    /// Starts from a folder with an ONNX model, as described at [`FastEmbedder::from_folder`].
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(folder.into()))
    }

    /// Starts from a model of the table, as described at [`FastEmbedder::from_name`].
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self::new(Source::Name(name.into()))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            workers: None,
            threads: None,
            pooling: None,
            query_prefix: None,
            passage_prefix: None,
            max_length: None,
            #[cfg(feature = "hub")]
            cache: None,
        }
    }

    /// The most sessions to open, 1 or more; each embeds one text at a time and holds the
    /// weights once.
    ///
    /// `workers` times [`threads`](Self::threads) is never above the cores: fewer sessions
    /// are opened then, as [`Embedder::max_workers`](crate::Embedder::max_workers) says.
    /// Without this setting there is one for every core, but no more than fit in 4 GiB of
    /// weights.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Threads inside each session, 1 or more, at most the cores.
    ///
    /// Without this setting it is 1, or the cores that too few sessions would leave idle
    /// if memory limits them. Sessions of one thread give the most texts per second;
    /// threads shorten the wait for one text.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How token vectors become the vector of a text, instead of the model's own way.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// What is put before every query, with its trailing space, instead of the model's own.
    #[must_use]
    pub fn query_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query_prefix = Some(prefix.into());
        self
    }

    /// What is put before every passage, with its trailing space, instead of the model's own.
    #[must_use]
    pub fn passage_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.passage_prefix = Some(prefix.into());
        self
    }

    /// Length of the model's input in tokens, with special tokens and prefix, instead of
    /// its own.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.max_length = Some(tokens);
        self
    }

    /// Folder that models loaded by name are kept in, instead of the one described at
    /// [`FastEmbedder::from_name`].
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `workers` or `threads` is 0, or `max_length` is more than the
    /// model has positions for or leaves no room for text; and those of
    /// [`FastEmbedder::from_folder`] and [`FastEmbedder::from_name`].
    pub fn build(self) -> Result<FastEmbedder> {
        Error::check_setting("workers", self.workers.unwrap_or(1), 1.., "1 or more")?;
        Error::check_setting("threads", self.threads.unwrap_or(1), 1.., "1 or more")?;
        let mut loaded = self.load()?;
        let recipe = self.recipe(&loaded)?;
        let hash = loaded.files.hash(&recipe.words());
        loaded.files.state_length(recipe.max_length)?;
        runtime::environment()?;

        let cores = thread::available_parallelism().map_or(1, usize::from);
        let weights = loaded.files.weight_bytes();
        let (workers, threads) = share(cores, weights, self.workers, self.threads);
        let settings =
            SessionSettings { pooling: recipe.pooling, max_length: recipe.max_length, threads };
        tracing::debug!(model = loaded.name, workers, threads, "opening sessions");
        let opened = open(&loaded.files, settings, workers, loaded.dim);
        let Opened { sessions, counter, dim, special_tokens } = opened.map_err(|source| {
            Error::Model { name: loaded.name.clone(), remedy: DAMAGED, source }
        })?;
        let taken = special_tokens + recipe.longest_prefix(&counter)?;
        let room = "enough for special tokens, prefix and text";
        Error::check_setting("max_length", recipe.max_length, taken + 1.., room)?;
        Ok(FastEmbedder {
            identity: ModelIdentity { name: loaded.name, hash },
            dim,
            max_tokens: recipe.max_length - taken,
            recipe,
            counter,
            sessions: Pool::new(sessions)?,
        })
    }

    fn load(&self) -> Result<Loaded> {
        match &self.source {
            Source::Folder(folder) => {
                let files = ModelFiles::read(folder)?;
                Ok(Loaded {
                    name: files.name(),
                    max_length: files.max_length()?,
                    files,
                    pooling: None,
                    query_prefix: "",
                    passage_prefix: "",
                    dim: None,
                })
            }
            #[cfg(feature = "hub")]
            Source::Name(name) => {
                let model = models::find(name)?;
                // Before a long download that would be for nothing.
                runtime::environment()?;
                Ok(Loaded {
                    name: model.name.to_owned(),
                    files: hub::fetch(model, self.cache.clone())?,
                    pooling: Some(model.pooling),
                    query_prefix: model.query_prefix,
                    passage_prefix: model.passage_prefix,
                    max_length: model.max_length,
                    dim: Some(model.dim),
                })
            }
        }
    }

    /// What the user set, else what the model wants.
    fn recipe(&self, loaded: &Loaded) -> Result<Recipe> {
        let positions = loaded.files.positions()?.unwrap_or(usize::MAX);
        let max_length = self.max_length.unwrap_or(loaded.max_length.min(positions));
        let allowed = "8 or more, and no more than the model has positions for";
        Error::check_setting("max_length", max_length, 8..=positions, allowed)?;
        let prefix = |given: &Option<String>, own: &str| given.as_deref().unwrap_or(own).to_owned();
        Ok(Recipe {
            pooling: match self.pooling.or(loaded.pooling) {
                Some(pooling) => pooling,
                None => loaded.files.pooling()?,
            },
            query_prefix: prefix(&self.query_prefix, loaded.query_prefix),
            passage_prefix: prefix(&self.passage_prefix, loaded.passage_prefix),
            max_length,
        })
    }
}

/// Sessions of one model, and what was learned by trying the first.
struct Opened {
    sessions: Vec<Session>,
    counter: Counter,
    dim: usize,
    special_tokens: usize,
}

fn open(
    files: &ModelFiles,
    settings: SessionSettings,
    workers: usize,
    expected_dim: Option<usize>,
) -> Result<Opened, Cause> {
    let mut sessions = open_all(files, settings, workers)?;
    let [first, ..] = &mut sessions[..] else { return Err("no session was opened".into()) };
    let (counter, special_tokens) = (first.counter()?, first.special_tokens()?);
    let dim = first.embed("dimension")?.len();
    if let Some(expected) = expected_dim.filter(|expected| *expected != dim) {
        return Err(Error::Dimension { expected, got: dim }.into());
    }
    Ok(Opened { sessions, counter, dim, special_tokens })
}

/// Opens sessions side by side, since each takes a core for a while.
fn open_all(
    files: &ModelFiles,
    settings: SessionSettings,
    workers: usize,
) -> Result<Vec<Session>, Cause> {
    thread::scope(|scope| {
        let start =
            |_| thread::Builder::new().spawn_scoped(scope, || Session::open(files, settings));
        let opening: Vec<_> = (0..workers).map(start).collect::<Result<_, _>>()?;
        let opened: Vec<_> = opening.into_iter().map(ScopedJoinHandle::join).collect();
        opened.into_iter().map(|session| session.map_err(|_| "fastembed panicked")?).collect()
    })
}

/// How many sessions of how many threads run on `cores`, given what the user wants.
fn share(
    cores: usize,
    weight_bytes: usize,
    workers: Option<usize>,
    threads: Option<usize>,
) -> (usize, usize) {
    let affordable = (WEIGHT_BUDGET / weight_bytes.max(1)).clamp(1, cores);
    let threads = threads.unwrap_or_else(|| if workers.is_some() { 1 } else { cores / affordable });
    let threads = threads.min(cores);
    (workers.unwrap_or(affordable).min(cores / threads), threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    #[test]
    fn small_models_get_one_session_per_core() {
        assert_eq!(share(2, 90 * MB, None, None), (2, 1));
        assert_eq!(share(16, 90 * MB, None, None), (16, 1));
        assert_eq!(share(16, 90 * MB, None, Some(4)), (4, 4));
    }

    #[test]
    fn large_models_get_the_cores_as_threads() {
        assert_eq!(share(16, 1_100 * MB, None, None), (3, 5));
        assert_eq!(share(16, 9_000 * MB, None, None), (1, 16));
    }

    #[test]
    fn never_more_threads_than_cores() {
        for cores in 1..=9 {
            for workers in [None, Some(1), Some(3), Some(99)] {
                for threads in [None, Some(1), Some(2), Some(99)] {
                    for bytes in [0, 90 * MB, 1_100 * MB, usize::MAX] {
                        let (workers, threads) = share(cores, bytes, workers, threads);
                        assert!(workers >= 1 && threads >= 1 && workers * threads <= cores);
                    }
                }
            }
        }
    }
}
