//! Connections to a server: the home of the crate `postgres`.
//!
//! All values travel as parameters of declared types, so that a statement takes one round trip and
//! no text of a user becomes part of one.

mod server_fault;
mod shard_address;
mod statement_watch;
#[cfg(feature = "postgres-tls")]
mod tls;
mod transport;

use std::borrow::Cow;

use ::postgres::{
    Client,
    binary_copy::BinaryCopyInWriter,
    fallible_iterator::FallibleIterator,
    types::{FromSql, ToSql, Type},
};

pub(super) use server_fault::ServerFault;
pub(super) use shard_address::{Access, ShardAddress};
pub(super) use transport::RootCertificates;
use transport::Transport;

use super::schema::Schema;
use crate::{Error, Result};

/// Maximum number of parameters of a statement, by the protocol.
pub(super) const MAX_PARAMS: usize = u16::MAX as usize;

/// Starts a transaction that writes. Writers wait for each other's rows and read what was committed,
/// whatever isolation is the default of the server.
pub(super) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// A connection to the server of one shard.
pub(super) struct Connection {
    client: Client,
    transport: Transport,
    shard: usize,
    access: Access,
    is_in_transaction: bool,
    /// Whether another call may use the connection.
    is_reusable: bool,
}

/// A row of a result.
pub(super) struct ResultRow {
    row: ::postgres::Row,
    shard: usize,
}

/// The parameters of a statement.
#[derive(Default)]
pub(super) struct Params<'p>(Vec<TypedParam<'p>>);

struct TypedParam<'p> {
    value: Box<dyn ToSql + Sync + 'p>,
    sql_type: Type,
}

impl Connection {
    /// Position of the shard's URL, from 0.
    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    fn new(client: Client, transport: Transport, shard: usize, access: Access) -> Self {
        Self { client, transport, shard, access, is_in_transaction: false, is_reusable: true }
    }

    /// Returns the purpose of the connection.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Whether the server is known to have ended the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs `statements`, which have no parameters.
    pub(super) fn run(&mut self, statements: &str) -> Result<()> {
        self.client.batch_execute(statements).map_err(|error| self.failed(error))
    }

    /// Runs a statement and returns its rows.
    pub(super) fn query(&mut self, statement: &str, params: &Params) -> Result<Vec<ResultRow>> {
        let rows = self.client.query_typed(statement, &params.checked()?);
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

    /// Runs `work` while no other session has locked `name`.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusBusy`] if another session has.
    pub(super) fn with_session_lock<T>(
        &mut self,
        name: &str,
        schema: &Schema,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut params = Params::default();
        let name = format!("hashtextextended({}, 0)", params.text(name));
        let lock = format!("SELECT pg_try_advisory_lock({name})");
        if self.query_value(&lock, &params)? != Some(true) {
            return Err(Error::CorpusBusy { schema: schema.name().to_owned(), shard: self.shard });
        }
        let done = work(self);
        let unlocked = self.query(&format!("SELECT pg_advisory_unlock({name})"), &params);
        done.and_then(|done| unlocked.map(|_| done))
    }

    /// Runs `work` with this much memory, in bytes, for each index that it builds; `None` for the
    /// server's setting.
    pub(super) fn with_build_memory<T>(
        &mut self,
        bytes: Option<usize>,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let Some(bytes) = bytes else { return work(self) };
        let kibibytes = bytes / 1_024;
        self.run(&format!("SET maintenance_work_mem = {kibibytes}"))?;
        let done = work(self);
        let reset = self.run("RESET maintenance_work_mem");
        done.and_then(|done| reset.map(|()| done))
    }

    /// Runs a statement and passes its rows to `take`, without keeping all of them.
    pub(super) fn for_each(
        &mut self,
        statement: &str,
        params: &Params,
        mut take: impl FnMut(ResultRow) -> Result<()>,
    ) -> Result<()> {
        let params = params.checked()?;
        let Self { client, shard, is_reusable, .. } = self;
        let mut failed = |error| noted_failure(error, *shard, is_reusable);
        let mut rows = client.query_typed_raw(statement, params).map_err(&mut failed)?;
        while let Some(row) = rows.next().map_err(&mut failed)? {
            take(ResultRow { row, shard: *shard })?;
        }
        Ok(())
    }

    /// Sends `rows` to `statement`, a binary `COPY` from standard input.
    pub(super) fn copy_rows<'p>(
        &mut self,
        statement: &str,
        rows: impl IntoIterator<Item = Params<'p>>,
    ) -> Result<()> {
        let shard = self.shard;
        let mut rows = rows.into_iter().peekable();
        let Some(first) = rows.peek() else { return Ok(()) };
        let types: Vec<Type> = first.0.iter().map(|param| param.sql_type.clone()).collect();
        let writer = self.client.copy_in(statement).map_err(failure(shard))?;
        let mut writer = BinaryCopyInWriter::new(writer, &types);
        for row in rows {
            let values: Vec<&(dyn ToSql + Sync)> =
                row.0.iter().map(|param| &*param.value).collect();
            writer.write(&values).map_err(failure(shard))?;
        }
        writer.finish().map(drop).map_err(failure(shard))
    }

