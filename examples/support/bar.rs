//! A progress bar on stderr, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use passim::{Phase, Progress};

/// Returns a bar and the callback for `RetrieverBuilder::progress` that advances it.
pub fn bar() -> (ProgressBar, impl Fn(Progress) + Send + Sync + 'static) {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} passages {eta}");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let moving = bar.clone();
    let progress = move |progress: Progress| {
        moving.set_message(match progress.phase {
            Phase::BuildGraph => "linking",
            _ => "embedding",
        });
        moving.set_length(progress.total as u64);
        moving.set_position(progress.done as u64);
    };
    (bar, progress)
}
