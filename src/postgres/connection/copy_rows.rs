//! Rows in binary form.

use ::postgres::{
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use super::{Connection, Params, noted_failure};
use crate::Result;

impl Connection {
    /// Sends `rows` to `statement`, a binary `COPY` from standard input.
    pub(in crate::postgres) fn copy_rows<'p>(
        &mut self,
        statement: &str,
        rows: impl IntoIterator<Item = Params<'p>>,
    ) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        let Some(first) = rows.peek() else { return Ok(()) };
        let types: Vec<Type> = first.0.iter().map(|param| param.sql_type.clone()).collect();
        let Self { client, shard, is_reusable, .. } = self;
        let mut failed = |error| noted_failure(error, *shard, is_reusable);
        let writer = client.copy_in(statement).map_err(&mut failed)?;
        let mut writer = BinaryCopyInWriter::new(writer, &types);
        for row in rows {
            let values: Vec<&(dyn ToSql + Sync)> =
                row.0.iter().map(|param| &*param.value).collect();
            writer.write(&values).map_err(&mut failed)?;
        }
        writer.finish().map(drop).map_err(&mut failed)
    }
}
