//! What a database must have: the extension `vector`, pgvector, and the encoding UTF-8.

use super::connection::{Connection, Params};
use crate::{Error, Result};

/// Oldest version that is used. Earlier ones can damage a graph while it is vacuumed beside inserts.
const OLDEST: Version = Version { major: 0, minor: 8, patch: 4 };

const INSTALLED: &str = "SELECT extversion FROM pg_extension WHERE extname = 'vector'";

/// A version, which compares by its numbers in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Parses a version such as `0.8.5`; missing or unreadable numbers count as 0.
    fn parse(version: &str) -> Self {
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self { major: next(), minor: next(), patch: next() }
    }
}

/// Creates the extension unless the database has it, which any user may ask, and checks it.
///
/// # Errors
///
/// [`Error::Pgvector`] if its version is too old.
pub(super) fn create(connection: &mut Connection) -> Result<()> {
    if installed(connection)?.is_none() {
        let created = connection.run("CREATE EXTENSION IF NOT EXISTS vector");
        // Another session may have created it meanwhile.
        if installed(connection)?.is_none() {
            return created;
        }
    }
    check(connection)
}

/// Checks the encoding of the database and the version of the extension.
///
/// # Errors
///
/// - [`Error::Choice`] for another encoding than UTF-8.
/// - [`Error::Pgvector`] if it is too old, or if the database has no such extension.
pub(super) fn check(connection: &mut Connection) -> Result<()> {
    check_encoding(connection)?;
    let got = installed(connection)?;
    check_version(connection.shard(), got.as_deref())
}

/// Checks that texts are stored in UTF-8: filters compare their characters.
fn check_encoding(connection: &mut Connection) -> Result<()> {
    let encoding: Option<String> = connection
        .query_value("SELECT pg_catalog.getdatabaseencoding()::text", &Params::default())?;
    if encoding.as_deref() == Some("UTF8") {
        return Ok(());
    }
    let got = "another encoding";
    Err(Error::Choice { name: "encoding of the database", got, allowed: "UTF8" })
}

fn check_version(shard: usize, got: Option<&str>) -> Result<()> {
    if got.is_some_and(|got| Version::parse(got) >= OLDEST) {
        return Ok(());
    }
    let Version { major, minor, patch } = OLDEST;
    let got = got.unwrap_or("none").to_owned();
    Err(Error::Pgvector { shard, got, oldest: format!("{major}.{minor}.{patch}") })
}

fn installed(connection: &mut Connection) -> Result<Option<String>> {
    connection.query_value(INSTALLED, &Params::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_refused() {
        for got in ["0.8.4", "0.8.5", "0.10", "1", "1.0.0"] {
            check_version(0, Some(got)).unwrap();
        }
        for got in [Some("0.8.3"), Some("0.7.9"), Some("0.8"), Some(""), None] {
            let error = check_version(2, got).unwrap_err();
            assert!(matches!(error, Error::Pgvector { shard: 2, .. }), "{error}");
        }
    }
}
