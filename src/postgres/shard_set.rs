//! The shards of a corpus: their connections, and the shard of each article.

use xxhash_rust::xxh3::xxh3_64;

use super::{
    connection::{Access, Connection, RootCertificates, ShardAddress},
    pool::{Pool, PooledConnection},
    retry::RetryPolicy,
};
use crate::{Error, Interrupt, Result, work::parallel::parallel_map};

/// Settings of the connections to all shards.
#[derive(Clone, Debug)]
pub(super) struct ConnectionSettings {
    /// Maximum number of connections to each shard, `>= 1`.
    pub(super) connections: usize,
    pub(super) retry: RetryPolicy,
    pub(super) roots: RootCertificates,
}

/// The shards in the order of their URLs.
pub(super) struct ShardSet {
    pools: Vec<Pool>,
    retry: RetryPolicy,
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
        Ok(Self { pools: pools.collect::<Result<_>>()?, retry: settings.retry })
    }

    pub(super) fn len(&self) -> usize {
        self.pools.len()
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
            self.repeated(shard, Access::Read, |connection| read(shard, connection))
        })
    }

    /// Runs `read` on a connection to the shard with the article of `key`, again if its server fails.
    pub(super) fn on_shard_of<T>(
        &self,
        key: &str,
        read: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.repeated(self.shard_of(key), Access::Read, read)
    }

    /// Runs `read` on a connection to the shard at `shard`, again if its server fails.
    pub(super) fn read<T>(
        &self,
        shard: usize,
        read: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.repeated(shard, Access::Read, read)
    }

    /// Runs `write` on a connection to the shard at `shard` that accepts writes, again if its server
    /// fails. The first attempt can have been committed then, so `write` counts once although it is
    /// run twice.
    pub(super) fn write<T>(
        &self,
        shard: usize,
        write: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.repeated(shard, Access::Write, write)
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

    /// Runs `work` on a connection to each shard that `is_needed` at the same time, again where a
    /// server fails. Another shard has the default value, also while it is down.
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
            self.repeated(shard, access, |connection| work(shard, connection))
        })
    }

    fn repeated<T>(
        &self,
        shard: usize,
        access: Access,
        mut work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.retry.run(Interrupt::none(), || self.pools[shard].with(access, &mut work))
    }
}
