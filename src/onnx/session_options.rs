//! Options for opening a model: source, maximum input length, sessions and threads.

use std::{path::PathBuf, thread};

#[cfg(feature = "qwen3")]
use serde_json::Value;

#[cfg(feature = "hub")]
use super::OnDownload;
#[cfg(feature = "qwen3")]
use super::candle::CandleConfig;
use super::{ExecutionProvider, ModelFiles, ModelTokenizer, ResolvedOptions};
use crate::{Cause, Error, Result, work::parallel::parallel_map};

/// Memory budget in bytes for all sessions, unless the user sets their number. It bounds the
/// tokenizer and the weights, or the working memory of runs where sessions share their weights.
const BUDGET: usize = 4 << 30;

/// Size of weights in bytes above which a model has one session by default, since each further one
/// copies the matrices that ONNX Runtime rearranges.
const LARGE_WEIGHTS: usize = 200_000_000;

/// Tokens per run above which sharing a run saves no time on a CPU (`cargo bench --bench runs`).
const RUN_TOKENS: usize = 192;

/// Tokens per run on other devices; not measured.
const DEVICE_RUN_TOKENS: usize = 16_384;

/// Location of a model.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Folder(PathBuf),
    #[cfg(feature = "hub")]
    Name(String),
}

/// Options that a user may set for any model; unset ones are resolved when it is opened.
#[derive(Clone, Debug)]
pub(crate) struct SessionOptions {
    pub(crate) source: Source,
    pub(crate) sessions: Option<usize>,
    pub(crate) threads: Option<usize>,
    /// In tokens, with special tokens.
    pub(crate) max_length: Option<usize>,
    /// Execution providers in order of preference; empty means the CPU.
    pub(crate) providers: Vec<ExecutionProvider>,
    #[cfg(feature = "hub")]
    pub(crate) cache: Option<PathBuf>,
    #[cfg(feature = "hub")]
    pub(crate) on_download: Option<OnDownload>,
}

impl SessionOptions {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            sessions: None,
            threads: None,
            max_length: None,
            providers: Vec::new(),
            #[cfg(feature = "hub")]
            cache: None,
            #[cfg(feature = "hub")]
            on_download: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("sessions", self.sessions.unwrap_or(1), 1.., "1 or more")?;
        Error::check_setting("threads", self.threads.unwrap_or(1), 1.., "1 or more")
    }

    /// Returns the maximum input length in tokens: the user's value, else the minimum of `own` (the
    /// model's value), its positions and the default of its engine.
    pub(crate) fn max_length(&self, files: &ModelFiles, own: usize) -> Result<usize> {
        let positions = files.positions()?.unwrap_or(usize::MAX);
        let default = own.min(positions).min(files.engine.default_max_length());
        let max_length = self.max_length.unwrap_or(default);
        let allowed = "8 or more, and no more than the model has positions for";
        Error::check_setting("max_length", max_length, 8..=positions, allowed)?;
        Ok(max_length)
    }

    /// Returns the maximum number of tokens per run. `given` is the user's value; the result is 0
    /// if each text must run `alone`.
    pub(crate) fn run_tokens(&self, alone: bool, given: Option<usize>) -> usize {
        match self.providers[..] {
            _ if alone => 0,
            [] => given.unwrap_or(RUN_TOKENS),
            _ => given.unwrap_or(DEVICE_RUN_TOKENS),
        }
    }

    /// Opens the sessions of the model `name` with `open`, at least one.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if one does not open.
    pub(crate) fn open_sessions<S: Send>(
        &self,
        name: &str,
        files: &ModelFiles,
        tokenizer: &ModelTokenizer,
        open: impl Fn(&ResolvedOptions) -> Result<S, Cause> + Sync,
    ) -> Result<Vec<S>> {
        let affordable = affordable_sessions(files.weight_bytes(), tokenizer.memory_bytes());
        let SessionCount { sessions, threads } = self.session_count(affordable);
        let options = self.resolved(threads);
        let _span =
            tracing::debug_span!("open_sessions", model = name, sessions, threads).entered();
        let open = |_| open(&options).map_err(|source| super::unrunnable(name, source));
        // Two at a time: a session whose weights are not mapped copies them twice while it opens.
        parallel_map(2, sessions, open)
    }

    /// Opens one session of the model `name` with `open` and clones it. Clones share the weights.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the session does not open, or the configuration is unsupported.
    #[cfg(feature = "qwen3")]
    pub(crate) fn open_shared_sessions<S: Clone>(
        &self,
        name: &str,
        files: &ModelFiles,
        max_length: usize,
        open: impl FnOnce(&ModelFiles, Value, usize) -> Result<S, Cause>,
    ) -> Result<SharedSessions<S>> {
        let config = CandleConfig::read(name, &files.config)?;
        let affordable = BUDGET / config.run_bytes(max_length).max(1);
        let SessionCount { sessions, threads } = self.session_count(affordable);
        let _span =
            tracing::debug_span!("open_sessions", model = name, sessions, threads).entered();
        let first = open(files, config.json, max_length);
        let first = first.map_err(|source| super::unrunnable(name, source))?;
        Ok(SharedSessions { sessions: vec![first; sessions], threads })
    }

    /// Returns the number of sessions, where memory suffices for `affordable` ones.
    fn session_count(&self, affordable: usize) -> SessionCount {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // One session keeps a device busy.
        let wanted = self.sessions.or((!self.providers.is_empty()).then_some(1));
        SessionCount::of(cores, affordable, wanted, self.threads)
    }

    fn resolved(&self, threads: usize) -> ResolvedOptions {
        ResolvedOptions { threads, providers: self.providers.clone() }
    }
}

