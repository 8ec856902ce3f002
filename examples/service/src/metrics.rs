//! Counts and latencies of requests, in the text format of Prometheus.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use passim::Searcher;

/// Upper bounds of the buckets of latencies, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

/// Latencies by route and status.
#[derive(Default)]
pub(crate) struct Metrics {
    latencies: Mutex<BTreeMap<(String, u16), Latencies>>,
}

#[derive(Clone, Default)]
struct Latencies {
    /// Number of requests up to each bound.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// Counts a request.
    pub(crate) fn record(&self, route: &str, status: u16, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let of_route = latencies.entry((route.to_owned(), status)).or_default();
        for (bucket, bound) in of_route.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        of_route.count += 1;
        of_route.seconds += seconds;
    }

    /// Returns all metrics, with the sizes of the commit that `searcher` has.
    pub(crate) fn text(&self, searcher: &Searcher, requests: usize) -> String {
        let mut text = String::from("# TYPE passim_request_seconds histogram\n");
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((route, status), latencies) in &latencies {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            latencies.write(&mut text, &labels).expect("a string can be written");
        }
        let gauges = [
            ("requests_in_progress", requests as u64),
            ("generation", searcher.generation()),
            ("articles", searcher.articles() as u64),
            ("passages", searcher.passages() as u64),
        ];
        for (name, value) in gauges {
            writeln!(text, "# TYPE passim_{name} gauge\npassim_{name} {value}")
                .expect("a string can be written");
        }
        text
    }
}

impl Latencies {
    fn write(&self, text: &mut String, labels: &str) -> std::fmt::Result {
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            writeln!(text, "passim_request_seconds_bucket{{{labels},le=\"{bound}\"}} {bucket}")?;
        }
        let Self { count, seconds, .. } = self;
        writeln!(text, "passim_request_seconds_bucket{{{labels},le=\"+Inf\"}} {count}")?;
        writeln!(text, "passim_request_seconds_sum{{{labels}}} {seconds}")?;
        writeln!(text, "passim_request_seconds_count{{{labels}}} {count}")
    }
}
