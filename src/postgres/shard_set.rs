//! The shards of a corpus: their connections, and the shard of each article.

use xxhash_rust::xxh3::xxh3_64;

use super::{
    connection::{Access, Connection, RootCertificates, ShardAddress},
    pool::{Pool, PooledConnection},
    retry::RetryPolicy,
};
use crate::{Cancel, Error, Interrupt, Result, work::parallel::parallel_map};

/// Settings of the connections to all shards.
#[derive(Clone, Debug)]
pub(super) struct ConnectionSettings {
    /// Maximum number of connections to each shard, `>= 1`.
    pub(super) connections: usize,
    pub(super) retry: RetryPolicy,
    pub(super) roots: RootCertificates,
    /// Ends writes.
    pub(super) cancel: Option<Cancel>,
}

/// The shards in the order of their URLs.
pub(super) struct ShardSet {
    pools: Vec<Pool>,
    retry: RetryPolicy,
    /// Ends writes.
    cancel: Option<Cancel>,
}

impl ShardSet {
    /// Parses the URLs; no connection is opened.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if there is no URL.
    /// - [`Error::ShardUrl`] if one is none.
    /// - [`Error::Choice`] if one asks for encryption, which this build lacks.
    pub(super) fn new(urls: &[String], settings: &ConnectionSettings) -> Result<Self> {
        // A shard is the upper 16 bits of the id of a passage.
        let most = usize::from(u16::MAX);
        Error::check_setting("shards", urls.len(), 1..=most, "1 to 65,535 URLs")?;
        let pools = urls.iter().enumerate().map(|(shard, url)| {
            let address = ShardAddress::new(url, shard, &settings.roots)?;
            Ok(Pool::new(address, settings.connections))
        });
        let cancel = settings.cancel.clone();
        Ok(Self { pools: pools.collect::<Result<_>>()?, retry: settings.retry, cancel })
    }

    pub(super) fn len(&self) -> usize {
        self.pools.len()
    }

    /// Ends writes once the handle of the corpus is cancelled.
    pub(super) fn write_interrupt(&self) -> Interrupt<'_> {
        Interrupt::new(None, self.cancel.as_ref())
    }

    /// How calls are repeated.
    pub(super) fn retry(&self) -> RetryPolicy {
        self.retry
    }

    /// Takes a connection to the shard at `shard`, as [`Pool::reserve`] does.
    pub(super) fn reserve(
        &self,
        shard: usize,
        access: Access,
        interrupt: Interrupt<'_>,
    ) -> Result<PooledConnection<'_>> {
        self.pools[shard].reserve(access, interrupt)
    }

    /// Takes a connection to the shard at `shard`.
    pub(super) fn take(
        &self,
        shard: usize,
        access: Access,
        interrupt: Interrupt<'_>,
    ) -> Result<PooledConnection<'_>> {
        self.pools[shard].take(access, interrupt)
    }

    /// Returns the shard of the article of `key`.
    pub(super) fn shard_of(&self, key: &str) -> usize {
        let shard = xxh3_64(key.as_bytes()) % self.pools.len() as u64;
        usize::try_from(shard).expect("it is less than the number of shards")
    }

    /// Returns the `items` of each shard, in their order; `key` returns that of an item's article.
    pub(super) fn grouped<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> Vec<Vec<T>> {
        let mut by_shard: Vec<Vec<T>> = self.pools.iter().map(|_| Vec::new()).collect();
        for item in items {
            by_shard[self.shard_of(key(&item))].push(item);
        }
        by_shard
    }

    /// Runs `read` on a connection to each shard at the same time, again where a server fails.
    pub(super) fn on_each<T: Send>(
        &self,
        read: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        parallel_map(self.len(), self.len(), |shard| {
            self.read(shard, |connection| read(shard, connection))
        })
    }

    /// Runs `read` on a connection to the shard with the article of `key`, again if its server fails.
    pub(super) fn on_shard_of<T>(
        &self,
        key: &str,
        read: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.read(self.shard_of(key), read)
    }

    /// Runs `read` on a connection to the shard at `shard`, again if its server fails.
    pub(super) fn read<T>(
        &self,
        shard: usize,
        read: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.repeated(shard, Access::Read, Interrupt::none(), read)
    }

    /// Runs `write` on a connection to the shard at `shard` that accepts writes, again if its server
    /// fails. The first attempt can have been committed then, so `write` counts once although it is
    /// run twice.
    pub(super) fn write<T>(
        &self,
        shard: usize,
        write: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.repeated(shard, Access::Write, self.write_interrupt(), write)
    }

    /// Runs `write` as [`write`](Self::write) does on each shard at the same time.
    pub(super) fn write_each<T: Send>(
        &self,
        write: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        parallel_map(self.len(), self.len(), |shard| {
            self.write(shard, |connection| write(shard, connection))
        })
    }

    /// Runs `work`, a step of a write, on a connection to each shard that `is_needed` at the same time,
    /// again where a server fails. Another shard has the default value, also while it is down.
    pub(super) fn on_needed<T: Send + Default>(
        &self,
        access: Access,
        is_needed: impl Fn(usize) -> bool + Sync,
        work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        parallel_map(self.len(), self.len(), |shard| {
            if !is_needed(shard) {
                return Ok(T::default());
            }
            let interrupt = self.write_interrupt();
            self.repeated(shard, access, interrupt, |connection| work(shard, connection))
        })
    }

    fn repeated<T>(
        &self,
        shard: usize,
        access: Access,
        interrupt: Interrupt<'_>,
        mut work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.retry.run(interrupt, || {
            self.pools[shard]
                .with(access, interrupt, |connection| connection.watched(interrupt, &mut work))
        })
    }
}
