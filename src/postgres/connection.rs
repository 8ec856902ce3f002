//! Connections to a server: the home of the crate `postgres`.
//!
//! All values travel as parameters of declared types, so that a statement takes one round trip and
//! no text of a user becomes part of one.

mod copy_rows;
mod owned_client;
mod params;
mod server_fault;
mod session_state;
mod shard_address;
mod statement_watch;
#[cfg(feature = "postgres-tls")]
mod tls;
mod transport;

use std::time::{Duration, Instant};

use ::postgres::{Client, fallible_iterator::FallibleIterator, types::FromSql};

use owned_client::OwnedClient;
pub(super) use params::Params;
pub(super) use server_fault::ServerFault;
pub(super) use shard_address::{Access, ShardAddress};
pub(super) use transport::RootCertificates;
use transport::Transport;

use crate::{Error, Result};

/// Starts a transaction that writes. Writers wait for each other's rows and read what was committed,
/// whatever isolation is the default of the server.
pub(super) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A connection to the server of one shard.
pub(super) struct Connection {
    client: OwnedClient,
    transport: Transport,
    shard: usize,
    access: Access,
    is_in_transaction: bool,
    /// Whether another call may use the connection.
    is_reusable: bool,
    /// Maximum number of requests to cancel a statement that have yet to arrive.
    late_requests: usize,
    counts: StatementCounts,
}

/// What the statements of a transaction took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StatementCounts {
    pub(super) statements: usize,
    /// From sending a statement to reading its last row.
    pub(super) time: Duration,
}

/// A row of a result.
pub(super) struct ResultRow {
    row: ::postgres::Row,
    shard: usize,
}

impl Connection {
    /// Position of the shard's URL, from 0.
    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    fn new(client: Client, transport: Transport, shard: usize, access: Access) -> Self {
        Self {
            client: client.into(),
            transport,
            shard,
            access,
            is_in_transaction: false,
            is_reusable: true,
            late_requests: 0,
            counts: StatementCounts::default(),
        }
    }

    /// Returns the purpose of the connection.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Whether the server is known to have ended the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What the statements since the start of the last transaction took.
    pub(super) fn counts(&self) -> StatementCounts {
        self.counts
    }

    fn count(&mut self, started: Instant) {
        self.counts.statements += 1;
        self.counts.time += started.elapsed();
    }

    /// Runs `statements`, which have no parameters.
    pub(super) fn run(&mut self, statements: &str) -> Result<()> {
        let started = Instant::now();
        let done = self.client.batch_execute(statements);
        self.count(started);
        done.map_err(|error| self.failed(error))
    }

    /// Runs a statement and returns its rows.
    pub(super) fn query(&mut self, statement: &str, params: &Params) -> Result<Vec<ResultRow>> {
        let params = params.checked()?;
        let started = Instant::now();
        let rows = self.client.query_typed(statement, &params);
        self.count(started);
        let rows = rows.map_err(|error| self.failed(error))?.into_iter();
        Ok(rows.map(|row| ResultRow { row, shard: self.shard }).collect())
    }

    /// Runs a statement and returns the first value of its first row; `None` if it has no row.
    pub(super) fn query_value<T>(&mut self, statement: &str, params: &Params) -> Result<Option<T>>
    where
        T: for<'r> FromSql<'r>,
    {
        let rows = self.query(statement, params)?;
        rows.first().map(|row| row.get(0)).transpose()
    }

    /// Locks `name` in the database until the transaction ends; returns `false` if another
    /// transaction has locked it.
    pub(super) fn try_lock(&mut self, name: &str) -> Result<bool> {
        let mut params = Params::default();
        let name = params.text(name);
        let lock = format!("SELECT pg_try_advisory_xact_lock(hashtextextended({name}, 0))");
        Ok(self.query_value(&lock, &params)? == Some(true))
    }

    /// Runs a statement and passes its rows to `take`, without keeping all of them.
    pub(super) fn for_each(
        &mut self,
        statement: &str,
        params: &Params,
        mut take: impl FnMut(ResultRow) -> Result<()>,
    ) -> Result<()> {
        let params = params.checked()?;
        let started = Instant::now();
        let Self { client, shard, is_reusable, .. } = self;
        let mut failed = |error| noted_failure(error, *shard, is_reusable);
        let mut rows = client.query_typed_raw(statement, params).map_err(&mut failed)?;
        while let Some(row) = rows.next().map_err(&mut failed)? {
            take(ResultRow { row, shard: *shard })?;
        }
        drop(rows);
        self.count(started);
        Ok(())
    }

    /// Starts a transaction by the statement `begin`.
    pub(super) fn begin(&mut self, begin: &str) -> Result<()> {
        self.counts = StatementCounts::default();
        self.run(begin)?;
        self.is_in_transaction = true;
        Ok(())
    }

    /// Commits the transaction.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.run("COMMIT")?;
        self.is_in_transaction = false;
        Ok(())
    }

    /// Ends a transaction without a commit, if one is open; returns whether the connection can be
    /// used again.
    pub(super) fn reset(&mut self) -> bool {
        if self.is_in_transaction {
            self.is_in_transaction = self.run("ROLLBACK").is_err();
        }
        self.is_reusable && !self.is_in_transaction && !self.is_closed()
    }

    fn failed(&mut self, error: ::postgres::Error) -> Error {
        noted_failure(error, self.shard, &mut self.is_reusable)
    }

    /// Runs `work` in a transaction and commits it; an error rolls it back.
    pub(super) fn transact<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.begin(BEGIN_WRITE)?;
        let done = work(self).and_then(|done| self.commit().map(|()| done));
        if done.is_err() {
            self.reset();
        }
        done
    }
}

impl ResultRow {
    /// Returns the value of a column.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`] if the column has another type.
    pub(super) fn get<'r, T: FromSql<'r>>(&'r self, column: usize) -> Result<T> {
        self.row.try_get(column).map_err(failure(self.shard))
    }
}

/// Returns the error of a statement, and notes whether it ended the connection.
fn noted_failure(error: ::postgres::Error, shard: usize, is_reusable: &mut bool) -> Error {
    *is_reusable &= ServerFault::of_client(&error) != ServerFault::Unreachable;
    failure(shard)(error)
}

/// Returns a function for `map_err` that makes an [`Error::Shard`].
fn failure(shard: usize) -> impl FnOnce(::postgres::Error) -> Error {
    move |source| Error::Shard { shard, source: Box::new(source) }
}
