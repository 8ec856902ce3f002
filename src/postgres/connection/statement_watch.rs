//! Ends a running statement once the interrupt of its search is due.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use ::postgres::CancelToken;

use super::{Connection, server_fault::ServerFault, transport::Transport};
use crate::{Error, Interrupt, Result};

/// Time between two requests to cancel. The first one has no effect if it arrives before the
/// statement.
const REPEAT: Duration = Duration::from_millis(100);

/// The state of the transaction that an interrupted statement returns to.
const SAVEPOINT: &str = "SAVEPOINT before_statement";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT before_statement";

/// A request to cancel the statement of one connection.
struct StatementWatch<'w> {
    interrupt: Interrupt<'w>,
    token: CancelToken,
    transport: Transport,
}

impl Connection {
    /// Runs `work` in the transaction that is open. Once `interrupt` is due, the server ends its
    /// statement, and the transaction goes on as it was before.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] or [`Error::Cancelled`] if `interrupt` was due.
    pub(in crate::postgres) fn interruptible<T>(
        &mut self,
        interrupt: Interrupt<'_>,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        interrupt.check()?;
        if interrupt.check_interval().is_none() {
            return work(self);
        }
        self.run(SAVEPOINT)?;
        let done = self.watched(interrupt, work);
        if done.as_ref().is_err_and(|error| interrupt.is_cause_of(error)) {
            self.run(ROLLBACK)?;
        }
        done
    }

    /// Runs `work`, which only reads, in the transaction that is open, and again if a late request to
    /// cancel an [`interruptible`](Self::interruptible) statement ends it.
    pub(in crate::postgres) fn completed<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        loop {
            match work(self) {
                Err(error)
                    if self.late_requests > 0
                        && ServerFault::of(&error) == ServerFault::Cancelled =>
                {
                    self.late_requests -= 1;
                    self.run(ROLLBACK)?;
                }
                done => return done,
            }
        }
    }

    /// Runs `work`, whose statements the server ends once `interrupt` is due.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] or [`Error::Cancelled`] if `interrupt` was due.
    pub(in crate::postgres) fn watched<T>(
        &mut self,
        interrupt: Interrupt<'_>,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        interrupt.check()?;
        if interrupt.check_interval().is_none() {
            return work(self);
        }
        let token = self.client.cancel_token();
        let watch = StatementWatch { interrupt, token, transport: self.transport.clone() };
        let (done, requests) = watch.during(|| work(self));
        let is_cancelled = requests > 0;
        // A late request could end a statement of another call.
        self.is_reusable &= !is_cancelled;
        self.late_requests += requests;
        match done {
            Err(error) if is_cancelled && ServerFault::of(&error) == ServerFault::Cancelled => {
                // Only a handle that was reset since is not due any more.
                interrupt.check().and(Err(Error::Cancelled))
            }
            done => done,
        }
    }
}

impl StatementWatch<'_> {
    /// Runs `work`, and cancels its statement once the interrupt is due; returns the number of
    /// requests.
    fn during<T>(self, work: impl FnOnce() -> T) -> (T, usize) {
        let (done, is_done) = channel::<()>();
        thread::scope(|scope| {
            let watch = move || {
                let mut interval = self.interrupt.check_interval().unwrap_or(REPEAT);
                let mut requests = 0;
                while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(interval) {
                    interval = self.interrupt.check_interval().unwrap_or(REPEAT);
                    if requests > 0 || self.interrupt.is_due() {
                        self.cancel();
                        requests += 1;
                        interval = REPEAT;
                    }
                }
                requests
            };
            let watcher = thread::Builder::new().spawn_scoped(scope, watch);
            if let Err(error) = &watcher {
                tracing::warn!(%error, "a statement runs without a time limit");
            }
            let worked = work();
            drop(done);
            let requests = watcher.map_or(0, |watcher| watcher.join().unwrap_or(1));
            (worked, requests)
        })
    }

    fn cancel(&self) {
        if let Err(error) = self.transport.cancel(&self.token) {
            tracing::warn!(%error, "a statement could not be cancelled");
        }
    }
}
