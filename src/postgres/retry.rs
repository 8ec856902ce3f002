//! Repetition of calls that a server did not complete.

use std::time::Duration;

use super::connection::ServerFault;
use crate::{
    Interrupt, Result,
    work::backoff::{Backoff, sleep},
};

/// Waits before repetitions.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(2) };

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
            sleep(BACKOFF.wait(repetition), interrupt)?;
            repetition += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

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
}
