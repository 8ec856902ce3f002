//! Mutual exclusion in the order of the calls.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Mutex that threads lock in the order in which they asked for it.
///
/// A thread that locks a [`Mutex`] again and again can keep others waiting without limit. Here each
/// of them waits for those before it alone.
///
/// A panic of the thread that holds it releases it like a return. The value must therefore be valid
/// wherever its holder can panic.
#[derive(Debug)]
pub(crate) struct FairMutex<T> {
    tickets: Mutex<Tickets>,
    turn: Condvar,
    value: Mutex<T>,
}

#[derive(Debug, Default)]
struct Tickets {
    /// Number of the next thread that asks.
    next: u64,
    /// Number of the thread that holds the mutex, or may lock it.
    serving: u64,
}

/// Access to the value of a [`FairMutex`] until it is dropped.
pub(crate) struct FairGuard<'m, T> {
    // Declared first: the value is released before the next thread is served.
    value: MutexGuard<'m, T>,
    _turn: Turn<'m, T>,
}

/// The turn of a thread, which ends when it is dropped.
struct Turn<'m, T>(&'m FairMutex<T>);

impl<T> FairMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { tickets: Mutex::default(), turn: Condvar::new(), value: Mutex::new(value) }
    }

    /// Waits for all threads that asked before, and locks.
    pub(crate) fn lock(&self) -> FairGuard<'_, T> {
        let mut tickets = self.tickets();
        let ticket = tickets.next;
        tickets.next += 1;
        let served = self.turn.wait_while(tickets, |tickets| tickets.serving != ticket);
        drop(served.unwrap_or_else(PoisonError::into_inner));
        let turn = Turn(self);
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        FairGuard { value, _turn: turn }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        // No code under this lock panics.
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.tickets().serving += 1;
        self.0.turn.notify_all();
    }
}

impl<T> Deref for FairGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for FairGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        thread,
    };

    use super::*;

    /// Waits until `threads` threads have asked for `mutex`.
    fn wait_for(mutex: &FairMutex<Vec<u64>>, threads: u64) {
        while mutex.tickets().next < threads {
            thread::yield_now();
        }
    }

    #[test]
    fn threads_lock_in_the_order_of_their_calls() {
        let mutex = &FairMutex::new(Vec::new());
        thread::scope(|scope| {
            let first = mutex.lock();
            for number in 0..8 {
                scope.spawn(move || mutex.lock().push(number));
                wait_for(mutex, number + 2);
            }
            drop(first);
        });
        assert_eq!(*mutex.lock(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let mutex = &FairMutex::new(0_u64);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| *mutex.lock() += 1));
            }
        });
        assert_eq!(*mutex.lock(), 4_000);
    }

    #[test]
    fn a_panic_releases_the_mutex() {
        let mutex = FairMutex::new(1);
        let panics = || {
            *mutex.lock() = 2;
            let _guard = mutex.lock();
            panic!("while it is locked");
        };
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(*mutex.lock(), 2);
    }
}
