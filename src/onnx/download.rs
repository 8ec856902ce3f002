//! Progress of downloads.

use std::{fmt, sync::Arc};

/// Bytes between two reports.
const STEP: u64 = 1 << 20;

/// Progress of the download of one file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Download {
    /// Name of the file on the hub.
    pub file: String,
    /// Bytes downloaded so far. A resumed download starts with the bytes of the earlier one.
    pub done: u64,
    /// Length of the file in bytes.
    pub total: u64,
}

/// Callback for the progress of downloads.
#[derive(Clone)]
pub(crate) struct OnDownload(pub(crate) Arc<dyn Fn(Download) + Send + Sync>);

impl fmt::Debug for OnDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDownload")
    }
}

/// Counts the bytes of one file. Reports the first, the last, and every [`STEP`] in between.
pub(super) struct Meter<'o> {
    download: Download,
    /// `done` of the last report; `None` before the first.
    reported: Option<u64>,
    on_download: Option<&'o OnDownload>,
}

impl<'o> Meter<'o> {
    pub(super) fn new(file: &str, on_download: Option<&'o OnDownload>) -> Self {
        let download = Download { file: file.to_owned(), done: 0, total: 0 };
        Self { download, reported: None, on_download }
    }

    /// Starts to count a file of `size` bytes.
    pub(super) fn start(&mut self, size: usize) {
        self.download.done = 0;
        self.download.total = size as u64;
        self.reported = None;
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.download.done += bytes as u64;
        if self.reported.is_none_or(|reported| self.download.done - reported >= STEP) {
            self.report();
        }
    }

    /// Reports the progress, unless the last report was the same.
    pub(super) fn report(&mut self) {
        if let Some(OnDownload(callback)) = self.on_download
            && self.reported != Some(self.download.done)
        {
            self.reported = Some(self.download.done);
            callback(self.download.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_first_every_step_and_the_last_are_reported() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&reports);
        let on_download = OnDownload(Arc::new(move |at| sink.lock().unwrap().push(at.done)));
        let mut meter = Meter::new("model.onnx", Some(&on_download));
        meter.start(3_000_000);
        meter.start(3_000_000);
        // The first 2,000 bytes come from an earlier download.
        for bytes in std::iter::once(2_000).chain(std::iter::repeat_n(1_000, 2_998)).chain([0]) {
            meter.add(bytes);
        }
        meter.report();
        assert_eq!(*reports.lock().unwrap(), [2_000, 1_051_000, 2_100_000, 3_000_000]);
    }
}
