//! The end of a call: its deadline and its cancellation handle.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{Cancel, Error, Result};

/// Time between two checks of a cancellation handle by a thread that waits.
#[cfg(any(feature = "http", feature = "postgres"))]
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Deadline and cancellation handle of a call to a model.
///
/// An [`Embedder`](crate::Embedder) or a [`Reranker`](crate::Reranker) calls
/// [`check`](Self::check) between its batches and returns the error, so that a search ends in time.
///
/// # Examples
///
/// ```
/// use passim::{Cancel, Error, Interrupt};
///
/// let cancel = Cancel::new();
/// let interrupt = Interrupt::new(None, Some(&cancel));
/// assert!(interrupt.check().is_ok());
/// cancel.cancel();
/// assert!(matches!(interrupt.check(), Err(Error::Cancelled)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Interrupt<'a> {
    deadline: Option<Instant>,
    cancel: Option<&'a Cancel>,
}

/// Why a search ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum InterruptReason {
    /// Its [time limit](crate::Query::time_limit) passed.
    TimedOut,
    /// Its [handle](crate::Query::cancel) was cancelled.
    Cancelled,
}

impl fmt::Display for InterruptReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the time limit passed",
            Self::Cancelled => "cancelled",
        })
    }
}

impl<'a> Interrupt<'a> {
    /// Creates an interrupt that is due at `deadline` or once `cancel` is used, whichever comes
    /// first.
    #[must_use]
    pub fn new(deadline: Option<Instant>, cancel: Option<&'a Cancel>) -> Self {
        Self { deadline, cancel }
    }

    /// Creates an interrupt that is never due.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates the interrupt of work that several calls wait for. It is due at the last deadline of
    /// `interrupts`, if all have one, and on cancellation, if all share one handle.
    pub(crate) fn last_of(interrupts: &[Self]) -> Self {
        let deadlines = interrupts.iter().map(|interrupt| interrupt.deadline);
        let deadline = deadlines.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        let first = interrupts.first().and_then(|interrupt| interrupt.cancel);
        let cancel = first.filter(|first| {
            let mut cancels = interrupts.iter().map(|interrupt| interrupt.cancel);
            cancels.all(|cancel| cancel.is_some_and(|cancel| cancel.is_same(first)))
        });
        Self { deadline, cancel }
    }

    /// Returns the deadline.
    pub(crate) fn deadline(self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the cancellation handle.
    pub(crate) fn cancel(self) -> Option<&'a Cancel> {
        self.cancel
    }

    /// Checks that the interrupt is not due.
    ///
    /// # Errors
    ///
    /// - [`Error::Cancelled`] if the handle is cancelled.
    /// - [`Error::TimedOut`] if the deadline has passed.
    pub fn check(self) -> Result<()> {
        self.cancel.map_or(Ok(()), Cancel::check)?;
        if self.remaining().is_some_and(|remaining| remaining.is_zero()) {
            return Err(Error::TimedOut);
        }
        Ok(())
    }

    /// Returns whether the handle is cancelled or the deadline has passed.
    #[must_use]
    pub fn is_due(self) -> bool {
        self.check().is_err()
    }

    /// Returns why work ended that this interrupt has ended.
    pub(crate) fn reason(self) -> InterruptReason {
        match self.check() {
            Err(Error::TimedOut) => InterruptReason::TimedOut,
            // A passed deadline stays passed. Only a handle that was reset since can be clear.
            _ => InterruptReason::Cancelled,
        }
    }

    /// Returns whether `error` reports that this interrupt is due.
    pub(crate) fn is_cause_of(self, error: &Error) -> bool {
        matches!(error, Error::TimedOut | Error::Cancelled) && self.is_due()
    }

    /// Returns the time after which a thread that waits checks the interrupt again; `None` if it is
    /// never due.
    #[cfg(any(feature = "http", feature = "postgres"))]
    pub(crate) fn check_interval(self) -> Option<Duration> {
        let interval = self.cancel.map(|_| CHECK_INTERVAL);
        match (interval, self.remaining()) {
            (Some(interval), Some(remaining)) => Some(interval.min(remaining)),
            (interval, remaining) => interval.or(remaining),
        }
    }

    /// Returns the time until the deadline, zero once it has passed; `None` without a deadline.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_due_at_its_deadline_or_once_cancelled() {
        let now = Instant::now();
        let cancel = Cancel::new();
        assert!(!Interrupt::none().is_due());
        assert_eq!(Interrupt::none().remaining(), None);
        let later = Interrupt::new(Some(now + Duration::from_hours(1)), Some(&cancel));
        assert!(later.check().is_ok());
        assert!(later.remaining() > Some(Duration::from_mins(59)));
        let passed = Interrupt::new(Some(now), Some(&cancel));
        assert!(matches!(passed.check(), Err(Error::TimedOut)));
        assert_eq!(passed.remaining(), Some(Duration::ZERO));
        cancel.cancel();
        for interrupt in [later, passed] {
            assert!(matches!(interrupt.check(), Err(Error::Cancelled)));
        }
    }
}