    /// Starts a transaction by the statement `begin`.
    pub(super) fn begin(&mut self, begin: &str) -> Result<()> {
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

/// Each method adds a parameter and returns its place in the statement, such as `$1`.
impl<'p> Params<'p> {
    pub(super) fn text(&mut self, value: impl Into<Cow<'p, str>>) -> String {
        self.push(value.into(), Type::TEXT)
    }

    pub(super) fn texts(&mut self, values: Vec<&'p str>) -> String {
        self.push(values, Type::TEXT_ARRAY)
    }

    pub(super) fn owned_texts(&mut self, values: Vec<String>) -> String {
        self.push(values, Type::TEXT_ARRAY)
    }

    pub(super) fn boolean(&mut self, value: bool) -> String {
        self.push(value, Type::BOOL)
    }

    pub(super) fn int4(&mut self, value: i32) -> String {
        self.push(value, Type::INT4)
    }

    pub(super) fn optional_int4(&mut self, value: Option<i32>) -> String {
        self.push(value, Type::INT4)
    }

    pub(super) fn optional_text(&mut self, value: Option<&'p str>) -> String {
        self.push(value, Type::TEXT)
    }

    pub(super) fn int8(&mut self, value: i64) -> String {
        self.push(value, Type::INT8)
    }

    pub(super) fn int2s(&mut self, values: Vec<i16>) -> String {
        self.push(values, Type::INT2_ARRAY)
    }

    pub(super) fn int8s(&mut self, values: Vec<i64>) -> String {
        self.push(values, Type::INT8_ARRAY)
    }

    pub(super) fn float4s(&mut self, values: &'p [f32]) -> String {
        self.push(values, Type::FLOAT4_ARRAY)
    }

    pub(super) fn bytes(&mut self, value: Vec<u8>) -> String {
        self.push(value, Type::BYTEA)
    }

    pub(super) fn byte_strings(&mut self, values: Vec<Vec<u8>>) -> String {
        self.push(values, Type::BYTEA_ARRAY)
    }

    /// Adds a vector in the binary form of pgvector, for [`Connection::copy_rows`]: its dimension, 2
    /// bytes of zeros, and the values.
    pub(super) fn copied_vector(&mut self, values: &[f32]) -> String {
        let dim = u16::try_from(values.len()).expect("the dimension was checked at the creation");
        let header = [dim.to_be_bytes(), [0; 2]].concat();
        let values = values.iter().flat_map(|value| value.to_be_bytes());
        self.bytes(header.into_iter().chain(values).collect())
    }

    fn push(&mut self, value: impl ToSql + Sync + 'p, sql_type: Type) -> String {
        self.0.push(TypedParam { value: Box::new(value), sql_type });
        format!("${}", self.0.len())
    }

    /// Returns the parameters for the client.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if there are more than [`MAX_PARAMS`].
    fn checked(&self) -> Result<Vec<(&(dyn ToSql + Sync), Type)>> {
        let got = self.0.len();
        if got > MAX_PARAMS {
            return Err(Error::TooLarge {
                what: "values in one statement",
                got,
                limit: MAX_PARAMS,
            });
        }
        Ok(self.0.iter().map(|param| (&*param.value as _, param.sql_type.clone())).collect())
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
