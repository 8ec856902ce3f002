//! A bounded pool of connections to one shard.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::connection::{Access, Connection, ServerFault, ShardAddress};
use crate::{Interrupt, Result};

/// Connections to one shard, each used by one thread at a time.
pub(super) struct Pool {
    address: ShardAddress,
    /// Maximum number of connections.
    limit: usize,
    state: Mutex<PoolState>,
    /// Notified when a connection is returned or closed.
    returned: Condvar,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Connection>,
    /// Number of connections, in use or idle.
    open: usize,
}

/// A connection that returns to its pool when it is dropped.
pub(super) struct PooledConnection<'p> {
    pool: &'p Pool,
    access: Access,
    /// `None` until it is connected, after that failed, and while it is dropped.
    connection: Option<Connection>,
    /// Whether it was idle, so that it may have died unnoticed.
    was_idle: bool,
}

impl Pool {
    pub(super) fn new(address: ShardAddress, limit: usize) -> Self {
        Self { address, limit, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `work` on a connection, and again on a new one if that was idle and has died meanwhile.
    pub(super) fn with<T>(
        &self,
        access: Access,
        interrupt: Interrupt<'_>,
        work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.take(access, interrupt)?.revived(interrupt, work)
    }

    /// Takes an idle connection, opens one, or waits for one.
    pub(super) fn take(
        &self,
        access: Access,
        interrupt: Interrupt<'_>,
    ) -> Result<PooledConnection<'_>> {
        let mut pooled = self.reserve(access, interrupt)?;
        pooled.connect(interrupt)?;
        Ok(pooled)
    }

    /// Takes an idle connection or, once there is a place for one, a connection that is not open: call
    /// [`PooledConnection::connect`] before its use.
    pub(super) fn reserve(
        &self,
        access: Access,
        interrupt: Interrupt<'_>,
    ) -> Result<PooledConnection<'_>> {
        let access = self.address.shared(access);
        let connection = self.place(access, interrupt)?;
        let was_idle = connection.is_some();
        Ok(PooledConnection { pool: self, access, connection, was_idle })
    }

    /// Waits for a place among the open connections; returns an idle connection if there is one.
    fn place(&self, access: Access, interrupt: Interrupt<'_>) -> Result<Option<Connection>> {
        // Closing takes time, so connections are closed after the lock is released.
        let mut closed = Vec::new();
        let mut state = self.state();
        loop {
            closed.extend(state.take_closed());
            if let Some(connection) = state.idle_connection(access) {
                return Ok(Some(connection));
            }
            if state.open < self.limit {
                state.open += 1;
                return Ok(None);
            }
            // One for the other access takes up the place.
            if let Some(connection) = state.idle.pop() {
                closed.push(connection);
                return Ok(None);
            }
            interrupt.check()?;
            state = match interrupt.check_interval() {
                None => self.returned.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.returned.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Closes all idle connections. After one has died, the others have probably died as well.
    fn close_idle(&self) {
        let mut state = self.state();
        let closed = std::mem::take(&mut state.idle);
        state.open -= closed.len();
        self.returned.notify_all();
        // Closing takes time, so others need not wait for it.
        drop(state);
    }

    /// Takes back a connection, or counts one less.
    fn release(&self, connection: Option<Connection>) {
        let mut state = self.state();
        match connection {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        self.returned.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        // Each change of the state is complete, so a poisoned one is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolState {
    /// Takes the idle connections that the server has closed.
    fn take_closed(&mut self) -> Vec<Connection> {
        let closed: Vec<Connection> =
            self.idle.extract_if(.., |connection| connection.is_closed()).collect();
        self.open -= closed.len();
        closed
    }

    /// Takes an idle connection for `access`.
    fn idle_connection(&mut self, access: Access) -> Option<Connection> {
        let at = self.idle.iter().rposition(|connection| connection.access() == access)?;
        Some(self.idle.remove(at))
    }
}

impl PooledConnection<'_> {
    /// Opens the connection unless it is open. The drop gives the place back if that fails.
    pub(super) fn connect(&mut self, interrupt: Interrupt<'_>) -> Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.pool.address.connect(self.access, interrupt)?);
        }
        Ok(())
    }

    /// Runs `work`, and again on a new connection if this one was idle and has died meanwhile.
    pub(super) fn revived<T>(
        &mut self,
        interrupt: Interrupt<'_>,
        mut work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        match work(self) {
            Err(error) if self.was_idle && ServerFault::of(&error) == ServerFault::Unreachable => {}
            done => return done,
        }
        self.was_idle = false;
        self.pool.close_idle();
        self.connection = None;
        self.connect(interrupt)?;
        work(self)
    }
}

impl Deref for PooledConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is connected before its use")
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is connected before its use")
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let mut place = ReturnedPlace { pool: self.pool, usable: None };
        let Some(mut connection) = self.connection.take() else { return };
        // A panic may come from a connection that must not block here.
        if !thread::panicking() && connection.reset() {
            place.usable = Some(connection);
        }
    }
}

/// A place among the connections of a pool, which is given back when it is dropped, also by a panic
/// while its connection is reset.
struct ReturnedPlace<'p> {
    pool: &'p Pool,
    /// `None` if the connection is closed.
    usable: Option<Connection>,
}

impl Drop for ReturnedPlace<'_> {
    fn drop(&mut self) {
        self.pool.release(self.usable.take());
    }
}