/// Sessions that share their weights; at least one.
#[cfg(feature = "qwen3")]
pub(crate) struct SharedSessions<S> {
    pub(crate) sessions: Vec<S>,
    /// Threads of each session.
    pub(crate) threads: usize,
}

/// Number of sessions of a model, and of threads of each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionCount {
    sessions: usize,
    threads: usize,
}

impl SessionCount {
    /// Distributes `cores` over at most `affordable` sessions. `sessions` and `threads` are the
    /// user's values.
    fn of(
        cores: usize,
        affordable: usize,
        sessions: Option<usize>,
        threads: Option<usize>,
    ) -> Self {
        let affordable = affordable.clamp(1, cores);
        let default_threads = if sessions.is_some() { 1 } else { cores / affordable };
        let threads = threads.unwrap_or(default_threads).min(cores);
        let sessions = sessions.unwrap_or(affordable).min(cores / threads);
        Self { sessions, threads }
    }
}

/// Returns how many sessions of a model the budget allows; at most one if its weights are large. A
/// session takes at most the size of the weights; all of them share the tokenizer.
fn affordable_sessions(weight_bytes: usize, tokenizer_bytes: usize) -> usize {
    if weight_bytes > LARGE_WEIGHTS {
        return 1;
    }
    BUDGET.saturating_sub(tokenizer_bytes) / weight_bytes.max(1)
}

/// Setters shared by all model builders; the builder has a field `options: SessionOptions`.
macro_rules! session_option_setters {
    () => {
        /// Sets the maximum number of sessions, `>= 1`. All sessions of a model share its tokenizer,
        /// and the weights that are mapped from the file of the graph; each has its own copy of the
        /// matrices that ONNX Runtime rearranges. Sessions of models that candle runs share all
        /// weights.
        ///
        /// `sessions` times [`threads`](Self::threads) never exceeds the number of cores: fewer
        /// sessions are opened instead.
        ///
        /// The default is one session per core, as long as the tokenizer and the weights of each
        /// session fit in 4 GiB together. A model with over 200 MB of weights has one session with
        /// all cores. For models that candle runs, one run of [`max_length`](Self::max_length) tokens
        /// per session must fit in 4 GiB instead. A run of 2,048 tokens with 16 heads takes about 768 MiB; this
        /// memory is proportional to the heads and to the square of the length.
        #[must_use]
        pub fn sessions(mut self, sessions: usize) -> Self {
            self.options.sessions = Some(sessions);
            self
        }

        /// Sets the number of threads of each session, `>= 1`, at most the number of cores.
        ///
        /// The default is 1; if the size of the model limits the sessions, they share all cores.
        /// Sessions of one
        /// thread have the highest throughput; more threads reduce the latency of one text.
        #[must_use]
        pub fn threads(mut self, threads: usize) -> Self {
            self.options.threads = Some(threads);
            self
        }

        /// Sets the execution providers that run the model instead of the CPU, in order of
        /// preference.
        ///
        /// The default is then one session, and up to 16,384 tokens share a run. Vectors and scores
        /// differ from those of a CPU in their last bits; the model identity stays the same.
        #[must_use]
        pub fn providers(mut self, providers: &[crate::ExecutionProvider]) -> Self {
            self.options.providers = providers.to_vec();
            self
        }

        /// Sets the cache folder for models loaded by name, instead of the one described at
        /// [`FastEmbedder::from_name`](crate::FastEmbedder::from_name).
        #[cfg(feature = "hub")]
        #[must_use]
        pub fn cache(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
            self.options.cache = Some(folder.into());
            self
        }

        /// Calls `callback` while files are downloaded: at the start of each file, after each
        /// megabyte, and at its end.
        ///
        /// An interrupted download resumes where it stopped. A download cannot be cancelled.
        #[cfg(feature = "hub")]
        #[must_use]
        pub fn on_download(
            mut self,
            callback: impl Fn(crate::Download) + Send + Sync + 'static,
        ) -> Self {
            self.options.on_download = Some(crate::onnx::OnDownload(std::sync::Arc::new(callback)));
            self
        }
    };
}

