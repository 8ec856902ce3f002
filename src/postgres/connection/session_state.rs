//! Locks and settings of a session, which outlast a transaction.

use super::{Connection, Params};
use crate::{Error, Result, postgres::schema::Schema};

impl Connection {
    /// Runs `work` while no other session has locked `name`.
    ///
    /// # Errors
    ///
    /// [`Error::CorpusBusy`] if another session has.
    pub(in crate::postgres) fn with_session_lock<T>(
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
        let done = self.unshared(work);
        let unlocked = self.query(&format!("SELECT pg_advisory_unlock({name})"), &params);
        done.and_then(|done| unlocked.map(|_| done))
    }

    /// Runs `work` with this value of a server's setting; with `None`, the server's own.
    pub(in crate::postgres) fn with_setting<T>(
        &mut self,
        name: &'static str,
        value: Option<usize>,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let Some(value) = value else { return work(self) };
        self.run(&format!("SET {name} = {value}"))?;
        let done = self.unshared(work);
        let reset = self.run(&format!("RESET {name}"));
        done.and_then(|done| reset.map(|()| done))
    }

    /// Runs `work`. After a panic the session keeps its lock or setting, so no other call may use it.
    fn unshared<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let is_reusable = std::mem::replace(&mut self.is_reusable, false);
        let done = work(self);
        self.is_reusable = is_reusable && !self.is_closed();
        done
    }
}
