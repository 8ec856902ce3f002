//! Rates of a model server: when the next request may be sent.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Interrupt, Result, work::backoff::sleep};

const MINUTE: Duration = Duration::from_mins(1);

/// Spaces requests evenly, so that no minute has more requests or tokens than allowed.
#[derive(Debug)]
pub(super) struct Pacer {
    requests_per_minute: Option<usize>,
    tokens_per_minute: Option<usize>,
    /// When the next request may be sent.
    next: Mutex<Instant>,
}

impl Pacer {
    pub(super) fn new(
        requests_per_minute: Option<usize>,
        tokens_per_minute: Option<usize>,
    ) -> Self {
        Self { requests_per_minute, tokens_per_minute, next: Mutex::new(Instant::now()) }
    }

    /// Waits until a request of `tokens` tokens may be sent.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`](crate::Error::TimedOut) or
    /// [`Error::Cancelled`](crate::Error::Cancelled) once `interrupt` is due.
    pub(super) fn wait_for_turn(&self, tokens: usize, interrupt: Interrupt<'_>) -> Result<()> {
        sleep(self.take_turn(tokens, interrupt), interrupt)
    }

    /// Keeps all requests back for `time`.
    pub(super) fn pause(&self, time: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now() + time);
    }

    /// Returns the wait for the next free turn, and takes it if it comes before the deadline.
    fn take_turn(&self, tokens: usize, interrupt: Interrupt<'_>) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = (*next).max(now);
        let wait = turn - now;
        if interrupt.remaining().is_none_or(|remaining| wait < remaining) {
            *next = turn + self.spacing(tokens);
        }
        wait
    }

    /// Returns the time between a request of `tokens` tokens and the next one.
    fn spacing(&self, tokens: usize) -> Duration {
        let share = |count: usize, limit: Option<usize>| match limit {
            Some(limit) => {
                let nanos = MINUTE.as_nanos() * count as u128 / limit as u128;
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
            None => Duration::ZERO,
        };
        share(1, self.requests_per_minute).max(share(tokens, self.tokens_per_minute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the nearest number of seconds.
    fn seconds(time: Duration) -> u64 {
        (time + Duration::from_millis(500)).as_secs()
    }

    #[test]
    fn requests_are_spaced_by_the_stricter_rate() {
        let pacer = Pacer::new(Some(60), Some(6_000));
        let none = Interrupt::none();
        let waits = [10, 500, 1].map(|tokens| seconds(pacer.take_turn(tokens, none)));
        assert_eq!(waits, [0, 1, 6]);
        let unlimited = Pacer::new(None, None);
        let waits = [10, 500, 1].map(|tokens| seconds(unlimited.take_turn(tokens, none)));
        assert_eq!(waits, [0; 3]);
    }

    #[test]
    fn a_turn_after_the_deadline_is_left_to_others() {
        let pacer = Pacer::new(Some(6), None);
        let deadline = Instant::now() + Duration::from_secs(5);
        let interrupt = Interrupt::new(Some(deadline), None);
        assert_eq!(seconds(pacer.take_turn(1, interrupt)), 0);
        assert_eq!(seconds(pacer.take_turn(1, interrupt)), 10);
        assert_eq!(seconds(pacer.take_turn(1, Interrupt::none())), 10);
        assert_eq!(seconds(pacer.take_turn(1, Interrupt::none())), 20);
    }

    #[test]
    fn a_pause_holds_for_all_requests() {
        let pacer = Pacer::new(None, None);
        pacer.pause(Duration::from_secs(7));
        assert_eq!(seconds(pacer.take_turn(1, Interrupt::none())), 7);
        pacer.pause(Duration::from_secs(3));
        assert_eq!(seconds(pacer.take_turn(1, Interrupt::none())), 7);
    }
}
