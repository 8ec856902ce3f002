//! The latest time that articles have under a name, for recency.

use std::collections::BTreeMap;

use super::{
    candidate_row::{damaged, shard_of},
    connection::{Connection, Params, ResultRow},
    filter_condition::has_name,
    sql_view::SqlView,
};
use crate::{
    Result,
    search::{
        filter::{Instant, Scalar, ValueKind},
        view::PassageId,
    },
};

impl SqlView<'_> {
    /// Returns the latest time under `name` of the article of each of `ids`.
    pub(super) fn latest_times_of(
        &self,
        name: &str,
        ids: &[PassageId],
    ) -> Result<Vec<Option<Instant>>> {
        // No stored text has a zero byte, and the server takes none.
        if name.contains('\0') {
            return Ok(vec![None; ids.len()]);
        }
        let keys: Vec<String> = ids.iter().map(|id| self.rows().get(*id).key.clone()).collect();
        let times = self.snapshots.on_each(|shard, connection| {
            let of_shard = ids.iter().zip(&keys).filter(|(id, _)| shard_of(**id) == shard);
            let of_shard: Vec<&str> = of_shard.map(|(_, key)| key.as_str()).collect();
            self.latest_of_keys(connection, name, of_shard)
        })?;
        Ok(ids.iter().zip(&keys).map(|(id, key)| times[shard_of(*id)].get(key).copied()).collect())
    }

    /// Returns the latest time under `name` of those articles of a shard that have one.
    fn latest_of_keys(
        &self,
        connection: &mut Connection,
        name: &str,
        keys: Vec<&str>,
    ) -> Result<BTreeMap<String, Instant>> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut params = Params::default();
        let keys = params.texts(keys);
        let named = has_name(name, &mut params);
        let letter = ValueKind::Time.letter();
        let statement = format!(
            "SELECT v.article, max(v.value) FROM {{s}}.article_values v WHERE v.article = ANY({keys}) \
             AND {named} AND v.value >= '{letter}:' AND v.value < '{letter};' GROUP BY v.article"
        );
        let rows = connection.query(&self.schema.sql(&statement), &params)?;
        let time = |row: &ResultRow| {
            let time = Scalar::of_sort_key(row.get(1)?).and_then(|value| value.time());
            Ok((row.get(0)?, time.ok_or_else(|| damaged("a time of metadata is invalid"))?))
        };
        rows.iter().map(time).collect()
    }
}
