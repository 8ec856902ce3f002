//! Repetition of calls that a server did not complete.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    thread,
    time::{Duration, Instant},
};

use super::connection::ServerFault;
use crate::{Interrupt, Result};

/// Wait before the first repetition; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Maximum wait before a repetition.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// How often a call is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPolicy {
    /// Maximum number of repetitions.
    pub(super) retries: usize,
}

impl RetryPolicy {
    /// Runs `attempt`, and repeats it while a server cannot be reached or ends its transaction in
    /// favour of another one.
    ///
    /// # Errors
    ///
    /// - The error of the last attempt.
    /// - [`Error::TimedOut`](crate::Error::TimedOut) or
    ///   [`Error::Cancelled`](crate::Error::Cancelled) if `interrupt` is due before a repetition.
    pub(super) fn run<T>(
        self,
        interrupt: Interrupt<'_>,
        mut attempt: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let mut repetition = 0;
        loop {
            let error = match attempt() {
                Err(error) if ServerFault::of(&error) != ServerFault::Permanent => error,
                done => return done,
            };
            // The interrupt can be the cause, as of a connection that took too long or of a late
            // request to cancel a statement.
            interrupt.check()?;
            if repetition == self.retries || !ServerFault::of(&error).is_transient() {
                return Err(error);
            }
            tracing::debug!(%error, repetition, "a call is repeated");
            wait(jittered(longest_wait(repetition)), interrupt)?;
            repetition += 1;
        }
    }
}

/// Returns the maximum wait before a repetition, counted from 0.
fn longest_wait(repetition: usize) -> Duration {
    let doublings = u32::try_from(repetition).unwrap_or(u32::MAX);
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(factor).min(MAX_WAIT)
}

/// Returns a random part of `wait`, at least half of it, so that calls that failed together are not
/// repeated together.
fn jittered(wait: Duration) -> Duration {
    // The states of a thread differ, and begin with random numbers of the operating system.
    let [random, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    let half = wait / 2;
    half + half * u32::from(random) / 256
}

/// Sleeps for `time`, unless `interrupt` is due before.
fn wait(time: Duration, interrupt: Interrupt<'_>) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        interrupt.check()?;
        let remaining = end.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Ok(());
        }
        thread::sleep(interrupt.check_interval().map_or(remaining, |step| step.min(remaining)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cancel, Error};

    #[test]
    fn waits_double_up_to_a_maximum() {
        let waits = (0..8).map(|repetition| longest_wait(repetition).as_millis());
        assert!(waits.eq([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]));
        assert_eq!(longest_wait(usize::MAX), MAX_WAIT);
        for _ in 0..100 {
            let wait = jittered(MAX_WAIT);
            assert!(wait >= MAX_WAIT / 2 && wait <= MAX_WAIT, "{wait:?}");
        }
    }

    #[test]
    fn other_errors_are_not_repeated() {
        let mut attempts = 0;
        let failed = RetryPolicy { retries: 3 }.run(Interrupt::none(), || {
            attempts += 1;
            Err::<(), _>(Error::EmptyKey { position: 0 })
        });
        assert!(matches!(failed, Err(Error::EmptyKey { .. })));
        assert_eq!(attempts, 1);
    }

    #[test]
    fn a_wait_ends_with_its_interrupt() {
        let cancel = Cancel::new();
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(30));
                cancel.cancel();
            });
            let waited = wait(Duration::from_mins(1), Interrupt::new(None, Some(&cancel)));
            assert!(matches!(waited, Err(Error::Cancelled)));
        });
        let deadline = Instant::now() + Duration::from_millis(30);
        let waited = wait(Duration::from_mins(1), Interrupt::new(Some(deadline), None));
        assert!(matches!(waited, Err(Error::TimedOut)));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
