//! One state of each shard: the connections of a search, each in a transaction.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    connection::{Access, Connection, ServerFault, StatementCounts},
    pool::PooledConnection,
    shard_set::ShardSet,
};
use crate::{
    Error, Interrupt, Result, ShardPlan, search::query_models::ViewRequest,
    work::parallel::parallel_map,
};

/// Starts a transaction that sees one state.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// One state of each shard.
pub(super) struct ShardSnapshots<'c> {
    /// In the order of the shards; `None` for a missing one.
    connections: Vec<Option<Mutex<PooledConnection<'c>>>>,
    interrupt: Interrupt<'c>,
}

impl<'c> ShardSnapshots<'c> {
    /// Takes a connection to each shard, starts its transaction and runs `first`, whose values are
    /// those of the shards; `None` for a missing one.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`] for a shard that cannot be reached, unless the request is partial and another
    /// one can.
    pub(super) fn open<T: Send>(
        placement: &'c ShardSet,
        request: ViewRequest<'c>,
        first: impl Fn(&mut Connection) -> Result<T> + Sync,
    ) -> Result<(Self, Vec<Option<T>>)> {
        let ViewRequest { interrupt, is_partial } = request;
        // In one order, so that no two searches wait for each other's places.
        let reserved = (0..placement.len())
            .map(|shard| placement.reserve(shard, Access::Read, interrupt).map(Mutex::new));
        let reserved = reserved.collect::<Result<Vec<_>>>()?;
        let values = parallel_map(reserved.len(), reserved.len(), |shard| {
            let mut connection = locked(&reserved[shard]);
            let begun = connection.connect(interrupt).and_then(|()| {
                connection.revived(interrupt, |connection| {
                    connection.begin(BEGIN)?;
                    connection.interruptible(interrupt, &first)
                })
            });
            reachable(begun, is_partial)
        })?;
        let connections = reserved.into_iter().zip(&values);
        let connections: Vec<_> =
            connections.map(|(reserved, value)| value.is_some().then_some(reserved)).collect();
        if connections.iter().all(Option::is_none) {
            // Nothing can be searched, so the failure of a shard is that of the call.
            return Self::open(placement, ViewRequest { is_partial: false, ..request }, first);
        }
        Ok((Self { connections, interrupt }, values))
    }

    /// Number of shards, with missing ones.
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Returns the missing shards, by the position of their URLs.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.len()).filter(|shard| self.connections[*shard].is_none()).collect()
    }

    /// Returns what the statements took so far, without missing shards.
    pub(super) fn plans(&self) -> Vec<ShardPlan> {
        let plan = |(shard, connection): (usize, &Option<Mutex<PooledConnection>>)| {
            let StatementCounts { statements, time } = locked(connection.as_ref()?).counts();
            Some(ShardPlan { shard, statements, time })
        };
        self.connections.iter().enumerate().filter_map(plan).collect()
    }

    /// Runs `work` on each shard at the same time, to its end also if the interrupt of the search was
    /// due; a missing one has the default value.
    pub(super) fn on_each<T: Send + Default>(
        &self,
        work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        parallel_map(self.len(), self.len(), |shard| match &self.connections[shard] {
            Some(connection) => locked(connection).completed(|connection| work(shard, connection)),
            None => Ok(T::default()),
        })
    }

    /// Runs `work` as [`on_each`](Self::on_each) does, until the interrupt of the search is due.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] or [`Error::Cancelled`] then.
    pub(super) fn count_each<T: Send + Default>(
        &self,
        work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        self.on_each(|shard, connection| {
            connection.interruptible(self.interrupt, |connection| work(shard, connection))
        })
    }

    /// Runs `work` as [`on_each`](Self::on_each) does; returns `None` for a shard whose statement
    /// `interrupt` ended.
    pub(super) fn search_each<T: Send + Default>(
        &self,
        interrupt: Interrupt<'_>,
        work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<Option<T>>> {
        parallel_map(self.len(), self.len(), |shard| {
            let Some(connection) = &self.connections[shard] else { return Ok(Some(T::default())) };
            let mut connection = locked(connection);
            match connection.interruptible(interrupt, |connection| work(shard, connection)) {
                Err(error) if interrupt.is_cause_of(&error) => Ok(None),
                searched => searched.map(Some),
            }
        })
    }

    /// Runs `work` on one shard.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`] if it is missing.
    pub(super) fn on<T>(
        &self,
        shard: usize,
        work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let missing = || Error::Shard { shard, source: "a partial search left it out".into() };
        locked(self.connections[shard].as_ref().ok_or_else(missing)?).completed(work)
    }
}

/// Returns `None` for a shard that cannot be reached, if it may be left out.
fn reachable<T>(outcome: Result<T>, is_partial: bool) -> Result<Option<T>> {
    match outcome {
        Err(error) if is_partial && ServerFault::of(&error) == ServerFault::Unreachable => {
            tracing::warn!(%error, "a partial search leaves out a shard");
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves a connection in its transaction, which ends with it, and a row whole or absent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
