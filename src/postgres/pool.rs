//! A bounded pool of connections to one shard.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::connection::{Connection, ShardAddress};
use crate::Result;

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
    /// `None` only while it is connected and while it is dropped.
    connection: Option<Connection>,
}

impl Pool {
    pub(super) fn new(address: ShardAddress, limit: usize) -> Self {
        Self { address, limit, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Takes an idle connection, opens one, or waits for one.
    pub(super) fn take(&self) -> Result<PooledConnection<'_>> {
        let mut state = self.state();
        loop {
            while let Some(connection) = state.idle.pop() {
                if !connection.is_closed() {
                    return Ok(self.pooled(connection));
                }
                state.open -= 1;
            }
            if state.open < self.limit {
                state.open += 1;
                break;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // Its drop gives the place back if connecting fails or panics.
        let mut pooled = PooledConnection { pool: self, connection: None };
        pooled.connection = Some(self.address.connect()?);
        Ok(pooled)
    }

    fn pooled(&self, connection: Connection) -> PooledConnection<'_> {
        PooledConnection { pool: self, connection: Some(connection) }
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

impl Deref for PooledConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let usable = self.connection.take().and_then(|mut connection| {
            let is_usable = connection.reset();
            is_usable.then_some(connection)
        });
        self.pool.release(usable);
    }
}