pub(crate) use session_option_setters;

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    /// Returns the number of sessions and of threads of each.
    fn share(
        cores: usize,
        session_bytes: usize,
        sessions: Option<usize>,
        threads: Option<usize>,
    ) -> (usize, usize) {
        let affordable = BUDGET / session_bytes.max(1);
        let count = SessionCount::of(cores, affordable, sessions, threads);
        (count.sessions, count.threads)
    }

    #[test]
    fn small_models_get_one_session_per_core() {
        assert_eq!(share(2, 90 * MB, None, None), (2, 1));
        assert_eq!(share(16, 90 * MB, None, None), (16, 1));
        assert_eq!(share(16, 90 * MB, None, Some(4)), (4, 4));
    }

    #[test]
    fn large_weights_get_one_session_with_all_cores() {
        let count = |weights, tokenizer| {
            let affordable = affordable_sessions(weights, tokenizer);
            let SessionCount { sessions, threads } = SessionCount::of(16, affordable, None, None);
            (sessions, threads)
        };
        assert_eq!(count(LARGE_WEIGHTS, 0), (16, 1));
        assert_eq!(count(LARGE_WEIGHTS + 1, 0), (1, 16));
        // The tokenizer of XLM-R leaves room for fewer sessions; a larger one for none but the first.
        assert_eq!(count(LARGE_WEIGHTS, 1_100 * 250_002), (16, 1));
        assert_eq!(count(LARGE_WEIGHTS, 3 << 30), (5, 3));
        assert_eq!(count(LARGE_WEIGHTS, usize::MAX), (1, 16));
    }

    #[test]
    fn large_runs_get_the_cores_as_threads() {
        assert_eq!(share(16, 1_100 * MB, None, None), (3, 5));
        assert_eq!(share(16, 9_000 * MB, None, None), (1, 16));
    }

    #[test]
    #[cfg(feature = "qwen3")]
    fn long_runs_get_the_cores_as_threads() {
        for (heads, tokens, expected) in [
            (16, 512, (16, 1)),
            (16, 2_048, (5, 3)),
            (32, 2_048, (2, 8)),
            (16, 4_096, (1, 16)),
            (16, 32_768, (1, 16)),
        ] {
            let config = CandleConfig { json: serde_json::Value::Null, heads };
            let bytes = config.run_bytes(tokens);
            assert_eq!(share(16, bytes, None, None), expected, "{heads} {tokens}");
            assert_eq!(share(16, bytes, Some(16), None), (16, 1));
        }
        // The estimate is at least the measured memory, and less than twice as much.
        let config = CandleConfig { json: serde_json::Value::Null, heads: 16 };
        for (tokens, measured) in [(2_048, 650 * MB), (4_096, 2_370 * MB)] {
            let bytes = config.run_bytes(tokens);
            assert!((measured..2 * measured).contains(&bytes), "{tokens}: {bytes}");
        }
    }

    #[test]
    fn never_more_threads_than_cores() {
        for cores in 1..=9 {
            for sessions in [None, Some(1), Some(3), Some(99)] {
                for threads in [None, Some(1), Some(2), Some(99)] {
                    for bytes in [0, 90 * MB, 1_100 * MB, usize::MAX] {
                        let (sessions, threads) = share(cores, bytes, sessions, threads);
                        assert!(sessions >= 1 && threads >= 1 && sessions * threads <= cores);
                    }
                }
            }
        }
    }
}
