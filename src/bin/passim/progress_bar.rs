//! A progress bar on standard error, shown on a terminal alone.

use indicatif::{ProgressBar, ProgressStyle};
use passim::{Phase, Progress, RetrieverBuilder};

/// The bar of one command. It disappears when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Returns a bar that is shown with its first progress.
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} passages {eta}");
        Self(ProgressBar::new(0).with_style(style.expect("the template is valid")))
    }

    /// Lets the retriever of `builder` advance the bar.
    pub(crate) fn follow(&self, builder: RetrieverBuilder) -> RetrieverBuilder {
        let bar = self.0.clone();
        builder.progress(move |progress: Progress| {
            bar.set_message(match progress.phase {
                Phase::BuildGraph => "building graph",
                _ => "embedding",
            });
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
