//! A progress bar on standard error, shown on a terminal alone.

use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use passim::{Phase, Progress, RetrieverBuilder};

/// The bar of one command. It disappears when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Returns a bar that is shown with its first progress.
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {prefix} {eta}");
        Self(ProgressBar::new(0).with_style(style.expect("the template is valid")))
    }

    /// Lets the retriever of `builder` advance the bar.
    pub(crate) fn follow(&self, builder: RetrieverBuilder) -> RetrieverBuilder {
        let bar = self.0.clone();
        // A sync knows the number of its files, but not that of their passages.
        let counts_files = AtomicBool::new(false);
        builder.progress(move |progress: Progress| {
            let unit = match progress.phase {
                Phase::Read => "files",
                _ => "passages",
            };
            counts_files.fetch_or(progress.phase == Phase::Read, Ordering::Relaxed);
            bar.set_message(match progress.phase {
                Phase::Read => "reading",
                Phase::BuildGraph => "building graph",
                _ => "embedding",
            });
            if progress.phase == Phase::Embed && counts_files.load(Ordering::Relaxed) {
                return;
            }
            bar.set_prefix(unit);
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
        })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
