//! The end of a call: its deadline and its cancellation handle.

use std::time::{Duration, Instant};

use crate::{Cancel, Error, Result};

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
