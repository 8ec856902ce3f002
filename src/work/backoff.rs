//! Waits before a call to a server is repeated.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    thread,
    time::{Duration, Instant},
};

use crate::{Interrupt, Result};

/// Waits that double from one repetition to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// Maximum wait before the first repetition.
    pub(crate) first: Duration,
    /// Maximum wait before any repetition.
    pub(crate) max: Duration,
}

impl Backoff {
    /// Returns the wait before a repetition, counted from 0: a random part of the maximum wait, at
    /// least half of it, so that calls that failed together are not repeated together.
    pub(crate) fn wait(self, repetition: usize) -> Duration {
        // The states of a thread differ, and begin with random numbers of the operating system.
        let [random, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
        let half = self.longest_wait(repetition) / 2;
        half + half * u32::from(random) / 256
    }

    /// Returns the maximum wait before a repetition.
    fn longest_wait(self, repetition: usize) -> Duration {
        let doublings = u32::try_from(repetition).unwrap_or(u32::MAX);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }
}

/// Sleeps for `time`, unless `interrupt` is due before.
///
/// # Errors
///
/// [`Error::TimedOut`](crate::Error::TimedOut) or [`Error::Cancelled`](crate::Error::Cancelled) if
/// it is.
pub(crate) fn sleep(time: Duration, interrupt: Interrupt<'_>) -> Result<()> {
    let start = Instant::now();
    loop {
        interrupt.check()?;
        let remaining = time.saturating_sub(start.elapsed());
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
        let backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(2) };
        let waits = (0..8).map(|repetition| backoff.longest_wait(repetition).as_millis());
        assert!(waits.eq([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]));
        assert_eq!(backoff.longest_wait(usize::MAX), backoff.max);
        for _ in 0..100 {
            let wait = backoff.wait(9);
            assert!(wait >= backoff.max / 2 && wait <= backoff.max, "{wait:?}");
        }
    }

    #[test]
    fn a_sleep_ends_with_its_interrupt() {
        let cancel = Cancel::new();
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(30));
                cancel.cancel();
            });
            let slept = sleep(Duration::from_mins(1), Interrupt::new(None, Some(&cancel)));
            assert!(matches!(slept, Err(Error::Cancelled)));
        });
        let deadline = Instant::now() + Duration::from_millis(30);
        let slept = sleep(Duration::from_mins(1), Interrupt::new(Some(deadline), None));
        assert!(matches!(slept, Err(Error::TimedOut)));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
