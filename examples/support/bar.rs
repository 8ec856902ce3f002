//! A progress bar on stderr, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use passim::{Phase, Progress};

/// Returns a bar that is not shown before its first progress.
pub fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} passages {eta}");
    ProgressBar::new(0).with_style(style.expect("the template is valid"))
}

/// Returns the callback for `RetrieverBuilder::progress` that advances `bar`.
pub fn advance(bar: &ProgressBar) -> impl Fn(Progress) + Send + Sync + use<> {
    let bar = bar.clone();
    move |progress: Progress| {
        // The bar counts passages, not the files that they come from.
        if progress.phase == Phase::Read {
            return;
        }
        bar.set_message(match progress.phase {
            Phase::BuildGraph => "building graph",
            _ => "embedding",
        });
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    }
}
