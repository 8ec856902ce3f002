//! How far a download is.

use std::{fmt, sync::Arc};

/// Bytes between two reports.
const STEP: u64 = 1 << 20;

/// How far the download of one of a model's files is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Download {
    /// Name of the file, as on the hub.
    pub file: String,
    /// Bytes that are here; more than 0 from the start where an earlier download broke off.
    pub done: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

/// Who is told.
#[derive(Clone)]
pub(crate) struct OnDownload(pub(crate) Arc<dyn Fn(Download) + Send + Sync>);

impl fmt::Debug for OnDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDownload")
    }
}

/// Counts the bytes of one file, and tells of each [`STEP`], of the first and of the last.
pub(super) struct Meter<'o> {
    at: Download,
    /// What was told of last; `None` before the first.
    told: Option<u64>,
    on_download: Option<&'o OnDownload>,
}

impl<'o> Meter<'o> {
    pub(super) fn new(file: &str, on_download: Option<&'o OnDownload>) -> Self {
        let at = Download { file: file.to_owned(), done: 0, total: 0 };
        Self { at, told: None, on_download }
    }

    /// Of a file of `size` bytes none is counted.
    pub(super) fn start(&mut self, size: usize) {
        (self.at.done, self.at.total, self.told) = (0, size as u64, None);
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.at.done += bytes as u64;
        if self.told.is_none_or(|told| self.at.done - told >= STEP) {
            self.tell();
        }
    }

    pub(super) fn tell(&mut self) {
        if let Some(OnDownload(tell)) = self.on_download
            && self.told != Some(self.at.done)
        {
            self.told = Some(self.at.done);
            tell(self.at.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_first_every_step_and_the_last_are_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        let on_download = OnDownload(Arc::new(move |at| kept.lock().unwrap().push(at.done)));
        let mut meter = Meter::new("model.onnx", Some(&on_download));
        meter.start(3_000_000);
        meter.start(3_000_000);
        // Two thousand bytes are there from before.
        for bytes in std::iter::once(2_000).chain(std::iter::repeat_n(1_000, 2_998)).chain([0]) {
            meter.add(bytes);
        }
        meter.tell();
        assert_eq!(*told.lock().unwrap(), [2_000, 1_051_000, 2_100_000, 3_000_000]);
    }
}
