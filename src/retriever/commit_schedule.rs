//! When a shared retriever commits by itself.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    format::settings_text::{milliseconds, read_settings, write_settings},
};

/// When a [`SharedRetriever`](crate::SharedRetriever) commits by itself, in a background thread.
///
/// Two conditions can be set, and the first that holds starts a commit: the time since the first
/// uncommitted change, and the number of changed passages. The default is one second and 4,096
/// passages.
///
/// In JSON it is `{"every_ms": 1000, "after_passages": 4096}`. A field that is left out has its
/// default, and `null` removes its condition.
///
/// # Examples
///
/// ```
/// use passim::CommitSchedule;
/// use std::time::Duration;
///
/// // A change is committed after ten seconds, or earlier if there are many.
/// let schedule = CommitSchedule::default().every(Duration::from_secs(10));
/// // A change is committed by `SharedRetriever::commit` alone.
/// let on_demand = CommitSchedule::on_demand();
/// # assert_ne!(schedule, on_demand);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommitSchedule {
    #[serde(rename = "every_ms", with = "milliseconds")]
    interval: Option<Duration>,
    #[serde(rename = "after_passages")]
    passages: Option<usize>,
}

/// Reads JSON and checks it.
impl FromStr for CommitSchedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let schedule: Self = read_settings("commit schedule", text)?;
        schedule.check()?;
        Ok(schedule)
    }
}

/// Delay of the first repetition of a failed commit, if the schedule has no interval.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);
/// Minimum delay of a repetition: a commit can fail after much work.
const MIN_RETRY: Duration = Duration::from_millis(100);
/// Maximum delay of a repetition.
const MAX_RETRY: Duration = Duration::from_mins(1);

/// Writes JSON on one line, or why there is none: a time that is not in whole milliseconds.
impl fmt::Display for CommitSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_settings(f, self)
    }
}

impl Default for CommitSchedule {
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(1)), passages: Some(4_096) }
    }
}

impl CommitSchedule {
    /// Returns a schedule without conditions: only calls commit, and there is no background thread.
    #[must_use]
    pub fn on_demand() -> Self {
        Self { interval: None, passages: None }
    }

    /// Sets the time after which an uncommitted change starts a commit.
    ///
    /// Zero starts one as soon as the write returns. The commit first waits for writes that were
    /// called before.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets the number of added and removed passages that starts a commit, `>= 1`.
    ///
    /// Uncommitted passages are in memory, so this number bounds them, apart from the passages of one
    /// call and of writes that wait.
    #[must_use]
    pub fn after_passages(mut self, passages: usize) -> Self {
        self.passages = Some(passages);
        self
    }

    pub(super) fn check(self) -> Result<()> {
        let passages = self.passages.unwrap_or(1);
        Error::check_setting("after_passages", passages, 1.., "1 or more")
    }

    /// Whether only calls commit.
    pub(super) fn is_on_demand(self) -> bool {
        self.interval.is_none() && self.passages.is_none()
    }

    /// The time after which an uncommitted change starts a commit.
    pub(super) fn interval(self) -> Option<Duration> {
        self.interval
    }

    /// Whether `passages` changed passages start a commit.
    pub(super) fn is_reached(self, passages: usize) -> bool {
        self.passages.is_some_and(|limit| passages >= limit)
    }

    /// Delay before a commit is repeated that failed `failures` times in a row, `>= 1`.
    pub(super) fn retry_delay(self, failures: u32) -> Duration {
        let first = self.interval.unwrap_or(DEFAULT_RETRY).clamp(MIN_RETRY, MAX_RETRY);
        let doublings = failures.saturating_sub(1).min(16);
        first.saturating_mul(1 << doublings).min(MAX_RETRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_become_rarer_up_to_a_minute() {
        let schedule = CommitSchedule::on_demand().after_passages(9);
        let seconds = |failures| schedule.retry_delay(failures).as_secs();
        assert_eq!([1, 2, 3, 6, 7, 1_000].map(seconds), [1, 2, 4, 32, 60, 60]);
        let rare = schedule.every(Duration::MAX);
        assert_eq!(rare.retry_delay(1), MAX_RETRY);
        assert_eq!(schedule.every(Duration::ZERO).retry_delay(1), MIN_RETRY);
    }

    #[test]
    fn zero_passages_are_refused() {
        let error = CommitSchedule::default().after_passages(0).check().unwrap_err();
        let is_named = matches!(error, Error::Setting { name: "after_passages", got: 0, .. });
        assert!(is_named, "{error}");
        CommitSchedule::on_demand().check().unwrap();
    }
}
