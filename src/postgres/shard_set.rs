//! The shards of a corpus: their connections, and the shard of each article.

use xxhash_rust::xxh3::xxh3_64;

use super::{
    connection::{Connection, ShardAddress},
    pool::Pool,
};
use crate::{Error, Result, work::parallel::parallel_map};

/// The shards in the order of their URLs.
pub(super) struct ShardSet(Vec<Pool>);

impl ShardSet {
    /// Parses the URLs; no connection is opened.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if there is no URL.
    /// - [`Error::ShardUrl`] if one is none.
    pub(super) fn new(urls: &[String], connections: usize) -> Result<Self> {
        // A shard is the upper 16 bits of the id of a passage.
        let most = usize::from(u16::MAX);
        Error::check_setting("shards", urls.len(), 1..=most, "1 to 65,535 URLs")?;
        let pools = urls.iter().enumerate().map(|(shard, url)| {
            ShardAddress::new(url, shard).map(|address| Pool::new(address, connections))
        });
        Ok(Self(pools.collect::<Result<_>>()?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn pools(&self) -> &[Pool] {
        &self.0
    }

    /// Returns the shard of the article of `key`.
    pub(super) fn shard_of(&self, key: &str) -> usize {
        let shard = xxh3_64(key.as_bytes()) % self.0.len() as u64;
        usize::try_from(shard).expect("it is less than the number of shards")
    }

    /// Runs `work` on a connection to each shard at the same time.
    pub(super) fn on_each<T: Send>(
        &self,
        work: impl Fn(usize, &mut Connection) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        parallel_map(self.len(), self.len(), |shard| work(shard, &mut *self.0[shard].take()?))
    }

    /// Runs `work` on a connection to the shard with the article of `key`.
    pub(super) fn on_shard_of<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        work(&mut *self.0[self.shard_of(key)].take()?)
    }
}
