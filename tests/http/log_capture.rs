//! The log records and spans of the process.

use std::sync::{Mutex, Once};

use log::{LevelFilter, Log, Metadata, Record};

static RECORDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Capture;

impl Log for Capture {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        RECORDS.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Records the log of all tests from now on.
pub fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Capture).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// The records so far.
pub fn records() -> String {
    RECORDS.lock().unwrap().join("\n")
}
